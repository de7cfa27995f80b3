//! Copies by word: what the screens hand to a clipboard is printed.

use std::io;

use super::Plain;
use super::words::halves;
use crate::ui::copying::Copied;
use crate::ui::gate::{MAX_CHARS, clean};
use crate::ui::keys::Verb;
use crate::ui::layer::Layer;
use crate::ui::msg::Effect;
use crate::ui::perform::perform;

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
            return self.put_all(&known);
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
        text.lines()
            .try_for_each(|line| writeln!(self.out, "{}", whole(line)))
    }

    /// Prints the case in Markdown.
    pub(super) fn case(&mut self, rest: &str) -> io::Result<()> {
        self.copy(&format!("{} {rest}", name(Copied::Case)))
    }
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
