"""One message: what comes out, and everything that is told about it."""

from __future__ import annotations

import gc
import pickle
from pathlib import Path
from typing import Literal

import pytest

import readdress
from readdress import (
    Aligned,
    Edit,
    Engine,
    Entry,
    FieldChange,
    FromDomain,
    LimitError,
    Rewritten,
    Signature,
    Skip,
)


def outbound(engine: Engine, message: bytes) -> Rewritten:
    return engine.rewrite(message, direction="outbound")


def test_addresses_change_and_nothing_else(
    engine: Engine, message: bytes, rewritten: bytes
) -> None:
    done = outbound(engine, message)
    assert bytes(done) == rewritten
    assert done.changed
    assert done.size == len(done) == len(rewritten)
    assert done.generation == engine.generation
    assert done.verdict == "pass"


def test_a_header_section_alone_is_a_message(
    engine: Engine, message: bytes, rewritten: bytes
) -> None:
    for end in (b"\r\n\r\n", b"\r\nSubject:"):
        header, expected = message.partition(end)[0], rewritten.partition(end)[0]
        assert bytes(outbound(engine, header)) == expected


def test_the_body_begins_where_it_is_said_to(engine: Engine, message: bytes) -> None:
    done = outbound(engine, message)
    body = b"Call john@tenant1.contoso.com!\r\n"
    assert message[done.input_body_offset :] == body
    assert bytes(done)[done.body_offset :] == body


def test_edits_tell_what_where_and_why(engine: Engine, message: bytes) -> None:
    john, mary = outbound(engine, message).edits
    assert isinstance(john, Edit)
    assert (
        message[john.offset : john.offset + john.length]
        == john.before
        == b"john@tenant1.contoso.com"
    )
    assert john.text == john.after == b"john@contoso.com"
    assert (john.field, john.nth) == (b"From", 1)
    assert john.entry == Entry("john@tenant1.contoso.com", "john@contoso.com", name="John Doe")
    assert (mary.field, mary.nth, mary.after) == (b"To", 1, b"mary@contoso.com")
    assert mary.offset > john.offset


def test_field_changes_have_whole_bodies(engine: Engine, message: bytes) -> None:
    assert outbound(engine, message).field_changes == (
        FieldChange(b"From", 1, b' "Doe, John" <john@contoso.com>'),
        FieldChange(b"To", 1, b" Mary (at work) <mary@contoso.com>,\r\n olivia@example.org"),
    )


def test_fields_of_a_name_are_counted_from_one(engine: Engine) -> None:
    message = b"To: a@example.org\nTO: b@example.org\nto: john@tenant1.contoso.com\n\n"
    done = outbound(engine, message)
    assert [(change.name, change.nth) for change in done.field_changes] == [(b"to", 3)]
    assert [(edit.field, edit.nth) for edit in done.edits] == [(b"to", 3)]


def test_a_line_that_would_get_too_long_is_folded() -> None:
    engine = Engine.from_entries([Entry("j@x.org", "john.with.a.long.name@subsidiary.example.com")])
    message = b"To: " + b",".join([b"j@x.org"] * 100) + b"\r\n\r\n"
    done = outbound(engine, message)
    folds = [edit for edit in done.edits if edit.entry is None]
    assert folds
    for fold in folds:
        assert (fold.length, fold.before, fold.after) == (0, b"", b"")
        assert fold.text.startswith(b"\r\n")
    assert max(map(len, bytes(done).split(b"\r\n"))) <= 998


def test_what_does_not_parse_is_left_alone_and_told(engine: Engine) -> None:
    message = b"To: <john@tenant1.contoso.com@y>, john@tenant1.contoso.com\n\n"
    done = outbound(engine, message)
    assert bytes(done) == b"To: <john@tenant1.contoso.com@y>, john@contoso.com\n\n"
    (skip,) = done.skipped
    assert isinstance(skip, Skip)
    assert (skip.field, skip.nth, skip.reason) == (b"To", 1, "several-at")
    assert message[skip.offset :].startswith(b"@y>")


def test_unmapped_addresses_are_listed_each_time(engine: Engine) -> None:
    done = outbound(engine, b"To: a@tenant1.contoso.com, a@tenant1.contoso.com, b@example.org\n\n")
    assert done.unmapped == (b"a@tenant1.contoso.com", b"a@tenant1.contoso.com")
    assert not done.changed


