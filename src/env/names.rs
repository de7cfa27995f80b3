//! Made-up words, of syllables: names nobody has seen before and nobody can learn by heart.

use crate::stream::Stream;

const CONSONANTS: [&str; 24] = [
    "b", "c", "d", "f", "g", "h", "j", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "x", "z",
    "st", "br", "kl", "sh", "tr",
];
const VOWELS: [&str; 7] = ["a", "e", "i", "o", "u", "ai", "ou"];
const ENDINGS: [&str; 8] = ["", "", "", "n", "r", "s", "t", "x"];

/// One to three syllables.
pub fn word(stream: &mut Stream) -> String {
    (0..stream.between(1, 3))
        .map(|_| syllable(stream))
        .collect()
}

/// Consonant, vowel, and perhaps an ending.
pub fn syllable(stream: &mut Stream) -> String {
    let mut letters = |of: &[&'static str]| stream.pick(of).copied().unwrap_or("");
    [letters(&CONSONANTS), letters(&VOWELS), letters(&ENDINGS)].concat()
}
