//! What is decided on an alert: action, citation, rationale, and whether it is submitted, skipped or discarded.

use crate::env::response;
use crate::env::schema::Action;
use crate::gate;
use crate::label::{Decision, State};
use crate::ui::app::App;
use crate::ui::labelling::Labelling;
use crate::ui::labelling::drafts::type_line;
use crate::ui::layer::LineOf;
use crate::ui::msg::Effect;
use crate::ui::queue::Answer;

impl Labelling {
    /// Other words for the selected alert's label: a rationale is a beginning, a note is none.
    pub fn reword(&mut self, rationale: String, note: String) -> Vec<Effect> {
        self.edit(|decision| {
            explain(decision, rationale);
            decision.note = note;
        })
    }
}

fn explain(decision: &mut Decision, rationale: String) {
    if decision.rationale != rationale {
        decision.rationale = rationale;
        begin(decision);
    }
}

/// A change of one's own: a draft until it is submitted (again).
fn begin(decision: &mut Decision) {
    decision.state = State::Draft;
    decision.is_accepted = false;
}

/// Chooses an action. That of a submitted label again changes nothing: it stays submitted.
pub(super) fn choose(app: &mut App, action: Action) -> Vec<Effect> {
    let decision = app.labelling.current().map(|item| &item.decision);
    let is_same = decision.is_some_and(|d| d.action == Some(action) && !d.is_accepted);
    if is_same && decision.is_some_and(|d| d.state == State::Submitted) {
        app.say(format!("submitted as {action} already"));
        return Vec::new();
    }
    drafted(app, |labelling| {
        labelling.edit(|decision| {
            decision.action = Some(action);
            begin(decision);
        })
    })
}

/// Makes a change, and says so where it makes a submitted label a draft again: nobody learns from it until it is submitted.
pub(super) fn drafted(
    app: &mut App,
    change: impl FnOnce(&mut Labelling) -> Vec<Effect>,
) -> Vec<Effect> {
    let state = |app: &App| app.labelling.current().map(|item| item.decision.state);
    let before = state(app);
    let effects = change(&mut app.labelling);
    if before == Some(State::Submitted) && state(app) == Some(State::Draft) {
        app.say("a draft again, no longer submitted: Enter submits, u takes the change back");
    }
    effects
}

/// Cites the event under the cursor, or takes the citation back.
pub(super) fn mark(labelling: &mut Labelling) -> Vec<Effect> {
    let cited = labelling.event_under_cursor();
    labelling.edit(|decision| {
        decision.cited_log_id = cited.filter(|id| decision.cited_log_id.as_ref() != Some(id));
        begin(decision);
    })
}

/// Skips or discards and goes on; a second time takes that back and stays.
pub(super) fn settle(app: &mut App, state: State) -> Vec<Effect> {
    let labelling = &mut app.labelling;
    let Some(item) = labelling.current() else {
        return Vec::new();
    };
    let id = gate::clean(&item.entry.episode.alert.alert_id).into_owned();
    let word = state.as_str();
    if item.decision.state == state {
        let rest = Labelling::resting_state(item);
        let effects = labelling.edit(|decision| decision.state = rest);
        app.say(format!("{id} is no longer {word}"));
        return effects;
    }
    let effects = labelling.edit(|decision| decision.state = state);
    let is_last = !labelling.next_open();
    let end = if is_last {
        "; no other alert waits for its label"
    } else {
        ""
    };
    app.say(format!("{id} {word}; u takes it back{end}"));
    effects
}