@pytest.mark.parametrize("verdict", ["pass", "tempfail", "reject"])
def test_the_plan_decides_about_unmapped_addresses(verdict: str, engine: Engine) -> None:
    strict = Engine.from_entries(engine.entries(), unmapped=verdict)
    assert outbound(strict, b"To: a@tenant1.contoso.com\n\n").verdict == verdict
    assert outbound(strict, b"To: john@tenant1.contoso.com\n\n").verdict == "pass"
    assert outbound(strict, b"Subject: nothing\n\n").verdict == "pass"


def test_flags_name_what_is_remarkable(engine: Engine) -> None:
    flagged = outbound(
        engine, b"From: a@example.org\r\nFrom: b@example.org\nSubject: caf\xe9\r\n\r\n"
    )
    assert flagged.flags == ("bare-lf", "mixed-line-endings", "eight-bit", "duplicate-from")
    assert outbound(engine, b"Subject: x\r\n").flags == ("no-empty-line", "no-from")
    assert outbound(engine, b"From: a@example.org\r\n\r\ncaf\xe9\n").flags == ()


SIGNED = b"DKIM-Signature: v=1; d=contoso.com; s=s1; h=from:subject; b=x\r\nSubject: x\r\n"


def test_signatures_over_edited_fields_are_broken(engine: Engine) -> None:
    done = outbound(engine, SIGNED + b"From: john@tenant1.contoso.com\r\n\r\n")
    aligned = Aligned("relaxed", "strict")
    assert done.signatures == (
        Signature("dkim", b"contoso.com", b"s1", False, (b"From",), aligned),
    )


def test_signatures_over_other_fields_stay_whole(engine: Engine) -> None:
    done = outbound(engine, SIGNED + b"From: a@example.org\r\nTo: john@tenant1.contoso.com\r\n\r\n")
    assert done.changed
    aligned = Aligned("none", "none")
    assert done.signatures == (Signature("dkim", b"contoso.com", b"s1", True, (), aligned),)


def test_signatures_of_an_unchanged_message_are_told_and_whole(engine: Engine) -> None:
    message = (
        SIGNED
        + b"ARC-Message-Signature: i=1; d=example.net; s=a; h=from\r\nFrom: a@example.org\r\n\r\n"
    )
    done = outbound(engine, message)
    assert done.signatures == (
        Signature("dkim", b"contoso.com", b"s1", True, (), Aligned("none", "none")),
        Signature("arc", b"example.net", b"a", True, ()),
    )
    assert bytes(done) is message


def test_the_domain_of_from_is_known_before_and_after(engine: Engine) -> None:
    for section, expected in (
        (b"From: John <john@Tenant1.contoso.com.>\n", ("tenant1.contoso.com", "contoso.com")),
        (b"From: a@example.org\n", ("example.org", "example.org")),
        ("From: a@bücher.example\n".encode(), ("xn--bcher-kva.example", "xn--bcher-kva.example")),
        (b"From: john@tenant1.contoso.com, a@contoso.com\n", (None, "contoso.com")),
    ):
        assert outbound(engine, section + b"\n").from_domain == FromDomain(*expected)
        assert outbound(engine, section + b"X: y\n" * 4000).from_domain == FromDomain(*expected)
    for section in (b"", b"From: a@[192.0.2.1]\n", b"From: a@b.example\nFrom: a@b.example\n"):
        assert outbound(engine, section + b"\n").from_domain is None
    inbound = engine.rewrite(b"From: john@contoso.com\n\n", direction="inbound")
    assert inbound.from_domain == FromDomain("contoso.com", "contoso.com")


def test_signatures_without_a_domain_to_compare_are_not_aligned(engine: Engine) -> None:
    for message in (
        SIGNED + b"\r\n",
        SIGNED + b"From: a@example.org, b@example.net\r\n\r\n",
        b"DKIM-Signature: s=s1; h=from\nFrom: john@tenant1.contoso.com\n\n",
    ):
        [signature] = outbound(engine, message).signatures
        assert signature.aligned is None
    [signature] = outbound(
        engine, SIGNED + b"From: john@tenant1.contoso.com, a@contoso.com\r\n\r\n"
    ).signatures
    assert signature.aligned == Aligned(None, "strict")


def test_domains_are_compared_as_dmarc_does() -> None:
    for one, other, expected in (
        ("contoso.com", "Contoso.com.", "strict"),
        ("bücher.example", b"xn--bcher-kva.example", "strict"),
        ("bounces.contoso.com", "contoso.com", "relaxed"),
        ("a.contoso.com", "b.contoso.com", "undecided"),
        ("contoso.com", "fabrikam.com", "none"),
        ("[192.0.2.1]", "[192.0.2.1]", None),
        ("", b"contoso.com", None),
    ):
        assert readdress.compare_domains(one, other) == expected
        assert readdress.compare_domains(other, one) == expected
    with pytest.raises(TypeError, match="str or bytes"):
        readdress.compare_domains(None, "contoso.com")  # type: ignore[arg-type]


