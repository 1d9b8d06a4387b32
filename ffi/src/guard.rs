//! No panic leaves the library: since Rust 1.81 one that does would abort the mail server.
//!
//! What was being worked on is put into a valid state by its entry point; engines are immutable
//! and stay as they were.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{Failure, readdress_error};
use crate::ptr::Out;
use crate::status::{READDRESS_OK, readdress_status};

/// Runs the body of an entry point that returns a status, and writes what went wrong to `err`.
pub(crate) fn status(
    err: Option<Out<readdress_error>>,
    body: impl FnOnce() -> Result<(), Failure>,
) -> readdress_status {
    match value(|| Err(Failure::panic()), body) {
        Ok(()) => READDRESS_OK,
        Err(failure) => {
            if let Some(err) = err {
                err.put(failure.to_c());
            }
            failure.status
        }
    }
}

/// Runs the body of any other entry point. `otherwise` is what a panic gives.
pub(crate) fn value<T>(otherwise: impl FnOnce() -> T, body: impl FnOnce() -> T) -> T {
    let body = || {
        #[cfg(feature = "inject-panics")]
        injected::perhaps_panic();
        body()
    };
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| {
        // Dropping what was thrown could panic again, out of reach of any guard; texts don't.
        if !payload.is::<&str>() && !payload.is::<String>() {
            std::mem::forget(payload);
        }
        otherwise()
    })
}

/// Panics on demand, in libraries built for the tests of the guard.
#[cfg(feature = "inject-panics")]
mod injected {
    use std::sync::atomic::{AtomicBool, Ordering};

    static IS_ARMED: AtomicBool = AtomicBool::new(false);

    /// Has the next entry point panic.
    #[unsafe(no_mangle)]
    #[expect(unreachable_pub, reason = "C reaches it")]
    pub extern "C" fn readdress_inject_panic() {
        IS_ARMED.store(true, Ordering::SeqCst);
    }

    #[expect(clippy::panic, reason = "that is what it is for")]
    pub(super) fn perhaps_panic() {
        assert!(!IS_ARMED.swap(false, Ordering::SeqCst), "injected");
    }
}
