"""Every exception: when it is raised, what it carries, and that it survives a pickle."""

from __future__ import annotations

import errno
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

import readdress
from readdress import AddressError, Diagnostic, Engine, Entry, LimitError, MapError, PlanError

GOOD = Entry("john@tenant1.contoso.com", "john@contoso.com")


def again(error: BaseException) -> BaseException:
    """The exception after a way through a pickle, with everything it carries."""
    copied = pickle.loads(pickle.dumps(error))
    assert type(copied) is type(error)
    assert (str(copied), copied.args, vars(copied)) == (str(error), error.args, vars(error))
    return copied


def test_all_are_caught_by_one_class_and_as_value_errors() -> None:
    for kind in (AddressError, LimitError, MapError, PlanError):
        assert issubclass(kind, readdress.ReaddressError)
        assert issubclass(kind, ValueError)


def test_an_address_that_is_none() -> None:
    with pytest.raises(AddressError) as caught:
        Engine.from_entries([GOOD, Entry("mary@tenant1.contoso.com", "mary@con toso.com")])
    error = caught.value
    assert (error.index, error.offset) == (1, "mary@con toso.com".index("toso"))
    assert str(error).startswith("entry 1, external address: ")
    assert "mary" not in str(error)
    again(error)


def test_an_exception_that_is_no_domain() -> None:
    entry = Entry(
        "*.example.com", "example.com", "outbound", except_=["a.example.com", "not a domain"]
    )
    with pytest.raises(AddressError, match="entry 0, exception 1: ") as caught:
        Engine.from_entries([entry])
    assert caught.value.index == 0


@pytest.mark.parametrize(
    ("entries", "code", "line"),
    [
        ([GOOD, Entry(GOOD.internal, "j@contoso.com")], "duplicate-internal", 2),
        ([GOOD, Entry("j@tenant1.contoso.com", "john@contoso.com")], "not-invertible", 2),
        ([GOOD, Entry("mary@tenant1.contoso.com", "contoso.com")], "kind-mismatch", 2),
        ([Entry("*.example.com", "example.com")], "wildcard-not-outbound-only", 1),
        ([Entry("example.com", "*.example.org")], "wildcard-external", 1),
        (
            [Entry("example.com", "example.org", except_=["x.example.com"])],
            "except-without-wildcard",
            1,
        ),
        ([Entry("*.a.com", "a.com", "outbound", except_=["b.org"])], "except-outside", 1),
    ],
)
def test_entries_that_can_not_be(entries: list[Entry], code: str, line: int) -> None:
    with pytest.raises(PlanError) as caught:
        Engine.from_entries(entries)
    (found,) = caught.value.diagnostics
    assert (found.file, found.line, found.column, found.code) == ("<entries>", line, 0, code)
    assert found.severity == "error"
    assert str(caught.value) == str(found) == f"<entries>:{line}: error[{code}]: {found.message}"
    again(caught.value)


def test_every_contradiction_is_told() -> None:
    others = [Entry(GOOD.internal, f"{name}@contoso.com") for name in ("j", "doe")]
    with pytest.raises(PlanError) as caught:
        Engine.from_entries([GOOD, *others])
    assert [found.line for found in caught.value.diagnostics] == [2, 3]
    assert len(str(caught.value).splitlines()) == 2


def test_a_plan_with_mistakes_tells_all_of_them(plan: Path) -> None:
    table = plan.with_name("entries.csv")
    table.write_text(
        table.read_text()
        + "Ann,ann@@tenant1.contoso.com,ann@contoso.com,,\nBob,,bob@contoso.com,,\n"
    )
    with pytest.raises(PlanError) as caught:
        Engine.compile(plan)
    found = caught.value.diagnostics
    # The second @ of one cell, and the beginning of an empty one.
    assert [(one.line, one.column, one.severity) for one in found] == [
        (4, 9, "error"),
        (5, 5, "error"),
    ]
    for one in found:
        assert isinstance(one, Diagnostic)
        assert Path(one.file) == table
        assert one.code
        assert one.message
        assert f"{one.file}:{one.line}:{one.column}: error[{one.code}]" in str(one)
    assert str(caught.value) == "\n".join(map(str, found))
    again(caught.value)


def test_a_plan_that_is_no_toml(plan: Path) -> None:
    plan.write_text('[plan]\nname = "a"\nname = "b"\n')
    with pytest.raises(PlanError) as caught:
        Engine.compile(plan)
    (found,) = caught.value.diagnostics
    assert (Path(found.file), found.line) == (plan, 3)
    assert found.column > 0


