//! Longer texts in the user's own editor: what goes into the file, and what becomes of what comes back. Pure.
//!
//! A text that cannot be taken over is kept, and the next look into the editor begins with it: nothing typed is lost.

use crate::env::response;
use crate::gate;
use crate::run::RunDir;
use crate::run::keeping::NOTE_LIMIT;
use crate::ui::app::App;
use crate::ui::errand::Errand;
use crate::ui::msg::Effect;

/// The longest note on an alert: characters.
pub const MAX_NOTE_CHARS: usize = 2_000;

/// How the two parts of a label's text begin.
const RATIONALE: &str = "## Rationale";
const NOTE: &str = "## Note";

/// What a text is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// Rationale and note of one's label on this episode.
    Label {
        episode_id: String,
    },
    RunNote {
        dir: RunDir,
    },
}

/// Opens rationale and note of the selected alert's label.
pub fn open_label(app: &App) -> Vec<Effect> {
    let Some(item) = app.labelling.current() else {
        return Vec::new();
    };
    let episode_id = item.entry.episode.episode_id.clone();
    let text = label_text(&item.decision.rationale, &item.decision.note);
    open(app, Document::Label { episode_id }, text)
}

/// Opens the note on the run in `dir`.
pub fn open_run_note(app: &App, dir: RunDir, note: &str) -> Vec<Effect> {
    let text = match note {
        "" => String::new(),
        note => format!("{note}\n"),
    };
    open(app, Document::RunNote { dir }, text)
}

fn open(app: &App, of: Document, text: String) -> Vec<Effect> {
    let kept = app.refused.iter().find(|(refused, _)| *refused == of);
    let text = kept.map_or(text, |(_, kept)| kept.clone());
    vec![Effect::Edit { of, text }]
}

fn label_text(rationale: &str, note: &str) -> String {
    format!(
        "{RATIONALE}: one line of at most 200 characters, which a model learns from\n{rationale}\n\n\
         {NOTE}: for people, as many lines as it takes\n{note}\n"
    )
}

/// The editor has ended: `before` is what it was given, `after` what it left, or why there is nothing.
pub fn edited(
    app: &mut App,
    of: Document,
    before: &str,
    after: Result<String, String>,
) -> Vec<Effect> {
    let text = match after {
        Ok(text) => text,
        Err(why) => {
            app.complain(gate::clean(&why));
            return Vec::new();
        }
    };
    let was_refused = app.refused.iter().any(|(refused, _)| *refused == of);
    app.refused.retain(|(refused, _)| *refused != of);
    if text == before && !was_refused {
        app.say("nothing was changed in the editor");
        return Vec::new();
    }
    if text.trim().is_empty() && matches!(of, Document::Label { .. }) {
        app.say("the file came back empty: the label stays as it was");
        return Vec::new();
    }
    match take(app, &of, &text) {
        Ok(effects) => effects,
        Err(why) => {
            app.complain(format!("not taken over: {why}; E opens your text again"));
            let text = match of {
                Document::Label { .. } => with_headings(text),
                Document::RunNote { .. } => text,
            };
            app.refused.push((of, text));
            Vec::new()
        }
    }
}

fn take(app: &mut App, of: &Document, text: &str) -> Result<Vec<Effect>, String> {
    match of {
        Document::Label { episode_id } => {
            let (rationale, note) = parts(text)?;
            if !app.labelling.is_selected(episode_id) && !app.labelling.go_to(episode_id) {
                return Err("its alert is no longer in the queue".to_owned());
            }
            Ok(app.labelling.reword(rationale, note))
        }
        Document::RunNote { dir } => {
            let text = lines(text.lines());
            if text.len() > NOTE_LIMIT {
                let length = text.len();
                return Err(format!(
                    "a note of {length} bytes, at most {NOTE_LIMIT} are kept"
                ));
            }
            let dir = dir.clone();
            Ok(vec![Effect::Errand(Errand::Note { dir, text })])
        }
    }
}

