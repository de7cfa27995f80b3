//! Documents as packed tokens with weighted targets.
//!
//! A window is one segment; each note continues it on its own, as an assistant's turn would, so a note never reads another
//! note. Answers count fully, everything else a little and only here and there.

use super::corpus::Document;
use super::note::{Kind, Note};
use crate::model::pack::Packed;
use crate::model::tokenizer::Tokenizer;
use crate::stream::Stream;

/// What stands before the log lines of a prompt.
const LINES: &str = "Log window:\n";

/// A token to predict from a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// The row whose hidden state predicts it.
    pub row: usize,
    pub token: u32,
    /// Part of an answer (or of an echo's second half).
    pub is_answer: bool,
    /// Whether it is the last token of its answer.
    pub ends: bool,
}

/// Documents in one packing.
#[derive(Debug, Default)]
pub struct Encoded {
    pub packed: Packed,
    pub targets: Vec<Target>,
    /// At the end of each log line all words of its mark at once, with weights that add up to 1 a line: row, token, weight.
    pub early: Vec<((usize, u32), f32)>,
}

impl Encoded {
    /// One document in a packing of its own.
    #[must_use]
    pub fn of(tokenizer: &Tokenizer, document: &Document) -> Self {
        let mut encoded = Self::default();
        encoded.append(tokenizer, document);
        encoded
    }

    /// Appends a document.
    pub fn append(&mut self, tokenizer: &Tokenizer, document: &Document) {
        match document {
            Document::Echo { text } => self.append_echo(tokenizer, text),
            Document::Window { text, notes } => self.append_window(tokenizer, text, notes),
        }
    }

    fn append_echo(&mut self, tokenizer: &Tokenizer, text: &str) {
        let once = tokenizer.encode(text);
        let again = tokenizer.encode(&format!("\n{text}"));
        let rows = self
            .packed
            .push(&[once.as_slice(), again.as_slice()].concat());
        for (i, &token) in again.iter().enumerate().skip(1) {
            self.targets.push(Target {
                row: rows.start + once.len() + i - 1,
                token,
                is_answer: true,
                ends: i + 1 == again.len(),
            });
        }
    }

    fn append_window(&mut self, tokenizer: &Tokenizer, text: &str, notes: &[Note]) {
        let context = tokenizer.prompt(None, text);
        let rows = self.packed.push(&context);
        for (i, &token) in context.iter().enumerate().skip(1) {
            self.targets.push(Target {
                row: rows.start + i - 1,
                token,
                is_answer: false,
                ends: false,
            });
        }
        let ends = line_ends(tokenizer, text);
        for note in notes {
            let place = note.after.and_then(|line| ends.get(line).copied());
            let place = place.unwrap_or(context.len());
            self.append_note(tokenizer, note, rows.start, place);
        }
    }

    /// A note that goes on after the first `place` tokens of the window that begins in row `start`.
    fn append_note(&mut self, tokenizer: &Tokenizer, note: &Note, start: usize, place: usize) {
        let question = tokenizer.encode(&note.question);
        let answer = tokenizer.completion(&note.answer);
        let tokens = [question.as_slice(), answer.as_slice()].concat();
        let own = self.packed.push_branch(&tokens, place);
        let before = start + place - 1;
        for (i, &token) in tokens.iter().enumerate() {
            self.targets.push(Target {
                row: if i == 0 { before } else { own.start + i - 1 },
                token,
                is_answer: i >= question.len(),
                ends: i + 1 == tokens.len(),
            });
        }
        if note.kind == Kind::Mark {
            let words = answer.split_last().map_or(&[][..], |(_, words)| words);
            let weight = 1.0 / words.len().max(1) as f32;
            let all = words.iter().map(|&word| ((before, word), weight));
            self.early.extend(all);
        }
    }
}

/// How many tokens of a window's prompt end with each log line and its line break.
fn line_ends(tokenizer: &Tokenizer, text: &str) -> Vec<usize> {
    let (head, lines) = text.split_once(LINES).unwrap_or(("", text));
    let lines = lines.rsplit_once("\n\n").map_or(lines, |(lines, _)| lines);
    let last = lines.split('\n').count() - 1;
    let opening =
        tokenizer.encode("user\n").len() + tokenizer.encode(&format!("{head}{LINES}")).len();
    let mut end = 1 + opening;
    let ends = lines.split('\n').enumerate().map(|(i, line)| {
        let line_break = if i == last { "\n\n" } else { "\n" };
        end += tokenizer.encode(&format!("{line}{line_break}")).len();
        end
    });
    ends.collect()
}

/// Answer tokens of each note or echo, in order.
pub fn answers(targets: &[Target]) -> impl Iterator<Item = usize> + '_ {
    let mut length = 0;
    targets
        .iter()
        .filter(|t| t.is_answer)
        .filter_map(move |target| {
            length += 1;
            target.ends.then(|| std::mem::take(&mut length))
        })
}

/// Weights for training: 1 for answers; others are kept one time in eight, at weight 0.5.
#[must_use]
pub fn weighted(targets: &[Target], stream: &mut Stream) -> (Vec<(usize, u32)>, Vec<f32>) {
    let kept = targets.iter().filter_map(|target| {
        let weight = if target.is_answer { 1.0 } else { 0.5 };
        (target.is_answer || stream.chance(1, 8)).then_some(((target.row, target.token), weight))
    });
    kept.unzip()
}

#[cfg(test)]
mod tests {
    use super::super::corpus::{self, Names};
    use super::super::vocabulary;
    use super::super::words::Words;
    use super::*;
    use crate::env::schema::Split;

    #[test]
    fn marks_stand_right_after_their_lines() {
        let words = Words::of_train_split();
        let document =
            |i| corpus::window(&words, (Split::Train, 3, i), [1, 1, 1, 0], Names::Mixed, 1);
        let tokenizer =
            vocabulary::train((0..200).map(|i| document(i).text()), 700).expect("trains");
        for i in 0..20 {
            let Document::Window { text, notes } = document(i) else {
                continue;
            };
            let tokens = tokenizer.prompt(None, &text);
            let ends = line_ends(&tokenizer, &text);
            let whole = text.clone();
            let lines: Vec<&str> = whole.lines().filter(|l| l.starts_with('[')).collect();
            assert_eq!(ends.len(), lines.len());
            for (line, end) in lines.iter().zip(&ends) {
                let read = tokenizer.decode(&tokens[..*end]);
                assert!(read.trim_end().ends_with(line) && read.ends_with('\n'));
            }
            let encoded = Encoded::of(&tokenizer, &Document::Window { text, notes });
            let Encoded {
                packed,
                targets,
                early,
            } = encoded;
            let first = &packed.segments()[1];
            assert_eq!(first.context.last().map(|c| c.end), Some(ends[0]));
            let target = targets.iter().find(|t| t.is_answer).expect("a mark");
            assert_eq!(target.row, ends[0] - 1);
            assert_eq!(early[0].0, (target.row, target.token));
            let weights: f32 = early.iter().map(|(_, weight)| weight).sum();
            assert!((weights - lines.len() as f32).abs() < 1e-4, "{weights}");
        }
    }
}
