//! Entries as the readers of TOML and CSV hand them on.

/// An entry as it stands in a file, with the place of each part.
#[derive(Debug, Default)]
pub(crate) struct ReadEntry {
    pub(crate) name: String,
    pub(crate) internal: Placed,
    pub(crate) external: Placed,
    pub(crate) is_outbound_only: bool,
    pub(crate) except: Vec<Placed>,
    pub(crate) line: u32,
}

/// A text and the octet it begins at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Placed {
    pub(crate) text: String,
    pub(crate) at: usize,
}
