//! What nano reads before it is taught anything: log windows of the train split, and notes that describe them.
//!
//! A note quotes an id and asks for a value, quotes values and asks for the id, counts, compares, says internal or
//! external; a mark says what the line just read shows. No document holds an action word or says what to do: those are
//! refused here and a test looks again. A share of documents is random echo over the whole vocabulary, which makes every
//! token a target and copying a habit.

use std::collections::{BTreeMap, BTreeSet};

use super::marks;
use super::names;
use super::notes::{Line, Note, note};
use crate::env::generate;
use crate::env::names::word;
use crate::env::prompt;
use crate::env::schema::{Episode, Split, Stage};
use crate::model::tokenizer::Tokenizer;
use crate::stream::Stream;

/// Stems of the action words: no document contains one, whatever the case, nor the word [`BLOCK`].
pub const FORBIDDEN: [&str; 8] = [
    "dismiss",
    "monitor",
    "quarantin",
    "block_ip",
    "blocked",
    "escalat",
    "isolate",
    "triage",
];

/// An action word where it stands alone only: the event type `script.block` and its field `script_block_text` hold it too,
/// and a model that has never read such lines before SFT does not learn their rules.
const BLOCK: &str = "block";

/// A window with its notes, or a random echo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    Window { text: String, notes: Vec<Note> },
    Echo { text: String },
}

impl Document {
    /// The document as it reads.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Document::Echo { text } => format!("{text}\n{text}"),
            Document::Window { text, notes } => {
                let notes = notes.iter().map(|note| {
                    let place = note.after.map(|line| format!("After line {line}: "));
                    let place = place.unwrap_or_default();
                    format!("\n{place}{}{}", note.question, note.answer)
                });
                std::iter::once(text.clone()).chain(notes).collect()
            }
        }
    }
}

/// Whether a text holds an action word.
#[must_use]
pub fn is_forbidden(text: &str) -> bool {
    let lower = text.to_lowercase();
    let mut words = lower.split(|c: char| !(c.is_alphanumeric() || "_.".contains(c)));
    FORBIDDEN.iter().any(|stem| lower.contains(stem)) || words.any(|w| w.trim_matches('.') == BLOCK)
}

/// Header and lines of an episode, and other words in place of the instruction that closes a prompt.
#[must_use]
pub fn window_text(episode: &Episode) -> String {
    let message = prompt::user_message(&episode.alert, &episode.log_window);
    let window = message.rsplit_once("\n\n").map_or(&*message, |(w, _)| w);
    format!("{window}\n\nRead this log window.")
}

/// The words that keys take in the train split: keys with few different values only.
pub struct Words(pub(super) BTreeMap<String, Vec<String>>);

impl Words {
    /// More values than this, and a key names things (users, files) rather than kinds.
    const MOST: usize = 24;

    /// Looks through a fixed sample of train episodes.
    #[must_use]
    pub fn of_train_split() -> Self {
        let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for index in 0..2_000 {
            let stage = Stage::ALL[index as usize % 4];
            for event in generate::episode(stage, Split::Train, 0, index).log_window {
                for (key, value) in &event.fields {
                    let values = seen.entry(key.clone()).or_default();
                    values.extend(
                        value
                            .as_str()
                            .filter(|v| !is_forbidden(v))
                            .map(str::to_string),
                    );
                }
            }
        }
        seen.retain(|_, values| (2..=Self::MOST).contains(&values.len()));
        Self(
            seen.into_iter()
                .map(|(key, values)| (key, values.into_iter().collect()))
                .collect(),
        )
    }
}

/// Whose names a window shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// The split's own.
    Own,
    /// Made up for this window alone.
    MadeUp,
    /// Made up in three windows of four.
    Mixed,
}

/// How a window is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    pub names: Names,
    /// Half the windows have their log ids shuffled. In order, an id is found by counting lines as well as by reading it,
    /// and who has learned to count is off by one in long windows.
    pub shuffled_ids: bool,
}

impl From<Names> for Shown {
    fn from(names: Names) -> Self {
        Self {
            names,
            shuffled_ids: false,
        }
    }
}

/// The `index`th window document of a seed: an episode without action words, a mark after each line, and `notes` notes
/// on the whole.
#[must_use]
pub fn window(
    words: &Words,
    (split, seed, index): (Split, u64, u64),
    stage_weights: [u64; 4],
    shown: Shown,
    notes: usize,
) -> Document {
    let mut stream = Stream::named(seed, &["pretrain", "window", split.as_str()]).fork(index);
    loop {
        let stage = Stage::ALL[stream.weighted(&stage_weights).unwrap_or(0)];
        let mut episode =
            generate::episode(stage, split, stream.bits() >> 1, stream.below(1 << 20));
        let names = shown.names;
        if names == Names::MadeUp || names == Names::Mixed && stream.chance(3, 4) {
            names::disguise(&mut episode, &mut stream);
        }
        soften(&mut episode, &mut stream);
        if shown.shuffled_ids && stream.chance(1, 2) {
            shuffle_ids(&mut episode, &mut stream);
        }
        let text = window_text(&episode);
        if is_forbidden(&text) {
            continue;
        }
        let lines: Vec<Line> = episode.log_window.iter().map(Line::new).collect();
        let notes = marks::after_each_line(&lines)
            .into_iter()
            .chain((0..notes).map(|_| note(words, &lines, &mut stream)))
            .collect();
        return Document::Window { text, notes };
    }
}

