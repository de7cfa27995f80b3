//! Nano's tokenizer: a byte-level BPE cut along the grammar of prompts.
//!
//! A key with its quotes is one piece (`" user="`), a log id is one, digits go in pairs, and a label takes its space along
//! (`Action: `), so that what follows has no leading space and splits alike wherever a caller cuts the text.

use tokenizers::decoders::byte_level::ByteLevel as ByteLevelDecoder;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, SplitDelimiterBehavior, Tokenizer as Inner, TokenizerBuilder};

use crate::model::tokenizer::{END_OF_TEXT, TURN_END, TURN_START, Tokenizer};

/// Where text is cut before pieces are merged. ASCII classes only: every regex engine reads them alike.
pub const PIECES: &str = concat!(
    r#"L[0-9]+-[0-9]+|"? [a-z_]+="?|[0-9]{4}-[0-9]{2}-[0-9]{2}T|[0-9]{2}:|[0-9]{2}Z\] |"#,
    r#"[A-Z][A-Za-z]*: |\.?[0-9]{1,2}| ?[A-Za-z_]+(?:[.\-][A-Za-z_]+)*|"?\n+| ?[^ \t\r\nA-Za-z0-9]+|[ \t\r\n]+"#
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
    Tokenizer::new(Inner::from_bytes(json).map_err(|e| e.to_string())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokenizer() -> Tokenizer {
        let line = "[2026-04-25T10:00:00Z] L1-0 src=identity type=auth.login_failure user=\"j.doe\" src_ip=\"10.0.0.5\"\n";
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
        ] {
            let ids = t.encode(text);
            assert_eq!(t.decode(&ids), text);
            assert!(!ids.contains(&t.end()), "{text}");
        }
    }

    #[test]
    fn ids_keys_and_labels_are_single_tokens_wherever_the_text_is_cut() {
        let t = tokenizer();
        for piece in ["L1-3", "\" src_ip=\"", "CitedLog: ", "auth.login_failure"] {
            assert_eq!(t.encode(piece).len(), 1, "{piece}");
        }
        let whole = t.encode("CitedLog: L1-3\nnumber");
        let parts = ["CitedLog: ", "L1-3", "\n", "number"]
            .map(|p| t.encode(p))
            .concat();
        assert_eq!(whole, parts);
    }
}
