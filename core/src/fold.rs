//! Keeping lines within 998 octets (RFC 5322 2.1.1) when addresses grow.
//!
//! A line that an edit would make too long gets a fold, the message's own line ending and a space,
//! before a mailbox; if that is not enough, before a `<`, too. In lists of URIs it stands before a
//! `<`, in an Autocrypt field before an attribute. If nothing helps, the edits of that
//! line are taken back and reported. A line that was too long before is left as it is.

use std::iter::Peekable;

use crate::address::{AddressList, Item};
use crate::autocrypt;
use crate::error::Error;
use crate::field::BodyKind;
use crate::header::LINE_MAX;
use crate::mailto::{UriItem, UriList};
use crate::reason::Reason;
use crate::room::Room;
use crate::scratch::{EditRecord, FieldRecord, Scratch, SkipRecord, merge_skips};
use crate::span::{Span, narrow, widen};

/// Buffers of this module.
#[derive(Debug, Default)]
pub(crate) struct FoldBuffers {
    /// The field's edits as they were.
    edits: Vec<EditRecord>,
    /// A line between places where it may be folded.
    segments: Vec<Segment>,
    /// Where it is folded.
    folds: Vec<u32>,
    /// What no fold helps.
    skips: Vec<SkipRecord>,
}

/// A stretch of a line, from one place where it may be folded to the next.
#[derive(Clone, Copy, Debug)]
struct Segment {
    start: usize,
    /// Octets of the stretch with its edits.
    width: usize,
    /// It begins a mailbox, not just an angle-addr.
    is_mailbox: bool,
}

/// A stretch of the source that becomes one line: a line, or several when an edit swallows the
/// folds between them.
struct Line {
    start: usize,
    end: usize,
    /// Octets before `start` on the same line: field name and colon, where they are not in the
    /// source.
    before: usize,
}

/// Looks after the lines of one field whose edits are the last in `scratch.edits`. `prefix` is the
/// number of octets on the field's first line before its body.
pub(crate) fn fit_lines(
    source: &[u8],
    kind: BodyKind,
    field: &FieldRecord,
    prefix: usize,
    line_ending: &[u8],
    scratch: &mut Scratch,
) -> Result<(), Error> {
    let first_edit = widen(field.edits.start);
    let edits = scratch.edits.get(first_edit..).unwrap_or_default();
    let grown: usize = edits.iter().map(|edit| edit.growth().0).sum();
    if grown == 0 || prefix + field.body.len() + grown <= LINE_MAX {
        return Ok(());
    }
    if !each_line(source, field, prefix, edits).any(|(line, edits)| is_made_too_long(source, &line, edits)) {
        return Ok(());
    }
    scratch.texts.room(line_ending.len() + 1)?;
    scratch.skips.room(edits.len())?;
    let mut buffers = std::mem::take(&mut scratch.fold);
    buffers.edits.clear();
    buffers.skips.clear();
    buffers.skips.room(scratch.edits.len() - first_edit)?;
    buffers.edits.room(scratch.edits.len() - first_edit)?;
    buffers.edits.extend(scratch.edits.drain(first_edit..));
    let text_start = scratch.texts.len();
    scratch.texts.extend_from_slice(line_ending);
    scratch.texts.push(b' ');
    let fold_text = Span::new(text_start, scratch.texts.len());
    let body_start = widen(field.body.start);
    let mut places = places(kind, field.body.of(source)).peekable();
    for (line, edits) in each_line(source, field, prefix, &buffers.edits) {
        if !is_made_too_long(source, &line, edits) {
            scratch.edits.extend_from_slice(edits);
            continue;
        }
        let (segments, folds) = (&mut buffers.segments, &mut buffers.folds);
        measure(body_start, &mut places, &line, edits, segments)?;
        // There are as many folds as segments, at most.
        folds.clear();
        folds.room(segments.len())?;
        scratch.edits.room(edits.len() + segments.len())?;
        if choose_folds(source, &line, segments, true, folds)
            || choose_folds(source, &line, segments, false, folds)
        {
            merge(edits, folds, fold_text, &mut scratch.edits);
        } else {
            let skip = |edit: &EditRecord| SkipRecord {
                field: edit.field,
                at: edit.place.start,
                reason: Reason::LineTooLong,
            };
            buffers.skips.extend(edits.iter().map(skip));
        }
    }
    merge_skips(&mut scratch.skips, buffers.skips.len(), buffers.skips.iter().rev().copied());
    scratch.fold = buffers;
    Ok(())
}

