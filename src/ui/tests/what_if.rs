//! What-if: fields edited in a copy, what follows, and what stays as it was.

use crate::env::events;
use crate::env::schema::Episode;
use crate::link::Command;
use crate::ui::app::{App, update};
use crate::ui::detail::rows;
use crate::ui::layer::Layer;
use crate::ui::msg::{Effect, Msg};
use crate::ui::queue::Entry;
use crate::ui::record::printed;
use crate::ui::tests::fixtures::{answer, app, press, ready, right, seen, wrong};

/// A workbench whose model has answered rightly, an alert revealed: the first of a short window, so that frames have room.
fn revealed() -> App {
    let mut app = app();
    let entries = app.queue.entries();
    let shortest = entries.iter().map(|e| e.episode.log_window.len()).min();
    let at = entries
        .iter()
        .position(|e| Some(e.episode.log_window.len()) == shortest);
    app.queue.select(at.expect("alerts"));
    let effects = update(&mut app, ready());
    answer(&mut app, effects, right);
    press(&mut app, "r");
    app
}

fn episode(app: &App) -> Episode {
    app.queue.current().expect("an alert").episode.clone()
}

fn shown(app: &App) -> Episode {
    app.queue.shown().expect("an alert").episode.clone()
}

/// Opens the line to edit the value called `name` of the record at `line` in.
fn open(app: &mut App, line: usize, name: &str) {
    app.queue.line = line;
    press(app, "e g g");
    let entry = app.queue.shown().expect("an alert");
    let at = rows(entry, line).iter().position(|row| row.name == name);
    (0..at.expect("a row")).for_each(|_| drop(press(app, "j")));
    press(app, "Enter");
}

/// Edits it; the list of fields stays open.
fn edit_in_list(app: &mut App, line: usize, name: &str, value: &str) -> Vec<Effect> {
    open(app, line, name);
    press(app, "ctrl-u");
    update(app, Msg::Paste(value.to_owned()));
    press(app, "Enter")
}

/// Edits it, and leaves the list.
fn edit(app: &mut App, line: usize, name: &str, value: &str) -> Vec<Effect> {
    let effects = edit_in_list(app, line, name, value);
    assert!(matches!(app.layers[..], [Layer::Detail { .. }]));
    press(app, "Esc");
    effects
}

/// Where the alert differs from its twin: line, field, and the twin's value.
fn difference(app: &App) -> (usize, String, String, Episode) {
    let here = episode(app);
    let at = app.queue.selected() ^ 1;
    let twin = app.queue.entries()[at].episode.clone();
    let pairs = here.log_window.iter().zip(&twin.log_window).enumerate();
    for (line, (one, two)) in pairs {
        for (name, value) in &one.fields {
            if two.fields.get(name) != Some(value) {
                let other = printed(two.fields.get(name).expect("both have it"));
                return (line, name.clone(), other, twin);
            }
        }
    }
    panic!("twins differ");
}

fn toast(app: &App) -> &str {
    app.toast.as_ref().map_or("", |toast| toast.text.as_str())
}

fn asked(effects: &[Effect]) -> Option<&Episode> {
    effects.iter().find_map(|effect| match effect {
        Effect::Send(Command::Infer(request)) => Some(&*request.episode),
        _ => None,
    })
}

