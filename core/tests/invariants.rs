//! The invariants I1 to I8 of the crate documentation, each tried on generated messages:
//! 20,000 of them, or as many as `READDRESS_CASES` says.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may stop")]

mod support;

use std::ops::Range;
use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use readdress::address::{AddressList, Item};
use readdress::{Direction, Engine, EntryDirection, Flags, Policy, Preset, Rewritten, Scratch, SkipReason};
use support::{KNOWN, config, engine, engine_with, known_message, mail_soup, opt_in};

/// A map that no generated message hits.
static NOTHING: LazyLock<Engine> = LazyLock::new(|| engine(&[("a@nowhere.example", "b@nowhere.example")]));

/// Entries that lead in a circle, added in two orders.
static CIRCLES: LazyLock<[Engine; 2]> = LazyLock::new(|| {
    let mut circle =
        [("a@c.example", "b@c.example"), ("b@c.example", "c@c.example"), ("c@c.example", "a@c.example")];
    let mut build = || {
        circle.reverse();
        let outbound = circle.map(|(i, x)| (i, x, EntryDirection::Outbound, &[][..]));
        engine_with(Policy::default(), &outbound)
    };
    [build(), build()]
});

/// The output as the edits say it is, put together without the engine.
fn spliced(message: &[u8], done: &Rewritten<'_>) -> Vec<u8> {
    let (mut output, mut position) = (Vec::new(), 0);
    for edit in done.edits() {
        assert!(edit.offset >= position, "edits are sorted and disjoint");
        output.extend_from_slice(&message[position..edit.offset]);
        output.extend_from_slice(edit.text);
        position = edit.offset + edit.length;
    }
    output.extend_from_slice(&message[position..]);
    output
}

/// Name and body of each field, found line by line: the scanner's slow twin.
fn fields(message: &[u8]) -> Vec<(Vec<u8>, Range<usize>)> {
    let mut fields: Vec<(Vec<u8>, Range<usize>)> = Vec::new();
    let mut start = 0;
    for line in message.split_inclusive(|&octet| octet == b'\n') {
        let (at, end) = (start, start + line.len());
        start = end;
        let text = line.strip_suffix(b"\n").map_or(line, |text| text.strip_suffix(b"\r").unwrap_or(text));
        let is_first = at == 0;
        if is_first && line.iter().skip_while(|octet| **octet == b'>').copied().take(5).eq(*b"From ") {
            continue;
        }
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            match fields.last_mut() {
                Some((_, body)) => body.end = at + text.len(),
                None => break,
            }
            continue;
        }
        let Some(colon) = text.iter().position(|&octet| octet == b':') else { break };
        let name = text[..colon].to_vec();
        let end_of_name =
            name.iter().rposition(|octet| !matches!(octet, b' ' | b'\t')).map_or(0, |last| last + 1);
        let name = name[..end_of_name].to_vec();
        if name.is_empty() || name.iter().any(|octet| !(33..=126).contains(octet)) {
            break;
        }
        fields.push((name, at + colon + 1..at + text.len()));
    }
    fields
}

/// All that stands before the colon of the field with this body.
fn before_colon<'m>(message: &'m [u8], body: &Range<usize>) -> &'m [u8] {
    let before = &message[..body.start - 1];
    &before[before.iter().rposition(|&octet| octet == b'\n').map_or(0, |line_feed| line_feed + 1)..]
}

fn longest_line(message: &[u8]) -> usize {
    message
        .split(|&octet| octet == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line).len())
        .max()
        .unwrap_or(0)
}

/// What a mailto link says.
fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(text).unwrap();
    let mut parts = text.split('%');
    let mut out = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        out.push(u8::from_str_radix(&part[..2], 16).unwrap());
        out.extend_from_slice(&part.as_bytes()[2..]);
    }
    out
}

/// What a display-name says, without the quotes around it.
fn unquoted(text: &[u8]) -> Vec<u8> {
    let mut octets = text[1..text.len() - 1].iter().copied();
    let mut out = Vec::new();
    while let Some(octet) = octets.next() {
        out.push(if octet == b'\\' { octets.next().unwrap() } else { octet });
    }
    let is_quoted = out.starts_with(b"'") && out.ends_with(b"'");
    if is_quoted { out[1..out.len() - 1].to_vec() } else { out }
}

