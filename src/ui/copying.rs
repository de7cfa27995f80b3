//! What of an alert can be copied, and the list to choose from. Nothing copied tells a truth that is hidden.

mod names;

use std::fmt::Write as _;

use crate::env::prompt;
use crate::env::schema::{Episode, Verdict};
use crate::gate;
use crate::ui::app::{App, ScreenName};
use crate::ui::copying::names::names;
use crate::ui::defang::defang;
use crate::ui::keys::Verb;
use crate::ui::layer::Layer;
use crate::ui::msg::{CLIPBOARD_BYTES, Effect};
use crate::ui::queue::{Answer, Entry};
use crate::ui::record;

/// Something to copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copied {
    Line,
    Prompt,
    Json,
    Case,
}

impl Copied {
    /// All four, in the order of the list.
    pub const ALL: [Copied; 4] = [Copied::Line, Copied::Prompt, Copied::Json, Copied::Case];

    /// What it is called.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Copied::Line => "the log line under the cursor",
            Copied::Prompt => "the prompt, as the model reads it",
            Copied::Json => "the episode as JSON",
            Copied::Case => "the case in Markdown",
        }
    }

    /// Its text for the selected alert.
    #[must_use]
    pub fn text(self, app: &App) -> Option<String> {
        let entry = shown(app)?;
        let episode = &entry.episode;
        match self {
            Copied::Line if is_labelling(app) => app.labelling.line_under_cursor(),
            Copied::Line => app.queue.line_under_cursor(),
            Copied::Prompt => Some(prompt::user_message(&episode.alert, &episode.log_window)),
            Copied::Json => json(entry),
            Copied::Case => Some(case(app, entry)),
        }
    }
}

fn is_labelling(app: &App) -> bool {
    app.screen == ScreenName::Labelling
}

/// The alert on screen. An edited copy is copied as it is edited.
fn shown(app: &App) -> Option<&Entry> {
    match is_labelling(app) {
        true => app.labelling.current().map(|item| &item.entry),
        false => app.queue.shown(),
    }
}

/// What a copy tells of: the episode on screen, and behind an edited copy what it was.
fn told(app: &App) -> impl Iterator<Item = &Episode> {
    let original = app.queue.current().filter(|_| !is_labelling(app));
    let entries = shown(app).into_iter().chain(original);
    entries.map(|entry| &entry.episode)
}

/// Does what `verb` says in the list; `None` leaves it to others.
pub fn perform(app: &mut App, verb: Verb) -> Option<Vec<Effect>> {
    let Some(Layer::Copy {
        chosen,
        is_defanged,
    }) = app.layers.last_mut()
    else {
        return None;
    };
    match verb {
        Verb::Down => *chosen = (*chosen + 1).min(Copied::ALL.len() - 1),
        Verb::Up => *chosen = chosen.saturating_sub(1),
        Verb::Defang => *is_defanged = !*is_defanged,
        Verb::Copy | Verb::Confirm => {
            let is_defanged = *is_defanged;
            let what = Copied::ALL.get(*chosen).copied();
            let what = what.filter(|_| verb == Verb::Confirm);
            app.layers.pop();
            return Some(copy(app, what.unwrap_or(Copied::Line), is_defanged));
        }
        _ => return None,
    }
    Some(Vec::new())
}

fn copy(app: &mut App, what: Copied, is_defanged: bool) -> Vec<Effect> {
    let Some(text) = what.text(app) else {
        app.say("nothing here to copy");
        return Vec::new();
    };
    let text = if is_defanged {
        defang(&text, &names(told(app)))
    } else {
        text
    };
    let how = if is_defanged { ", defanged" } else { "" };
    let of = match app.queue.what_if() {
        Some(_) if !is_labelling(app) => " of the what-if",
        _ => "",
    };
    let what = format!("{}{of}{how}: ", what.title());
    send(app, &what, text)
}

