"""The records that results are told in: frozen, comparable, hashable and picklable.

Their `repr` shows places and numbers. Addresses, names of people and what stands in fields are in
the attributes, and only there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import AnyStr, Generic, Literal, TypeAlias, get_args

Direction: TypeAlias = Literal["outbound", "inbound"]
"""Which way a message goes: from one of our systems, or from anywhere else."""

EntryDirection: TypeAlias = Literal["both", "outbound"]
"""Whether an entry serves both directions, or turns internal into external addresses only."""

PathKind: TypeAlias = Literal["reverse", "forward"]
"""Which path of the envelope: MAIL FROM or RCPT TO."""

Verdict: TypeAlias = Literal["pass", "tempfail", "reject"]
"""What the plan says to do with a message."""

Action: TypeAlias = Literal["deliver", "relay", "reject", "drop"]
"""What becomes of a recipient's copy: it stays here, leaves for another system, is refused or deferred,
or is taken and goes nowhere."""

Tls: TypeAlias = Literal["none", "opportunistic", "required"]
"""How a session is encrypted: never, if the other side can, or always."""

Alignment: TypeAlias = Literal["strict", "relaxed", "undecided", "none"]
"""How a domain stands to another (RFC 7489 3.1): the same; one below the other; beside each other, so that
a list of public suffixes has to tell; or neither."""


@dataclass(frozen=True, slots=True, repr=False)
class Entry:
    """A pair of addresses: the internal one, and the external one that stands for it.

    Addresses are written as on the wire, with a local-part in quotes where it needs them. Nothing
    is checked here; `Engine.from_entries` does.

    >>> Entry("john@tenant1.contoso.com", "john@contoso.com").kind
    'mailbox'
    >>> Entry("*.labs.contoso.com", "contoso.com", "outbound", except_=["hr.labs.contoso.com"]).except_
    ('hr.labs.contoso.com',)
    """

    internal: str
    """`user@domain`, `domain` or `*.domain`."""
    external: str
    """`user@domain` or `domain`."""
    direction: EntryDirection = "both"
    """"both", or "outbound": then several entries may share the external address."""
    name: str = field(default="", kw_only=True)
    """Shown in reports; may be empty."""
    except_: Iterable[str] = field(default=(), kw_only=True)
    """For `*.domain`: domains left alone, with all below them. Kept as a tuple."""
    file: str | None = field(default=None, kw_only=True)
    """The file it came from, relative to the plan; None for one made in code."""
    line: int = field(default=0, kw_only=True)
    """The line in that file; 0 if unknown."""

    def __post_init__(self) -> None:
        if self.direction not in get_args(EntryDirection):
            raise ValueError(f"direction must be 'both' or 'outbound', not {self.direction!r}")
        if isinstance(self.except_, str):
            raise TypeError("except_ must be several domains, not str: write [domain]")
        object.__setattr__(self, "except_", tuple(self.except_))

    @property
    def kind(self) -> Literal["mailbox", "domain", "subdomains"]:
        """What it is about, by the form of its internal address."""
        if self.internal.startswith("*."):
            return "subdomains"
        return "mailbox" if "@" in self.internal else "domain"

    @classmethod
    def _from_map(
        cls,
        internal: str,
        external: str,
        direction: EntryDirection,
        name: str,
        except_: tuple[str, ...],
        file: str | None,
        line: int,
    ) -> Entry:
        return cls(internal, external, direction, name=name, except_=except_, file=file, line=line)

    def __repr__(self) -> str:
        place = f", {self.file}:{self.line}" if self.file is not None else ""
        return f"<readdress.Entry: {self.kind}, {self.direction}{place}>"


@dataclass(frozen=True, slots=True, repr=False)
class Edit:
    """One change of a message: a new address, or a fold that keeps a line short enough."""

    offset: int
    """Where it begins in the input."""
    length: int
    """Octets replaced; 0 for a fold."""
    text: bytes
    """What replaces them."""
    field: bytes
    """The field's name as it stands."""
    nth: int
    """Which of the fields of this name, from 1."""
    before: bytes
    """The address before, without comments; empty for a fold."""
    after: bytes
    """The address after, without comments; empty for a fold."""
    entry: Entry | None
    """The entry that gave it; None for a fold."""

    def __repr__(self) -> str:
        change = f"{self.length} octets by {len(self.text)} at {self.offset}"
        return f"<readdress.Edit: {change}, {_field(self.field, self.nth)}>"


