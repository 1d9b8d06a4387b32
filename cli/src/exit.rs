//! Exit codes, as `sysexits.h` has them: mail software reads them already.

/// All is well.
pub const OK: u8 = 0;
/// `check` found errors.
pub const FOUND_ERRORS: u8 = 1;
/// `EX_USAGE`: the command line is wrong.
pub const USAGE: u8 = 64;
/// `EX_DATAERR`: a plan, map or message is wrong, or policy refuses the message.
pub const BAD_DATA: u8 = 65;
/// `EX_NOINPUT`: a file that should be read does not exist or cannot be read.
pub const NO_INPUT: u8 = 66;
/// `EX_CANTCREAT`: the output file cannot be created.
pub const CANNOT_CREATE: u8 = 73;
/// `EX_IOERR`: reading or writing failed half-way.
pub const IO: u8 = 74;
/// `EX_TEMPFAIL`: try again later; nothing was printed.
pub const TRY_LATER: u8 = 75;
