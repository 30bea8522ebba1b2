//! The C ABI: pointers become references and owned values here, errors become numbers, panics stop here.
//!
//! One noun a file, as in the header; `guard`, `handle` and `input` are the plumbing they share. What a function
//! promises stands in its comment, which cbindgen copies into the header.

#![allow(non_camel_case_types)]
#![allow(clippy::missing_safety_doc)] // The contract of each function is in the header, for C.

mod batch;
mod config;
mod entry;
mod event;
mod guard;
mod handle;
mod input;
mod message;
mod packed;
mod producer;
mod stats;
mod status;
mod version;

pub use batch::*;
pub use config::*;
pub use entry::*;
pub use event::*;
pub use message::*;
pub use producer::*;
pub use stats::*;
pub use status::*;
pub use version::*;