/// The same text, where a heading is gone with both of them put back: all of it stands under the note then, to be sorted.
fn with_headings(text: String) -> String {
    let headings = [RATIONALE, NOTE];
    let has = |name: &str| text.lines().any(|line| line.starts_with(name));
    if headings.into_iter().all(has) {
        return text;
    }
    let is_heading = |line: &str| headings.iter().any(|name| line.starts_with(name));
    let own = text.lines().filter(|line| !is_heading(line));
    label_text("", &lines(own))
}

/// Rationale and note, or what is wrong with them.
fn parts(text: &str) -> Result<(String, String), String> {
    let all: Vec<&str> = text.trim_start_matches('\u{feff}').lines().collect();
    let heading = |name: &str, from: usize| {
        let mut below = all.iter().skip(from);
        let found = below.position(|line| line.starts_with(name));
        found.ok_or_else(|| format!("the line that begins with `{name}` is gone"))
    };
    let first = heading(RATIONALE, 0)?;
    let second = first + 1 + heading(NOTE, first + 1)?;
    let between = |from: usize, to: usize| lines(all.iter().take(to).skip(from).copied());
    if !between(0, first).is_empty() {
        return Err(format!("there is text above `{RATIONALE}`"));
    }
    let (rationale, note) = (between(first + 1, second), between(second + 1, all.len()));
    check_rationale(&rationale)?;
    match note.chars().count() {
        count if count > MAX_NOTE_CHARS => Err(format!(
            "a note of {count} characters, at most {MAX_NOTE_CHARS} are kept"
        )),
        _ => Ok((rationale, note)),
    }
}

/// None is fine; one has to be what a response may hold.
fn check_rationale(rationale: &str) -> Result<(), String> {
    let count = rationale.lines().count();
    if count > 1 {
        return Err(format!(
            "the rationale has {count} lines, a model learns one; the note may have several"
        ));
    }
    if rationale.is_empty() {
        return Ok(());
    }
    let response = format!("Action: dismiss\nCitedLog: L1-0\nRationale: {rationale}");
    response::parse(&response)
        .map(drop)
        .map_err(|why| why.to_string())
}

/// The lines without what steers terminals, tabs as spaces, nothing empty before or behind them.
fn lines<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let spaced = lines.map(|line| {
        let spaced = line.chars().map(|c| if c == '\t' { ' ' } else { c });
        let line: String = spaced.filter(|c| !gate::is_hostile(*c)).collect();
        line.trim_end().to_owned()
    });
    spaced.collect::<Vec<_>>().join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_comes_back_as_rationale_and_note() {
        for (rationale, note) in [
            ("", ""),
            ("seen before", ""),
            ("", "ask ann\n\n  indented"),
            ("one line", "two\nlines"),
        ] {
            let text = label_text(rationale, note);
            let found = parts(&text).expect("sound");
            assert_eq!(found, (rationale.to_owned(), note.trim().to_owned()));
            let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
            assert_eq!(parts(&windows).expect("sound"), found);
        }
        let hostile = label_text("a\tb\u{1b}[2J\u{202e}", "c\u{9b}");
        let found = parts(&hostile).expect("sound");
        assert_eq!(found, ("a b[2J".to_owned(), "c".to_owned()));
    }

    #[test]
    fn a_text_without_its_headings_gets_them_back_and_loses_nothing() {
        let whole = label_text("seen before", "ask ann");
        assert_eq!(with_headings(whole.clone()), whole);
        for text in [
            "seen before\nask ann",
            "## Rationale: of two lines\nseen before\nask ann\n",
            "seen before\n## Note\nask ann\n",
        ] {
            let found = parts(&with_headings(text.to_owned())).expect("sound");
            assert_eq!(found, (String::new(), "seen before\nask ann".to_owned()));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_by_its_reason() {
        let long = label_text(&"x".repeat(201), "");
        let note = label_text("r", &"n".repeat(MAX_NOTE_CHARS + 1));
        for (text, wanted) in [
            (label_text("one\ntwo", ""), "has 2 lines"),
            (long, "201 characters"),
            (note, "2001 characters"),
            ("a\n".to_owned() + &label_text("r", ""), "text above"),
            (RATIONALE.to_owned(), "`## Note` is gone"),
            ("free text".to_owned(), "`## Rationale` is gone"),
        ] {
            let why = parts(&text).expect_err(wanted);
            assert!(why.contains(wanted), "{wanted}: {why}");
        }
    }
}
