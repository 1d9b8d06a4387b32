//! What a plan decides about a message before any address is looked at: directions, field sets,
//! presets, limits. Plain data, compiled into the map file so that gateway and plan can't disagree.

use std::fmt;

use crate::field::{KNOWN_FIELDS, is_field_name, is_never_rewritten};

/// Which way a message goes. Decided once per message, by the session it came through.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Direction {
    /// From one of our systems: fields and reverse-path go from internal to external addresses.
    Outbound,
    /// From anywhere else: fields that a policy names go from external to internal addresses.
    Inbound,
}

impl Direction {
    /// Both directions, outbound first.
    pub const ALL: [Direction; 2] = [Direction::Outbound, Direction::Inbound];

    /// The name in plans, JSON and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Direction::Outbound => "outbound",
            Direction::Inbound => "inbound",
        }
    }
}

/// A named choice of fields for each direction.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Preset {
    /// Everything an outbound message shows; inbound messages by their envelope alone.
    #[default]
    Coexistence,
    /// Exchange Edge as its 2016/2019 documentation has it: To and Cc inbound.
    Edge2016,
    /// Exchange Edge as its 2013 documentation has it: To and Cc outbound.
    Edge2013,
    /// What Postfix's canonical (outbound) and recipient maps (inbound) touch.
    Postfix,
    /// No field at all.
    EnvelopeOnly,
}

impl Preset {
    /// All presets.
    pub const ALL: [Preset; 5] =
        [Preset::Coexistence, Preset::Edge2016, Preset::Edge2013, Preset::Postfix, Preset::EnvelopeOnly];

    /// The name in plans.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Preset::Coexistence => "coexistence",
            Preset::Edge2016 => "edge-2016",
            Preset::Edge2013 => "edge-2013",
            Preset::Postfix => "postfix",
            Preset::EnvelopeOnly => "envelope-only",
        }
    }
}

/// Whether messages are changed or the changes only reported.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Mode {
    /// Messages are rewritten.
    #[default]
    Enforce,
    /// Everything is computed and reported; the output is the input.
    Shadow,
}

impl Mode {
    /// The name in plans and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Mode::Enforce => "enforce",
            Mode::Shadow => "shadow",
        }
    }
}

/// What to do with a message that names an address in a mapped domain which no entry maps.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Unmapped {
    /// Report it and let it pass.
    #[default]
    Pass,
    /// Report it and ask the sender to try again later.
    Tempfail,
    /// Report it and refuse the message.
    Reject,
}

impl Unmapped {
    /// The name in plans and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Unmapped::Pass => "pass",
            Unmapped::Tempfail => "tempfail",
            Unmapped::Reject => "reject",
        }
    }
}

/// What to do with a message that is S/MIME or PGP/MIME as a whole: readers compare its From with the
/// certificate (RFC 8551 3).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum OnSigned {
    /// Rewrite it like any other, and report the signature as broken.
    #[default]
    Rewrite,
    /// Leave the fields alone that readers compare, From and Sender, and report each address there.
    SkipFields,
    /// Leave all fields alone and report each address; the envelope is rewritten.
    EnvelopeOnly,
}

impl OnSigned {
    /// Every policy.
    pub const ALL: [OnSigned; 3] = [OnSigned::Rewrite, OnSigned::SkipFields, OnSigned::EnvelopeOnly];

    /// The name in plans and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            OnSigned::Rewrite => "rewrite",
            OnSigned::SkipFields => "skip-fields",
            OnSigned::EnvelopeOnly => "envelope-only",
        }
    }
}

/// Bounds on what one message may make the engine do. Passing one is reported as
/// [`Error::Limit`](crate::Error::Limit) and leaves the message unchanged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Octets of the header section, the empty line included.
    pub header_octets: u32,
    /// Fields of the header section.
    pub fields: u32,
    /// Addresses in fields that the policy names.
    pub addresses: u32,
    /// `Received` fields before a message counts as looping (RFC 5321 6.3).
    pub received: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { header_octets: 16 * 1024 * 1024, fields: 100_000, addresses: 100_000, received: 100 }
    }
}

/// The fields whose addresses are rewritten in one direction.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct FieldSet {
    names: Vec<String>,
}

/// The most fields a set can name.
pub const FIELD_SET_MAX: usize = 1000;

/// The longest field name a set can hold, in octets (a line of RFC 5322 2.1.1 without its colon).
pub const FIELD_NAME_MAX: usize = 997;

