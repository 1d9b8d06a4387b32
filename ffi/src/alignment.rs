//! DMARC alignment (RFC 7489 3.1).

use readdress::Alignment;

use crate::guard;
use crate::ptr;
use crate::slice::readdress_slice;

/// How a domain stands to another, for DMARC to that of From (RFC 7489 3.1): READDRESS_ALIGNMENT_*. The
/// greater the closer.
pub type readdress_alignment = u32;
/// There is nothing to compare: one of the two is no domain name, or there is none.
pub const READDRESS_ALIGNMENT_UNKNOWN: readdress_alignment = 0;
/// They have at most a top-level domain in common: not aligned.
pub const READDRESS_ALIGNMENT_NONE: readdress_alignment = 1;
/// They lie beside each other below a domain of at least two labels: aligned in relaxed mode if that lies in
/// one organizational domain, which a list of public suffixes or the DNS knows.
pub const READDRESS_ALIGNMENT_UNDECIDED: readdress_alignment = 2;
/// One lies below the other, which has at least two labels: aligned in relaxed mode.
pub const READDRESS_ALIGNMENT_RELAXED: readdress_alignment = 3;
/// They are the same: aligned in strict mode, too.
pub const READDRESS_ALIGNMENT_STRICT: readdress_alignment = 4;

/// The author domain of DMARC, that of all mailboxes in From: lower-case, A-labels, no dot behind. One
/// that is empty is none, or not one.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct readdress_from_domains {
    /// As it was.
    pub before: readdress_slice,
    /// As it is now; in shadow mode, as it would be.
    pub after: readdress_slice,
}

/// Compares two domains as the DNS does: ASCII case and one dot behind do not count, and both forms of
/// an international domain are the same. For the reverse-path's domain beside one of
/// readdress_result_from_domains(): what stands behind the last @ of the path, without angle bracket.
///
/// Parameters: one, one_len, other, other_len: the domains, in either order.
///
/// Returns: READDRESS_ALIGNMENT_*; UNKNOWN if one of them is no domain name: empty, too long, an address
/// literal, with an octet that host names don't have.
///
/// Thread-safe.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn readdress_compare_domains(
    one: *const u8,
    one_len: usize,
    other: *const u8,
    other_len: usize,
) -> readdress_alignment {
    guard::value(
        || READDRESS_ALIGNMENT_UNKNOWN,
        || {
            // SAFETY: so many octets at each, by the header's general part.
            match unsafe { (ptr::octets(one, one_len), ptr::octets(other, other_len)) } {
                (Ok(one), Ok(other)) => number(Alignment::of(one, other)),
                _ => READDRESS_ALIGNMENT_UNKNOWN,
            }
        },
    )
}

/// An alignment in numbers.
pub(crate) fn number(alignment: Option<Alignment>) -> readdress_alignment {
    match alignment {
        None => READDRESS_ALIGNMENT_UNKNOWN,
        Some(Alignment::None) => READDRESS_ALIGNMENT_NONE,
        Some(Alignment::Undecided) => READDRESS_ALIGNMENT_UNDECIDED,
        Some(Alignment::Relaxed) => READDRESS_ALIGNMENT_RELAXED,
        Some(Alignment::Strict) => READDRESS_ALIGNMENT_STRICT,
    }
}