def test_a_plan_keeps_what_readers_of_signed_mail_compare(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(
        '[rewrite]\non-signed = "skip-fields"\n[[rewrite.entry]]\n'
        'internal = "john@tenant1.contoso.com"\nexternal = "john@contoso.com"\n'
    )
    message = (
        b"From: john@tenant1.contoso.com\nCc: john@tenant1.contoso.com\n"
        b"Content-Type: application/pkcs7-mime\n\n"
    )
    done = outbound(Engine.compile(plan), message)
    assert bytes(done) == message.replace(b"Cc: john@tenant1.", b"Cc: john@")
    assert done.skipped == (Skip(b"From", 1, 6, "signed-message"),)
    assert done.signatures == (Signature("smime", b"", b"", True, ()),)


@pytest.mark.parametrize(
    ("on_signed", "outbound_stays", "inbound_stays"),
    [
        ("rewrite", [], []),
        ("skip-fields", [b"From"], []),
        ("envelope-only", [b"From"], [b"To"]),
    ],
)
def test_entries_have_a_policy_for_signed_mail(
    on_signed: Literal["rewrite", "skip-fields", "envelope-only"],
    outbound_stays: list[bytes],
    inbound_stays: list[bytes],
) -> None:
    entry = Entry("john@tenant1.contoso.com", "john@contoso.com")
    # From is rewritten outbound, To inbound.
    engine = Engine.from_entries([entry], preset="postfix", on_signed=on_signed)
    message = b"From: %s\nTo: %s\nContent-Type: application/pkcs7-mime\n\n"
    internal, external = entry.internal.encode(), entry.external.encode()
    out = engine.rewrite(message % (internal, internal), direction="outbound")
    back = engine.rewrite(message % (external, external), direction="inbound")
    for done, fields, stays in (
        (out, {b"From"}, outbound_stays),
        (back, {b"To"}, inbound_stays),
    ):
        assert {edit.field for edit in done.edits} == fields - set(stays)
        assert [(skip.field, skip.reason) for skip in done.skipped] == [
            (field, "signed-message") for field in stays
        ]


def test_an_unchanged_message_is_the_same_object(engine: Engine) -> None:
    for message in (b"", b"\r\n", b"From: olivia@example.org\r\n\r\nHi\r\n", b"no message at all"):
        done = outbound(engine, message)
        assert bytes(done) is message
        assert not done.changed
        assert (
            done.edits
            == done.field_changes
            == done.skipped
            == done.unmapped
            == done.signatures
            == ()
        )
        assert done.body_offset == done.input_body_offset <= len(message) == done.size


def test_shadow_mode_tells_and_changes_nothing(
    shadow: Engine, engine: Engine, message: bytes
) -> None:
    done, enforced = outbound(shadow, message), outbound(engine, message)
    assert bytes(done) is message
    assert not done.changed
    assert done.size == len(message)
    assert done.body_offset == done.input_body_offset
    assert done.edits == enforced.edits
    assert done.field_changes == ()
    assert b"".join(done.slices()) == message


def test_the_direction_must_be_said(engine: Engine, message: bytes) -> None:
    with pytest.raises(TypeError, match="direction"):
        engine.rewrite(message)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="'outbound' or 'inbound', not 'out'"):
        engine.rewrite(message, direction="out")  # type: ignore[arg-type]


def test_inbound_goes_the_other_way(engine: Engine) -> None:
    exchange = Engine.from_entries(engine.entries(), preset="edge-2016")
    answer = b"To: mary@contoso.com\r\nFrom: mary@contoso.com\r\n\r\n"
    done = exchange.rewrite(answer, direction="inbound")
    assert bytes(done) == b"To: mary.jones@tenant2.contoso.com\r\nFrom: mary@contoso.com\r\n\r\n"


class Derived(bytes):
    """A class of its own that is `bytes` all the same."""


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, Derived])
def test_any_buffer_is_a_message(
    kind: type, engine: Engine, message: bytes, rewritten: bytes
) -> None:
    done = outbound(engine, kind(message))
    assert bytes(done) == rewritten
    assert type(bytes(outbound(engine, kind(b"To: olivia@example.org\n\n")))) is bytes