impl FieldSet {
    /// A set of the given names, in the given order.
    pub fn new<I, S>(names: I) -> Result<FieldSet, FieldSetError>
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        let mut set = FieldSet::default();
        for name in names {
            set.insert(name.into())?;
        }
        Ok(set)
    }

    /// The names as given.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    fn insert(&mut self, name: String) -> Result<(), FieldSetError> {
        if !is_field_name(name.as_bytes()) || name.len() > FIELD_NAME_MAX {
            return Err(FieldSetError::NotAFieldName(name));
        }
        if is_never_rewritten(&name) {
            return Err(FieldSetError::NeverRewritten(name));
        }
        if self.names.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
            return Err(FieldSetError::Duplicate(name));
        }
        if self.names.len() >= FIELD_SET_MAX {
            return Err(FieldSetError::TooMany);
        }
        self.names.push(name);
        Ok(())
    }
}

/// Why a set of fields can't be.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum FieldSetError {
    /// Not a field name by RFC 5322 3.6.8, or longer than [`FIELD_NAME_MAX`].
    NotAFieldName(String),
    /// A field that is never rewritten: trace, identification, signature, keys or loop detection.
    NeverRewritten(String),
    /// The same name twice, case apart.
    Duplicate(String),
    /// More than [`FIELD_SET_MAX`] names.
    TooMany,
}

impl fmt::Display for FieldSetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FieldSetError::NotAFieldName(name) => write!(f, "`{}` is not a field name", name.escape_debug()),
            FieldSetError::NeverRewritten(name) => {
                write!(
                    f,
                    "the field {name} is never rewritten: trace, signatures, keys or loop detection live in it"
                )
            }
            FieldSetError::Duplicate(name) => write!(f, "the field {name} is named twice"),
            FieldSetError::TooMany => write!(f, "more than {FIELD_SET_MAX} fields"),
        }
    }
}

impl std::error::Error for FieldSetError {}

/// Everything a plan says about rewriting apart from its entries.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Policy {
    /// Enforce or shadow.
    pub mode: Mode,
    /// The preset the field sets came from; kept for `inspect`.
    pub preset: Preset,
    /// Fields rewritten in outbound messages, internal to external.
    pub outbound: FieldSet,
    /// Fields rewritten in inbound messages, external to internal.
    pub inbound: FieldSet,
    /// Octets that begin a subaddress (RFC 5233); empty: none.
    pub subaddress_delimiters: String,
    /// What to do about unmapped addresses.
    pub unmapped: Unmapped,
    /// What to do with outbound messages that are S/MIME or PGP/MIME as a whole.
    pub on_signed_outbound: OnSigned,
    /// The same for inbound messages.
    pub on_signed_inbound: OnSigned,
    /// Whether a display-name that is a mapped address is rewritten, too: one quoted-string, or
    /// encoded-words (RFC 2047), that say an address and nothing else.
    pub scrub_display_names: bool,
    /// Bounds.
    pub limits: Limits,
}

impl Policy {
    /// A preset with everything else at its default.
    #[must_use]
    pub fn from_preset(preset: Preset) -> Policy {
        Policy {
            mode: Mode::default(),
            preset,
            outbound: preset_fields(preset, Direction::Outbound),
            inbound: preset_fields(preset, Direction::Inbound),
            subaddress_delimiters: "+".to_owned(),
            unmapped: Unmapped::default(),
            on_signed_outbound: OnSigned::default(),
            on_signed_inbound: OnSigned::default(),
            scrub_display_names: false,
            limits: Limits::default(),
        }
    }

    /// What a host does with a message that has unmapped addresses, or none. In shadow mode every
    /// message passes.
    #[must_use]
    pub fn verdict(&self, has_unmapped: bool) -> Unmapped {
        match self.mode {
            Mode::Enforce if has_unmapped => self.unmapped,
            _ => Unmapped::Pass,
        }
    }

    /// What to do with messages of one direction that are S/MIME or PGP/MIME as a whole.
    #[must_use]
    pub fn on_signed(&self, direction: Direction) -> OnSigned {
        match direction {
            Direction::Outbound => self.on_signed_outbound,
            Direction::Inbound => self.on_signed_inbound,
        }
    }

    /// The fields rewritten in one direction.
    #[must_use]
    pub fn fields(&self, direction: Direction) -> &FieldSet {
        match direction {
            Direction::Outbound => &self.outbound,
            Direction::Inbound => &self.inbound,
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Policy::from_preset(Preset::default())
    }
}

fn preset_fields(preset: Preset, direction: Direction) -> FieldSet {
    let names = KNOWN_FIELDS
        .iter()
        .filter(|field| field.is_rewritten(preset, direction))
        .map(|field| field.name.to_owned())
        .collect();
    FieldSet { names }
}