/// Hands a text to the terminal's clipboard, and says so; `what` is what it is called, with a colon, or nothing.
pub fn send(app: &mut App, what: &str, text: String) -> Vec<Effect> {
    let part = match text.len() > CLIPBOARD_BYTES {
        true => "its first 74 kB ",
        false => "",
    };
    app.say(format!(
        "{what}{part}sent to the terminal's clipboard (OSC 52)"
    ));
    vec![Effect::Copy(text)]
}

/// The episode; while the truth is hidden without it, and without what tells incident and decoys apart.
fn json(entry: &Entry) -> Option<String> {
    let mut value = serde_json::to_value(&entry.episode).ok()?;
    if let (Some(object), false) = (value.as_object_mut(), entry.desk.is_revealed) {
        object.remove("truth");
        object.remove("incident");
    }
    Some(value.to_string())
}

/// A case for a ticket. What others wrote stands in indented blocks, where no sign of Markdown means anything.
fn case(app: &App, entry: &Entry) -> String {
    let alert = &entry.episode.alert;
    let mut text = String::from("# Alert\n\n");
    for (name, value) in [
        ("id", alert.alert_id.as_str()),
        ("time", &record::utc(&alert.timestamp)),
        ("severity", &alert.severity),
        ("category", &alert.category),
        ("host", &alert.host),
        ("user", &alert.user),
        ("summary", &alert.summary),
    ] {
        put(&mut text, &format!("{name}: {value}"));
    }
    if let Some(what_if) = app.queue.what_if().filter(|_| !is_labelling(app)) {
        text += "\n# What-if: edited, not as it was logged\n\n";
        for edit in what_if.changes() {
            put(&mut text, &edit.to_string());
        }
        let why = what_if.now().and_then(|copy| copy.implausible.as_ref());
        if let Some(why) = why {
            put(&mut text, &format!("implausible: {why}; no truth"));
        }
    }
    text += "\n# Decisions\n\n";
    match is_labelling(app) {
        true => labelled(app, &mut text),
        false => decisions(app, entry, &mut text),
    }
    if entry.desk.is_revealed {
        verified(entry, &mut text);
    }
    text += "\n# Log window\n\n";
    for (event, line) in entry.episode.log_window.iter().zip(&entry.lines) {
        let role = record::Role::of(&entry.episode, &event.log_id);
        let role = role.filter(|_| entry.desk.is_revealed);
        let role = role.map_or_else(String::new, |role| format!("({}) ", role.word()));
        put(&mut text, &format!("{role}{line}"));
    }
    text
}

/// A line of an indented block.
fn put(text: &mut String, line: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "    {}", gate::clean(line));
}

fn decisions(app: &App, entry: &Entry, text: &mut String) {
    let desk = &entry.desk;
    match (&desk.own, desk.decision) {
        (Some(own), _) => put(text, &format!("analyst: {}", said(own, true))),
        (None, Some(action)) if !desk.is_revealed => {
            put(text, &format!("analyst: {action}, not submitted"));
        }
        (None, _) => put(text, "analyst: none"),
    }
    let answer = app.queue.shown_answer();
    let Some(Answer::Given {
        adapter, verdict, ..
    }) = answer.filter(|_| !app.queue.hides_answer())
    else {
        return;
    };
    put(
        text,
        &format!("model ({adapter}): {}", said(verdict, desk.is_revealed)),
    );
    if let Some(rationale) = &verdict.rationale {
        put(text, &format!("rationale: {rationale}"));
    }
}

