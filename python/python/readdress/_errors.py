"""The exceptions. File trouble is `OSError` and a lack of memory `MemoryError`, as everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from readdress._records import Diagnostic


class ReaddressError(Exception):
    """What all exceptions of this package derive from."""


class AddressError(ReaddressError, ValueError):
    """An entry has something in the place of an address that is none.

    The message does not repeat it: it may be somebody's address all the same.
    """

    offset: int
    """The octet of the address at which it shows."""
    index: int | None
    """The entry's place among those given, from 0; None where there is one only."""

    def __init__(self, message: str, offset: int, index: int | None = None) -> None:
        super().__init__(message)
        self.offset = offset
        self.index = index

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.offset, self.index)


class MapError(ReaddressError, ValueError):
    """A map file is damaged, or none, or not the one that was pickled."""


class LimitError(ReaddressError, ValueError):
    """A message or path passes a limit of the plan. Nothing was changed: try again later."""

    limit: str
    """The limit's name, as in the plan: "header-octets", "fields", "addresses", ..."""
    allowed: int
    """Its value."""
    offset: int
    """The octet of the input at which it was passed."""
    index: int | None
    """In `rewrite_many`, the message's place among those given, from 0."""

    def __init__(
        self, message: str, limit: str, allowed: int, offset: int, index: int | None = None
    ) -> None:
        super().__init__(message)
        self.limit = limit
        self.allowed = allowed
        self.offset = offset
        self.index = index

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.limit, self.allowed, self.offset, self.index)


class PlanError(ReaddressError, ValueError):
    """A plan, or entries in code, can't be used. `str` gives what `readdress check` prints."""

    diagnostics: tuple[Diagnostic, ...]
    """Everything that is wrong, errors and warnings, in the order of places."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__(diagnostics)
        self.diagnostics = diagnostics

    def __str__(self) -> str:
        return "\n".join(map(str, self.diagnostics))
