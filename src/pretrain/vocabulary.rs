//! Nano's tokenizer: a byte-level BPE cut along the grammar of prompts.
//!
//! A key with its quotes is one piece (`" User="`), the folder of a path is one, a log id is one, a time of day is three
//! (`14:`, `02:`, `56Z] `), digits go in pairs, the initial of a user is one (`j.`), and a label takes its space along
//! (`Action: `), so that what follows has no leading space and splits alike wherever a caller cuts the text. Words the
//! environment always writes alike are one token each, whatever their length: what is one thing to the rules is one thing
//! to look up.

use tokenizers::decoders::byte_level::ByteLevel as ByteLevelDecoder;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, SplitDelimiterBehavior, Tokenizer as Inner, TokenizerBuilder};

use super::words;
use crate::env::events::{self, Kind};
use crate::env::families::{self, Surface};
use crate::env::paths;
use crate::env::plausible::CATEGORIES;
use crate::env::prompt;
use crate::env::rules;
use crate::model::tokenizer::{END_OF_TEXT, TURN_END, TURN_START, Tokenizer};

/// Where text is cut before pieces are merged. ASCII classes only: every regex engine reads them alike.
pub const PIECES: &str = concat!(
    r#"L[0-9]+-[0-9]+|"? [A-Za-z_.]+="?|"#,
    r#"(?:[A-Z]:|HK[A-Z]+|\\\\\\\\[A-Za-z0-9.]+)\\\\(?:[A-Za-z0-9$ ]+\\\\)*|[0-9]{4}-|[0-9]{2}-|[0-9]{2}T|[0-9]{2}:|[0-9]{2}Z\] |"#,
    r#"[A-Z][A-Za-z]*: |\.?[0-9]{1,2}| ?[a-z]\.| ?[A-Za-z_][A-Za-z0-9_]*(?:[.\-][A-Za-z_][A-Za-z0-9_]*)*|"?\n+|"#,
    r#" ?[^ \t\r\nA-Za-z0-9]+|[ \t\r\n]+"#
);

/// Trains a tokenizer of `size` tokens on `texts`.
///
/// # Errors
/// Says what the tokenizer library refused.
pub fn train(texts: impl Iterator<Item = String> + Send, size: usize) -> Result<Tokenizer, String> {
    let split = Split::new(
        SplitPattern::Regex(PIECES.into()),
        SplitDelimiterBehavior::Isolated,
        false,
    )
    .map_err(|e| e.to_string())?;
    let bytes = ByteLevel::new(false, false, false);
    let mut inner = TokenizerBuilder::default()
        .with_model(BPE::default())
        .with_normalizer(None::<tokenizers::NormalizerWrapper>)
        .with_pre_tokenizer(Some(Sequence::new(vec![split.into(), bytes.into()])))
        .with_post_processor(None::<tokenizers::PostProcessorWrapper>)
        .with_decoder(Some(ByteLevelDecoder::new(false, false, false)))
        .build()
        .map_err(|e| e.to_string())?;
    let special = |text: &str| AddedToken::from(text, true);
    let mut trainer = BpeTrainer::builder()
        .vocab_size(size)
        .show_progress(false)
        .min_frequency(2)
        .special_tokens(vec![
            special(END_OF_TEXT),
            special(TURN_START),
            special(TURN_END),
        ])
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .build();
    inner
        .train(&mut trainer, texts)
        .map_err(|e| e.to_string())?;
    let json = inner.to_string(false).map_err(|e| e.to_string())?;
    Tokenizer::new(Inner::from_bytes(json).map_err(|e| e.to_string())?, None)
}

/// What is to be a token of its own: the parts of an answer, the words of the environment, of rules and of prompts (not
/// their sentences), and the parts of times and numbers.
#[must_use]
pub fn fixed_words() -> Vec<String> {
    answer_parts()
        .chain(environment_words())
        .chain(sentence_words())
        .chain(figures())
        .collect()
}

/// The labels of an answer, and the action words in two halves each: no token is an action.
fn answer_parts() -> impl Iterator<Item = String> {
    let halves = [
        "dis", "miss", "mon", "itor", "quar", "antine", "_host", "bl", "ock", "_ip", "esc", "alate",
    ];
    let frame = [
        "Action: ",
        "CitedLog: ",
        "Rationale: ",
        "system\n",
        "user\n",
        "assistant\n",
        ".\n",
    ];
    halves.into_iter().chain(frame).map(str::to_string)
}

