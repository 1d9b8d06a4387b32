//! What is asked for, in an order that no map has, so that neighbours in it are no neighbours there. The
//! questions themselves lie one behind the other: reading them costs nobody a wait.

use readdress_benches::pairs::Pairs;
use readdress_benches::rng::Rng;

/// Keys, each with the length of its value, by which a wrong answer shows.
pub struct Questions {
    text: String,
    keys: Vec<(u32, u32)>,
}

impl Questions {
    /// At most `count` of the pairs, shuffled; `question` makes a key and the length of its value of
    /// internal and external address.
    pub fn new(
        pairs: &Pairs,
        count: usize,
        question: impl for<'a> Fn(&'a str, &'a str) -> (&'a str, usize),
    ) -> Questions {
        let mut order: Vec<usize> = (0..pairs.len()).collect();
        let mut rng = Rng::new(7);
        let count = count.min(order.len());
        for nth in 0..count {
            let other = rng.between(nth, order.len() - 1);
            order.swap(nth, other);
        }
        let mut questions = Questions { text: String::new(), keys: Vec::with_capacity(count) };
        for &nth in &order[..count] {
            let (internal, external) = pairs.get(nth);
            let (key, length) = question(internal, external);
            questions.text.push_str(key);
            let end = u32::try_from(questions.text.len()).expect("less than 4 GiB");
            questions.keys.push((end, u32::try_from(length).expect("an address")));
        }
        questions
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// A key and the length of its value.
    pub fn get(&self, nth: usize) -> (&str, usize) {
        let start = nth.checked_sub(1).map_or(0, |before| self.keys[before].0);
        let (end, length) = self.keys[nth];
        (&self.text[start as usize..end as usize], length as usize)
    }
}

/// What stands before the addresses of a header section, and what behind them.
const AROUND: [&str; 2] = ["To: ", "\r\n\r\n"];

/// Header sections with one field of several addresses.
pub struct Messages {
    octets: Vec<u8>,
    ends: Vec<usize>,
}

impl Messages {
    /// All questions, `together` of them in a message.
    pub fn new(questions: &Questions, together: usize) -> Messages {
        let mut messages = Messages { octets: Vec::new(), ends: Vec::new() };
        for first in (0..questions.len() + 1 - together).step_by(together) {
            let keys: Vec<&str> = (first..first + together).map(|nth| questions.get(nth).0).collect();
            let [before, behind] = AROUND;
            let section = format!("{before}{}{behind}", keys.join(",\r\n "));
            messages.octets.extend_from_slice(section.as_bytes());
            messages.ends.push(messages.octets.len());
        }
        messages
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// One of them.
    pub fn get(&self, nth: usize) -> &[u8] {
        let start = nth.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.octets[start..self.ends[nth]]
    }

    /// The addresses of one.
    pub fn list_of(message: &[u8]) -> &[u8] {
        let [before, behind] = AROUND;
        &message[before.len()..message.len() - behind.len()]
    }
}