proptest! {
    #![proptest_config(config())]

    /// Everything at once, on messages whose outcome is known.
    #[test]
    fn known_messages_come_out_as_known(known in known_message()) {
        let engine = &KNOWN[0];
        let mut scratch = Scratch::new();
        let done = engine.rewrite_into(Direction::Outbound, known.input.as_bytes(), &mut scratch).unwrap();
        prop_assert_eq!(String::from_utf8(done.to_vec()).unwrap(), known.output);
        prop_assert_eq!(done.edits().len(), known.edits);
        prop_assert_eq!(done.unmapped().len(), known.unmapped);
        prop_assert_eq!(done.skipped().len(), 0);

        let engine = &KNOWN[6];
        let done = engine.rewrite_into(Direction::Outbound, known.input.as_bytes(), &mut scratch).unwrap();
        let output = done.to_vec();
        prop_assert_eq!(std::str::from_utf8(&output).unwrap(), known.opt_in.output);
        prop_assert_eq!(done.edits().len(), known.opt_in.edits);
        prop_assert_eq!(done.unmapped().len(), known.opt_in.unmapped);
        prop_assert_eq!(done.skipped().len(), 0);
    }

    /// No external address of the map is an internal one, so there is nothing left to do.
    #[test]
    fn a_second_time_nothing_changes(message in prop_oneof![mail_soup(), known_message().prop_map(|known| known.input.into_bytes())]) {
        let mut scratch = Scratch::new();
        let once = KNOWN[6].rewrite_into(Direction::Outbound, &message, &mut scratch).unwrap().to_vec();
        let twice = KNOWN[6].rewrite_into(Direction::Outbound, &once, &mut scratch).unwrap();
        prop_assert!(!twice.changed(), "{}", once.escape_ascii());
    }

    #[test]
    fn i1_a_message_without_edits_is_one_slice_of_the_input(message in mail_soup()) {
        for engine in [&*NOTHING, &KNOWN[5]] {
            for direction in Direction::ALL {
                let mut scratch = Scratch::new();
                let done = engine.rewrite_into(direction, &message, &mut scratch).unwrap();
                prop_assert!(!done.changed());
                prop_assert_eq!(done.size(), message.len());
                let slices: Vec<&[u8]> = done.slices().collect();
                prop_assert_eq!(slices.len(), usize::from(!message.is_empty()));
                prop_assert!(slices.iter().all(|slice| slice.as_ptr() == message.as_ptr() && slice.len() == message.len()));
            }
        }
    }

    #[test]
    fn i2_octets_outside_edits_are_untouched(message in mail_soup()) {
        let engine = &KNOWN[6];
        let mut scratch = Scratch::new();
        let done = engine.rewrite_into(Direction::Outbound, &message, &mut scratch).unwrap();
        let output = done.to_vec();
        prop_assert_eq!(&output, &spliced(&message, &done));
        prop_assert_eq!(output.len(), done.size());
        let reports =
            done.edits().len() + done.skipped().len() + done.unmapped().len() + done.signatures().len();
        prop_assert_eq!(done.is_silent(), reports == 0);
        let body = &message[done.input_body_offset()..];
        prop_assert_eq!(&output[done.body_offset()..], body);
        prop_assert!(done.body_offset() <= done.body_offset_at_most());
        let mut written = Vec::new();
        done.write_to(&mut written).unwrap();
        prop_assert_eq!(written, output);
    }

    #[test]
    fn i3_edits_lie_in_bodies_of_fields_that_the_policy_names(message in mail_soup(), preset in 0..6_usize) {
        let policy = Preset::ALL.get(preset).map_or_else(opt_in, |preset| Policy::from_preset(*preset));
        let engine = if preset < 5 { &KNOWN[preset] } else { &KNOWN[6] };
        for direction in Direction::ALL {
            let mut scratch = Scratch::new();
            let done = engine.rewrite_into(direction, &message, &mut scratch).unwrap();
            let fields = fields(&message);
            for edit in done.edits() {
                let place = edit.offset..edit.offset + edit.length;
                let number = fields.iter().position(|(_, body)| body.start <= place.start && place.end <= body.end);
                prop_assert!(number.is_some(), "an edit at {:?} of {:?}", place, fields);
                let name = &fields[number.unwrap()].0;
                prop_assert_eq!(edit.field, name.as_slice());
                // Autocrypt goes with From.
                let name_in_policy: &[u8] = if name.eq_ignore_ascii_case(b"Autocrypt") { b"From" } else { name };
                prop_assert!(policy.fields(direction).names().any(|known| known.as_bytes().eq_ignore_ascii_case(name_in_policy)));
                let same_name = fields[..=number.unwrap()].iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
                prop_assert_eq!(same_name.count(), usize::try_from(edit.nth).unwrap());
                prop_assert!(place.end <= done.input_body_offset());
            }
        }
    }

    #[test]
    fn i4_a_new_address_parses_to_the_address_the_map_gives(message in mail_soup()) {
        let engine = &KNOWN[6];
        let mut scratch = Scratch::new();
        let done = engine.rewrite_into(Direction::Outbound, &message, &mut scratch).unwrap();
        for edit in done.edits().filter(|edit| edit.entry.is_some()) {
            let text = if edit.field.starts_with(b"List-") { percent_decoded(edit.text) } else { edit.text.to_vec() };
            // A display-name is one quoted-string; a local-part that is one has a domain behind it.
            let text = if text.ends_with(b"\"") { unquoted(&text) } else { text };
            let items: Vec<Item> = AddressList::new(&text).collect();
            let [Item::Mailbox(mailbox)] = items[..] else { panic!("{:?} is one mailbox", edit.text) };
            prop_assert_eq!(mailbox.addr_spec.span().of(&text), edit.to);
            let back = engine.explain(Direction::Inbound, edit.to);
            let explained = engine.explain(Direction::Outbound, edit.from);
            prop_assert_eq!(explained.result.as_deref(), Some(edit.to));
            if edit.entry.unwrap().direction() == EntryDirection::Both {
                let normal = |address: &[u8]| engine.explain(Direction::Outbound, address).key;
                prop_assert_eq!(normal(&back.result.unwrap()), normal(edit.from));
            }
        }
    }

    #[test]
    fn i5_no_line_grows_past_998_octets(
        names in vec((0..6_usize, 0..60_usize, any::<bool>(), prop::option::of(0..6_usize)), 1..60),
        width in 900..998_usize,
        ending in prop::sample::select(vec!["\r\n", "\n"]),
        comment in 0..900_usize,
    ) {
        // Lines as full as they go, with addresses that mostly grow.
        let mut message = "To:".to_owned();
        let mut column = message.len();
        let address_of = |user: &usize| format!("user{user}@t{}.example", user % 2);
        let mut edits = names.len();
        for (number, (user, name, is_bare, named)) in names.iter().enumerate() {
            let address = address_of(user);
            let mailbox = match (is_bare, number, named) {
                (_, 0, _) => format!("\"{}\" <{address}> ({})", "n".repeat(*name), "c".repeat(comment)),
                (true, ..) => address,
                (false, _, None) => format!("{} <{address}>", "n".repeat(name + 1)),
                (false, _, Some(user)) => {
                    edits += 1;
                    format!("\"{}\" <{address}>", address_of(user))
                }
            };
            let separator = if number == 0 { "" } else { "," };
            if column + mailbox.len() + 2 > width {
                message += &format!("{separator}{ending} {mailbox}");
                column = 1 + mailbox.len();
            } else {
                message += &format!("{separator} {mailbox}");
                column += separator.len() + 1 + mailbox.len();
            }
        }
        message += &format!("{ending}{ending}body");
        let engine = &KNOWN[6];
        let mut scratch = Scratch::new();
        let done = engine.rewrite_into(Direction::Outbound, message.as_bytes(), &mut scratch).unwrap();
        let output = done.to_vec();
        let before = longest_line(message.as_bytes());
        prop_assert!(longest_line(&output) <= before.max(998), "{} -> {}", before, longest_line(&output));
        prop_assert_eq!(done.skipped().filter(|skip| skip.reason != SkipReason::LineTooLong).count(), 0);
        prop_assert_eq!(done.skipped().len() + done.edits().filter(|edit| edit.entry.is_some()).count(), edits);
        // A fold takes nothing away, and leaves no line of white space alone.
        prop_assert_eq!(&output, &spliced(message.as_bytes(), &done));
        let text = String::from_utf8(output).unwrap();
        prop_assert!(!text.split(ending).skip(1).any(|line| !line.is_empty() && line.trim().is_empty()));
    }

    #[test]
    fn i6_what_does_not_parse_is_left_alone_and_reported(message in mail_soup()) {
        let engine = &KNOWN[6];
        let mut scratch = Scratch::new();
        let done = engine.rewrite_into(Direction::Outbound, &message, &mut scratch).unwrap();
        let fields = fields(&message);
        for skip in done.skipped() {
            let inside = fields.iter().any(|(name, body)| name == skip.field && body.start <= skip.offset && skip.offset <= body.end);
            prop_assert!(inside, "{:?}", skip);
            let touched = done.edits().any(|edit| edit.length > 0 && edit.offset < skip.offset && skip.offset < edit.offset + edit.length);
            prop_assert!(!touched);
        }
    }

    #[test]
    fn i7_an_address_is_rewritten_once(order in 0..2_usize, count in 1..5_usize) {
        let engine = &CIRCLES[order];
        let list = vec!["a@c.example, b@c.example, c@c.example"; count].join(", ");
        let once = vec!["b@c.example, c@c.example, a@c.example"; count].join(", ");
        let mut scratch = Scratch::new();
        let message = format!("To: {list}\n\n");
        let done = engine.rewrite_into(Direction::Outbound, message.as_bytes(), &mut scratch).unwrap();
        prop_assert_eq!(done.to_vec(), format!("To: {once}\n\n").into_bytes());
    }

    /// Any octets, through every face, in both directions: nothing panics, and what a host that
    /// sees single fields gets is what the whole message gives.
    #[test]
    fn i8_nothing_panics_and_fields_alone_give_the_same(
        message in prop_oneof![mail_soup(), vec(any::<u8>(), 0..200)],
        engine in prop::sample::select(vec![1_usize, 6, 7, 8]),
    ) {
        let engine = &KNOWN[engine];
        let (mut whole, mut single) = (Scratch::new(), Scratch::new());
        for direction in Direction::ALL {
            let done = engine.rewrite_into(direction, &message, &mut whole).unwrap();
            let mut parts = engine.begin(direction, &mut single);
            let fields = fields(&message);
            for (_, body) in &fields {
                parts.field(before_colon(&message, body), &message[body.clone()]).unwrap();
            }
            let parts = parts.finish();
            let change = |done: &Rewritten<'_>| -> Vec<_> {
                done.field_changes().map(|change| (change.name.to_vec(), change.nth, change.value())).collect()
            };
            prop_assert_eq!(change(&done), change(&parts));
            prop_assert_eq!(done.edits().len(), parts.edits().len());
            for (a, b) in done.edits().zip(parts.edits()) {
                prop_assert_eq!((a.text, a.from, a.to, a.nth, a.entry), (b.text, b.from, b.to, b.nth, b.entry));
            }
            let body_of = |offset: usize| fields.iter().rev().find(|(_, body)| body.start <= offset).unwrap().1.start;
            let skips = |done: &Rewritten<'_>| {
                done.skipped().map(|skip| (skip.field.to_vec(), skip.nth, skip.offset, skip.reason)).collect::<Vec<_>>()
            };
            let mut in_bodies = skips(&done);
            prop_assert!(in_bodies.is_sorted_by_key(|skip| skip.2));
            for skip in &mut in_bodies {
                skip.2 -= body_of(skip.2);
            }
            prop_assert_eq!(in_bodies, skips(&parts));
            prop_assert!(done.unmapped().eq(parts.unmapped()));
            let signatures = |done: &Rewritten<'_>| {
                done.signatures().map(|one| (one.kind, one.is_intact, one.because.concat(), one.aligned)).collect::<Vec<_>>()
            };
            prop_assert_eq!(signatures(&done), signatures(&parts));
            prop_assert_eq!(done.from_domains(), parts.from_domains());
            prop_assert_eq!(done.flags().contains(Flags::DUPLICATE_FROM), parts.flags().contains(Flags::DUPLICATE_FROM));
        }
        _ = engine.explain(Direction::Outbound, &message);
        _ = engine.rewrite_path(Direction::Outbound, readdress::PathKind::Reverse, &message[..message.len().min(250)], &mut whole);
    }
}

