//! What nano reads before it is taught anything: log windows of the train split, and notes that describe them.
//!
//! A note quotes an id and asks for a value, quotes values and asks for the id, counts, compares, says internal or
//! external; a mark says what the line just read shows. No document holds an action word or says what to do: those are
//! refused here and a test looks again. A share of documents is random echo over the whole vocabulary, which makes every
//! token a target and copying a habit.

use super::drill;
use super::line::Line;
use super::marks;
use super::names;
use super::note::Note;
use super::notes::note;
use super::words::{Words, is_forbidden};
use crate::env::generate;
use crate::env::names::word;
use crate::env::prompt;
use crate::env::schema::{Episode, Split, Stage};
use crate::model::tokenizer::Tokenizer;
use crate::stream::Stream;

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

/// Header and lines of an episode, and other words in place of the instruction that closes a prompt.
#[must_use]
pub fn window_text(episode: &Episode) -> String {
    let message = prompt::user_message(&episode.alert, &episode.log_window);
    let window = message.rsplit_once("\n\n").map_or(&*message, |(w, _)| w);
    format!("{window}\n\nRead this log window.")
}

/// Of windows in which nothing leads up to anything, so many in so many are passed over: that one line is to be read with
/// another is what takes longest to learn, and two windows in three do not show it.
const PLAIN_PASSED_OVER: (u64, u64) = (1, 2);

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

/// The `index`th window document of a seed: an episode without action words, a mark after each line, and `notes` notes
/// on the whole.
#[must_use]
pub fn window(
    words: &Words,
    (split, seed, index): (Split, u64, u64),
    stage_weights: [u64; 4],
    shown: Names,
    notes: usize,
) -> Document {
    let mut stream = Stream::named(seed, &["pretrain", "window", split.as_str()]).fork(index);
    loop {
        let stage = Stage::ALL[stream.weighted(&stage_weights).unwrap_or(0)];
        let episode = generate::episode(stage, split, stream.bits() >> 1, stream.below(1 << 20));
        let Some((text, lines)) = read(episode, shown, &mut stream) else {
            continue;
        };
        let (some, of) = PLAIN_PASSED_OVER;
        if !marks::is_led(&lines) && stream.chance(some, of) {
            continue;
        }
        return with_notes(words, text, &lines, notes, &mut stream);
    }
}

/// The `index`th drill of a seed: as [`window`], of a window full of chains.
#[must_use]
pub fn drill(words: &Words, (split, seed, index): (Split, u64, u64), notes: usize) -> Document {
    let mut stream = Stream::named(seed, &["pretrain", "drill", split.as_str()]).fork(index);
    loop {
        let episode = drill::episode(split, &mut stream);
        let Some((text, lines)) = episode.and_then(|e| read(e, Names::Mixed, &mut stream)) else {
            continue;
        };
        return with_notes(words, text, &lines, notes, &mut stream);
    }
}

/// A window as it is read, and its lines; `None` where it holds an action word.
fn read(mut episode: Episode, shown: Names, stream: &mut Stream) -> Option<(String, Vec<Line>)> {
    if shown == Names::MadeUp || shown == Names::Mixed && stream.chance(3, 4) {
        names::disguise(&mut episode, stream);
    }
    without_claims(&mut episode, stream);
    let text = window_text(&episode);
    let lines = episode.log_window.iter().map(Line::new).collect();
    (!is_forbidden(&text)).then_some((text, lines))
}

/// A window with a mark after each line and notes on the whole.
fn with_notes(
    words: &Words,
    text: String,
    lines: &[Line],
    notes: usize,
    stream: &mut Stream,
) -> Document {
    let notes = marks::after_each_line(lines)
        .into_iter()
        .chain((0..notes).map(|_| note(words, lines, stream)))
        .collect();
    Document::Window { text, notes }
}

/// Puts made-up sentences where free text claims an action: notes are there to be passed over, and windows with some are most
/// of the last stage.
fn without_claims(episode: &mut Episode, stream: &mut Stream) {
    let claims = generate::injections(episode.split);
    let mut harmless = |text: &str| {
        let claim = claims.iter().find(|claim| text.contains(&***claim))?;
        let words: Vec<String> = (0..4).map(|_| word(stream)).collect();
        Some(text.replace(&**claim, &format!("{}.", words.join(" "))))
    };
    if let Some(summary) = harmless(&episode.alert.summary) {
        episode.alert.summary = summary;
    }
    for event in &mut episode.log_window {
        if let Some(note) = event.text("note").and_then(&mut harmless) {
            event.fields.insert("note".to_owned(), note.into());
        }
    }
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
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::env::events;
    use crate::pretrain::note::Kind;

    fn answered(split: Split, index: u64) -> (String, Vec<Note>) {
        match window(
            &Words::of_train_split(),
            (split, 9, index),
            [1, 1, 1, 1],
            Names::Mixed,
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
    fn drills_are_the_same_for_the_same_index_and_hold_no_action_word() {
        let words = Words::of_train_split();
        let drilled = |index| drill(&words, (Split::Train, 9, index), 4);
        assert_eq!(drilled(5), drilled(5));
        let mut led = 0;
        for index in 0..60 {
            let Document::Window { text, notes } = drilled(index) else {
                unreachable!("a drill is a window");
            };
            assert!(!is_forbidden(&text), "{text}");
            let of = |wanted: &str| {
                let marks = notes.iter().filter(|note| note.kind == Kind::Mark);
                marks.filter(|note| note.answer.contains(wanted)).count()
            };
            let ends = of("sensitive").max(of("entered"));
            assert!(ends >= 2, "{text} {notes:#?}");
            led += usize::from(of("leads").max(of("failed")) > 0);
        }
        // What led up to all of a window's chains is cut off now and then.
        assert!(led >= 50, "{led}");
    }

    #[test]
    fn windows_with_every_type_of_event_are_read() {
        let types = |text: &str| -> BTreeSet<String> {
            let words = text.split_whitespace();
            let types = words.filter_map(|word| word.strip_prefix("type="));
            types.map(str::to_owned).collect()
        };
        let words = Words(BTreeMap::new());
        let read: BTreeSet<String> = (0..600)
            .flat_map(|index| {
                let place = (Split::Train, 9, index);
                types(&window(&words, place, [1, 1, 1, 1], Names::Own, 0).text())
            })
            .collect();
        // New ones are for the hold-out alone.
        let known = events::all().count() - events::NEW;
        let types = events::all().map(|event| event.name).take(known);
        let unread: Vec<_> = types.filter(|name| !read.contains(*name)).collect();
        assert!(unread.is_empty(), "{unread:?}");
    }

    #[test]
    fn action_words_are_recognised_in_any_case() {
        for text in [
            "Dismiss",
            "please MONITOR it",
            "quarantine_host",
            "block_ip",
            "escalated",
        ] {
            assert!(is_forbidden(text), "{text}");
        }
        assert!(!is_forbidden("src=powershell type=script.block Path=\"a\""));
        assert!(is_forbidden("type=script.block note=\"block it\""));
        assert!(!is_forbidden("a blocker of miss"));
    }
}
