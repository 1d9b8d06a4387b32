"""What holds for every message, found out with messages that hypothesis makes up."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from readdress import Edit, Engine, Entry, LimitError, Rewritten

settings.register_profile(
    "same every time", derandomize=True, deadline=None, max_examples=300, database=None
)
settings.load_profile("same every time")

ENTRIES = [
    Entry("john@tenant1.contoso.com", "john@contoso.com"),
    Entry("mary.jones@tenant2.contoso.com", "mary@contoso.com"),
    Entry("j@x.org", "somebody.with.a.very.long.name.indeed@subsidiary.contoso.example.com"),
    Entry("tenant3.contoso.com", "fabrikam.com"),
]
ENGINES = [
    Engine.from_entries(ENTRIES, preset=preset)
    for preset in ("coexistence", "edge-2016", "postfix")
]
SHADOW = Engine.from_entries(ENTRIES, mode="shadow")
SMALL = [
    b"john@tenant1.contoso.com",
    b"mary@contoso.com",
    b"j@x.org",
    b"a@tenant3.contoso.com",
    b"@",
    b"a@b",
]

tokens = st.sampled_from(
    [
        *SMALL,
        b"<",
        b">",
        b",",
        b";",
        b":",
        b'"',
        b"(",
        b")",
        b"\\",
        b" ",
        b"\t",
        b"x",
        b".",
        b"[",
        b"]",
        b"+",
    ]
    + [
        b"\r\n ",
        b"\n\t",
        b"\xc3\xa9",
        b"\xff",
        b"\0",
        b"\r",
        b"Team:",
        b"undisclosed-recipients:;",
        b"=?utf-8?q?a?=",
    ]
)
clean = st.sampled_from(
    [*SMALL[:4], b"Jo <john@tenant1.contoso.com>", b'"a, b" <j@x.org>', b"a@tenant1.contoso.com"]
)
names = st.sampled_from(
    [b"From", b"To", b"TO", b"Cc", b"Reply-To", b"Subject", b"X-Other", b"DKIM-Signature"]
)
ends = st.sampled_from([b"\r\n", b"\n"])


@st.composite
def header_sections(draw: st.DrawFn) -> bytes:
    """Fields with names that are rewritten and bodies that are nearly lists of addresses."""
    fields = st.tuples(
        names, st.sampled_from([b":", b": ", b" : "]), st.lists(tokens, max_size=30), ends
    )
    parts = [
        name + colon + b"".join(body) + end
        for name, colon, body, end in draw(st.lists(fields, max_size=12))
    ]
    return b"".join(parts) + draw(st.sampled_from([b"", b"\r\n", b"\n", b"\r\nHi!\r\n"]))


@st.composite
def honest_messages(draw: st.DrawFn) -> bytes:
    """Messages as they should be: folded lists of addresses, long ones among them."""
    end = draw(ends)
    text = b""
    for name in draw(st.lists(names, min_size=1, max_size=8)):
        body = draw(st.lists(clean, min_size=1, max_size=5)) * draw(st.sampled_from([1, 1, 1, 40]))
        joint = draw(st.sampled_from([b",", b", ", b"," + end + b" ", b"," + end + b"\t"]))
        text += name + b": " + joint.join(body) + end
    return text + end + draw(st.binary(max_size=40))


messages = st.one_of(st.binary(max_size=400), header_sections(), honest_messages())
directions = st.sampled_from(["outbound", "inbound"])
engines = st.sampled_from(ENGINES)


def with_edits(message: bytes, edits: tuple[Edit, ...]) -> bytes:
    """The edits applied as anybody would, from the last to the first."""
    for edit in reversed(edits):
        message = message[: edit.offset] + edit.text + message[edit.offset + edit.length :]
    return message


def with_field_changes(message: bytes, done: Rewritten) -> bytes:
    """The changes applied as smfi_chgheader does: to the n-th field of a name, case apart."""
    header, body = message[: done.input_body_offset], message[done.input_body_offset :]
    fields = re.findall(rb"[^\n]*\n(?:[ \t][^\n]*\n)*", header)
    for change in done.field_changes:
        of_name = [
            number
            for number, field in enumerate(fields)
            if field.partition(b":")[0].rstrip().lower() == change.name.lower()
        ]
        number = of_name[change.nth - 1]
        name, colon, _ = fields[number].partition(b":")
        end = b"\r\n" if fields[number].endswith(b"\r\n") else b"\n"
        assert change.value is not None
        fields[number] = name + colon + change.value + end
    return b"".join(fields) + body


@given(messages, directions, engines)
def test_any_octets_at_all_give_a_result(message: bytes, direction: str, engine: Engine) -> None:
    try:
        done = engine.rewrite(message, direction=direction)
    except LimitError:
        return
    output = bytes(done)
    assert b"".join(done.slices()) == output == with_edits(message, done.edits)
    assert len(output) == done.size == len(done)
    assert done.changed == (output != message) == bool(done.edits)
    assert done.changed or output is message
    assert output[done.body_offset :] == message[done.input_body_offset :]
    assert repr(done).startswith(f"<readdress.Rewritten: {len(output)} octet")


@given(messages, directions, engines)
def test_edits_stand_where_they_say(message: bytes, direction: str, engine: Engine) -> None:
    done = engine.rewrite(message, direction=direction)
    position = 0
    for edit in done.edits:
        assert position <= edit.offset <= edit.offset + edit.length <= done.input_body_offset
        position = edit.offset + edit.length
        assert (edit.entry is None) == (edit.length == 0) == (edit.before == b"")
        assert edit.nth >= 1
    for skip in done.skipped:
        assert skip.offset <= done.input_body_offset
    for signature in done.signatures:
        assert not (signature.because and signature.intact)


@given(honest_messages(), directions, engines)
def test_a_milter_gets_the_same_message(message: bytes, direction: str, engine: Engine) -> None:
    done = engine.rewrite(message, direction=direction)
    assert with_field_changes(message, done) == bytes(done)


@given(messages)
def test_shadow_mode_finds_the_same_and_changes_nothing(message: bytes) -> None:
    shadow, done = (
        engine.rewrite(message, direction="outbound") for engine in (SHADOW, ENGINES[0])
    )
    assert bytes(shadow) is message
    assert (shadow.edits, shadow.skipped, shadow.unmapped) == (
        done.edits,
        done.skipped,
        done.unmapped,
    )
    assert (shadow.flags, shadow.signatures) == (done.flags, done.signatures)


@settings(max_examples=50)  # of up to 40 messages each
@given(st.lists(messages, max_size=40), directions)
def test_many_are_as_one_by_one(given_messages: list[bytes], direction: str) -> None:
    many = ENGINES[1].rewrite_many(given_messages, direction=direction, threads=2)
    one_by_one = [ENGINES[1].rewrite(message, direction=direction) for message in given_messages]
    assert [(bytes(done), done.edits) for done in many] == [
        (bytes(done), done.edits) for done in one_by_one
    ]


@given(honest_messages(), st.sampled_from([bytearray, memoryview]))
def test_any_buffer_gives_what_bytes_give(message: bytes, kind: type) -> None:
    done = ENGINES[0].rewrite(kind(message), direction="outbound")
    assert bytes(done) == bytes(ENGINES[0].rewrite(message, direction="outbound"))


@given(st.one_of(st.text(max_size=80), st.lists(tokens, max_size=8).map(b"".join)), directions)
def test_any_path_and_any_address_give_a_result(path: str | bytes, direction: str) -> None:
    for kind in ("reverse", "forward"):
        try:
            done = ENGINES[0].rewrite_path(path, direction=direction, kind=kind)
        except LimitError as error:
            assert error.limit == "path-octets"
            continue
        except UnicodeEncodeError:  # half of a surrogate pair, which no octets stand for
            assert isinstance(path, str)
            return
        assert type(done.path) is type(path)
        assert done.changed == (done.path != path)
        assert done.changed or done.path is path
    explained = ENGINES[0].explain(path, direction=direction)
    assert explained.address is path
    assert (explained.result is None) or explained.entry is not None
