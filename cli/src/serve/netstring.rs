//! Netstrings, and the questions and answers of `socketmap_table(5)` in them.
//!
//! ```text
//! 31:transport john@contoso.example,      ─►
//!                                         ◄─  26:OK smtp:[mail.example.net],
//! ```

use std::fmt;

/// The most octets of a request, the name of the map and the key together. Postfix sends no address of more than
/// 2048 octets (`line_length_limit`).
pub(crate) const REQUEST_MAX: usize = 16_384;

/// The most octets of a reply that Postfix takes.
pub(crate) const REPLY_MAX: usize = 100_000;

/// Digits of [`REQUEST_MAX`].
const LENGTH_DIGITS: usize = 5;

/// What ends a connection: after it, nobody knows where the next request begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Broken {
    /// What stands there is no netstring, or no question in one.
    Malformed(&'static str),
    /// It announces more than [`REQUEST_MAX`] octets.
    TooLong,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Broken::Malformed(what) => f.write_str(what),
            Broken::TooLong => write!(f, "a request of more than {REQUEST_MAX} octets"),
        }
    }
}

/// The content of a netstring, and the octets behind it.
pub(crate) type Netstring<'a> = (&'a [u8], &'a [u8]);

/// The netstring that `input` begins with. `None` if it is not all there
/// yet; then no more than [`REQUEST_MAX`] and a few octets can be missing.
pub(crate) fn first(input: &[u8]) -> Result<Option<Netstring<'_>>, Broken> {
    let digits = input.iter().take_while(|octet| octet.is_ascii_digit()).take(LENGTH_DIGITS + 1).count();
    let (number, rest) = input.split_at(digits);
    // With a zero before it, a length could be written in many ways (djb: "netstrings").
    if number.len() > 1 && number.starts_with(b"0") {
        return Err(Broken::Malformed("a length that begins with 0"));
    }
    let length = number.iter().fold(0, |length, digit| length * 10 + usize::from(digit - b'0'));
    if length > REQUEST_MAX {
        return Err(Broken::TooLong);
    }
    match rest.split_first() {
        None => return Ok(None),
        Some((b':', _)) if !number.is_empty() => {}
        Some(_) => return Err(Broken::Malformed("no netstring")),
    }
    let rest = rest.get(1..).unwrap_or_default();
    let Some((content, rest)) = rest.split_at_checked(length) else { return Ok(None) };
    match rest.split_first() {
        None => Ok(None),
        Some((b',', rest)) => Ok(Some((content, rest))),
        Some(_) => Err(Broken::Malformed("no comma behind a netstring")),
    }
}

/// The name of the map and the key in a request.
pub(crate) fn question(content: &[u8]) -> Result<(&[u8], &[u8]), Broken> {
    let at = content.iter().position(|octet| *octet == b' ');
    match at.and_then(|at| content.split_at_checked(at)) {
        Some((map, key)) => Ok((map, key.get(1..).unwrap_or_default())),
        None => Err(Broken::Malformed("no key in a request")),
    }
}

/// What a map says to a key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Answer {
    Found(Vec<u8>),
    NotFound,
    /// It can't be told now: Postfix keeps the mail and asks again.
    Temporary(String),
}

impl Answer {
    pub(crate) fn found(value: impl Into<Vec<u8>>) -> Answer {
        Answer::Found(value.into())
    }

    pub(crate) fn temporary(reason: impl Into<String>) -> Answer {
        Answer::Temporary(reason.into())
    }

    /// The reply, without its netstring.
    pub(crate) fn content(&self) -> Vec<u8> {
        match self {
            Answer::Found(value) => [b"OK ", value.as_slice()].concat(),
            Answer::NotFound => b"NOTFOUND ".to_vec(),
            Answer::Temporary(reason) => [b"TEMP ", reason.as_bytes()].concat(),
        }
    }

