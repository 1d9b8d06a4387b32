//! Octets by place and length.

/// Octets: data and how many. Not NUL-terminated, and may have NULs in it. It has the layout of
/// POSIX's struct iovec, so an array of slices can be given to writev(). data may be NULL if len
/// is 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct readdress_slice {
    /// The first octet.
    pub data: *const u8,
    /// How many.
    pub len: usize,
}

impl From<&[u8]> for readdress_slice {
    fn from(octets: &[u8]) -> readdress_slice {
        readdress_slice { data: octets.as_ptr(), len: octets.len() }
    }
}

impl From<Option<&str>> for readdress_slice {
    fn from(text: Option<&str>) -> readdress_slice {
        text.unwrap_or_default().as_bytes().into()
    }
}