/// The lines of a field that have edits, each with its edits.
fn each_line<'e>(
    source: &'e [u8],
    field: &FieldRecord,
    prefix: usize,
    edits: &'e [EditRecord],
) -> impl Iterator<Item = (Line, &'e [EditRecord])> {
    let (body_start, body_end) = (widen(field.body.start), widen(field.body.end));
    let mut rest = edits;
    std::iter::from_fn(move || {
        let first = widen(rest.first()?.place.start);
        let before_edit = source.get(body_start..first).unwrap_or_default();
        let feed = memchr::memrchr(b'\n', before_edit);
        let start = feed.map_or(body_start, |feed| body_start + feed + 1);
        let mut end = first;
        let mut count = 0;
        while let Some(edit) = rest.get(count).filter(|edit| widen(edit.place.start) <= end) {
            let from = widen(edit.place.end);
            // Only an edit that reaches behind the line makes it longer: the end of each line is
            // looked for once.
            if count == 0 || from > end {
                let behind = source.get(from..body_end).unwrap_or_default();
                end = memchr::memchr(b'\n', behind).map_or(body_end, |feed| from + feed);
            }
            count += 1;
        }
        let (edits, others) = rest.split_at_checked(count.max(1))?;
        rest = others;
        let text = source.get(start..end).unwrap_or_default();
        let end = if text.ends_with(b"\r") { end - 1 } else { end };
        Some((Line { start, end, before: if feed.is_none() { prefix } else { 0 } }, edits))
    })
}

/// Whether edits make a line pass the limit that did not before.
fn is_made_too_long(source: &[u8], line: &Line, edits: &[EditRecord]) -> bool {
    let (more, less) =
        edits.iter().map(EditRecord::growth).fold((0, 0), |sum, growth| (sum.0 + growth.0, sum.1 + growth.1));
    if (line.before + line.end - line.start + more).saturating_sub(less) <= LINE_MAX {
        return false;
    }
    let text = source.get(line.start..line.end).unwrap_or_default();
    let mut before = line.before;
    !text.split(|&octet| octet == b'\n').any(|part| {
        let length = std::mem::take(&mut before) + part.strip_suffix(b"\r").unwrap_or(part).len();
        length > LINE_MAX
    })
}

/// Cuts a line at every place where it may be folded. `places` are those of the body that no line before has
/// used up: they are looked for once, however many lines there are.
fn measure(
    body_start: usize,
    places: &mut Peekable<impl Iterator<Item = (u32, bool)>>,
    line: &Line,
    edits: &[EditRecord],
    segments: &mut Vec<Segment>,
) -> Result<(), Error> {
    segments.clear();
    segments.room(1)?;
    segments.push(Segment { start: line.start, width: line.before, is_mailbox: false });
    while let Some((start, is_mailbox)) = places.next_if(|(start, _)| body_start + widen(*start) < line.end) {
        let start = body_start + widen(start);
        if start > line.start {
            segments.room(1)?;
            segments.push(Segment { start, width: 0, is_mailbox });
        }
    }
    let mut edits = edits.iter().peekable();
    let mut end = line.end;
    let mut nth = segments.len();
    // Widths from the last segment to the first, so that each one's end is known.
    let mut edits_from_end = edits.by_ref().rev().peekable();
    while let Some(segment) = nth.checked_sub(1).and_then(|last| segments.get_mut(last)) {
        segment.width += end - segment.start;
        while let Some(edit) = edits_from_end.next_if(|edit| widen(edit.place.start) >= segment.start) {
            let (more, less) = edit.growth();
            segment.width = (segment.width + more).saturating_sub(less);
        }
        end = segment.start;
        nth -= 1;
    }
    Ok(())
}