    /// Appends the reply. One that Postfix would not take is none.
    pub(crate) fn append(&self, output: &mut Vec<u8>) {
        let mut content = self.content();
        if content.len() > REPLY_MAX {
            content = b"TEMP the answer has more than 100000 octets".to_vec();
        }
        output.extend_from_slice(format!("{}:", content.len()).as_bytes());
        output.extend_from_slice(&content);
        output.push(b',');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn netstring(content: &[u8]) -> Vec<u8> {
        [format!("{}:", content.len()).as_bytes(), content, b","].concat()
    }

    #[test]
    fn a_netstring_is_there_with_its_last_octet_and_not_before() {
        for content in [&b"virtual a@x.example"[..], b"", b"1:,2:", &[b'x'; REQUEST_MAX]] {
            let whole = netstring(content);
            let longer = [whole.as_slice(), b"7:more"].concat();
            assert_eq!(first(&whole), Ok(Some((content, &b""[..]))));
            assert_eq!(first(&longer), Ok(Some((content, &b"7:more"[..]))));
            for end in (0..whole.len()).step_by(1 + whole.len() / 100) {
                assert_eq!(first(&whole[..end]), Ok(None), "{end}");
            }
        }
    }

    #[test]
    fn what_is_none_is_told_at_its_first_wrong_octet() {
        for garbage in [
            "x",
            ":",
            ",",
            " 1:a,",
            "1 :a,",
            "1a",
            "-1:",
            "+1:",
            "01:a,",
            "00:,",
            "1:ab",
            "0:x",
            "GET / HTTP/1.1",
        ] {
            assert!(matches!(first(garbage.as_bytes()), Err(Broken::Malformed(_))), "{garbage}");
        }
        for long in ["16385", "99999", "100000", "9999999999999999999999999:a,"] {
            assert_eq!(first(long.as_bytes()), Err(Broken::TooLong), "{long}");
        }
        assert_eq!(first(b"16384"), Ok(None));
    }

    #[test]
    fn a_key_begins_behind_the_first_space_and_may_be_anything() {
        assert_eq!(question(b"virtual \"a b\"@x.example"), Ok((&b"virtual"[..], &b"\"a b\"@x.example"[..])));
        assert_eq!(question(b"virtual "), Ok((&b"virtual"[..], &b""[..])));
        assert_eq!(question(b" "), Ok((&b""[..], &b""[..])));
        assert!(question(b"virtual").is_err() && question(b"").is_err());
    }

    #[test]
    fn replies_are_netstrings_that_postfix_takes() {
        for answer in [Answer::found("smtp:"), Answer::NotFound, Answer::temporary("later")] {
            let mut reply = Vec::new();
            answer.append(&mut reply);
            assert_eq!(reply, netstring(&answer.content()));
        }
        let mut reply = Vec::new();
        Answer::Found(vec![b'x'; REPLY_MAX]).append(&mut reply);
        assert!(reply.len() < 100 && reply.ends_with(b"TEMP the answer has more than 100000 octets,"));
        reply.clear();
        Answer::Found(vec![b'x'; REPLY_MAX - 3]).append(&mut reply);
        assert!(reply.starts_with(b"100000:OK xxx"));
    }

    /// A reader that knows no more than the definition: length, colon, content, comma.
    fn by_definition(input: &[u8]) -> Option<(&[u8], &[u8])> {
        let colon = input.iter().position(|octet| *octet == b':')?;
        let number = str::from_utf8(&input[..colon]).ok()?;
        let length: usize = number.parse().ok().filter(|length: &usize| length.to_string() == number)?;
        let rest = &input[colon + 1..];
        (length <= REQUEST_MAX && rest.get(length) == Some(&b','))
            .then(|| (&rest[..length], &rest[length + 1..]))
    }

    #[test]
    fn any_octets_are_read_as_the_definition_says() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = move |bound: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % bound).expect("small")
        };
        let (mut read, mut refused) = (0, 0);
        for _ in 0..200_000 {
            let alphabet = b"0123456789:::,,, ax\0\xff";
            let mut input: Vec<u8> = (0..random(12)).map(|_| alphabet[random(20)]).collect();
            if random(2) == 0 {
                let content: Vec<u8> = (0..random(14)).map(|_| alphabet[random(20)]).collect();
                input = [netstring(&content), input].concat();
                let at = random(input.len() as u64);
                if random(3) == 0 {
                    input[at] = alphabet[random(20)];
                }
            }
            let found = first(&input);
            assert_eq!(found.ok().flatten(), by_definition(&input), "{}", input.escape_ascii());
            read += usize::from(found.is_ok_and(|found| found.is_some()));
            refused += usize::from(found.is_err());
            // What is refused stays refused, and what is read stays read, whatever follows.
            if found != Ok(None) {
                let longer = [input.as_slice(), b"1:x,"].concat();
                assert_eq!(first(&longer).is_err(), found.is_err(), "{}", input.escape_ascii());
            }
        }
        assert!(read > 10_000 && refused > 10_000, "{read} {refused}");
    }
}
