//! Gives the shared library its soname: what a program is linked against, and what the loader
//! looks for. It changes with the ABI, never otherwise.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libreaddress.so.0");
}