def test_buffers_may_be_parts_of_others(engine: Engine) -> None:
    whole = memoryview(b"..To: john@tenant1.contoso.com\n\n..")
    assert bytes(outbound(engine, whole[2:-2])) == b"To: john@contoso.com\n\n"
    every_other = memoryview(b"".join(bytes((octet, 0)) for octet in whole[2:-2]))[::2]
    assert bytes(outbound(engine, every_other)) == b"To: john@contoso.com\n\n"


def test_a_buffer_may_change_afterwards(engine: Engine, message: bytes, rewritten: bytes) -> None:
    buffer = bytearray(message)
    done = outbound(engine, buffer)
    buffer[:] = b"x" * len(buffer)
    assert bytes(done) == rewritten
    buffer.clear()  # nobody holds it
    assert bytes(done) == rewritten


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [("To: a@example.org", "as_bytes"), (None, "NoneType"), (3, "int"), (["x"], "list")],
)
def test_what_is_no_buffer_is_a_type_error(wrong: object, hint: str, engine: Engine) -> None:
    with pytest.raises(TypeError, match=hint):
        engine.rewrite(wrong, direction="outbound")  # type: ignore[arg-type]


def test_a_message_over_a_limit_raises_and_the_next_one_is_fine(
    engine: Engine, message: bytes
) -> None:
    too_long = b"Subject: x\n" * 100_001 + b"\n"
    with pytest.raises(LimitError) as caught:
        outbound(engine, too_long)
    assert (caught.value.limit, caught.value.allowed, caught.value.index) == (
        "fields",
        100_000,
        None,
    )
    assert too_long[caught.value.offset :].startswith(b"Subject: x\n")
    assert outbound(engine, message).changed


def test_results_outlive_message_engine_and_later_results(
    engine: Engine, message: bytes, rewritten: bytes
) -> None:
    results = [
        outbound(Engine.from_entries(engine.entries()), message + b"%d" % n) for n in range(50)
    ]
    gc.collect()
    for number, done in enumerate(results):
        assert bytes(done) == rewritten + b"%d" % number
        assert len(done.edits) == 2


def test_a_large_message_is_put_together_right(engine: Engine) -> None:
    body = bytes(range(256)) * 8192
    done = outbound(engine, b"From: john@tenant1.contoso.com\n\n" + body)
    assert bytes(done) == b"From: john@contoso.com\n\n" + body


def test_repr_counts_and_shows_no_address(engine: Engine, message: bytes) -> None:
    assert repr(outbound(engine, b"")) == "<readdress.Rewritten: 0 octets>"
    text = b"To: a@b@tenant1.contoso.com, x@tenant1.contoso.com, y@tenant2.contoso.com\n\n"
    assert repr(outbound(engine, text)) == (
        f"<readdress.Rewritten: {len(text)} octets, 1 skip, 2 unmapped addresses>"
    )
    done = outbound(engine, SIGNED + message)
    shown = repr(
        [
            done,
            done.edits,
            done.field_changes,
            done.signatures,
            done.from_domain,
            outbound(engine, text).skipped,
        ]
    )
    for secret in ("john", "mary", "contoso", "@"):
        assert secret not in shown


def test_records_pickle_compare_and_hash(engine: Engine, message: bytes) -> None:
    done = outbound(engine, SIGNED + message)
    records = (*done.edits, *done.field_changes, *done.signatures, done.from_domain)
    assert pickle.loads(pickle.dumps(records)) == records
    assert len(set(records)) == len(records) == 6


def test_a_result_does_not_pickle_and_has_no_maker(engine: Engine, message: bytes) -> None:
    with pytest.raises(TypeError):
        pickle.dumps(outbound(engine, message))
    with pytest.raises(TypeError):
        Rewritten()


def test_addresses_outside_ascii_wait_for_smtputf8() -> None:
    engine = Engine.from_entries([Entry("juergen@t1.example", "jürgen@x.example")])
    message = b"From: juergen@t1.example\n\n"
    plain = outbound(engine, message)
    assert not plain.changed
    assert [skip.reason for skip in plain.skipped] == ["needs-smtputf8"]
    done = engine.rewrite(message, direction="outbound", smtputf8=True)
    assert bytes(done) == "From: jürgen@x.example\n\n".encode()
    [many] = engine.rewrite_many([message], direction="outbound", smtputf8=True)
    assert bytes(many) == bytes(done)
    path = engine.rewrite_path("<juergen@t1.example>", direction="outbound", kind="reverse")
    assert (path.path, path.skipped) == ("<juergen@t1.example>", "needs-smtputf8")
    told = engine.explain("juergen@t1.example", direction="outbound", smtputf8=True)
    assert told.result == "jürgen@x.example"