/// A rationale or a note has been typed.
pub fn typed(app: &mut App, of: LineOf, text: &str) -> Vec<Effect> {
    let text = text.trim().to_owned();
    app.labelling.forget_draft(of);
    let mut effects = match of {
        LineOf::NoteOnAlert => app.labelling.edit(|decision| decision.note = text),
        LineOf::Rationale { submits: false } => {
            // An empty line is no beginning.
            drafted(app, |labelling| {
                labelling.edit(|decision| explain(decision, text))
            })
        }
        LineOf::Rationale { submits: true } if text.is_empty() => {
            app.say("not submitted: a label needs a rationale, one sentence");
            Vec::new()
        }
        LineOf::Rationale { submits: true } => submit_with(app, &text),
    };
    effects.extend(app.labelling.ask(&app.queue));
    effects
}

/// Submits the selected alert's label and goes on; asks for what is missing.
pub(super) fn submit(app: &mut App) -> Vec<Effect> {
    let Some(item) = app.labelling.current() else {
        return Vec::new();
    };
    if item.decision.action.is_none() {
        app.say("decide with 1-5 first; s skips the alert, x discards it");
        return Vec::new();
    }
    let rationale = item.decision.rationale.clone();
    if rationale.is_empty() {
        return type_line(app, LineOf::Rationale { submits: true });
    }
    submit_with(app, &rationale)
}

/// The citation is the marked event, else the one under the cursor.
fn submit_with(app: &mut App, rationale: &str) -> Vec<Effect> {
    let under_cursor = app.labelling.event_under_cursor();
    let Some(item) = app.labelling.current() else {
        return Vec::new();
    };
    let mut whole = item.decision.clone();
    let is_chosen = whole.cited_log_id.is_some() || item.entry.episode.log_window.len() < 2;
    let cited = whole.cited_log_id.take().or(under_cursor);
    whole.is_accepted &= cited == item.decision.cited_log_id && whole.rationale == rationale;
    whole.cited_log_id = cited;
    whole.rationale = rationale.to_owned();
    whole.state = State::Submitted;
    if let Err(why) = whole.response() {
        app.complain(format!("not submitted: {}", gate::clean(&why.to_string())));
        return Vec::new();
    }
    let cited = gate::clean(whole.cited_log_id.as_deref().unwrap_or_default()).into_owned();
    let effects = app.labelling.edit(|decision| *decision = whole);
    if !is_chosen {
        app.say(format!(
            "submitted, citing {cited}: no line was marked (Tab, Space), so the one under the cursor counts"
        ));
    }
    if !app.labelling.next_open() && app.labelling.is_done() {
        app.say("that was the last one: no alert waits for its label");
    }
    effects
}

/// Takes over the model's action, citation and rationale; after one's own choice only.
pub(super) fn accept(app: &mut App) -> Vec<Effect> {
    let labelling = &app.labelling;
    let Some(item) = labelling.current() else {
        return Vec::new();
    };
    let taken = match labelling.answer(labelling.selected()) {
        _ if !item.has_chosen() => Err("your own choice comes first: 1-5".to_owned()),
        Some(Answer::Given { response, .. }) => response::parse(response)
            .map_err(|why| format!("the model's answer is malformed: {why}")),
        Some(Answer::Failed(why)) => Err(format!("the model gave no answer: {why}")),
        Some(Answer::Thinking) => Err("the model is thinking".to_owned()),
        None => Err("no answer of the model is there".to_owned()),
    };
    let in_window = |id: &str| {
        let mut window = item.entry.episode.log_window.iter();
        window.any(|event| event.log_id == id)
    };
    match taken {
        Ok(answer) if in_window(&answer.cited_log_id) => {
            let effects = app.labelling.edit(|decision| {
                decision.action = Some(answer.action);
                decision.cited_log_id = Some(answer.cited_log_id);
                decision.rationale = answer.rationale;
                decision.state = State::Draft;
                decision.is_accepted = true;
            });
            app.labelling.point_at_citation();
            effects
        }
        Ok(answer) => {
            let id = gate::clean(&answer.cited_log_id).into_owned();
            app.say(format!(
                "the model cites {id}, which is not in the log window"
            ));
            Vec::new()
        }
        Err(why) => {
            app.say(gate::clean(&why));
            Vec::new()
        }
    }
}
