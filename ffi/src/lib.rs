//! The C ABI of readdress. `include/readdress.h` is made from this crate, so the comments of
//! exported items are written for C.
//!
//! A file for each C type. Handles come in as typed references that may be absent, so that a NULL
//! is a value to match and not a pointer to forget; all work with raw pointers is in [`ptr`].
//! Every entry point runs inside [`guard`], which turns a panic into a status.

#![allow(non_camel_case_types, reason = "types are named as C names them")]
#![allow(unsafe_code, reason = "exports and the pointers of C are unsafe; see `ptr`")]
#![allow(clippy::missing_safety_doc, reason = "the header's own comments say what a caller must keep")]
#![allow(clippy::doc_markdown, reason = "comments are for the header, where there is no markdown")]
#![allow(
    clippy::boxed_local,
    clippy::needless_pass_by_value,
    reason = "an owned handle comes from C in a box and is dropped here"
)]
#![deny(unsafe_op_in_unsafe_fn)]

// In the order in which the header shows them.
pub mod alignment;
pub mod builder;
pub mod decision;
pub mod engine;
pub mod error;
pub mod live;
pub mod names;
pub mod path;
pub mod report;
pub mod result;
pub mod rewrite;
pub mod route;
pub mod route_info;
pub mod session;
pub mod slice;
pub mod status;
pub mod version;

mod arrays;
mod guard;
mod ptr;
mod told;
