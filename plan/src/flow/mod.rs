//! Mail flow over all systems of a plan: where a message for each address ends up, hop by hop.
//!
//! The gateway's part is decided by the engine itself over the compiled map; the other systems by what the
//! plan says of them (`system`). A walk (`walk`) follows one address from one of the ways in (`sessions`), with
//! one sender and company (`context`), until every copy is delivered, refused, gone, or comes to a place
//! where it has been.

mod context;
mod hop;
mod nearest;
mod sessions;
mod system;
mod walk;

pub(crate) use self::context::{Context, Contexts, Knowledge, stand_ins};
pub(crate) use self::hop::{Ending, Hop, Place, WayOut};
pub(crate) use self::system::{Target, World, domain_of, mailbox};
pub(crate) use self::walk::{Trail, Walk, Walked};