@dataclass(frozen=True, slots=True, repr=False)
class FieldChange:
    """A field with a new body, or one that goes."""

    name: bytes
    """The field's name as it stands."""
    nth: int
    """Which of the fields of this name, from 1."""
    value: bytes | None
    """The new body: all behind the colon, folds kept, without the last line ending. None: the field
    goes, which the header firewall removes from what strangers send."""

    def __repr__(self) -> str:
        what = "removed" if self.value is None else f"{len(self.value)} octets"
        return f"<readdress.FieldChange: {_field(self.name, self.nth)}, {what}>"


@dataclass(frozen=True, slots=True, repr=False)
class Skip:
    """A stretch of a field that could not be parsed, or an address that could not be put in or is
    left alone in a signed message."""

    field: bytes
    """The field's name as it stands."""
    nth: int
    """Which of the fields of this name, from 1."""
    offset: int
    """Where in the input parsing stopped, or the address begins."""
    reason: str
    """Why: "several-at", "unterminated-quoted-string", ... Names are only ever added."""

    def __repr__(self) -> str:
        return f"<readdress.Skip: {self.reason} at {self.offset}, {_field(self.field, self.nth)}>"


@dataclass(frozen=True, slots=True, repr=False)
class FromDomain:
    """The domain of all mailboxes in From: lower-case, with A-labels, without a dot behind."""

    before: str | None
    """As it was; None if mailboxes of several domains stand there, or one without a domain name."""
    after: str | None
    """As it is now; in shadow mode, as it would be."""

    def __repr__(self) -> str:
        return f"<readdress.FromDomain: {'the same' if self.before == self.after else 'changed'}>"


@dataclass(frozen=True, slots=True)
class Aligned:
    """How a domain stands to that of From, before and after."""

    before: Alignment | None
    """As it was; None if one of the two had no domain."""
    after: Alignment | None
    """As it is now; in shadow mode, as it would be."""


@dataclass(frozen=True, slots=True, repr=False)
class Signature:
    """A signature over the header section, and what the edits do to it. It is not verified."""

    kind: Literal["dkim", "arc", "smime", "pgp"]
    """DKIM-Signature, ARC-Message-Signature, or the body is S/MIME or PGP/MIME as a whole."""
    domain: bytes
    """The domain that signs; empty if it can't be read."""
    selector: bytes
    """The selector; empty if it can't be read."""
    intact: bool
    """Whether the edits leave all that it covers as it was."""
    because: tuple[bytes, ...]
    """The names of the edited fields that it covers, each once."""
    aligned: Aligned | None = None
    """Of DKIM, how its domain stands to that of From, whether or not it is intact; None of other
    kinds, and if one of the two has no domain on either side."""

    def __repr__(self) -> str:
        return f"<readdress.Signature: {self.kind}, {'intact' if self.intact else 'broken'}>"


@dataclass(frozen=True, slots=True, repr=False)
class RewrittenPath(Generic[AnyStr]):
    """What came of one path of the envelope."""

    path: AnyStr
    """The path to use: in angle brackets if the given one was."""
    changed: bool
    """Whether it is another one than was given. Never in shadow mode."""
    to: AnyStr
    """The path that the entries give: the same as `path` except in shadow mode."""
    entry: Entry | None
    """The entry that gave it; None if none did."""
    unmapped: bool
    """Whether the address is in a mapped domain and no entry maps it."""
    skipped: str | None
    """Why the path was left alone, if it could not be parsed or its new form not be used."""
    verdict: Verdict
    """What the plan says to do with such a message."""

    def __repr__(self) -> str:
        state = "changed" if self.changed else self.skipped or "unchanged"
        return f"<readdress.RewrittenPath: {state}{', unmapped' if self.unmapped else ''}>"


@dataclass(frozen=True, slots=True, repr=False)
class Tried(Generic[AnyStr]):
    """A key that was looked up."""

    key: AnyStr
    """`local-part@domain`, `domain` or `*.domain`."""
    kind: Literal["mailbox", "subaddress", "domain", "subdomain"]
    """What kind of key it is."""
    hit: bool
    """Whether an entry has it."""

    def __repr__(self) -> str:
        return f"<readdress.Tried: {self.kind}, {'hit' if self.hit else 'miss'}>"


