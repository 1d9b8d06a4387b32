"""Rewrites the addresses of messages and envelopes while mail systems share a domain.

    >>> import readdress
    >>> engine = readdress.Engine.from_entries(
    ...     [readdress.Entry("john@tenant1.contoso.com", "john@contoso.com")]
    ... )
    >>> message = b"From: John Doe <john@tenant1.contoso.com>\\r\\nSubject: Hello\\r\\n\\r\\nHi!\\r\\n"
    >>> done = engine.rewrite(message, direction="outbound")
    >>> bytes(done)
    b'From: John Doe <john@contoso.com>\\r\\nSubject: Hello\\r\\n\\r\\nHi!\\r\\n'

A gateway opens a map file once (`Engine.open`), keeps the engine and hands every message to
`Engine.rewrite`; `Engine.route` says where each recipient's copy goes. What is message content is `bytes` here; names of entries, fields of records that
name a reason, and flags are `str`. No `repr` shows an address.
"""

from readdress._errors import AddressError, LimitError, MapError, PlanError, ReaddressError
from readdress._readdress import Engine, Rewritten, __version__, compare_domains
from readdress._records import (
    Action,
    Aligned,
    Alignment,
    Decision,
    Diagnostic,
    Direction,
    Edit,
    Entry,
    EntryDirection,
    Explanation,
    FieldChange,
    FromDomain,
    PathKind,
    RewrittenPath,
    Signature,
    Skip,
    Step,
    Tls,
    Tried,
    Verdict,
)

__all__ = [
    "Action",
    "AddressError",
    "Aligned",
    "Alignment",
    "Decision",
    "Diagnostic",
    "Direction",
    "Edit",
    "Engine",
    "Entry",
    "EntryDirection",
    "Explanation",
    "FieldChange",
    "FromDomain",
    "LimitError",
    "MapError",
    "PathKind",
    "PlanError",
    "ReaddressError",
    "Rewritten",
    "RewrittenPath",
    "Signature",
    "Skip",
    "Step",
    "Tls",
    "Tried",
    "Verdict",
    "__version__",
    "compare_domains",
]
