//! Messages that are S/MIME or PGP/MIME as a whole: what a plan wants left alone in them.

use crate::policy::OnSigned;
use crate::scratch::Scratch;
use crate::signature::{SignatureKind, is_compared};

/// Whether fields of a name are left alone in the message that `scratch` is about. Content-Type may stand
/// behind the fields that it protects, so this is known at the end of the header section.
pub(crate) fn leaves_alone(on_signed: OnSigned, scratch: &Scratch) -> impl Fn(&[u8]) -> bool + use<> {
    let is_signed = |kind| matches!(kind, SignatureKind::Smime | SignatureKind::Pgp);
    let is_signed = scratch.signatures.iter().any(|(kind, _)| is_signed(*kind));
    move |name| {
        is_signed
            && match on_signed {
                OnSigned::Rewrite => false,
                OnSigned::SkipFields => is_compared(name),
                OnSigned::EnvelopeOnly => true,
            }
    }
}