/// One's own label, and the model's answer where that may be seen.
fn labelled(app: &App, text: &mut String) {
    let Some(item) = app.labelling.current() else {
        return;
    };
    let decision = &item.decision;
    let (name, state) = (&app.labelling.annotator, decision.state.as_str());
    match decision.action {
        Some(action) => {
            let cited = decision.cited_log_id.as_deref().unwrap_or("nothing");
            put(text, &format!("{name}: {action}, cites {cited} ({state})"));
        }
        None => put(text, &format!("{name}: none")),
    }
    for (what, words) in [("rationale", &decision.rationale), ("note", &decision.note)] {
        words
            .lines()
            .for_each(|line| put(text, &format!("{what}: {line}")));
    }
    let answer = app.labelling.answer(app.labelling.selected());
    if let Some(Answer::Given {
        adapter, verdict, ..
    }) = answer.filter(|_| item.has_chosen())
    {
        put(
            text,
            &format!("model ({adapter}): {}", said(verdict, false)),
        );
    }
}

/// Action and citation; each with right or wrong and with the reward once the truth is revealed.
fn said(verdict: &Verdict, is_revealed: bool) -> String {
    let action = verdict.action.map_or("malformed", |action| action.as_str());
    let cited = verdict.cited_log_id.as_deref().unwrap_or("nothing");
    if !is_revealed {
        return format!("{action}, cites {cited}");
    }
    let word = |is_right: bool| if is_right { "right" } else { "wrong" };
    format!(
        "{action} ({}), cites {cited} ({}), reward {:+.2}",
        word(verdict.correct_action),
        word(verdict.correct_citation),
        verdict.reward + 0.0
    )
}

fn verified(entry: &Entry, text: &mut String) {
    let truth = &entry.episode.truth;
    let techniques = if truth.attack.is_empty() {
        "none".to_owned()
    } else {
        truth.attack.join(", ")
    };
    *text += "\n# Truth\n\n";
    put(
        text,
        &format!(
            "action: {}, because of {}",
            truth.action, truth.triggering_log_id
        ),
    );
    put(text, &format!("rule: {} ({})", truth.rule, truth.reason));
    put(text, &format!("evidence: {}", truth.evidence.join(", ")));
    put(text, &format!("ATT&CK techniques: {techniques}"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::events::{self, Kind};
    use crate::ui::queue::what_if::Part;
    use crate::ui::tests::fixtures::{app, press, toast};

    #[test]
    fn an_account_that_was_edited_stays_when_the_rest_is_defanged() {
        let mut app = app();
        press(&mut app, "r");
        let episode = &app.queue.current().expect("an alert").episode;
        let mut window = episode.log_window.iter().enumerate();
        let of_others = window.find_map(|(at, event)| {
            let mut accounts = events::texts(event, Kind::is_account);
            let is_of_other = |name: &str| name.contains('.') && *name != episode.alert.user;
            let (field, name) = accounts.find(|(_, name)| is_of_other(name))?;
            Some((at, field, name.to_owned()))
        });
        let (line, field, was) = of_others.expect("somebody else's account");
        app.queue.line = line;
        let part = Part::Field(field.to_owned());
        assert!(app.queue.edit_part(&part, "z.new".into()));
        let chosen = Copied::ALL.len() - 1;
        app.layers.push(Layer::Copy {
            chosen,
            is_defanged: true,
        });
        let effects = perform(&mut app, Verb::Confirm).expect("done");
        let [Effect::Copy(case)] = &effects[..] else {
            panic!("{effects:?}");
        };
        let wanted = format!("{field} was {was}, now z.new");
        assert!(case.contains(&wanted), "{wanted}:\n{case}");
    }

    #[test]
    fn what_is_longer_than_a_clipboard_takes_is_said_to_be_cut() {
        let mut app = app();
        for (len, is_cut) in [
            (10, false),
            (CLIPBOARD_BYTES, false),
            (CLIPBOARD_BYTES + 1, true),
        ] {
            let effects = send(&mut app, "the value: ", "x".repeat(len));
            assert!(matches!(&effects[..], [Effect::Copy(text)] if text.len() == len));
            let said = toast(&app);
            assert!(said.starts_with("the value: "), "{said}");
            assert_eq!(said.contains("its first 74 kB"), is_cut, "{said}");
        }
    }
}
