//! Lines of a label being written: what one opens with, and those that were begun and left, which wait for the next time.

use std::collections::{BTreeSet, HashMap};

use crate::ui::app::App;
use crate::ui::labelling::Labelling;
use crate::ui::layer::{Layer, LineOf, SEVERAL_LINES};
use crate::ui::line_edit::LineEdit;
use crate::ui::msg::Effect;

/// What of a label a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Part {
    Rationale,
    Note,
}

impl Part {
    const fn of(line: LineOf) -> Self {
        match line {
            LineOf::Rationale { .. } => Self::Rationale,
            LineOf::NoteOnAlert => Self::Note,
        }
    }

    /// The key that writes it.
    const fn key(self) -> &'static str {
        match self {
            Self::Rationale => "e",
            Self::Note => "c",
        }
    }
}

/// Lines that were begun and left, by episode.
#[derive(Debug, Default)]
pub struct Drafts(HashMap<(String, Part), String>);

impl Labelling {
    fn draft_key(&self, line: LineOf) -> Option<(String, Part)> {
        let id = &self.current()?.entry.episode.episode_id;
        Some((id.clone(), Part::of(line)))
    }

    fn alert_of<'a>(&'a self, episode_id: &'a str) -> &'a str {
        let at = self.places.get(episode_id);
        let item = at.and_then(|at| self.items.get(*at));
        item.map_or(episode_id, |item| &item.entry.episode.alert.alert_id)
    }

    /// The line is kept now, and no draft any more.
    pub(super) fn forget_draft(&mut self, line: LineOf) {
        if let Some(key) = self.draft_key(line) {
            self.drafts.0.remove(&key);
        }
    }

    /// What the selected alert's label has for that line.
    fn stored(&self, line: LineOf) -> &str {
        let decision = self.current().map(|item| &item.decision);
        decision.map_or("", |decision| match Part::of(line) {
            Part::Rationale => decision.rationale.as_str(),
            Part::Note => decision.note.as_str(),
        })
    }
}

/// What of labels was typed and left, is being typed, or could not be written: each in words, the same ones once.
#[must_use]
pub fn unsaved(app: &App) -> Vec<String> {
    let labelling = &app.labelling;
    let begun = labelling.drafts.0.keys().cloned();
    let typed = app.layers.iter().filter_map(|layer| match layer {
        Layer::Line { of, typed } if is_new(labelling, *of, typed) => labelling.draft_key(*of),
        _ => None,
    });
    let lines = begun.chain(typed).map(|(id, part)| match part {
        Part::Rationale => format!("the rationale of {}", labelling.alert_of(&id)),
        Part::Note => format!("the note on {}", labelling.alert_of(&id)),
    });
    let failed = labelling.items.iter().filter(|i| i.trouble.is_some());
    let failed = failed.map(|item| {
        let id = &item.entry.episode.alert.alert_id;
        format!("the label of {id}, which could not be written")
    });
    // In the order of letters: the drafts themselves have none.
    lines
        .chain(failed)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

fn is_new(labelling: &Labelling, of: LineOf, text: &str) -> bool {
    !text.trim().is_empty() && text.trim() != labelling.stored(of)
}

/// Opens a line: with what was begun and left, else with what the label has.
pub(super) fn type_line(app: &mut App, of: LineOf) -> Vec<Effect> {
    let stored = app.labelling.stored(of).to_owned();
    if stored.contains('\n') {
        app.say(SEVERAL_LINES);
        return Vec::new();
    }
    let key = app.labelling.draft_key(of);
    let draft = key.and_then(|key| app.labelling.drafts.0.get(&key));
    let typed = LineEdit::new(draft.map_or(stored, Clone::clone));
    app.layers.push(Layer::Line { of, typed });
    Vec::new()
}

/// A line is left without being kept: what was typed waits for the next time. An empty one is none.
pub fn set_aside(app: &mut App, of: LineOf, text: &str) {
    let text = text.trim();
    app.labelling.forget_draft(of);
    let is_new = is_new(&app.labelling, of, text);
    if let Some(key) = app.labelling.draft_key(of).filter(|_| is_new) {
        app.labelling.drafts.0.insert(key, text.to_owned());
        let key = Part::of(of).key();
        app.say(format!(
            "not saved, but kept while opensoc runs: {key} goes on with it"
        ));
    }
}

#[cfg(test)]
mod tests {
    use crate::ui::app::update;
    use crate::ui::layer::Layer;
    use crate::ui::msg::Msg;
    use crate::ui::tests::fixtures::seen;
    use crate::ui::tests::label_desk::{Desk, imported};

    fn typed(desk: &Desk) -> &str {
        match desk.app.layers.last() {
            Some(Layer::Line { typed, .. }) => typed,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_was_typed_and_left_with_esc_waits_for_the_next_time() {
        let mut desk = Desk::on(&imported());
        desk.press("2 e s e e n Esc");
        assert!(desk.said().contains("e goes on with it"), "{}", desk.said());
        assert_eq!(desk.decision(0).rationale, "", "nothing is saved");
        desk.press("c");
        assert_eq!(typed(&desk), "", "a note is another line");
        desk.press("a s k Esc ] e");
        assert_eq!(typed(&desk), "", "and another alert another label");
        desk.press("Esc [ e");
        assert_eq!(typed(&desk), "seen");
        desk.type_line(" before");
        assert_eq!(desk.decision(0).rationale, "seen before");
        desk.press("c");
        assert_eq!(typed(&desk), "ask");
        desk.press("ctrl-u Esc c");
        assert_eq!(typed(&desk), "", "an emptied line is no draft");
    }

    #[test]
    fn a_full_line_says_so_in_characters_and_a_paste_what_was_left_out() {
        let mut desk = Desk::on(&imported());
        desk.press("2 e");
        update(&mut desk.app, Msg::Paste("ä".repeat(203)));
        assert_eq!(typed(&desk).chars().count(), 200);
        let shown = seen(&desk.app, (120, 30));
        assert!(
            shown.contains("3 characters of the paste are left out: 200 are"),
            "{shown}"
        );
        desk.press("x");
        assert_eq!(typed(&desk).chars().count(), 200);
        let shown = seen(&desk.app, (80, 24));
        assert!(
            shown.contains("(full: 200 characters are the most)"),
            "{shown}"
        );
        desk.press("Backspace y");
        assert!(typed(&desk).ends_with("äy"));
        assert!(!seen(&desk.app, (80, 24)).contains("full"));
        desk.press("Esc c");
        update(&mut desk.app, Msg::Paste("n".repeat(600)));
        assert_eq!(typed(&desk).len(), 600, "a note is longer");
    }
}
