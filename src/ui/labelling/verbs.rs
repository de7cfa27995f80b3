//! What each verb does on the labelling screen, and what the clerk's word does to it.

use crate::env::response;
use crate::env::schema::Action;
use crate::label::{Decision, State};
use crate::ui::app::{App, ScreenName};
use crate::ui::clerk::Outcome;
use crate::ui::editing;
use crate::ui::gate;
use crate::ui::keys::Verb;
use crate::ui::labelling::agreeing::{Disagreement, all_disagreements, disagreements};
use crate::ui::labelling::drafts::type_line;
use crate::ui::labelling::{Access, Labelling};
use crate::ui::layer::{Layer, LineOf};
use crate::ui::msg::Effect;
use crate::ui::pace::Urgency;
use crate::ui::queue::{Answer, QueuePane};
use crate::ui::scroll::stride;

/// Shows the screen; the labels are read when it is shown first.
pub fn show(app: &mut App) -> Vec<Effect> {
    app.screen = ScreenName::Labelling;
    let mut effects = app.labelling.open();
    effects.extend(app.labelling.ask(&app.queue));
    effects
}

/// Does what a verb says.
pub fn perform(app: &mut App, verb: Verb) -> Vec<Effect> {
    let labelling = &mut app.labelling;
    let mut effects = Vec::new();
    match verb {
        Verb::Top => jump(labelling, false),
        Verb::Bottom => jump(labelling, true),
        _ if verb.is_movement() => labelling.step(stride(verb)),
        Verb::NextPane | Verb::PreviousPane => {
            labelling.pane = match labelling.pane {
                QueuePane::Alerts => QueuePane::Log,
                _ => QueuePane::Alerts,
            };
        }
        Verb::NextAlert => labelling.move_visible(1),
        Verb::PreviousAlert => labelling.move_visible(-1),
        Verb::ShowAgreement => show_agreement(app),
        Verb::ShowGuidelines => app.layers.push(Layer::guidelines()),
        _ => effects = decide(app, verb),
    }
    effects.extend(app.labelling.ask(&app.queue));
    effects
}

fn jump(labelling: &mut Labelling, to_end: bool) {
    if labelling.pane == QueuePane::Log {
        labelling.step(if to_end { 10_000 } else { -10_000 });
        return;
    }
    let visible = labelling.visible();
    let edge = if to_end {
        visible.last()
    } else {
        visible.first()
    };
    if let Some(at) = edge {
        labelling.select(*at);
    }
}

/// The page is of what is on disk: nothing is there before it is read.
fn show_agreement(app: &mut App) {
    match app.labelling.access {
        Access::Open => app.layers.push(Layer::Agreement { cursor: 0 }),
        _ => app.say("the labels are not read yet"),
    }
}

/// Moves the cursor of the agreement page, or of the list of disagreements, as a verb of movement says.
pub fn step_disagreement(app: &mut App, verb: Verb) {
    let sides = app.labelling.sides();
    let (cursor, count) = match app.layers.last_mut() {
        Some(Layer::Agreement { cursor }) => (cursor, disagreements(&sides).len()),
        Some(Layer::Disagreements { cursor }) => (cursor, all_disagreements(&sides).len()),
        _ => return,
    };
    let last = count.saturating_sub(1);
    *cursor = cursor.saturating_add_signed(stride(verb)).min(last);
}

/// The list of disagreements over the agreement page, with the cursor where it was left; or away with it.
pub fn toggle_disagreements(app: &mut App) {
    if let Some(Layer::Disagreements { .. }) = app.layers.last() {
        app.layers.pop();
        return;
    }
    let count = all_disagreements(&app.labelling.sides()).len();
    let cursor = app.labelling.disagreement.min(count.saturating_sub(1));
    app.layers.push(Layer::Disagreements { cursor });
}

/// To the alert of a disagreement on the agreement page.
pub fn open_disagreement(app: &mut App, cursor: usize) -> Vec<Effect> {
    let all = disagreements(&app.labelling.sides());
    go_to(app, all.get(cursor))
}

/// To the alert of a disagreement in the list of all: away from both pages, the list's cursor kept for the next look.
pub fn open_listed(app: &mut App, cursor: usize) -> Vec<Effect> {
    let all = all_disagreements(&app.labelling.sides());
    app.layers
        .retain(|layer| !matches!(layer, Layer::Agreement { .. }));
    app.labelling.disagreement = cursor;
    go_to(app, all.get(cursor))
}

