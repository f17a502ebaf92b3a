//! Where chance comes from: a small generator of our own, so that a seed means the same for ever.

/// splitmix64: every seed gives a good sequence, and the next number needs one multiplication or two.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// One sequence per seed and purpose: what one part of the simulation draws changes nothing for the others.
    pub fn new(seed: u64, purpose: &str) -> Self {
        let mixed = purpose.bytes().fold(seed, |sum, byte| Self(sum ^ u64::from(byte)).draw());
        Self(mixed)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 if there is none.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.draw().checked_rem(bound).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = u64::try_from(high.saturating_sub(low)).unwrap_or(0).saturating_add(1);
        low.saturating_add(i64::try_from(self.below(span)).unwrap_or(0))
    }

    /// A number of the same range, small ones as likely as large ones by order of magnitude.
    pub fn magnitude(&mut self, low: i64, high: i64) -> i64 {
        let mut top = high;
        for _ in 0..self.below(8) {
            top = (top / 3).max(low);
        }
        self.between(low, top)
    }

    /// True so many times in a million.
    pub fn chance(&mut self, per_million: u32) -> bool {
        per_million > 0 && self.below(1_000_000) < u64::from(per_million)
    }

    /// True one time in `times`.
    pub fn seldom(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of these, if there are any.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.index(of.len()))
    }

    /// A place among so many; 0 if there is none.
    pub fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.below(u64::try_from(count).unwrap_or(0))).unwrap_or(0)
    }

    /// One of these by weight.
    pub fn weigh<T: Copy>(&mut self, of: &[(u32, T)], otherwise: T) -> T {
        let all: u64 = of.iter().map(|(weight, _)| u64::from(*weight)).sum();
        let mut left = self.below(all);
        for (weight, one) in of {
            match left.checked_sub(u64::from(*weight)) {
                Some(less) => left = less,
                None => return *one,
            }
        }
        otherwise
    }

    /// A number of 16 bits.
    pub fn shape(&mut self) -> u16 {
        u16::try_from(self.below(65_536)).unwrap_or(0)
    }

    /// A number of 8 bits.
    pub fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap_or(0)
    }
}
