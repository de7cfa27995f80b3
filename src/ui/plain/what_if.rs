//! What-if by word: a field of a log line edited in a copy, and truth and answer before and after.

use std::io;

use super::Plain;
use super::deciding::{line_named, point};
use super::telling::judged;
use super::words::halves;
use crate::env::schema::Truth;
use crate::ui::app::{App, ScreenName};
use crate::ui::detail;
use crate::ui::keys::Verb;
use crate::ui::queue::Entry;
use crate::ui::queue::what_if::{Part, confirm, expected};

/// What is typed for an empty value.
const EMPTY: &str = "\"\"";

/// An edit that is asked for.
struct Wanted {
    line: usize,
    part: Part,
    value: String,
}

impl Plain<'_> {
    /// Edits what `rest` names, drops all edits, or tells how the copy differs.
    pub(super) fn what_if(&mut self, rest: &str) -> io::Result<()> {
        match (rest, self.app.queue.why_no_what_if()) {
            ("drop", _) => return self.drop_what_if(),
            (_, Some(why)) => return self.put(why),
            ("", None) if self.app.queue.what_if().is_some() => return self.tell_edits(),
            _ => {}
        }
        let Wanted { line, part, value } = match wanted(&self.app, rest) {
            Ok(wanted) => wanted,
            Err(instead) => return self.put(&instead),
        };
        point(&mut self.app, line);
        let before = self.app.queue.edition();
        let effects = confirm(&mut self.app, &part, &value);
        self.act(effects)?;
        if self.app.queue.edition() == before {
            // Why not has been said.
            return Ok(());
        }
        self.tell_edits()
    }

    fn drop_what_if(&mut self) -> io::Result<()> {
        let stood = self.app.queue.what_if().is_some();
        self.verb(Verb::DropWhatIf)?;
        if stood {
            return self.tell_edits();
        }
        Ok(())
    }

    /// What the edits make of the alert: changes, truth and answer before and after; that there are none any more.
    pub(super) fn tell_edits(&mut self) -> io::Result<()> {
        if self.app.queue.what_if().is_none() {
            return self.put("What-if: none, the alert is as it was logged");
        }
        let lines = before_and_after(&self.app);
        self.put_all(&lines)?;
        self.answer()
    }
}

/// What of a log line can be edited, by its name.
fn parts(entry: &Entry, line: usize) -> Vec<(String, Part)> {
    let rows = detail::rows(entry, line).into_iter();
    rows.filter_map(|row| Some((row.name, row.part?))).collect()
}

/// Line, field and value; a line comes first, else it is the one the cursor is on.
///
/// # Errors
/// What can be edited, or what a value may be.
fn wanted(app: &App, rest: &str) -> Result<Wanted, String> {
    let Some((entry, here)) = detail::shown(app) else {
        return Err("there is no alert here".to_owned());
    };
    let (first, behind) = halves(rest);
    let is_field = parts(entry, here).iter().any(|(name, _)| name == first);
    let named = line_named(app, first).ok().filter(|_| !is_field);
    let (line, rest) = match named {
        Some(line) => (line, behind),
        None => (here, rest),
    };
    let (name, value) = halves(rest);
    let Some(event) = entry.episode.log_window.get(line) else {
        return Err("there is no log line here".to_owned());
    };
    let (id, known) = (&event.log_id, parts(entry, line));
    let Some((_, part)) = known.iter().find(|(known, _)| known == name) else {
        let known: Vec<&str> = known.iter().map(|(known, _)| known.as_str()).collect();
        let known = known.join(" ");
        return Err(match name {
            "" => format!("Fields of {id}: {known}"),
            name => format!("no field {name} of {id}: there are {known}"),
        });
    };
    if value.is_empty() {
        let (now, expected) = (part.text(event), expected(event, part));
        return Err(format!("{id} {name} is {now}; {expected}"));
    }
    let value = if value == EMPTY { "" } else { value };
    Ok(Wanted {
        line,
        part: part.clone(),
        value: value.to_owned(),
    })
}

/// How the copy that is shown differs from its alert; nothing where none is shown.
pub(super) fn changes(app: &App) -> Vec<String> {
    let what_if = app.queue.what_if();
    let Some(what_if) = what_if.filter(|_| app.screen != ScreenName::Labelling) else {
        return Vec::new();
    };
    let changes = what_if.changes();
    if changes.is_empty() {
        return vec!["What-if: as the alert itself again; what-if drop takes it off".to_owned()];
    }
    let told = changes.iter().map(|edit| format!("What-if: {edit}"));
    told.collect()
}

/// The changes, what was true and answered, and what is true now.
fn before_and_after(app: &App) -> Vec<String> {
    let mut lines = changes(app);
    let queue = &app.queue;
    if let Some(original) = queue.current() {
        lines.extend(truth("was", &original.episode.truth));
    }
    if let Some(copy) = queue.what_if().and_then(|what_if| what_if.now()) {
        match &copy.implausible {
            None => lines.extend(truth("now", &copy.entry.episode.truth)),
            Some(why) => lines.push(format!(
                "Truth now: none, for that could not have happened: {why}"
            )),
        }
    }
    let verdict = queue.model_verdict(queue.selected());
    lines.extend(verdict.map(|verdict| format!("Model was: {}", judged(verdict))));
    lines
}

fn truth(when: &str, of: &Truth) -> [String; 2] {
    [
        format!(
            "Truth {when}: {} because of {}, rule {}",
            of.action, of.triggering_log_id, of.rule
        ),
        format!("Reason {when}: {}", of.reason),
    ]
}