fn go_to(app: &mut App, found: Option<&Disagreement>) -> Vec<Effect> {
    let Some(found) = found else {
        app.say("there is no disagreement to go to");
        return Vec::new();
    };
    if !app.labelling.go_to(&found.episode_id) {
        app.say("that alert is not in the folder of labels");
    }
    app.labelling.ask(&app.queue)
}

/// Decisions on the selected alert.
fn decide(app: &mut App, verb: Verb) -> Vec<Effect> {
    if let Some(why) = why_not(&app.labelling) {
        app.say(why);
        return Vec::new();
    }
    let labelling = &mut app.labelling;
    match verb {
        Verb::Mark => drafted(app, mark),
        Verb::Submit => submit(app),
        Verb::AcceptAnswer => accept(app),
        Verb::SkipAlert => settle(app, State::Skipped),
        Verb::DiscardAlert => settle(app, State::Discarded),
        Verb::FlagAlert => labelling.edit(|decision| decision.is_flagged = !decision.is_flagged),
        Verb::EditRationale => type_line(app, LineOf::Rationale { submits: false }),
        Verb::WriteNote => type_line(app, LineOf::NoteOnAlert),
        Verb::OpenEditor => editing::open_label(app),
        Verb::NextPending => {
            if !labelling.next_open() {
                app.say("no other alert waits for its label");
            }
            Vec::new()
        }
        Verb::Undo | Verb::Redo => match labelling.step_back(verb == Verb::Redo) {
            Some(effects) => effects,
            None => {
                app.say("nothing to undo or redo");
                Vec::new()
            }
        },
        other => match other.chosen_action() {
            Some(action) => choose(app, action),
            None => Vec::new(),
        },
    }
}

/// Why nothing can be decided now.
fn why_not(labelling: &Labelling) -> Option<String> {
    match &labelling.access {
        Access::Open if labelling.current().is_none() => Some("there is no alert to label".into()),
        Access::Open => None,
        Access::Failed(why) => Some(format!("nothing can be labelled: {}", gate::clean(why))),
        Access::Closed | Access::Opening => Some("the labels are being read".into()),
    }
}

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
fn choose(app: &mut App, action: Action) -> Vec<Effect> {
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
fn drafted(app: &mut App, change: impl FnOnce(&mut Labelling) -> Vec<Effect>) -> Vec<Effect> {
    let state = |app: &App| app.labelling.current().map(|item| item.decision.state);
    let before = state(app);
    let effects = change(&mut app.labelling);
    if before == Some(State::Submitted) && state(app) == Some(State::Draft) {
        app.say("a draft again, no longer submitted: Enter submits, u takes the change back");
    }
    effects
}

/// Cites the event under the cursor, or takes the citation back.
fn mark(labelling: &mut Labelling) -> Vec<Effect> {
    let cited = labelling.event_under_cursor();
    labelling.edit(|decision| {
        decision.cited_log_id = cited.filter(|id| decision.cited_log_id.as_ref() != Some(id));
        begin(decision);
    })
}

/// Skips or discards and goes on; a second time takes that back and stays.
fn settle(app: &mut App, state: State) -> Vec<Effect> {
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
fn submit(app: &mut App) -> Vec<Effect> {
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
fn accept(app: &mut App) -> Vec<Effect> {
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

/// What the clerk has to say.
pub fn heard(app: &mut App, outcome: Outcome) -> Vec<Effect> {
    match outcome {
        Outcome::Opened(opened) => app.labelling.opened(opened),
        Outcome::Came(episodes) if episodes.is_empty() => return Vec::new(),
        Outcome::Came(episodes) => {
            let count = episodes.len();
            app.labelling.came(episodes);
            app.say(format!("{count} alerts have come by import"));
        }
        Outcome::NotOpened(why) => {
            app.complain(gate::clean(&why));
            app.labelling.access = Access::Failed(why);
        }
        Outcome::Saved(label) => app.labelling.saved(*label),
        Outcome::NotSaved { label, why } => {
            app.labelling.not_saved(&label, &why);
            let id = gate::clean(&label.episode_id).into_owned();
            app.complain(format!("{id} is not saved: {}", gate::clean(&why)));
        }
    }
    if app.screen != ScreenName::Labelling {
        return Vec::new();
    }
    app.touch(Urgency::Input);
    app.labelling.ask(&app.queue)
}