#[test]
fn white_space_before_a_colon_is_part_of_the_line_that_must_not_grow() {
    let (mut whole, mut single) = (Scratch::new(), Scratch::new());
    for before in ["To", "To ", "To \t  "] {
        let mut folded = 0;
        for width in 880..920 {
            let name = "n".repeat(width - before.len());
            let body = format!(" {name} <olivia@example.org>, user2@t0.example");
            let message = format!("{before}:{body}\r\n\r\n");
            let done = KNOWN[6].rewrite_into(Direction::Outbound, message.as_bytes(), &mut whole).unwrap();
            let mut parts = KNOWN[6].begin(Direction::Outbound, &mut single);
            parts.field(before.as_bytes(), body.as_bytes()).unwrap();
            let parts = parts.finish();
            for flags in [done.flags(), parts.flags()] {
                assert_eq!(flags.contains(Flags::SPACE_BEFORE_COLON), before != "To");
            }
            let value = |done: &Rewritten<'_>| done.field_changes().map(|change| change.value()).next();
            let new = value(&done).unwrap();
            // Line feeds alone are what a body without line endings is folded with.
            let alone = String::from_utf8(value(&parts).unwrap()).unwrap().replace('\n', "\r\n");
            assert_eq!(alone, String::from_utf8(new).unwrap());
            folded += usize::from(alone.contains("\r\n"));
        }
        assert!((1..40).contains(&folded), "{before:?}: {folded} lines were folded");
    }
}
