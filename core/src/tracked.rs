//! Which of the fields of a message the engine counts and which it rewrites: the policy's field
//! sets in the form that the scanner asks them in.

use crate::field::{AUTOCRYPT, BodyKind, KNOWN_FIELDS, LIST_UNSUBSCRIBE_POST};
use crate::firewall::FIREWALLED;
use crate::flags::Flags;
use crate::name_set::NameSet;
use crate::policy::{Direction, Policy};
use crate::signature::{SignatureField, SignatureKind};

/// The fields that a policy names, and those whose repetition is flagged.
#[derive(Clone, Debug)]
pub(crate) struct TrackedFields {
    names: NameSet,
    /// By the number of their names. First are those that a message has once at most.
    fields: Vec<TrackedField>,
    once: usize,
}

#[derive(Clone, Debug, Default)]
struct TrackedField {
    kind: BodyKind,
    outbound: bool,
    inbound: bool,
    signature: Option<SignatureField>,
    /// Whether it is removed from what strangers send.
    firewalled: bool,
    /// The flag for a second one.
    duplicate: Flags,
}

impl TrackedFields {
    /// `has_firewall`: whether the plan says who is a stranger.
    pub(crate) fn new(policy: &Policy, has_firewall: bool) -> TrackedFields {
        let mut tracked = TrackedFields { names: NameSet::new(), fields: Vec::new(), once: 0 };
        for known in KNOWN_FIELDS.iter().filter(|known| known.once) {
            let number = tracked.intern(known.name);
            if let Some(field) = tracked.fields.get_mut(number) {
                field.duplicate = duplicate_flag(known.name);
            }
        }
        tracked.once = tracked.fields.len();
        for (name, tells) in SignatureField::ALL {
            let number = tracked.intern(name);
            if let Some(field) = tracked.fields.get_mut(number) {
                field.signature = Some(tells);
            }
        }
        for direction in Direction::ALL {
            for name in policy.fields(direction).names() {
                let number = tracked.intern(name);
                if let Some(field) = tracked.fields.get_mut(number) {
                    match direction {
                        Direction::Outbound => field.outbound = true,
                        Direction::Inbound => field.inbound = true,
                    }
                }
            }
        }
        tracked.intern(LIST_UNSUBSCRIBE_POST);
        let from = tracked.find(b"From").and_then(|number| tracked.fields.get(number));
        let (outbound, inbound) = from.map_or((false, false), |from| (from.outbound, from.inbound));
        let number = tracked.intern(AUTOCRYPT);
        if let Some(field) = tracked.fields.get_mut(number) {
            (field.outbound, field.inbound) = (outbound, inbound);
        }
        if has_firewall {
            tracked.raise_firewall(policy);
        }
        tracked
    }

    /// Tracks the fields that strangers may not send, those with names of their own in the policy among them.
    fn raise_firewall(&mut self, policy: &Policy) {
        for prefix in FIREWALLED {
            let named = Direction::ALL.into_iter().flat_map(|direction| policy.fields(direction).names());
            let is_in = |name: &&str| {
                name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
            };
            let numbers: Vec<usize> =
                named.filter(is_in).filter_map(|name| self.find(name.as_bytes())).collect();
            let prefix = self.names.add_prefix(prefix.as_bytes());
            if prefix == Some(self.fields.len()) {
                self.fields.push(TrackedField::default());
            }
            for number in numbers.into_iter().chain(prefix) {
                if let Some(field) = self.fields.get_mut(number) {
                    field.firewalled = true;
                }
            }
        }
    }

    /// How many fields are tracked.
    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }

    /// Their names; the number of a name is that of its field.
    pub(crate) fn names(&self) -> &NameSet {
        &self.names
    }

    /// The number of a field, below [`len`](Self::len); `None` for one that nobody asks about.
    pub(crate) fn find(&self, name: &[u8]) -> Option<usize> {
        self.names.find(name)
    }

    /// Whether the field of this number is rewritten in messages of `direction`.
    pub(crate) fn is_rewritten(&self, number: usize, direction: Direction) -> bool {
        self.fields.get(number).is_some_and(|field| match direction {
            Direction::Outbound => field.outbound,
            Direction::Inbound => field.inbound,
        })
    }

    /// Whether the field of this number is removed from messages of `direction`.
    pub(crate) fn is_removed(&self, number: usize, direction: Direction) -> bool {
        direction == Direction::Inbound && self.fields.get(number).is_some_and(|field| field.firewalled)
    }

    /// Whether this is From's number.
    pub(crate) fn is_from(&self, number: usize) -> bool {
        self.fields.get(number).is_some_and(|field| field.duplicate == Flags::DUPLICATE_FROM)
    }

    /// What the body of the field of this number is made of.
    pub(crate) fn kind(&self, number: usize) -> BodyKind {
        self.fields.get(number).map_or(BodyKind::default(), |field| field.kind)
    }

    /// The kind of signature that the field of this number tells of with this body.
    #[inline]
    pub(crate) fn signature(&self, number: usize, body: &[u8]) -> Option<SignatureKind> {
        self.fields.get(number).and_then(|field| field.signature)?.kind(body)
    }

    /// How often a field was seen.
    pub(crate) fn count(&self, name: &[u8], counts: &[u32]) -> u32 {
        self.find(name).and_then(|number| counts.get(number)).copied().unwrap_or(0)
    }

    /// The flags that the number of times each field was seen amounts to.
    pub(crate) fn flags(&self, counts: &[u32]) -> Flags {
        let mut flags = Flags::default();
        for (field, &count) in self.fields.iter().zip(counts).take(self.once) {
            flags.set_if(count > 1, field.duplicate);
            flags.set_if(count == 0 && field.duplicate == Flags::DUPLICATE_FROM, Flags::NO_FROM);
        }
        flags
    }

    /// The number of a field, which is tracked from now on. A policy names fewer than would have none.
    fn intern(&mut self, name: &str) -> usize {
        let number = self.names.add(name.as_bytes()).unwrap_or(usize::MAX);
        if number == self.fields.len() {
            self.fields.push(TrackedField { kind: BodyKind::of(name), ..TrackedField::default() });
        }
        number
    }
}

fn duplicate_flag(name: &str) -> Flags {
    match name {
        "From" => Flags::DUPLICATE_FROM,
        "Sender" => Flags::DUPLICATE_SENDER,
        "Reply-To" => Flags::DUPLICATE_REPLY_TO,
        "To" => Flags::DUPLICATE_TO,
        "Cc" => Flags::DUPLICATE_CC,
        "Bcc" => Flags::DUPLICATE_BCC,
        _ => Flags::default(),
    }
}
