//! The paths of the envelope, rewritten one by one.

use std::ffi::OsString;

use readdress::{Domains, Engine, PathKind, Scratch, Session};
use serde_json::Value;

use crate::escape::Shown;
use crate::failure::Failure;
use crate::json::{self, Object};
use crate::options::RewriteOptions;

/// The rewritten paths that were given on the command line.
pub(super) struct Envelope {
    pub(super) mail_from: Option<Path>,
    pub(super) rcpt_to: Vec<Path>,
}

/// One path before and after.
pub(super) struct Path {
    from: Vec<u8>,
    to: Vec<u8>,
    origin: Value,
    unmapped: bool,
    skipped: Option<&'static str>,
    domains: Domains,
}

impl Envelope {
    pub(super) fn rewrite(
        engine: &Engine,
        session: Session,
        options: &RewriteOptions,
        scratch: &mut Scratch,
    ) -> Result<Envelope, Failure> {
        let mut one = |kind, path: &OsString| {
            let octets = path.as_encoded_bytes();
            Path::rewrite(engine, session, kind, octets, scratch)
        };
        let mail_from = options.mail_from.as_ref().map(|path| one(PathKind::Reverse, path)).transpose()?;
        let rcpt_to =
            options.rcpt_to.iter().map(|path| one(PathKind::Forward, path)).collect::<Result<_, _>>()?;
        Ok(Envelope { mail_from, rcpt_to })
    }

    /// Each path with the name of its option, in the order of an SMTP dialogue.
    pub(super) fn paths(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let mail_from = self.mail_from.iter().map(|path| ("mail-from", path));
        mail_from.chain(self.rcpt_to.iter().map(|path| ("rcpt-to", path)))
    }

    pub(super) fn is_unmapped(&self) -> bool {
        self.paths().any(|(_, path)| path.unmapped)
    }

    pub(super) fn unmapped(&self) -> impl Iterator<Item = &[u8]> {
        self.paths().filter(|(_, path)| path.unmapped).map(|(_, path)| bare(&path.from))
    }

    /// The JSON form. `from`: the domains of From, which the reverse-path is compared with.
    pub(super) fn object(&self, from: &Domains) -> Object {
        let mail_from = self.mail_from.as_ref().map_or(Value::Null, |path| {
            path.object().with("aligned", super::object::aligned(path.domains.aligned(from))).into()
        });
        let rcpt_to: Vec<Value> = self.rcpt_to.iter().map(|path| path.object().into()).collect();
        Object::new().with("mail_from", mail_from).with("rcpt_to", rcpt_to)
    }
}

impl Path {
    fn rewrite(
        engine: &Engine,
        session: Session,
        kind: PathKind,
        path: &[u8],
        scratch: &mut Scratch,
    ) -> Result<Path, Failure> {
        let rewritten = engine
            .rewrite_path(session, kind, path, scratch)
            .map_err(|error| Failure::engine(&Shown(bare(path)).to_string(), &error))?;
        Ok(Path {
            from: path.to_vec(),
            to: rewritten.to().to_vec(),
            origin: rewritten.entry().map_or(Value::Null, |entry| json::origin(&entry).into()),
            unmapped: rewritten.unmapped(),
            skipped: rewritten.skipped().map(readdress::SkipReason::name),
            domains: rewritten.domains(),
        })
    }

    /// Why the path could not be parsed, if so.
    pub(super) fn skipped(&self) -> Option<&'static str> {
        self.skipped
    }

    /// The line for people: both paths as SMTP writes them.
    pub(super) fn line(&self) -> String {
        format!("<{}> -> <{}>", Shown(bare(&self.from)), Shown(bare(&self.to)))
    }

    fn object(&self) -> Object {
        Object::new()
            .with_octets("from", &self.from)
            .with_octets("to", &self.to)
            .with("entry", self.origin.clone())
            .with("unmapped", self.unmapped)
            .with("skipped", self.skipped)
    }
}

/// A path without its angle brackets, if it has them.
fn bare(path: &[u8]) -> &[u8] {
    path.strip_prefix(b"<").and_then(|rest| rest.strip_suffix(b">")).unwrap_or(path)
}
