//! What a result hands out.

use std::ffi::c_char;

use crate::alignment::readdress_alignment;
use crate::slice::readdress_slice;

/// One change of the input. A fold that had to be added has length 0 and no addresses.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct readdress_edit {
    /// Where it begins in the input; in a message that arrived field by field, in the field's body.
    pub offset: usize,
    /// Octets that are replaced.
    pub length: usize,
    /// What replaces them.
    pub text: readdress_slice,
    /// The field's name as it stands, NUL-terminated.
    pub field: *const c_char,
    /// Which of the fields of this name, in any case, from 1.
    pub nth: u32,
    /// The line of the entry in its file; 0 if unknown.
    pub line: u32,
    /// The address before, without comments.
    pub from: readdress_slice,
    /// The address after, without comments.
    pub to: readdress_slice,
    /// The name of the entry that gave it; may be empty.
    pub entry: readdress_slice,
    /// The file the entry came from, as the plan names it; may be empty.
    pub file: readdress_slice,
}

/// A field with a new body, or one that goes: the arguments of libmilter's smfi_chgheader(), in the order
/// in which it may be called.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct readdress_field_change {
    /// The field's name as it stands, NUL-terminated.
    pub name: *const c_char,
    /// The whole new body: all behind the colon, the white space there included, without the line
    /// ending at its end. Folds are a line feed and white space, whatever line endings the message
    /// has. NUL-terminated; a NUL inside is possible (READDRESS_FLAG_NUL), and then length says more
    /// than strlen(). NULL for a field that goes: the header firewall removes it, which only maps with
    /// listeners have, from what strangers send.
    pub value: *const c_char,
    /// Octets of value, without the NUL behind it.
    pub length: usize,
    /// Which of the fields of this name, in any case, from 1.
    pub nth: u32,
}

/// Something that was left alone although a mapped domain stands in the field.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct readdress_skip {
    /// The field's name as it stands, NUL-terminated.
    pub field: *const c_char,
    /// Why, as a word that stays: "unterminated-quoted-string"; "signed-message" if the plan leaves
    /// addresses of such messages alone. A NUL-terminated constant.
    pub reason: *const c_char,
    /// Where parsing stopped, or the address begins; counted like readdress_edit.offset.
    pub offset: usize,
    /// Which of the fields of this name, in any case, from 1.
    pub nth: u32,
}

/// A DKIM signature or ARC message signature over the header section, and what the edits do to
/// it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct readdress_signature {
    /// "dkim", "arc", "smime" or "pgp"; a NUL-terminated constant. Others may be added.
    pub kind: *const c_char,
    /// The domain that signs, d=.
    pub domain: readdress_slice,
    /// The selector, s=.
    pub selector: readdress_slice,
    /// The names of the edited fields that it covers.
    pub because: *const readdress_slice,
    /// How many.
    pub because_count: usize,
    /// Whether the edits leave all that it covers as it was.
    pub intact: bool,
    /// Of "dkim", how its domain stood to that of From, whether or not it is intact. UNKNOWN of other
    /// kinds: DMARC does not ask about them.
    pub aligned_before: readdress_alignment,
    /// How it stands to it now; in shadow mode, how it would.
    pub aligned_after: readdress_alignment,
}