/// Each place where a body may be folded, from the first to the last, and whether a mailbox, or what counts
/// as one, begins there.
fn places(kind: BodyKind, body: &[u8]) -> impl Iterator<Item = (u32, bool)> {
    let addresses = (kind == BodyKind::Addresses).then(|| AddressList::new(body));
    let in_addresses = addresses.into_iter().flatten().flat_map(|item| {
        let mailbox = match item {
            Item::Mailbox(mailbox) => Some(mailbox),
            Item::Malformed { .. } => None,
        };
        let angle = mailbox.and_then(|mailbox| mailbox.angle.filter(|&angle| angle != mailbox.start));
        [mailbox.map(|mailbox| (mailbox.start, true)), angle.map(|angle| (angle, false))]
            .into_iter()
            .flatten()
    });
    let uris = (kind == BodyKind::Uris).then(|| UriList::new(body));
    let mut last = None;
    let before_uris = uris.into_iter().flatten().filter_map(move |item| match item {
        UriItem::Address { angle, .. } if last.replace(angle) != Some(angle) => Some((angle, true)),
        _ => None,
    });
    let attributes = (kind == BodyKind::Autocrypt).then(|| autocrypt::attributes(body));
    let before_attributes = attributes
        .into_iter()
        .flatten()
        .filter(|attribute| !attribute.is_empty())
        .map(|attribute| (attribute.start, true));
    in_addresses.chain(before_uris).chain(before_attributes)
}

/// Chooses where to fold so that each piece fits, going as far as possible each time. `false` if
/// that can't be.
fn choose_folds(
    source: &[u8],
    line: &Line,
    segments: &[Segment],
    mailboxes_only: bool,
    folds: &mut Vec<u32>,
) -> bool {
    folds.clear();
    let mut width = 0;
    let mut piece_start = line.start;
    // Between two places where folding is allowed.
    let mut pending: Option<(usize, usize)> = None;
    let mut place = |start: usize, wide: usize, width: &mut usize, piece_start: &mut usize| {
        if *width + wide <= LINE_MAX {
            *width += wide;
            return true;
        }
        let piece = source.get(*piece_start..start).unwrap_or_default();
        let is_first = *piece_start == line.start && line.before > 0;
        if !is_first && piece.iter().all(u8::is_ascii_whitespace) {
            return false;
        }
        folds.push(narrow(start));
        *piece_start = start;
        *width = 1 + wide;
        *width <= LINE_MAX
    };
    for segment in segments {
        let may_fold = segment.is_mailbox || !mailboxes_only;
        match &mut pending {
            Some((_, wide)) if !may_fold => *wide += segment.width,
            _ => {
                if let Some((start, wide)) = pending.replace((segment.start, segment.width))
                    && !place(start, wide, &mut width, &mut piece_start)
                {
                    return false;
                }
            }
        }
    }
    pending.is_none_or(|(start, wide)| place(start, wide, &mut width, &mut piece_start))
}

/// Appends edits and folds in the order of their places; a fold goes before an edit at the same.
fn merge(edits: &[EditRecord], folds: &[u32], fold_text: Span, out: &mut Vec<EditRecord>) {
    let mut folds = folds.iter().copied().peekable();
    let fold = |field: u32, at: u32| EditRecord {
        place: Span { start: at, end: at },
        text: fold_text,
        from: Span::default(),
        to: Span::default(),
        entry: crate::scratch::FOLD,
        field,
    };
    for edit in edits {
        while let Some(at) = folds.next_if(|&at| at <= edit.place.start) {
            out.push(fold(edit.field, at));
        }
        out.push(*edit);
    }
    if let Some(last) = edits.last() {
        out.extend(folds.map(|at| fold(last.field, at)));
    }
}
