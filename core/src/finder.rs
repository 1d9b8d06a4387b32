//! Looking for one octet again and again: memchr that is not asked anew, each time, which instructions the
//! processor knows.

#[cfg(target_arch = "x86_64")]
use memchr::arch::x86_64::avx2::memchr::One;

/// Finds one octet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finder {
    octet: u8,
    /// Where the processor knows AVX2.
    #[cfg(target_arch = "x86_64")]
    avx2: Option<One>,
}

impl Finder {
    #[inline]
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn new(octet: u8) -> Finder {
        Finder { octet, avx2: One::new(octet) }
    }

    #[cfg(not(target_arch = "x86_64"))]
    pub(crate) const fn new(octet: u8) -> Finder {
        Finder { octet }
    }

    /// The first place of the octet.
    #[inline]
    pub(crate) fn find(&self, octets: &[u8]) -> Option<usize> {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx2) = &self.avx2 {
            return avx2.find(octets);
        }
        memchr::memchr(self.octet, octets)
    }

    /// All places of the octet.
    #[inline]
    pub(crate) fn places(&self, octets: &[u8]) -> impl Iterator<Item = usize> {
        let mut behind = 0;
        std::iter::from_fn(move || {
            let place = behind + self.find(octets.get(behind..)?)?;
            behind = place + 1;
            Some(place)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_found_in_turn() {
        for length in 0..200 {
            for step in 1..70 {
                let octets: Vec<u8> =
                    (0..length).map(|at| if at % step == 0 { b'.' } else { b'x' }).collect();
                let expected: Vec<usize> = (0..length).step_by(step).collect();
                let finder = Finder::new(b'.');
                assert_eq!(finder.places(&octets).collect::<Vec<_>>(), expected, "{step} of {length}");
                assert_eq!(Finder::new(b'y').find(&octets), None);
            }
        }
    }
}
