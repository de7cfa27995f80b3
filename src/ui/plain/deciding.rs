//! Decisions, citations and reveals, on episodes and where labels are made.

use std::io;

use super::{Plain, telling};
use crate::env::schema::Action;
use crate::ui::app::{App, ScreenName};
use crate::ui::detail;
use crate::ui::keys::Verb;
use crate::ui::queue::{Answer, Entry, Model};
use crate::ui::scroll::Scroll;

/// The verb of a decision.
pub(super) const fn verb_of(action: Action) -> Verb {
    match action {
        Action::Dismiss => Verb::ChooseDismiss,
        Action::Monitor => Verb::ChooseMonitor,
        Action::QuarantineHost => Verb::ChooseQuarantineHost,
        Action::BlockIp => Verb::ChooseBlockIp,
        Action::Escalate => Verb::ChooseEscalate,
    }
}

/// The log line that `text` names, by its id or its number; the one the cursor is on where nothing is named.
pub(super) fn line_named(app: &App, text: &str) -> Result<usize, String> {
    let Some((entry, here)) = detail::shown(app) else {
        return Err("there is no alert here".to_owned());
    };
    if text.is_empty() {
        return Ok(here);
    }
    let window = &entry.episode.log_window;
    let by_id = window
        .iter()
        .position(|e| e.log_id.eq_ignore_ascii_case(text));
    let number = || text.parse::<usize>().ok()?.checked_sub(1);
    let found = by_id.or_else(number).filter(|at| *at < window.len());
    found.ok_or_else(|| {
        let ids: Vec<&str> = window.iter().map(|event| event.log_id.as_str()).collect();
        format!("no log line {text}: there are {}", ids.join(" "))
    })
}

/// Puts the cursor of the log window on a line.
pub(super) fn point(app: &mut App, line: usize) {
    if app.screen == ScreenName::Labelling {
        app.labelling.line = line;
        app.labelling.line_scroll = Scroll::closed();
    } else {
        app.queue.line = line;
        app.queue.line_scroll = Scroll::closed();
    }
}

/// The alert in front.
pub(super) fn entry_of(app: &App) -> Option<&Entry> {
    match app.screen {
        ScreenName::Labelling => app.labelling.current().map(|item| &item.entry),
        _ => app.queue.current(),
    }
}

/// What is shown of it: its edited copy where a what-if stands.
pub(super) fn shown_of(app: &App) -> Option<&Entry> {
    detail::shown(app).map(|(entry, _)| entry)
}

/// Whether there is an answer, or never will be.
pub(super) const fn has_answered(answer: Option<&Answer>) -> bool {
    matches!(answer, Some(Answer::Given { .. } | Answer::Failed(_)))
}

