//! What the service says on its error stream, from whichever thread. Nobody waits for it: a stream that nobody reads
//! must not hold up mail, so lines are lost rather than look-ups, and counted.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::serve::netstring::Answer;
use crate::serve::tables::Said;

/// Lines that may wait to be written.
pub(crate) const LINES_MAX: usize = 65_536;
/// Octets of a key or an answer in a line.
const SHOWN_MAX: usize = 512;
/// What clients can cause is told this often at most, each thing, and so many things in all.
const PAUSE: Duration = Duration::from_secs(60);
const CAUSES_MAX: usize = 64;

/// What the main thread waits for.
pub(crate) enum Event {
    /// A line for the error stream.
    Line(String),
    /// The service is to end.
    Stop,
}

/// Where lines go.
pub(crate) struct Log {
    events: SyncSender<Event>,
    is_verbose: bool,
    lost: AtomicU64,
    told: Mutex<HashMap<String, Instant>>,
}

impl Log {
    pub(crate) fn new(events: SyncSender<Event>, is_verbose: bool) -> Log {
        Log { events, is_verbose, lost: AtomicU64::new(0), told: Mutex::default() }
    }

    /// Says something, in one line.
    pub(crate) fn tell(&self, text: &str) {
        self.line(format!("readdress: {text}\n"));
    }

    /// Says something that may go on and on.
    pub(crate) fn tell_now_and_then(&self, text: &str) {
        let now = Instant::now();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        match told.get_mut(text) {
            Some(last) if now.duration_since(*last) < PAUSE => return,
            Some(last) => *last = now,
            None => {
                told.retain(|_, last| now.duration_since(*last) < PAUSE);
                if told.len() >= CAUSES_MAX {
                    return;
                }
                told.insert(text.to_owned(), now);
            }
        }
        drop(told);
        self.tell(text);
    }

    /// A line for a look-up, if they are wanted.
    pub(crate) fn look_up(&self, map: &[u8], key: &[u8], said: &Said, generation: &str) {
        if !self.is_verbose {
            return;
        }
        let mut line = String::with_capacity(160);
        append_time(SystemTime::now(), &mut line);
        line.push_str(" map=");
        append_quoted(map, &mut line);
        line.push_str(" key=");
        append_quoted(key, &mut line);
        line.push_str(" answer=");
        append_answer(&said.answer, &mut line);
        if let Some(withheld) = &said.withheld {
            line.push_str(" shadow=");
            append_answer(withheld, &mut line);
        }
        let _ = writeln!(line, " generation={}", generation.get(..12).unwrap_or(generation));
        self.line(line);
    }

    /// Says how many lines nobody has read, if there are some; each counts once.
    pub(crate) fn take_lost(&self) -> Option<String> {
        let lost = Some(self.lost.swap(0, Ordering::Relaxed)).filter(|lost| *lost > 0);
        lost.map(|lost| format!("{lost} lines were lost, for nobody read them"))
    }

    fn line(&self, line: String) {
        if let Err(TrySendError::Full(_)) = self.events.try_send(Event::Line(line)) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn append_answer(answer: &Answer, line: &mut String) {
    let content = answer.content();
    append_quoted(content.trim_ascii_end(), line);
}

/// Octets in quotes, as printable ASCII, so that a line is a line whoever chose the key.
fn append_quoted(octets: &[u8], line: &mut String) {
    let shown = octets.get(..SHOWN_MAX).unwrap_or(octets);
    let rest = if shown.len() < octets.len() { "..." } else { "" };
    let _ = write!(line, "\"{}{rest}\"", shown.escape_ascii());
}

/// A time by RFC 3339, with milliseconds, in UTC.
fn append_time(time: SystemTime, text: &mut String) {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, seconds) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let millis = since.subsec_millis();
    let _ = write!(text, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z");
}

/// The date of a day, counted from 1970-01-01. Years begin in March here, so that the odd day is a year's last.
fn date(days: u64) -> (u64, u64, u64) {
    // Days since 0000-03-01, and in them eras of 400 years.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (951_868_799, "2000-02-29T23:59:59.000Z"),
            (951_868_800, "2000-03-01T00:00:00.000Z"),
            (1_798_761_599, "2026-12-31T23:59:59.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        ] {
            let mut text = String::new();
            append_time(UNIX_EPOCH + Duration::from_secs(seconds), &mut text);
            assert_eq!(text, expected);
        }
        let mut text = String::new();
        append_time(UNIX_EPOCH + Duration::from_millis(1_007), &mut text);
        assert_eq!(text, "1970-01-01T00:00:01.007Z");
    }

    #[test]
    fn every_day_of_eight_centuries_follows_the_one_before() {
        let mut before = date(0);
        for days in 1..292_194 {
            let (year, month, day) = date(days);
            let follows = match before {
                (y, m, d) if (y, m) == (year, month) => day == d + 1,
                (y, m, d) => {
                    d >= 28 && day == 1 && (year, month) == if m == 12 { (y + 1, 1) } else { (y, m + 1) }
                }
            };
            assert!(follows, "{before:?} {year}-{month}-{day}");
            before = (year, month, day);
        }
        assert_eq!(before, (2769, 12, 31));
    }

    #[test]
    fn a_line_is_a_line_whoever_chose_the_key() {
        let (sender, lines) = mpsc::sync_channel(8);
        let log = Log::new(sender, true);
        let said = Said { answer: Answer::NotFound, withheld: Some(Answer::found("a\"\u{fc}")) };
        log.look_up(b"virtual", b"a\"\r\n\x1b[2J\xff@x.example", &said, &"0123456789abcdef".repeat(4));
        log.look_up(b"virtual", &[b'x'; 9000], &said, "");
        let next = || match lines.try_recv() {
            Ok(Event::Line(line)) => line,
            _ => panic!("no line"),
        };
        let line = next();
        let (time, rest) = line.split_once(' ').expect("a time");
        assert_eq!(time.len(), "2026-12-31T23:59:59.000Z".len());
        assert_eq!(
            rest,
            "map=\"virtual\" key=\"a\\\"\\r\\n\\x1b[2J\\xff@x.example\" answer=\"NOTFOUND\" \
             shadow=\"OK a\\\"\\xc3\\xbc\" generation=0123456789ab\n"
        );
        assert!(next().len() < 700);
    }

    #[test]
    fn lines_that_nobody_reads_are_counted() {
        let (sender, _lines) = mpsc::sync_channel(2);
        let log = Log::new(sender, false);
        for number in 0..5 {
            log.tell(&number.to_string());
            log.tell_now_and_then("the same");
        }
        let lost = "4 lines were lost, for nobody read them".to_owned();
        assert_eq!((log.take_lost(), log.take_lost()), (Some(lost), None));
    }
}