/// A frame without borders, one space between words.
fn words(frame: &str) -> String {
    let bare = frame.replace(['│', '┌', '─', '└', '┐', '┘'], " ");
    bare.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn nothing_is_edited_before_the_truth_is_known() {
    let mut app = app();
    press(&mut app, "e");
    assert!(app.layers.is_empty() && toast(&app).contains("tell the truth"));
    press(&mut app, "o j j e");
    assert_eq!(app.layers.len(), 1, "only the list is open");
    assert!(toast(&app).contains("tell the truth"));
    press(&mut app, "Esc x");
    assert!(toast(&app).contains("no what-if"));
}

#[test]
fn an_alert_edited_into_its_twin_has_the_twins_truth_and_is_asked_about_anew() {
    let mut app = revealed();
    let original = episode(&app);
    let (line, name, value, twin) = difference(&app);
    let before = app.queue.scores();
    let effects = edit(&mut app, line, &name, &value);
    assert!(app.layers.is_empty(), "what follows is in sight");
    let copy = shown(&app);
    assert_eq!(copy.truth.action, twin.truth.action);
    assert_eq!(copy.truth.rule, twin.truth.rule);
    assert_ne!(copy.truth.action, original.truth.action);
    assert_eq!(episode(&app), original, "the alert stays");
    let asked = asked(&effects).expect("the model is asked");
    assert_eq!(asked.log_window, copy.log_window);
    assert_ne!(asked.episode_id, original.episode_id);
    answer(&mut app, effects, wrong);
    assert_eq!(app.queue.scores(), before, "an edited copy never counts");
    let was = original.log_window[line].fields.get(&name).map(printed);
    for size in [(80, 24), (120, 35), (200, 60)] {
        let shown = seen(&app, size);
        for wanted in [
            "what-if: ",
            "C changed",
            &name,
            &was.clone().expect("a value"),
            &value,
            &original.truth.rule,
            &twin.truth.rule,
            "M. was",
            "✗ wrong",
        ] {
            assert!(shown.contains(wanted), "{wanted} {size:?}:\n{shown}");
        }
        assert!(
            shown
                .lines()
                .any(|l| l.contains("Was ") && l.contains(original.truth.action.as_str()))
        );
        assert!(
            shown
                .lines()
                .any(|l| l.contains("Now ") && l.contains(twin.truth.action.as_str()))
        );
    }
}

#[test]
fn edits_stack_and_go_one_by_one_and_esc_leaves_one_layer() {
    let mut app = revealed();
    app.queue.set_filter("stage:stage3").expect("a filter");
    let original = episode(&app);
    let (line, name, value, _) = difference(&app);
    edit(&mut app, line, &name, &value);
    let once = shown(&app);
    edit_in_list(
        &mut app,
        line,
        "timestamp",
        &once.log_window[line].timestamp.clone(),
    );
    assert!(toast(&app).contains("nothing has changed"));
    press(&mut app, "Esc");
    edit(&mut app, line, "source", "elsewhere");
    let changes = app.queue.what_if().expect("a what-if").changes();
    assert_eq!(changes.len(), 2, "{changes:?}");
    press(&mut app, "u");
    assert_eq!(shown(&app), once);
    press(&mut app, "u");
    assert_eq!(shown(&app), original);
    press(&mut app, "ctrl-r");
    assert_eq!(shown(&app), once);
    press(&mut app, "3");
    assert!(toast(&app).contains("not decided on"));
    press(&mut app, "] [");
    assert_eq!(shown(&app), once, "it is there when one comes back");
    press(&mut app, "Esc");
    assert_eq!(shown(&app), original);
    assert!(app.queue.is_filtered(), "one layer only");
    assert!(app.queue.current().is_some_and(|e| e.desk.is_revealed));
    press(&mut app, "Esc");
    assert!(!app.queue.is_filtered());
    edit(&mut app, line, &name, &value);
    press(&mut app, "x u");
    let is_revealed = app.queue.current().is_some_and(|e| e.desk.is_revealed);
    assert!(!is_revealed, "without edits u is the undo of decisions");
}

#[test]
fn a_value_of_another_kind_says_why_and_keeps_the_line_open() {
    let mut app = revealed();
    let number = |entry: &Entry| {
        let mut lines = entry.episode.log_window.iter().enumerate();
        lines.find_map(|(line, event)| {
            let known = events::find(&event.event_type)?;
            let mut fields = known.fields.iter();
            let field = fields.find(|field| field.kind.is_number())?;
            Some((line, field.name))
        })
    };
    let mut entries = app.queue.entries().iter().enumerate();
    let found = entries.find_map(|(at, entry)| Some((at, number(entry)?)));
    let (at, (line, name)) = found.expect("a number somewhere");
    app.queue.select(at);
    press(&mut app, "r");
    open(&mut app, line, name);
    let value = episode(&app).log_window[line]
        .number(name)
        .expect("a number");
    let Some(Layer::Edit { typed, .. }) = app.layers.last() else {
        panic!("a line to edit in");
    };
    assert_eq!(**typed, *value.to_string());
    press(&mut app, "ctrl-u m a n y Enter");
    for size in [(80, 24), (120, 35)] {
        let frame = seen(&app, size);
        let prompt = words(&frame);
        assert!(prompt.contains("many_"), "{frame}");
        assert!(prompt.contains("is not a whole number"), "{frame}");
    }
    assert!(app.queue.what_if().is_none());
    press(&mut app, "ctrl-u 7");
    assert!(app.toast.is_none());
    press(&mut app, "Enter");
    assert_eq!(shown(&app).log_window[line].number(name), Some(7));
}

#[test]
fn what_could_not_have_happened_has_no_truth() {
    let mut app = revealed();
    let original = episode(&app);
    let effects = edit(&mut app, 0, "source", "nowhere");
    answer(&mut app, effects, wrong);
    for size in [(80, 24), (120, 35), (200, 60)] {
        let frame = seen(&app, size);
        let source = format!("{},", original.log_window[0].source);
        for wanted in ["implausible: ", &source, "`nowhere`", "no truth"] {
            assert!(
                words(&frame).contains(wanted),
                "{wanted} {size:?}:\n{frame}"
            );
        }
        assert!(!frame.contains("T trigger,"), "{frame}");
        assert!(
            frame.contains(&original.truth.rule),
            "what was true stays:\n{frame}"
        );
    }
    let effects = press(&mut app, "y j j Enter");
    let [Effect::Copy(text)] = effects.as_slice() else {
        panic!("one copy");
    };
    assert!(
        text.contains("\"nowhere\"") && !text.contains("triggering_log_id"),
        "{text}"
    );
    assert!(toast(&app).contains("of the what-if"));
}

#[test]
fn copies_are_of_what_is_edited() {
    let mut app = revealed();
    let (line, name, value, twin) = difference(&app);
    edit(&mut app, line, &name, &value);
    let mut copied = |keys: &str| match press(&mut app, keys).as_slice() {
        [Effect::Copy(text)] => text.clone(),
        other => panic!("{other:?}"),
    };
    let json = copied("y j j Enter");
    let read: Episode = serde_json::from_str(&json).expect("an episode");
    assert!(read.episode_id.ends_with("-what-if"), "{}", read.episode_id);
    assert_eq!(read.truth.action, twin.truth.action);
    let prompt = copied("y j Enter");
    assert!(prompt.contains(&value), "{prompt}");
    let case = copied("y j j j Enter");
    assert!(case.contains("# What-if") && case.contains(&name), "{case}");
}

#[test]
fn a_reveal_taken_back_takes_its_what_if_along() {
    let mut app = revealed();
    let here = app.queue.selected();
    let (line, name, value, _) = difference(&app);
    edit(&mut app, line, &name, &value);
    press(&mut app, "] r");
    press(&mut app, "u u");
    assert_eq!(app.queue.selected(), here);
    assert!(app.queue.what_if().is_none());
    assert!(app.queue.shown().is_some_and(|e| !e.desk.is_revealed));
}

#[test]
fn several_fields_are_edited_in_one_list_and_each_says_what_became_of_the_truth() {
    let mut app = revealed();
    let original = episode(&app);
    let (line, name, value, twin) = difference(&app);
    edit_in_list(&mut app, line, &name, &value);
    let wanted = format!(
        "the truth is now {} ({}), it was {}",
        twin.truth.action, twin.truth.rule, original.truth.action
    );
    assert!(toast(&app).starts_with(&wanted), "{}", toast(&app));
    let Some(&Layer::Detail { field }) = app.layers.last() else {
        panic!("the list stays");
    };
    let entry = app.queue.shown().expect("an alert");
    assert_eq!(rows(entry, line)[field].name, name, "the cursor too");
    press(&mut app, "u");
    assert_eq!(shown(&app), original, "u works in the list");
    press(&mut app, "ctrl-r");
    assert_eq!(shown(&app).truth.rule, twin.truth.rule);
    press(&mut app, "Esc");
    assert!(app.layers.is_empty() && app.queue.what_if().is_some());
}

#[test]
fn a_word_that_no_rule_knows_is_taken_and_said_to_be_one() {
    let mut app = revealed();
    let word = |entry: &Entry| {
        let mut lines = entry.episode.log_window.iter().enumerate();
        lines.find_map(|(line, event)| {
            let mut fields = event.fields.keys();
            let part = |name: &String| crate::ui::queue::what_if::Part::Field(name.clone());
            let known = |name: &&String| {
                crate::ui::queue::what_if::expected(event, &part(name)).starts_with("known: ")
            };
            Some((line, fields.find(known)?.clone()))
        })
    };
    let mut entries = app.queue.entries().iter().enumerate();
    let found = entries.find_map(|(at, entry)| Some((at, word(entry)?)));
    let (at, (line, name)) = found.expect("a word somewhere");
    app.queue.select(at);
    press(&mut app, "r");
    edit_in_list(&mut app, line, &name, "zzz");
    assert!(
        toast(&app).contains("no rule knows \"zzz\""),
        "{}",
        toast(&app)
    );
    assert!(app.queue.what_if().is_some());
}
