//! The `readdress` command. Everything it does is in the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(readdress_cli::run_standard(std::env::args_os()))
}
