//! Named, seeded random streams: every draw in the program comes from one of these.
//!
//! A stream is a ChaCha8 generator keyed by SHA-256 over a seed and a path of names, so two parts of the program
//! never share draws by accident and adding a draw in one place cannot shift another. Integers only: the same
//! name gives the same draws on every machine.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// One named stream of draws. Cloning forks it at its present position.
#[derive(Clone, Debug)]
pub struct Stream {
    rng: ChaCha8Rng,
    key: [u8; 32],
}

/// Where a stream stands: enough to continue it exactly, so checkpoints hold this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamState {
    key: String,
    word_pos: String,
}

impl Stream {
    /// The stream called `path` under `seed`, at its beginning.
    #[must_use]
    pub fn named(seed: u64, path: &[&str]) -> Self {
        let mut hash = Sha256::new();
        hash.update(seed.to_le_bytes());
        for name in path {
            hash.update((name.len() as u64).to_le_bytes());
            hash.update(name.as_bytes());
        }
        Self::from_key(hash.finalize().into())
    }

    fn from_key(key: [u8; 32]) -> Self {
        Self {
            rng: ChaCha8Rng::from_seed(key),
            key,
        }
    }

    /// A sub-stream of this one's name (not of its position), told apart by `index`.
    #[must_use]
    pub fn fork(&self, index: u64) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.key);
        hash.update(index.to_le_bytes());
        Self::from_key(hash.finalize().into())
    }

    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.rng.next_u64()
    }

    /// A whole number in `0..n`, without modulo bias. `n` of zero gives zero.
    pub fn below(&mut self, n: u64) -> u64 {
        if n == 0 {
            return 0;
        }
        let zone = u64::MAX - u64::MAX % n;
        loop {
            let draw = self.bits();
            if draw < zone {
                return draw % n;
            }
        }
    }

    /// An index in `0..n`.
    pub fn index(&mut self, n: usize) -> usize {
        self.below(n as u64) as usize
    }

    /// A whole number in `low..=high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True in `numerator` of `denominator` draws.
    pub fn chance(&mut self, numerator: u64, denominator: u64) -> bool {
        self.below(denominator) < numerator
    }

    /// One element; `None` from an empty slice.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        if items.is_empty() {
            None
        } else {
            items.get(self.index(items.len()))
        }
    }

    /// An index drawn in proportion to integer `weights`; `None` where they sum to zero.
    pub fn weighted(&mut self, weights: &[u64]) -> Option<usize> {
        let total: u64 = weights.iter().sum();
        if total == 0 {
            return None;
        }
        let mut left = self.below(total);
        weights.iter().position(|&w| {
            let hit = left < w;
            left = left.saturating_sub(w);
            hit
        })
    }

    /// Fisher-Yates.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.index(i + 1));
        }
    }

    /// A multiple of 2^-24 in `[0, 1)`.
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / 16_777_216.0
    }

    /// A standard normal draw (Box-Muller). Uses libm: for weights and noise, never for episodes.
    pub fn normal(&mut self) -> f32 {
        let radius = (-2.0 * f64::from(1.0 - self.unit()).ln()).sqrt();
        let angle = std::f64::consts::TAU * f64::from(self.unit());
        (radius * angle.cos()) as f32
    }

    /// Where this stream stands.
    #[must_use]
    pub fn state(&self) -> StreamState {
        let key = self.key.iter().map(|byte| format!("{byte:02x}")).collect();
        StreamState {
            key,
            word_pos: self.rng.get_word_pos().to_string(),
        }
    }

    /// The stream that `state` was taken from; `None` when the state is not one of ours.
    #[must_use]
    pub fn restore(state: &StreamState) -> Option<Self> {
        let mut key = [0u8; 32];
        if state.key.len() != 64 || !state.key.is_ascii() {
            return None;
        }
        for (slot, pair) in key.iter_mut().zip(state.key.as_bytes().chunks(2)) {
            *slot = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        let mut stream = Self::from_key(key);
        stream.rng.set_word_pos(state.word_pos.parse().ok()?);
        Some(stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_seeds_and_forks_tell_streams_apart() {
        let draws = |mut s: Stream| (0..4).map(|_| s.bits()).collect::<Vec<_>>();
        assert_eq!(
            draws(Stream::named(1, &["a", "b"])),
            draws(Stream::named(1, &["a", "b"]))
        );
        assert_ne!(
            draws(Stream::named(1, &["a", "b"])),
            draws(Stream::named(1, &["ab"]))
        );
        assert_ne!(
            draws(Stream::named(1, &["a"])),
            draws(Stream::named(2, &["a"]))
        );
        assert_ne!(
            draws(Stream::named(1, &["a"]).fork(0)),
            draws(Stream::named(1, &["a"]).fork(1))
        );
    }

    #[test]
    fn restored_stream_continues_where_it_stood() {
        let mut stream = Stream::named(7, &["resume"]);
        for _ in 0..13 {
            stream.bits();
        }
        let mut again = Stream::restore(&stream.state()).expect("own state");
        assert_eq!(
            (0..9).map(|_| stream.bits()).collect::<Vec<_>>(),
            (0..9).map(|_| again.bits()).collect::<Vec<_>>()
        );
        assert!(
            Stream::restore(&StreamState {
                key: "é".repeat(32),
                word_pos: "0".into()
            })
            .is_none()
        );
    }

    #[test]
    fn below_is_uniform_and_weighted_respects_weights() {
        let mut stream = Stream::named(3, &["uniform"]);
        let mut seen = [0u32; 5];
        for _ in 0..10_000 {
            seen[stream.index(5)] += 1;
        }
        assert!(
            seen.iter().all(|&n| (1_850..2_150).contains(&n)),
            "{seen:?}"
        );
        let mut hits = [0u32; 3];
        for _ in 0..9_000 {
            hits[stream.weighted(&[1, 0, 2]).expect("positive")] += 1;
        }
        assert_eq!(hits[1], 0);
        assert!((2_750..3_250).contains(&hits[0]), "{hits:?}");
    }
}