/// Puts made-up words in place of free text that holds an action word: windows with such text are the longest, and left out
/// they would be missed.
fn soften(episode: &mut Episode, stream: &mut Stream) {
    let notes = episode
        .log_window
        .iter_mut()
        .flat_map(|event| event.fields.values_mut());
    for value in notes {
        if value.as_str().is_some_and(is_forbidden) {
            *value = sentence(stream).into();
        }
    }
    if is_forbidden(&episode.alert.summary) {
        episode.alert.summary = sentence(stream);
    }
}

/// Gives each line another of the first ten ids.
fn shuffle_ids(episode: &mut Episode, stream: &mut Stream) {
    let lines = episode.log_window.len() as u64;
    let mut numbers: Vec<u64> = (0..lines.max(10)).collect();
    stream.shuffle(&mut numbers);
    for (event, number) in episode.log_window.iter_mut().zip(numbers) {
        event.log_id = format!("L1-{number}");
    }
}

fn sentence(stream: &mut Stream) -> String {
    let words: Vec<String> = (0..stream.between(3, 6)).map(|_| word(stream)).collect();
    words.join(" ")
}

/// The `index`th echo document: random tokens, said twice.
#[must_use]
pub fn echo(tokenizer: &Tokenizer, seed: u64, index: u64) -> Document {
    let mut stream = Stream::named(seed, &["pretrain", "echo"]).fork(index);
    loop {
        let length = stream.between(6, 40);
        // The three special tokens come first and are left out.
        let ids: Vec<u32> = (0..length)
            .map(|_| 3 + stream.below(tokenizer.vocabulary() as u64 - 3) as u32)
            .collect();
        let text = tokenizer.decode(&ids);
        if !is_forbidden(&text) && !text.contains('\u{fffd}') && !text.contains('\n') {
            return Document::Echo { text };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pretrain::notes::Kind;

    fn answered(split: Split, index: u64) -> (String, Vec<Note>) {
        match window(
            &Words::of_train_split(),
            (split, 9, index),
            [1, 1, 1, 1],
            Shown {
                names: Names::Mixed,
                shuffled_ids: true,
            },
            40,
        ) {
            Document::Window { text, notes } => (text, notes),
            Document::Echo { .. } => (String::new(), Vec::new()),
        }
    }

    #[test]
    fn documents_hold_no_action_word_and_say_what_the_window_says() {
        for index in 0..40 {
            let (text, notes) = answered(Split::Train, index);
            let lines = text.lines().filter(|l| l.starts_with('[')).count();
            assert_eq!(notes.len(), 40 + lines);
            for note in &notes {
                assert!(
                    !is_forbidden(&note.question) && !is_forbidden(&note.answer),
                    "{note:?}"
                );
                if matches!(note.kind, Kind::Find | Kind::Any | Kind::Edge) && note.answer != "none"
                {
                    let line = text
                        .lines()
                        .find(|l| l.contains(&format!("] {} ", note.answer)));
                    assert!(line.is_some(), "{note:?} in {text}");
                }
                if note.kind == Kind::Value {
                    let id = note.question.split(' ').next().unwrap_or_default();
                    let line = text
                        .lines()
                        .find(|l| l.contains(&format!("] {id} ")))
                        .expect("line");
                    let (_, key) = note.question.split_once(' ').expect("key");
                    assert!(
                        line.contains(&format!(" {key}{}", note.answer)),
                        "{note:?} in {line}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_same_index_gives_the_same_document_and_every_kind_is_asked() {
        assert_eq!(answered(Split::Train, 3), answered(Split::Train, 3));
        let kinds: BTreeSet<Kind> = (0..30)
            .flat_map(|i| answered(Split::Train, i).1)
            .map(|n| n.kind)
            .collect();
        assert_eq!(kinds.len(), Kind::ALL.len());
    }

    #[test]
    fn action_words_are_recognised_in_any_case() {
        for text in [
            "Dismiss",
            "please MONITOR it",
            "quarantine_host",
            "block_ip",
            "Block it",
            "to block.",
            "(blocked)",
            "escalated",
        ] {
            assert!(is_forbidden(text), "{text}");
        }
        for text in [
            "a blocker of miss",
            "type=script.block script_block_text=\"encoded\"",
        ] {
            assert!(!is_forbidden(text), "{text}");
        }
    }

    #[test]
    fn ids_are_shuffled_in_half_of_the_windows_and_stay_unique() {
        let in_order = |index: u64| {
            let (text, _) = answered(Split::Train, index);
            let id = |line: &str| line.split(' ').nth(1).map(str::to_string);
            let ids: Vec<_> = text
                .lines()
                .filter(|l| l.starts_with('['))
                .map(id)
                .collect();
            let unique: BTreeSet<_> = ids.iter().collect();
            assert_eq!(unique.len(), ids.len(), "{text}");
            ids.is_sorted()
        };
        let in_order = (0..60).filter(|&index| in_order(index)).count();
        assert!((20..50).contains(&in_order), "{in_order}");
    }

    #[test]
    fn no_window_is_left_out() {
        let mut stream = Stream::named(9, &["softened"]);
        for index in 0..3_000 {
            let stage = Stage::ALL[index as usize % 4];
            let mut episode = generate::episode(stage, Split::Train, 9, index);
            soften(&mut episode, &mut stream);
            let text = window_text(&episode);
            assert!(!is_forbidden(&text), "{text}");
        }
    }
}
