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
    let mut word = String::new();
    for _ in 0..stream.between(1, 3) {
        push_syllable(&mut word, stream);
    }
    word
}

/// Consonant, vowel, and perhaps an ending.
pub fn syllable(stream: &mut Stream) -> String {
    let mut made = String::new();
    push_syllable(&mut made, stream);
    made
}

fn push_syllable(word: &mut String, stream: &mut Stream) {
    for letters in [&CONSONANTS[..], &VOWELS, &ENDINGS] {
        word.push_str(stream.pick(letters).copied().unwrap_or_default());
    }
}
