# The extension module. The documentation is in its doc strings: help(readdress).
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address
from os import PathLike
from typing import AnyStr, Literal, final, overload

from typing_extensions import Buffer, Self

from readdress._records import (
    Alignment,
    Decision,
    Direction,
    Edit,
    Entry,
    Explanation,
    FieldChange,
    FromDomain,
    PathKind,
    RewrittenPath,
    Signature,
    Skip,
    Verdict,
)

__all__: list[str]
__version__: str

@final
class Engine:
    @staticmethod
    def open(path: str | PathLike[str], /) -> Engine: ...
    @staticmethod
    def compile(plan: str | PathLike[str], /) -> Engine: ...
    @staticmethod
    def from_bytes(map: Buffer, /) -> Engine: ...
    @staticmethod
    def from_entries(
        entries: Iterable[Entry],
        /,
        *,
        name: str = "",
        preset: Literal["coexistence", "edge-2016", "edge-2013", "postfix", "envelope-only"] = "coexistence",
        mode: Literal["enforce", "shadow"] = "enforce",
        subaddress_delimiters: str = "+",
        unmapped: Verdict = "pass",
        on_signed: Literal["rewrite", "skip-fields", "envelope-only"] = "rewrite",
    ) -> Engine: ...
    def save(self, path: str | PathLike[str], /) -> None: ...
    @property
    def generation(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def entry_count(self) -> int: ...
    def entries(self) -> Iterator[Entry]: ...
    def rewrite(self, message: Buffer, /, *, direction: Direction, smtputf8: bool = False) -> Rewritten: ...
    def rewrite_many(
        self, messages: Iterable[Buffer], /, *, direction: Direction, smtputf8: bool = False, threads: int | None = None
    ) -> list[Rewritten]: ...
    def rewrite_path(
        self, path: AnyStr, /, *, direction: Direction, kind: PathKind, smtputf8: bool = False
    ) -> RewrittenPath[AnyStr]: ...
    def explain(self, address: AnyStr, /, *, direction: Direction, smtputf8: bool = False) -> Explanation[AnyStr]: ...
    @overload
    def route(  # type: ignore[overload-overlap]  # a str is several strs, too
        self,
        recipients: AnyStr,
        /,
        *,
        mail_from: str | bytes | None = None,
        client_ip: str | IPv4Address | IPv6Address | None = None,
        tls: bool = False,
        tls_name: str | None = None,
        authenticated: bool = False,
        direction: Direction | None = None,
        message: Buffer | None = None,
        smtputf8: bool = False,
        explain: bool = True,
    ) -> Decision[AnyStr]: ...
    @overload
    def route(
        self,
        recipients: Iterable[AnyStr],
        /,
        *,
        mail_from: str | bytes | None = None,
        client_ip: str | IPv4Address | IPv6Address | None = None,
        tls: bool = False,
        tls_name: str | None = None,
        authenticated: bool = False,
        direction: Direction | None = None,
        message: Buffer | None = None,
        smtputf8: bool = False,
        explain: bool = True,
    ) -> tuple[Decision[AnyStr], ...]: ...
    def __copy__(self) -> Self: ...
    def __deepcopy__(self, memo: object, /) -> Self: ...

@final
class Rewritten:
    @property
    def changed(self) -> bool: ...
    @property
    def size(self) -> int: ...
    def __len__(self) -> int: ...
    def __bytes__(self) -> bytes: ...
    def slices(self) -> list[memoryview | bytes]: ...
    @property
    def body_offset(self) -> int: ...
    @property
    def input_body_offset(self) -> int: ...
    @property
    def generation(self) -> str: ...
    @property
    def verdict(self) -> Verdict: ...
    @property
    def edits(self) -> tuple[Edit, ...]: ...
    @property
    def field_changes(self) -> tuple[FieldChange, ...]: ...
    @property
    def skipped(self) -> tuple[Skip, ...]: ...
    @property
    def unmapped(self) -> tuple[bytes, ...]: ...
    @property
    def flags(self) -> tuple[str, ...]: ...
    @property
    def signatures(self) -> tuple[Signature, ...]: ...
    @property
    def from_domain(self) -> FromDomain | None: ...

@final
class EntryIterator:
    def __iter__(self) -> Self: ...
    def __next__(self) -> Entry: ...

def compare_domains(one: str | bytes, other: str | bytes, /) -> Alignment | None: ...
def _reopen(source: str | bytes, generation: str | None = None, /) -> Engine: ...
def _run_command(args: list[str], /) -> int: ...