impl Plain<'_> {
    pub(super) fn decide(&mut self, action: Action, rest: &str) -> io::Result<()> {
        // A line that is none must not leave half of what was asked for.
        if let Err(why) = line_named(&self.app, rest) {
            return self.put(&why);
        }
        self.verb(verb_of(action))?;
        let desk = entry_of(&self.app).map(|entry| &entry.desk);
        let is_taken = desk.is_some_and(|desk| desk.decision == Some(action) && !desk.is_revealed);
        if is_taken && !rest.is_empty() {
            return self.cite(rest);
        }
        // Why it is not has been said.
        self.tell_standing()
    }

    /// Cites a line; cited already it stays so.
    pub(super) fn cite(&mut self, rest: &str) -> io::Result<()> {
        let line = match line_named(&self.app, rest) {
            Ok(line) => line,
            Err(why) => return self.put(&why),
        };
        point(&mut self.app, line);
        let mark = entry_of(&self.app).and_then(|entry| entry.desk.mark);
        if mark != Some(line) {
            self.verb(Verb::Mark)?;
        }
        self.tell_standing()
    }

    /// What is decided now; where it is a label, only if that is on disk.
    pub(super) fn tell_standing(&mut self) -> io::Result<()> {
        self.wait_for_clerk()?;
        let item = self.app.labelling.current();
        let is_label = self.app.screen == ScreenName::Labelling;
        if is_label && item.is_some_and(|item| !telling::is_on_disk(item)) {
            // Why not is said.
            return Ok(());
        }
        let lines = telling::standing(&self.app);
        self.put_all(&lines)
    }

    pub(super) fn go_to_line(&mut self, rest: &str) -> io::Result<()> {
        match line_named(&self.app, rest) {
            Ok(line) => {
                point(&mut self.app, line);
                let told = shown_of(&self.app).and_then(|entry| telling::line(entry, line));
                self.put(&told.unwrap_or_default())
            }
            Err(why) => self.put(&why),
        }
    }

    pub(super) fn fields(&mut self, rest: &str) -> io::Result<()> {
        let line = match line_named(&self.app, rest) {
            Ok(line) => line,
            Err(why) => return self.put(&why),
        };
        let rows = shown_of(&self.app).map(|entry| detail::rows(entry, line));
        let rows = rows.unwrap_or_default().into_iter();
        let rows: Vec<String> = rows
            .map(|row| format!("{}: {}", row.name, row.value))
            .collect();
        self.put_all(&rows)
    }

    pub(super) fn submit(&mut self) -> io::Result<()> {
        if self.app.screen == ScreenName::Labelling {
            return self.label("");
        }
        let Some(entry) = self.app.queue.current() else {
            return Ok(());
        };
        let (desk, line) = (&entry.desk, self.app.queue.line);
        let was_revealed = desk.is_revealed;
        let is_uncited = desk.decision.is_some() && desk.mark.is_none();
        let uncited = entry.episode.log_window.get(line).map(|e| e.log_id.clone());
        self.verb(Verb::Submit)?;
        if was_revealed {
            return Ok(());
        }
        if let Some(id) = uncited.filter(|_| is_uncited) {
            self.put(&format!(
                "No line was cited, so the one you are on counts: {id}"
            ))?;
        }
        self.tell_judgement()
    }

    /// The truth; a decision that stands is submitted by it, for it can be judged no more afterwards.
    pub(super) fn reveal(&mut self) -> io::Result<()> {
        let desk = self.app.queue.current().map(|entry| &entry.desk);
        if desk.is_some_and(|desk| desk.decision.is_some() && !desk.is_revealed) {
            return self.submit();
        }
        if desk.is_some_and(|desk| desk.is_revealed) {
            return self.tell_judgement();
        }
        self.verb(Verb::Reveal)?;
        self.tell_judgement()
    }

    /// You, truth and model of a revealed alert, or what a what-if makes of them.
    fn tell_judgement(&mut self) -> io::Result<()> {
        if self.app.queue.what_if().is_some() {
            return self.tell_edits();
        }
        let Some(entry) = self.app.queue.current().filter(|e| e.desk.is_revealed) else {
            return Ok(());
        };
        let lines: Vec<String> = telling::own(entry)
            .into_iter()
            .chain(telling::truth(entry))
            .collect();
        self.put_all(&lines)?;
        self.answer()
    }

    /// What the model says, as far as it is shown; what both say where two are compared.
    pub(super) fn answer(&mut self) -> io::Result<()> {
        // The weights may still be on their way.
        self.out.flush()?;
        let is_labelling = self.app.screen == ScreenName::Labelling;
        if !is_labelling && self.app.queue.hides_answer() {
            return self.put("Model: hidden until the reveal (blind ends that)");
        }
        if !is_labelling && self.app.queue.second_adapter().is_some() {
            return self.tell_both();
        }
        self.wait_for_answer()?;
        let lines = telling::model(&self.app);
        self.put_all(&lines)
    }

    /// Until the model has answered, or never will.
    pub(super) fn wait_for_answer(&mut self) -> io::Result<()> {
        self.wait_for_answers(|app| has_answered(telling::answer_of(app)))
    }

    /// Until `are_there`, or they never will be.
    pub(super) fn wait_for_answers(&mut self, are_there: impl Fn(&App) -> bool) -> io::Result<()> {
        self.wait_for_model()?;
        if !matches!(self.app.queue.model, Model::Ready { .. }) {
            return Ok(());
        }
        let effects = self.app.ask();
        self.act(effects)?;
        self.wait(|plain| {
            let app = &plain.app;
            let is_hidden = entry_of(app).is_none() || !telling::may_be_told(app);
            is_hidden || are_there(app) || !matches!(app.queue.model, Model::Ready { .. })
        })
    }
}
