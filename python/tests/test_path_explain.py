"""Paths of the envelope, and why an address becomes what it becomes."""

from __future__ import annotations

import pickle

import pytest

from readdress import Engine, Entry, Explanation, LimitError, RewrittenPath, Tried

JOHN = Entry("john@tenant1.contoso.com", "john@contoso.com", name="John Doe")


@pytest.mark.parametrize(
    ("direction", "kind", "before", "after"),
    [
        ("outbound", "reverse", "<john@tenant1.contoso.com>", "<john@contoso.com>"),
        ("outbound", "reverse", "john@tenant1.contoso.com", "john@contoso.com"),
        ("outbound", "forward", "<mary@contoso.com>", "<mary.jones@tenant2.contoso.com>"),
        ("inbound", "forward", "<john@contoso.com>", "<john@tenant1.contoso.com>"),
        ("inbound", "forward", "<john+news@contoso.com>", "<john+news@tenant1.contoso.com>"),
    ],
)
def test_paths_that_change(
    direction: str, kind: str, before: str, after: str, engine: Engine
) -> None:
    done = engine.rewrite_path(before, direction=direction, kind=kind)
    assert (done.path, done.to, done.changed) == (after, after, True)
    assert done.entry in set(engine.entries())
    assert (done.unmapped, done.skipped, done.verdict) == (False, None, "pass")
    octets = engine.rewrite_path(before.encode(), direction=direction, kind=kind)
    assert (octets.path, octets.to) == (after.encode(), after.encode())


@pytest.mark.parametrize(
    "path", ["<>", "", "<olivia@example.org>", "<Postmaster>", "<john@contoso.com>"]
)
def test_paths_that_stay(path: str, engine: Engine) -> None:
    done = engine.rewrite_path(path, direction="outbound", kind="reverse")
    assert done.path is path
    assert done.to is path
    assert (done.changed, done.entry, done.unmapped, done.verdict) == (False, None, False, "pass")


def test_a_path_that_does_not_parse_says_why(engine: Engine) -> None:
    done = engine.rewrite_path("<john@tenant1@contoso.com>", direction="outbound", kind="reverse")
    assert (done.path, done.changed) == ("<john@tenant1@contoso.com>", False)
    assert done.skipped == "several-at"


def test_an_unmapped_path_is_told_and_judged(engine: Engine) -> None:
    strict = Engine.from_entries(engine.entries(), unmapped="reject")
    done = strict.rewrite_path("<x@tenant1.contoso.com>", direction="outbound", kind="reverse")
    assert (done.unmapped, done.verdict, done.changed) == (True, "reject", False)


def test_shadow_mode_tells_the_path_and_keeps_it(shadow: Engine) -> None:
    path = "<john@tenant1.contoso.com>"
    done = shadow.rewrite_path(path, direction="outbound", kind="reverse")
    assert done.path is path
    assert (done.to, done.changed) == ("<john@contoso.com>", False)
    assert done.entry == JOHN


def test_octets_that_are_no_text_pass(engine: Engine) -> None:
    path = b"<caf\xe9@tenant1.contoso.com>"
    done = engine.rewrite_path(path, direction="outbound", kind="reverse")
    assert done.path is path
    assert engine.explain(path[1:-1], direction="outbound").reason == "not-utf-8"


def test_a_path_over_the_limit_raises(engine: Engine) -> None:
    for path in ("<" + "a" * 300 + "@example.org>", b"a" * 257):
        with pytest.raises(LimitError) as caught:
            engine.rewrite_path(path, direction="outbound", kind="forward")
        assert (caught.value.limit, caught.value.allowed) == ("path-octets", 256)


@pytest.mark.parametrize("wrong", [None, 3, bytearray(b"<>"), memoryview(b"<>")])
def test_a_path_is_str_or_bytes(wrong: object, engine: Engine) -> None:
    with pytest.raises(TypeError, match="a path must be str or bytes"):
        engine.rewrite_path(wrong, direction="outbound", kind="forward")  # type: ignore[type-var]
    with pytest.raises(TypeError, match="an address must be str or bytes"):
        engine.explain(wrong, direction="outbound")  # type: ignore[type-var]


def test_words_that_are_none(engine: Engine) -> None:
    with pytest.raises(ValueError, match="kind must be 'reverse' or 'forward'"):
        engine.rewrite_path("<>", direction="outbound", kind="to")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="direction"):
        engine.explain("a@example.org", direction="both")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="kind"):
        engine.rewrite_path("<>", direction="outbound")  # type: ignore[call-arg]


def test_an_explanation_has_every_key_that_was_tried(engine: Engine) -> None:
    explained = engine.explain("John+News@Tenant1.Contoso.COM", direction="outbound")
    assert explained == Explanation(
        address="John+News@Tenant1.Contoso.COM",
        key="john+news@tenant1.contoso.com",
        result="john+News@contoso.com",
        tried=(
            Tried("john+news@tenant1.contoso.com", "mailbox", False),
            Tried("john@tenant1.contoso.com", "subaddress", True),
        ),
        entry=JOHN,
        shadowed=(),
        unmapped=False,
        reason=None,
    )


def test_an_explanation_names_what_the_winner_shadows() -> None:
    domain = Entry("tenant1.contoso.com", "fabrikam.com")
    engine = Engine.from_entries([JOHN, domain])
    explained = engine.explain(b"john@tenant1.contoso.com", direction="outbound")
    assert (explained.result, explained.entry, explained.shadowed) == (
        b"john@contoso.com",
        JOHN,
        (domain,),
    )
    other = engine.explain(b"jane@tenant1.contoso.com", direction="outbound")
    assert (other.result, other.entry, other.shadowed) == (b"jane@fabrikam.com", domain, ())
    assert [(tried.kind, tried.hit) for tried in other.tried] == [
        ("mailbox", False),
        ("domain", True),
    ]


def test_an_explanation_of_nothing(engine: Engine) -> None:
    unmapped = engine.explain("x@tenant1.contoso.com", direction="outbound")
    assert (unmapped.result, unmapped.entry, unmapped.unmapped) == (None, None, True)
    foreign = engine.explain("x@example.org", direction="outbound")
    assert (foreign.result, foreign.unmapped, foreign.reason) == (None, False, None)
    broken = engine.explain("no address", direction="outbound")
    assert (broken.key, broken.tried) == (None, ())
    assert broken.reason is not None


def test_an_explanation_agrees_with_the_message(engine: Engine) -> None:
    for address in ("john@tenant1.contoso.com", "john+x@tenant1.contoso.com", "x@example.org"):
        explained = engine.explain(address, direction="outbound")
        done = engine.rewrite(f"To: {address}\n\n".encode(), direction="outbound")
        assert bytes(done) == f"To: {explained.result or address}\n\n".encode()


def test_records_pickle_and_show_no_address(engine: Engine) -> None:
    path = engine.rewrite_path("<john@tenant1.contoso.com>", direction="outbound", kind="reverse")
    explained = engine.explain("john@tenant1.contoso.com", direction="outbound")
    assert isinstance(path, RewrittenPath)
    records = (path, explained, *explained.tried)
    assert pickle.loads(pickle.dumps(records)) == records
    assert len(set(records)) == 3
    assert [repr(record) for record in records] == [
        "<readdress.RewrittenPath: changed>",
        "<readdress.Explanation: found>",
        "<readdress.Tried: mailbox, hit>",
    ]
    skipped = engine.rewrite_path("<a@b@c>", direction="outbound", kind="reverse")
    assert repr(skipped) == "<readdress.RewrittenPath: several-at>"