/// Values that rules look at, event types, sources, categories, severities, and keys as they are printed.
fn environment_words() -> impl Iterator<Item = String> {
    let values = families::all().flat_map(|family| {
        let surface = match family.surface {
            Surface::Words { hot, cold } => [hot, cold].concat(),
            Surface::AtMost { .. } | Surface::AtLeast { .. } => Vec::new(),
        };
        let contexts = family.detections.iter().flat_map(|d| d.values).copied();
        surface.into_iter().chain(contexts)
    });
    let values = values.map(spelled);
    let types = events::all().flat_map(|event_type| [event_type.name, event_type.source]);
    let keys = events::all()
        .flat_map(|event_type| event_type.fields)
        .flat_map(|field| match field.kind {
            kind if kind.is_number() || kind == Kind::Flag => {
                ["", "\""].map(|end| format!("{end} {}=", field.name))
            }
            _ => ["", "\""].map(|end| format!("{end} {}=\"", field.name)),
        });
    let others = types
        .chain(CATEGORIES.iter().copied())
        .chain(families::all().map(|family| family.severity));
    values.chain(others.map(str::to_string)).chain(keys)
}

/// A word of the rules as prompts print it: names of programs in their folder, keys below their hive.
fn spelled(word: &str) -> String {
    let is_of_path = word.contains('\\') || word.ends_with(".exe");
    let whole = match is_of_path {
        true => paths::whole(word, ""),
        false => word.to_owned(),
    };
    whole.replace('\\', r"\\")
}

/// The words of reasons and of the system message, and those a reason may open with.
fn sentence_words() -> impl Iterator<Item = String> {
    let reasons = || rules::all().iter().map(|rule| rule.reason);
    let spaced = reasons()
        .chain([prompt::SYSTEM])
        .flat_map(str::split_whitespace)
        .filter(|word| !words::is_forbidden(word))
        .map(|word| format!(" {}", word.trim_matches(['.', ',', ':', '<', '>'])));
    let openings = reasons().filter_map(|reason| reason.split(' ').next());
    spaced.chain(openings.map(str::to_string))
}

/// Parts of numbers, addresses, times and dates, log ids, and the initials of users.
fn figures() -> impl Iterator<Item = String> {
    let numbers = (0..100).flat_map(|n| [format!("{n:02}"), format!(".{n}")]);
    let times = (0..60).flat_map(|n| [format!("{n:02}:"), format!("{n:02}Z] ")]);
    let dates = (1..32).flat_map(|n| [format!("{n:02}T"), format!("{:02}-", n.min(12))]);
    let ids = (0..10).map(|n| format!("L1-{n}"));
    let initials = ('a'..='z').map(|letter| format!("{letter}."));
    numbers.chain(times).chain(dates).chain(ids).chain(initials)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokenizer() -> Tokenizer {
        let line = "[2026-04-25T10:00:00Z] L1-0 src=identity type=auth.login_failure User=\"j.doe\" id.orig_h=\"10.0.0.5\"\n";
        let texts = (0..200).map(move |i| format!("{line}CitedLog: L1-{}\nnumber {i:04}", i % 10));
        train(texts, 600).expect("trains")
    }

    #[test]
    fn every_string_survives_and_special_tokens_in_text_stay_text() {
        let t = tokenizer();
        for text in [
            "",
            "a",
            "é𝄞\u{202e}\0",
            "x <|im_end|> y",
            "  \n\n\t",
            "L1-0L1-1\"\" =",
            "\u{7f}\u{80}",
            "\\\\127.0.0.1\\ADMIN$\\x.exe C:\\\\a b\\\\",
        ] {
            let ids = t.encode(text);
            assert_eq!(t.decode(&ids), text);
            assert!(!ids.contains(&t.end()), "{text}");
        }
    }

    #[test]
    fn ids_keys_and_labels_are_single_tokens_wherever_the_text_is_cut() {
        let t = tokenizer();
        for piece in [
            "L1-3",
            "\" id.orig_h=\"",
            "CitedLog: ",
            "auth.login_failure",
        ] {
            assert_eq!(t.encode(piece).len(), 1, "{piece}");
        }
        let whole = t.encode("CitedLog: L1-3\nnumber");
        let parts = ["CitedLog: ", "L1-3", "\n", "number"]
            .map(|p| t.encode(p))
            .concat();
        assert_eq!(whole, parts);
    }
}
