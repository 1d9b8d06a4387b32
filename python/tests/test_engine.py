"""Engines: where they come from, what they say of themselves, and that they can be handed on."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest

from readdress import Engine, Entry, MapError

JOHN = Entry("john@tenant1.contoso.com", "john@contoso.com", name="John Doe")


def turns_john_outward(engine: Engine) -> bool:
    done = engine.rewrite(b"From: john@tenant1.contoso.com\n\n", direction="outbound")
    return bytes(done) == b"From: john@contoso.com\n\n"


def test_open_reads_a_map_file(map_file: Path, engine: Engine) -> None:
    for path in (map_file, str(map_file)):
        opened = Engine.open(path)
        assert turns_john_outward(opened)
        assert opened.generation == engine.generation


def test_an_open_engine_needs_its_file_no_more(map_file: Path) -> None:
    opened = Engine.open(map_file)
    map_file.write_bytes(b"something else")
    map_file.unlink()
    assert turns_john_outward(opened)


def test_compile_reads_a_plan(plan: Path) -> None:
    for path in (plan, str(plan)):
        compiled = Engine.compile(path)
        assert compiled.name == "two-mailboxes"
        assert compiled.entry_count == 2
        assert turns_john_outward(compiled)


def test_compile_keeps_where_entries_came_from(plan: Path) -> None:
    john, mary = Engine.compile(plan).entries()
    assert (john.file, john.line, john.name) == ("entries.csv", 2, "John Doe")
    assert (mary.file, mary.line, mary.name) == ("entries.csv", 3, "Mary Jones")


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_from_bytes_takes_any_buffer(kind: type, map_file: Path, engine: Engine) -> None:
    assert Engine.from_bytes(kind(map_file.read_bytes())).generation == engine.generation


def test_from_bytes_keeps_a_copy(map_file: Path) -> None:
    octets = bytearray(map_file.read_bytes())
    engine = Engine.from_bytes(octets)
    octets[:] = bytes(len(octets))
    assert turns_john_outward(engine)


def test_save_and_open_give_the_same_map(tmp_path: Path, engine: Engine) -> None:
    engine.save(tmp_path / "a.map")
    engine.save(str(tmp_path / "b.map"))
    assert (tmp_path / "a.map").read_bytes() == (tmp_path / "b.map").read_bytes()
    assert Engine.open(tmp_path / "b.map").generation == engine.generation


def test_save_replaces_and_leaves_nothing_beside(tmp_path: Path, engine: Engine) -> None:
    (tmp_path / "a.map").write_bytes(b"an older file")
    engine.save(tmp_path / "a.map")
    assert [path.name for path in tmp_path.iterdir()] == ["a.map"]
    assert turns_john_outward(Engine.open(tmp_path / "a.map"))


def test_paths_need_not_be_utf8(tmp_path: Path, engine: Engine) -> None:
    path = tmp_path / "caf\udce9.map"
    engine.save(path)
    assert turns_john_outward(pickle.loads(pickle.dumps(Engine.open(path))))


def test_the_name_is_given_or_empty(engine: Engine) -> None:
    assert engine.name == ""
    named = Engine.from_entries([JOHN], name="contoso")
    assert named.name == "contoso"
    assert pickle.loads(pickle.dumps(named)).name == "contoso"


def test_entries_come_back_as_they_were_given() -> None:
    given = [
        Entry("zoe@tenant1.contoso.com", "zoe@contoso.com"),
        Entry("*.labs.contoso.com", "contoso.com", "outbound", except_=["hr.labs.contoso.com"]),
        Entry("tenant3.contoso.com", "fabrikam.com", name="a whole domain"),
        Entry('"room 12"@tenant1.contoso.com', "room12@contoso.com", "outbound"),
        JOHN,
    ]
    engine = Engine.from_entries(iter(given))
    entries = list(engine.entries())
    assert engine.entry_count == len(given) == len(entries)
    assert set(entries) == set(given)
    assert [entry.kind for entry in entries] == ["mailbox"] * 3 + ["domain", "subdomains"]
    # Quotes are no part of an address's place in the order.
    assert [entry.internal.strip('"')[:4] for entry in entries[:3]] == ["john", "room", "zoe@"]


def test_entries_of_a_map_make_the_same_map(engine: Engine) -> None:
    assert Engine.from_entries(engine.entries()).generation == engine.generation
    assert Engine.from_entries([JOHN]).generation != engine.generation


def test_an_iterator_over_entries_outlives_its_engine_and_stays_at_its_end() -> None:
    iterator = Engine.from_entries([JOHN]).entries()
    assert iter(iterator) is iterator
    assert next(iterator) == JOHN
    assert list(iterator) == []
    assert next(iterator, None) is None


def test_a_map_may_be_without_entries() -> None:
    engine = Engine.from_entries([])
    assert engine.entry_count == 0
    assert list(engine.entries()) == []
    assert not engine.rewrite(b"From: john@tenant1.contoso.com\n\n", direction="outbound").changed


@pytest.mark.parametrize(
    ("preset", "direction", "changed"),
    [
        ("coexistence", "outbound", True),
        ("coexistence", "inbound", False),
        ("edge-2016", "inbound", True),
        ("edge-2013", "outbound", True),
        ("edge-2013", "inbound", False),
        ("postfix", "inbound", True),
        ("envelope-only", "outbound", False),
    ],
)
def test_presets_choose_the_fields(preset: str, direction: str, changed: bool) -> None:
    engine = Engine.from_entries([JOHN], preset=preset)
    address = {"outbound": JOHN.internal, "inbound": JOHN.external}[direction]
    done = engine.rewrite(f"To: {address}\n\n".encode(), direction=direction)
    assert done.changed is changed


def test_delimiters_of_subaddresses_are_the_plans() -> None:
    minus = Engine.from_entries([JOHN], subaddress_delimiters="-")
    none = Engine.from_entries([JOHN], subaddress_delimiters="")
    assert (
        minus.explain("john-x@tenant1.contoso.com", direction="outbound").result
        == "john-x@contoso.com"
    )
    for engine, address in ((minus, "john+x"), (none, "john+x"), (none, "john-x")):
        assert engine.explain(f"{address}@tenant1.contoso.com", direction="outbound").result is None


def test_a_pickle_has_the_whole_map_of_an_engine_in_memory(engine: Engine) -> None:
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(engine, protocol))
        assert again is not engine
        assert again.generation == engine.generation
        assert list(again.entries()) == list(engine.entries())


def test_a_pickle_names_the_file_of_an_engine_that_was_opened(
    map_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(map_file.parent)
    pickled = pickle.dumps(Engine.open(map_file.name))
    monkeypatch.chdir("/")
    assert b"john" not in pickled
    assert turns_john_outward(pickle.loads(pickled))


def test_a_pickle_of_a_file_that_was_replaced_is_refused(map_file: Path) -> None:
    pickled = pickle.dumps(Engine.open(map_file))
    Engine.from_entries([JOHN]).save(map_file)
    with pytest.raises(MapError, match="replaced"):
        pickle.loads(pickled)
    map_file.unlink()
    with pytest.raises(FileNotFoundError):
        pickle.loads(pickled)


def test_a_copy_is_the_same_engine(engine: Engine) -> None:
    assert copy.copy(engine) is engine
    assert copy.deepcopy({"engine": engine})["engine"] is engine


def test_repr_counts_and_shows_no_address(engine: Engine) -> None:
    assert repr(engine) == f"<readdress.Engine: 2 entries, generation {engine.generation[:12]}>"
    assert repr(Engine.from_entries([JOHN], name="one")).startswith(
        '<readdress.Engine "one": 1 entry, '
    )
    assert repr(JOHN) == "<readdress.Entry: mailbox, both>"


def test_a_generation_is_64_hexadecimal_digits(engine: Engine) -> None:
    assert len(engine.generation) == 64
    assert set(engine.generation) <= set("0123456789abcdef")


def test_engines_are_made_by_their_makers_only(engine: Engine) -> None:
    with pytest.raises(TypeError):
        Engine()
    with pytest.raises(AttributeError):
        engine.name = "another"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("preset", "edge"),
        ("mode", "dry"),
        ("unmapped", "drop"),
        ("on_signed", "skip"),
        ("subaddress_delimiters", "a@"),
    ],
)
def test_settings_that_no_plan_knows_are_refused(keyword: str, value: str) -> None:
    with pytest.raises(ValueError, match=keyword):
        Engine.from_entries([JOHN], **{keyword: value})


def test_only_entries_are_entries() -> None:
    with pytest.raises(TypeError, match=r"entry 1 must be a readdress\.Entry, not tuple"):
        Engine.from_entries([JOHN, ("a@example.com", "b@example.com")])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="direction"):
        Entry("a@example.com", "b@example.com", "inbound")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="except_"):
        Entry("*.example.com", "example.com", "outbound", except_="a.example.com")
