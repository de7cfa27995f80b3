//! Text to tokens and back, and the ChatML frame around a conversation.
//!
//! Log text is written by attackers: a literal `<|im_end|>` inside it is encoded as ordinary characters. Only the frame,
//! added here by id, contains special tokens.

use std::path::Path;

use tokenizers::Tokenizer as Inner;

use super::error::{ModelError, Result};

/// Padding and end of document.
pub const END_OF_TEXT: &str = "<|endoftext|>";
/// Opens a turn.
pub const TURN_START: &str = "<|im_start|>";
/// Closes a turn; ends a completion.
pub const TURN_END: &str = "<|im_end|>";

/// A tokenizer with the three ChatML tokens.
#[derive(Clone)]
pub struct Tokenizer {
    inner: Inner,
    start: u32,
    end: u32,
    pad: u32,
}

impl Tokenizer {
    /// Reads the bytes of a `tokenizer.json`; `path` is for messages.
    ///
    /// # Errors
    /// On a damaged file, or one without the ChatML tokens.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self> {
        let wrong = |reason: String| ModelError::Tokenizer {
            path: path.to_path_buf(),
            reason,
        };
        let inner = Inner::from_bytes(bytes).map_err(|e| wrong(e.to_string()))?;
        Self::new(inner).map_err(wrong)
    }

    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// As [`Tokenizer::parse`], and when the file cannot be read.
    pub fn load(path: &Path) -> Result<Self> {
        Self::parse(&std::fs::read(path).map_err(ModelError::io(path))?, path)
    }

    /// Wraps a trained tokenizer.
    ///
    /// # Errors
    /// Says which ChatML token is missing.
    pub fn new(mut inner: Inner) -> Result<Self, String> {
        inner.set_encode_special_tokens(true);
        let id = |inner: &Inner, name: &str| {
            inner
                .token_to_id(name)
                .ok_or_else(|| format!("the token {name} is missing"))
        };
        let (start, end, pad) = (
            id(&inner, TURN_START)?,
            id(&inner, TURN_END)?,
            id(&inner, END_OF_TEXT)?,
        );
        Ok(Self {
            inner,
            start,
            end,
            pad,
        })
    }

    /// Ids of plain text; special tokens written out in it stay text.
    #[must_use]
    pub fn encode(&self, text: &str) -> Vec<u32> {
        // Byte-level BPE covers every string; an error could only come from a broken post-processor.
        self.inner
            .encode_fast(text, false)
            .map(|e| e.get_ids().to_vec())
            .unwrap_or_default()
    }

    /// Text of ids, special tokens left out.
    #[must_use]
    pub fn decode(&self, ids: &[u32]) -> String {
        self.inner.decode(ids, true).unwrap_or_default()
    }

    /// One turn: start, role, newline, content, end, newline.
    #[must_use]
    pub fn turn(&self, role: &str, content: &str) -> Vec<u32> {
        let mut ids = vec![self.start];
        ids.extend(self.encode(&format!("{role}\n")));
        ids.extend(self.encode(content));
        ids.push(self.end);
        ids.extend(self.encode("\n"));
        ids
    }

    /// What a model answers to: system and user turn, and an assistant turn opened.
    #[must_use]
    pub fn prompt(&self, system: Option<&str>, user: &str) -> Vec<u32> {
        let mut ids = system.map(|s| self.turn("system", s)).unwrap_or_default();
        ids.extend(self.turn("user", user));
        ids.push(self.start);
        ids.extend(self.encode("assistant\n"));
        ids
    }

    /// A completion as a training target: content, then the end token.
    #[must_use]
    pub fn completion(&self, content: &str) -> Vec<u32> {
        let mut ids = self.encode(content);
        ids.push(self.end);
        ids
    }

    /// The token that ends a completion.
    #[must_use]
    pub fn end(&self) -> u32 {
        self.end
    }

    /// The padding token.
    #[must_use]
    pub fn pad(&self) -> u32 {
        self.pad
    }

    /// Number of tokens, special ones included.
    #[must_use]
    pub fn vocabulary(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// The `tokenizer.json` of this tokenizer.
    ///
    /// # Errors
    /// When it cannot be serialised.
    pub fn to_json(&self) -> Result<String> {
        self.inner.to_string(true).map_err(|e| {
            ModelError::Candle(candle_core::Error::Msg(format!("tokenizer.json: {e}")))
        })
    }
}