def test_a_plan_whose_table_is_missing_names_the_table(plan: Path) -> None:
    plan.with_name("entries.csv").unlink()
    with pytest.raises((PlanError, FileNotFoundError), match=r"entries\.csv"):
        Engine.compile(plan)


def test_a_limit_that_the_plan_sets(plan: Path) -> None:
    engine = Engine.compile(plan)
    for message, limit, allowed in (
        (b"Subject: " + b"x" * 20_000 + b"\n\n", "header-octets", 20_000),
        (b"Subject: x\n" * 101, "fields", 100),
        (b"To: " + b"a@example.org, " * 11 + b"\n\n", "addresses", 10),
    ):
        with pytest.raises(LimitError) as caught:
            engine.rewrite(message, direction="outbound")
        error = caught.value
        assert (error.limit, error.allowed, error.index) == (limit, allowed, None)
        assert 0 < error.offset <= len(message)
        assert str(error) == f"limit {limit} ({allowed}) passed at octet {error.offset}"
        again(error)


def test_a_damaged_map_is_refused_wherever_it_is_damaged(map_file: Path) -> None:
    octets = map_file.read_bytes()
    for place in range(0, len(octets), 7):
        damaged = bytearray(octets)
        damaged[place] ^= 1
        with pytest.raises(MapError):
            Engine.from_bytes(damaged)
    for length in (0, 1, 8, len(octets) // 2, len(octets) - 1):
        with pytest.raises(MapError):
            Engine.from_bytes(octets[:length])
    with pytest.raises(MapError, match="truncated or appended"):
        Engine.from_bytes(octets + b"\0")


def test_a_damaged_map_file_is_named(map_file: Path) -> None:
    map_file.write_bytes(b"no map")
    with pytest.raises(MapError) as caught:
        Engine.open(map_file)
    assert str(caught.value) == f"{map_file}: not a readdress map file"
    again(caught.value)


@pytest.mark.parametrize("call", [Engine.open, Engine.compile, Engine.from_entries([]).save])
def test_file_trouble_is_os_error(call: Callable[[Path], object], tmp_path: Path) -> None:
    missing = tmp_path / "caf\udce9" / "file"
    with pytest.raises(FileNotFoundError) as caught:
        call(missing)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOENT, str(missing))
    assert caught.value.strerror == os.strerror(errno.ENOENT)
    again(caught.value)
    (tmp_path / "plain").touch()
    with pytest.raises(NotADirectoryError) as caught_below:
        call(tmp_path / "plain" / "file")
    assert caught_below.value.errno == errno.ENOTDIR


@pytest.mark.parametrize("call", [Engine.open, Engine.compile, Engine.from_entries([]).save])
def test_a_directory_is_no_file(call: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises(OSError, match="directory") as caught:
        call(tmp_path)
    assert caught.value.errno in {errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY}
    assert caught.value.filename == str(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")
@pytest.mark.parametrize("call", [Engine.open, Engine.compile])
def test_a_file_that_may_not_be_read(call: Callable[[Path], object], map_file: Path) -> None:
    map_file.chmod(0)
    with pytest.raises(PermissionError) as caught:
        call(map_file)
    assert caught.value.filename == str(map_file)


def test_a_file_that_can_not_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "a.map").mkdir()
    with pytest.raises(OSError, match="a.map"):
        Engine.from_entries([GOOD]).save(tmp_path / "a.map")
    assert [path.name for path in tmp_path.iterdir()] == ["a.map"]


@pytest.mark.parametrize("call", [Engine.open, Engine.compile, Engine.from_entries([]).save])
def test_paths_are_no_octets_and_no_numbers(call: Callable[[object], object]) -> None:
    for wrong in (3, None, object()):
        with pytest.raises(TypeError):
            call(wrong)


def test_paths_with_a_nul_are_refused(tmp_path: Path) -> None:
    for call in (Engine.open, Engine.compile, Engine.from_entries([]).save):
        with pytest.raises((OSError, ValueError)):
            call(str(tmp_path / "a\0b"))
    assert list(tmp_path.iterdir()) == []


def test_errors_of_an_iterator_come_through(engine: Engine) -> None:
    def entries() -> object:
        yield GOOD
        raise KeyError("the database")

    def messages() -> object:
        yield b"To: a@example.org\n\n"
        raise KeyError("the queue")

    with pytest.raises(KeyError, match="the database"):
        Engine.from_entries(entries())  # type: ignore[arg-type]
    with pytest.raises(KeyError, match="the queue"):
        engine.rewrite_many(messages(), direction="outbound")  # type: ignore[arg-type]
