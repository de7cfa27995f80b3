//! Copies by word: what the screens hand to a clipboard is printed.

use std::io;

use unicode_width::UnicodeWidthChar;

use super::Plain;
use super::words::halves;
use crate::gate::{MAX_CHARS, clean, is_hostile};
use crate::ui::copying::Copied;
use crate::ui::keys::Verb;
use crate::ui::layer::Layer;
use crate::ui::msg::Effect;
use crate::ui::perform::perform;

/// What becomes of characters that could steer a terminal, or hide.
const HIDDEN: &str = "Hidden characters are spelled out, as <U+200B>; in json they are escaped, which loses nothing.";

/// What each is called here.
const fn name(of: Copied) -> &'static str {
    match of {
        Copied::Line => "line",
        Copied::Prompt => "prompt",
        Copied::Json => "json",
        Copied::Case => "case",
    }
}

impl Plain<'_> {
    /// Prints what is named; without a name, what there is.
    pub(super) fn copy(&mut self, rest: &str) -> io::Result<()> {
        let (form, how) = halves(rest);
        let chosen = Copied::ALL.iter().position(|of| name(*of) == form);
        let Some(chosen) = chosen else {
            let known = Copied::ALL.map(|of| format!("copy {}: {}", name(of), of.title()));
            self.put_all(&known)?;
            return self.put(HIDDEN);
        };
        let is_defanged = match how {
            "" => false,
            "defanged" => true,
            other => return self.put(&format!("copy {form} takes defanged, not {other}")),
        };
        self.app.layers.push(Layer::Copy {
            chosen,
            is_defanged,
        });
        let copied = perform(&mut self.app, Verb::Confirm);
        let text = copied.into_iter().find_map(|effect| match effect {
            Effect::Copy(text) => Some(text),
            _ => None,
        });
        let Some(text) = text else {
            // Why not has been said.
            return self.act(Vec::new());
        };
        // There is no clipboard to tell of.
        self.app.toast = None;
        let text = match Copied::ALL.get(chosen) {
            Some(Copied::Json) => escaped(&text),
            _ => text,
        };
        text.lines()
            .try_for_each(|line| writeln!(self.out, "{}", whole(line)))
    }

    /// Prints the case in Markdown.
    pub(super) fn case(&mut self, rest: &str) -> io::Result<()> {
        self.copy(&format!("{} {rest}", name(Copied::Case)))
    }
}

/// JSON that the gate lets through as it is: what it would spell out is escaped, so that programs read the same text from it.
/// Outside its strings JSON has no such character.
pub(super) fn escaped(json: &str) -> String {
    let mut told = String::with_capacity(json.len());
    for c in json.chars() {
        // The gate spells marks out only where they pile up; escaped they are the same marks anywhere.
        if !is_hostile(c) && c.width() != Some(0) {
            told.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]).iter() {
            told.push_str(&format!("\\u{unit:04x}"));
        }
    }
    told
}

/// A line through the gate, whole however long: at once it would be cut.
pub(super) fn whole(line: &str) -> String {
    let chars: Vec<char> = line.chars().collect();
    let pieces = chars.chunks(MAX_CHARS).map(|piece| {
        let piece: String = piece.iter().collect();
        clean(&piece).into_owned()
    });
    pieces.collect()
}