@dataclass(frozen=True, slots=True, repr=False)
class Explanation(Generic[AnyStr]):
    """What an address is looked up under, what that finds, and what it becomes."""

    address: AnyStr
    """The address as it was given."""
    key: AnyStr | None
    """The first key: the whole address, normalised. None if it is no address."""
    result: AnyStr | None
    """The address that comes out; None if it stays as it is."""
    tried: tuple[Tried[AnyStr], ...]
    """Every key tried, up to the one that won."""
    entry: Entry | None
    """The entry that won."""
    shadowed: tuple[Entry, ...]
    """The entries that would have won without it, in order."""
    unmapped: bool
    """Whether entries name the address's domain and none of them maps it."""
    reason: str | None
    """Why it is no address, or can't be looked up."""

    def __repr__(self) -> str:
        if self.reason is not None:
            return f"<readdress.Explanation: {self.reason}>"
        return f"<readdress.Explanation: {'found' if self.entry else 'nothing found'}>"


@dataclass(frozen=True, slots=True, repr=False)
class Step:
    """A step that led to a decision. `str` gives all of it, as a person reads it."""

    what: str
    """What was looked at: "session", "listener", "message", "recipient", "entry", "accepted-domain",
    "wave", "rule", "routing-address", "connector" or "dns". Others may be added."""
    name: str
    """Its name; may be empty. It may be an address."""
    why: str
    """Why it counted, or did not. The wording may change."""

    def __str__(self) -> str:
        return f"{self.what} {self.name}: {self.why}" if self.name else f"{self.what}: {self.why}"

    def __repr__(self) -> str:
        return f"<readdress.Step: {self.what}>"


@dataclass(frozen=True, slots=True, repr=False)
class Decision(Generic[AnyStr]):
    """Where a recipient's copy of a message goes."""

    recipient: AnyStr
    """The forward-path as it was given, without angle brackets."""
    action: Action
    """What becomes of the copy."""
    forward_path: AnyStr
    """The forward-path to use, without angle brackets. Where it differs from the given one, that belongs
    into ORCPT (RFC 3461 4.2)."""
    next_hops: tuple[str, ...]
    """The hosts it leaves for, to be tried in this order: "host", "host:port", "[192.0.2.1]:25". None of
    a copy that stays, or leaves for the mail exchangers of the forward-path's domain."""
    connector: str | None
    """The name of the connector that it leaves by; None without one."""
    tls: Tls | None
    """How the session to the next hop is encrypted; None of a copy that does not leave."""
    tls_name: str | None
    """The name that the next hop's certificate has to have; None if any will do."""
    code: int | None
    """The reply code where the recipient is refused (5yz) or deferred (4yz)."""
    enhanced: str | None
    """The enhanced status code of the reply (RFC 3463)."""
    text: str | None
    """The text of the reply."""
    set_headers: tuple[tuple[str, str], ...]
    """Fields that the copy gets, name and value: each in place of all of that name."""
    removed_headers: tuple[str, ...]
    """Names of fields that the copy loses."""
    rewrite: bool
    """Whether the copy's addresses are rewritten. Not, where a rule says so."""
    entry: Entry | None
    """The entry that gave the internal address."""
    listener: str | None
    """The name of the listener that the session came by."""
    direction: Direction
    """Which way the message goes."""
    final: bool
    """Whether nothing can change any more. Not, where a rule asks for the header section and that was
    not given."""
    steps: tuple[Step, ...]
    """What led here, in order; empty with `explain=False`."""

    def __repr__(self) -> str:
        reply = f" {self.code} {self.enhanced}" if self.code is not None else ""
        return f"<readdress.Decision: {self.action}{reply}{'' if self.final else ', not final'}>"


@dataclass(frozen=True, slots=True, repr=False)
class Diagnostic:
    """One thing that is wrong or doubtful with a plan. `str` gives all of it, as a person reads it."""

    file: str
    """The file; "<entries>" for entries in code."""
    line: int
    """Line, from 1; 0 if the file as a whole is meant. The number of an entry in code, from 1."""
    column: int
    """Column in characters, from 1; 0 if there is none."""
    code: str
    """A name that stays: scripts may rely on it."""
    severity: Literal["error", "warning"]
    """How bad it is."""
    message: str
    """One sentence."""
    hint: str | None
    """What to do about it."""
    text: str
    """All of it on a few lines: the excerpt, other places and witnesses, too."""

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<readdress.Diagnostic: {self.severity}[{self.code}], {self.file}:{self.line}:{self.column}>"


def _field(name: bytes, nth: int) -> str:
    return f"{name.decode('ascii', 'backslashreplace')}[{nth}]"
