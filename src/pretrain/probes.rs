//! What nano can read so far: exact answers to notes on windows of the hold-out split, and random echo.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::corpus::{self, Document, Names};
use super::encode::{self, Encoded};
use super::marks::{ENTERED, SENSITIVE};
use super::note::{Kind, Note};
use super::words::Words;
use crate::env::schema::Split;
use crate::model::decoder::Decoder;
use crate::model::error::Result;
use crate::model::kernels::{Threads, View, ViewMut, matmul};
use crate::model::pack::{Asking, Packed};
use crate::model::tokenizer::Tokenizer;

/// Share of exact answers by what was asked; `echo` counts tokens from the second on, `chain` the marks of sensitive lines
/// in drills, `entered` those of sign-ins.
pub type Probes = BTreeMap<&'static str, f64>;

/// Windows looked at, and notes on each.
const WINDOWS: u64 = 40;
const NOTES: usize = 40;
const ECHOES: u64 = 40;
const DRILLS: u64 = 60;

/// Asks everything. The same seed asks the same.
///
/// # Errors
/// When the model cannot be run.
pub fn probe(decoder: &Decoder, tokenizer: &Tokenizer, words: &Words, seed: u64) -> Result<Probes> {
    let mut tally: BTreeMap<&'static str, (u64, u64)> = BTreeMap::new();
    for index in 0..WINDOWS {
        let document = corpus::window(
            words,
            (Split::Holdout, seed, index),
            [1, 2, 2, 2],
            Names::Own,
            NOTES,
        );
        for (note, hit) in answered(decoder, tokenizer, &document)? {
            count(&mut tally, note.kind.as_str(), hit);
        }
    }
    for index in 0..DRILLS {
        let document = corpus::drill(words, (Split::Holdout, seed, index), 0);
        for (note, hit) in answered(decoder, tokenizer, &document)? {
            if note.answer.contains(SENSITIVE) {
                count(&mut tally, "chain", hit);
            } else if note.answer.contains(ENTERED) {
                count(&mut tally, "entered", hit);
            }
        }
    }
    for index in 0..ECHOES {
        let document = corpus::echo(tokenizer, seed.wrapping_add(1 << 40), index);
        let Encoded {
            packed, targets, ..
        } = Encoded::of(tokenizer, &document);
        for hit in greedy_right(decoder, packed, &targets)?.into_iter().skip(1) {
            count(&mut tally, "echo", hit);
        }
    }
    Ok(tally
        .into_iter()
        .map(|(name, (hits, of))| (name, hits as f64 / of as f64))
        .collect())
}

/// The notes of a window, and whether each is answered word for word.
fn answered<'a>(
    decoder: &Decoder,
    tokenizer: &Tokenizer,
    document: &'a Document,
) -> Result<Vec<(&'a Note, bool)>> {
    let Document::Window { notes, .. } = document else {
        return Ok(Vec::new());
    };
    let Encoded {
        packed, targets, ..
    } = Encoded::of(tokenizer, document);
    let right = greedy_right(decoder, packed, &targets)?;
    let mut right = right.into_iter();
    let hits = encode::answers(&targets).map(|tokens| {
        let hits: Vec<bool> = right.by_ref().take(tokens).collect();
        hits.into_iter().all(|hit| hit)
    });
    Ok(notes.iter().zip(hits).collect())
}

fn count(tally: &mut BTreeMap<&'static str, (u64, u64)>, name: &'static str, hit: bool) {
    let slot = tally.entry(name).or_default();
    slot.0 += u64::from(hit);
    slot.1 += 1;
}

/// For each answer token: whether the model's likeliest token is it, given all before it.
fn greedy_right(
    decoder: &Decoder,
    packed: Packed,
    targets: &[encode::Target],
) -> Result<Vec<bool>> {
    let asking = Asking::all(&packed);
    let hidden = decoder.hidden(&Arc::new(packed), asking)?;
    let d = decoder.config.hidden_size;
    let vocabulary = decoder.config.vocab_size;
    let hidden = hidden.flatten_all()?.to_vec1::<f32>()?;
    let head = decoder.head().flatten_all()?.to_vec1::<f32>()?;
    let mut logits = vec![0f32; vocabulary];
    let mut right = Vec::new();
    for target in targets.iter().filter(|t| t.is_answer) {
        let row = View::dense(&hidden[target.row * d..], 1, d);
        let head = View::dense(&head, vocabulary, d).t();
        matmul(
            ViewMut::dense(&mut logits, 1, vocabulary),
            false,
            row,
            head,
            1.0,
            Threads::One,
        );
        let best = logits
            .iter()
            .enumerate()
            .max_by(|a, b| a.1.total_cmp(b.1))
            .map(|(i, _)| i as u32);
        right.push(best == Some(target.token));
    }
    Ok(right)
}

/// Whether reading is good enough for the next, longer windows.
#[must_use]
pub fn passes(probes: &Probes) -> bool {
    let at_least = |name: &str, bar: f64| probes.get(name).is_some_and(|&share| share >= bar);
    at_least("echo", 0.95)
        && at_least(Kind::Value.as_str(), 0.9)
        && at_least(Kind::Find.as_str(), 0.9)
        && at_least(Kind::Where.as_str(), 0.9)
}
