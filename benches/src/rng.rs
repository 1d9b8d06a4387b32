//! Numbers that look random and are the same everywhere: `SplitMix64` (Steele, Lea, Flood 2014).
//! The corpora must not change with the version of a crate, so the generator is ours.

/// A stream of numbers that a seed determines.
#[derive(Clone, Debug)]
pub struct Rng {
    state: u64,
}

/// What base64 text is made of.
const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

impl Rng {
    /// The stream of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Rng {
        Rng { state: seed }
    }

    /// A number below `bound`, which is not 0. The bias of at most 2^-32 for the bounds used here
    /// is no matter.
    pub fn below(&mut self, bound: usize) -> usize {
        let product = u128::from(self.next()) * bound as u128;
        usize::try_from(product >> 64).expect("below a usize")
    }

    /// A number of the range, both ends included.
    pub fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most - least + 1)
    }

    /// True this many times in a hundred.
    pub fn percent(&mut self, times: usize) -> bool {
        self.below(100) < times
    }

    /// One of the items, each as often as any other.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// One of the items, the first far more often than the last: the nth with weight 1/n.
    pub fn pick_zipf<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        const UNIT: usize = 1 << 20;
        let total: usize = (1..=items.len()).map(|nth| UNIT / nth).sum();
        let mut drawn = self.below(total);
        for (nth, item) in items.iter().enumerate() {
            let weight = UNIT / (nth + 1);
            if drawn < weight {
                return item;
            }
            drawn -= weight;
        }
        unreachable!("the weights add up to the total")
    }

    /// Base64 digits.
    pub fn base64(&mut self, length: usize) -> String {
        self.text(BASE64, length)
    }

    /// Hexadecimal digits, lower case.
    pub fn hex(&mut self, length: usize) -> String {
        self.text(b"0123456789abcdef", length)
    }

    /// Decimal digits.
    pub fn digits(&mut self, length: usize) -> String {
        self.text(b"0123456789", length)
    }

    /// A GUID.
    pub fn guid(&mut self) -> String {
        [8, 4, 4, 4, 12].map(|length| self.hex(length)).join("-")
    }

    fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(*self.pick(alphabet))).collect()
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
