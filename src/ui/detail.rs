//! All fields of the log line under the cursor, one a row; the value under this list's own cursor can be copied, or made a
//! term of the filter. State and behaviour only, drawn elsewhere.

use crate::gate;
use crate::ui::app::{App, ScreenName};
use crate::ui::copying;
use crate::ui::keys::Verb;
use crate::ui::layer::Layer;
use crate::ui::msg::Effect;
use crate::ui::queue::what_if::{self, Part};
use crate::ui::queue::{Entry, Queue};
use crate::ui::record;
use crate::ui::scroll::stride;

/// What truth, rule, techniques and the model's answer are called in the list of an alert.
const OF_WHAT_IS_SHOWN: [&str; 4] = ["truth", "rule", "attack", "model's answer"];
/// The same in the list of an edited copy: there they are the alert's own, as its header is.
const OF_THE_ALERT: [&str; 4] = [
    "alert truth",
    "alert rule",
    "alert attack",
    "alert model's answer",
];

/// One field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub name: String,
    pub value: String,
    /// What filters call it; none where they do not know it.
    pub filtered_as: Option<String>,
    /// What of the record a what-if can edit here.
    pub part: Option<Part>,
}

/// What the line at `line` holds: what every record has, then its fields in the order of its type; last what the alert's
/// header says, to filter by.
#[must_use]
pub fn rows(entry: &Entry, line: usize) -> Vec<Row> {
    let window = &entry.episode.log_window;
    let Some(event) = window.get(line) else {
        return Vec::new();
    };
    let row = |name: &str, value: String, filtered_as: Option<&str>, part: Option<Part>| Row {
        name: name.to_owned(),
        value,
        filtered_as: filtered_as.map(str::to_owned),
        part,
    };
    let before = line.checked_sub(1).and_then(|before| window.get(before));
    let mut rows = vec![
        row("log_id", event.log_id.clone(), None, None),
        row(
            "timestamp",
            record::utc(&event.timestamp),
            None,
            Some(Part::Timestamp),
        ),
    ];
    if before.is_some() {
        rows.push(row(
            "since the line before",
            record::time(before, event),
            None,
            None,
        ));
    }
    rows.push(row(
        "source",
        event.source.clone(),
        Some("src"),
        Some(Part::Source),
    ));
    rows.push(row(
        "event_type",
        event.event_type.clone(),
        Some("type"),
        Some(Part::EventType),
    ));
    let fields = record::fields(event).into_iter();
    rows.extend(fields.map(|(name, value)| {
        let part = Some(Part::Field(name.to_owned()));
        row(name, record::printed(value), Some(name), part)
    }));
    rows.extend(header(entry));
    rows
}

/// What the alert's header says, under the names that filters have for it.
fn header(entry: &Entry) -> [Row; 4] {
    let alert = &entry.episode.alert;
    let row = |(name, value, known): (&str, &String, &str)| Row {
        name: name.to_owned(),
        value: value.clone(),
        filtered_as: Some(known.to_owned()),
        part: None,
    };
    [
        ("alert severity", &alert.severity, "severity"),
        ("alert category", &alert.category, "category"),
        ("alert host", &alert.host, "alert_host"),
        ("alert user", &alert.user, "alert_user"),
    ]
    .map(row)
}

/// The alert and the log line that the list is of: those of the screen below it.
#[must_use]
pub fn shown(app: &App) -> Option<(&Entry, usize)> {
    match app.screen {
        ScreenName::Labelling => {
            let item = app.labelling.current()?;
            Some((&item.entry, app.labelling.line))
        }
        _ => Some((app.queue.shown()?, app.queue.line)),
    }
}

/// The rows of the line under the cursor; on the episodes screen also what is told of a revealed alert.
#[must_use]
pub fn here(app: &App) -> Vec<Row> {
    let Some((entry, line)) = shown(app) else {
        return Vec::new();
    };
    let mut rows = rows(entry, line);
    if app.screen != ScreenName::Labelling && !rows.is_empty() {
        rows.extend(revealed(&app.queue));
    }
    rows
}

/// Truth, rule, techniques, the model's answer and the stage of the selected alert itself, whatever was edited in a copy of it,
/// under the names that filters have for them. Nothing before its truth is revealed.
fn revealed(queue: &Queue) -> Vec<Row> {
    let Some(entry) = queue.current().filter(|entry| entry.desk.is_revealed) else {
        return Vec::new();
    };
    let row = |name: &str, value: &str, known: &str| Row {
        name: name.to_owned(),
        value: value.to_owned(),
        filtered_as: Some(known.to_owned()),
        part: None,
    };
    // Among the fields of a copy they would be taken for the copy's.
    let names = match queue.what_if() {
        Some(_) => OF_THE_ALERT,
        None => OF_WHAT_IS_SHOWN,
    };
    let [of_truth, of_rule, of_attack, of_answer] = names;
    let truth = &entry.episode.truth;
    let mut rows = vec![
        row(of_truth, truth.action.as_str(), "truth"),
        row(of_rule, &truth.rule, "rule"),
    ];
    let attacks = truth.attack.iter();
    rows.extend(attacks.map(|id| row(of_attack, id, "attack")));
    if let Some(verdict) = queue.model_verdict(queue.selected()) {
        let said = verdict.action.map_or("malformed", |action| action.as_str());
        rows.push(row(of_answer, said, "model"));
    }
    rows.push(row("stage", queue.stage().as_str(), "stage"));
    rows
}

/// The first row of the record's own fields: what one opens the list for.
#[must_use]
pub fn first_field(rows: &[Row]) -> usize {
    let own = |row: &Row| matches!(row.part, Some(Part::Field(_)));
    rows.iter().position(own).unwrap_or(0)
}

/// Opens the list.
pub fn open(app: &mut App) {
    if shown(app).is_none() {
        app.say("there is no alert to look into");
        return;
    }
    let field = first_field(&here(app));
    app.layers.push(Layer::Detail { field });
}

/// Does what `verb` says in the list; `None` leaves it to others.
pub fn perform(app: &mut App, verb: Verb) -> Option<Vec<Effect>> {
    let &Layer::Detail { field } = app.layers.last()? else {
        return None;
    };
    let mut rows = here(app);
    let to = match verb {
        _ if verb.is_movement() => field.saturating_add_signed(stride(verb)),
        Verb::NextLine | Verb::PreviousLine => {
            let by = if verb == Verb::NextLine { 1 } else { -1 };
            match app.screen {
                ScreenName::Labelling => app.labelling.step_line(by),
                _ => app.queue.step_line(by),
            }
            let name = rows.get(field).map(|row| row.name.clone());
            rows = here(app);
            let same = rows.iter().position(|row| Some(&row.name) == name.as_ref());
            same.unwrap_or_else(|| first_field(&rows))
        }
        Verb::OpenDetail => {
            app.layers.pop();
            return Some(Vec::new());
        }
        Verb::Copy => {
            let value = rows.get(field)?.value.clone();
            return Some(copying::send(app, "the value: ", value));
        }
        Verb::EditField | Verb::Undo | Verb::Redo | Verb::DropWhatIf
            if app.screen == ScreenName::Labelling =>
        {
            app.say("a what-if is of episodes (F1): a label is of the alert as it is");
            return Some(Vec::new());
        }
        Verb::Undo | Verb::Redo => {
            if !app.queue.step_edit(verb == Verb::Redo) {
                app.say("no edit to undo or redo");
            }
            return Some(app.queue.ask());
        }
        Verb::DropWhatIf => {
            if !app.queue.drop_what_if() {
                app.say("there is no what-if to drop");
            }
            return Some(app.queue.ask());
        }
        Verb::EditField => {
            what_if::edit(app, rows.get(field)?.part.as_ref());
            return Some(Vec::new());
        }
        Verb::OnlyValue | Verb::ExcludeValue => {
            return Some(narrow(app, rows.get(field)?, verb == Verb::ExcludeValue));
        }
        _ => return None,
    };
    if let Some(Layer::Detail { field }) = app.layers.last_mut() {
        *field = to.min(rows.len().saturating_sub(1));
    }
    Some(Vec::new())
}

/// Adds the value as a term to the filter, or its opposite; what says the contrary goes.
fn narrow(app: &mut App, row: &Row, is_excluded: bool) -> Vec<Effect> {
    let Some(term) = term(row) else {
        app.say(format!("{} cannot be filtered by", gate::clean(&row.name)));
        return Vec::new();
    };
    let (wanted, contrary) = if is_excluded {
        (format!("!{term}"), term)
    } else {
        (term.clone(), format!("!{term}"))
    };
    app.layers.pop();
    let is_labelling = app.screen == ScreenName::Labelling;
    let before = match is_labelling {
        true => &app.labelling.filter_text,
        false => &app.queue.filter_text,
    };
    let filter = added(before, &wanted, &contrary);
    let set = match is_labelling {
        true => app.labelling.set_filter(&filter),
        false => app.queue.set_filter(&filter),
    };
    match set {
        Ok(()) => app.say(format!(
            "filter: {}; Esc takes it off",
            gate::clean(&filter)
        )),
        Err(error) => app.complain(gate::clean(&error.to_string())),
    }
    app.ask()
}

/// `name="value"`; none where filters could not read it back.
fn term(row: &Row) -> Option<String> {
    let name = row.filtered_as.as_deref()?;
    // Fields of records have dots in their names: `id.orig_h`.
    let is_plain = |c: char| c.is_alphanumeric() || ['_', '.'].contains(&c);
    let is_sound = !name.is_empty() && name.chars().all(is_plain) && !row.value.contains('"');
    (is_sound && !row.value.is_empty()).then(|| format!("{name}=\"{}\"", row.value))
}

/// `filter` with `wanted` once, and without `contrary`.
pub(super) fn added(filter: &str, wanted: &str, contrary: &str) -> String {
    // Spaces around make each term whole: `!x` must not be taken for `x`.
    let mut text = format!(" {filter} ");
    for term in [contrary, wanted] {
        text = text.replace(&format!(" {term} "), " ");
    }
    format!("{} {wanted}", text.trim()).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::app::update;
    use crate::ui::tests::fixtures::{answer, app, press, ready, wrong};

    /// The value of each of these rows, none where there is no such row.
    fn told(app: &App) -> Vec<Option<String>> {
        let rows = here(app);
        let value = |name: &str| rows.iter().find(|row| row.name == name);
        let names = ["truth", "rule", "model's answer", "stage"];
        let values = names.map(|name| value(name).map(|row| row.value.clone()));
        values.into()
    }

    #[test]
    fn what_the_reveal_tells_can_be_filtered_by_after_it_and_is_no_row_before() {
        let mut app = app();
        let effects = update(&mut app, ready());
        answer(&mut app, effects, wrong);
        assert!(told(&app).iter().all(Option::is_none));
        press(&mut app, "r");
        let truth = app.queue.current().expect("there").episode.truth.clone();
        let said = app
            .queue
            .model_verdict(0)
            .and_then(|verdict| verdict.action);
        let wanted = [
            truth.action.to_string(),
            truth.rule.clone(),
            said.expect("an action").to_string(),
            app.queue.stage().to_string(),
        ];
        assert_eq!(told(&app), wanted.map(Some));
        let attacks = here(&app).into_iter().filter(|row| row.name == "attack");
        let attacks: Vec<String> = attacks.map(|row| row.value).collect();
        assert_eq!(attacks, truth.attack);
        for (name, is_excluded) in [("truth", false), ("rule", false), ("model's answer", true)] {
            press(&mut app, "o");
            let rows = here(&app);
            let field = rows.iter().position(|row| row.name == name);
            let field = field.expect("a row");
            app.layers = vec![Layer::Detail { field }];
            let (key, sign) = if is_excluded { ("-", "!") } else { ("+", "") };
            press(&mut app, key);
            let row = &rows[field];
            let term = row.filtered_as.as_deref().expect("a field");
            let wanted = format!("{sign}{term}=\"{}\"", row.value);
            assert_eq!(app.queue.filter_text, wanted);
            assert_eq!(app.queue.visible().contains(&0), !is_excluded, "{wanted}");
            press(&mut app, "Esc");
            app.queue.select(0);
        }
    }

    #[test]
    fn among_the_fields_of_a_what_if_the_truth_is_said_to_be_the_alerts() {
        let mut app = app();
        let effects = update(&mut app, ready());
        answer(&mut app, effects, wrong);
        press(&mut app, "r e g g");
        let mut rows = here(&app).into_iter();
        let at = rows.position(|row| row.name == "source").expect("a row");
        (0..at).for_each(|_| drop(press(&mut app, "j")));
        press(&mut app, "e x Enter");
        assert!(app.queue.what_if().is_some());
        let rows = here(&app);
        for known in ["truth", "rule", "model"] {
            let mut rows = rows.iter();
            let row = rows.find(|row| row.filtered_as.as_deref() == Some(known));
            let name = row.map_or("", |row| row.name.as_str());
            assert!(name.starts_with("alert "), "{known}: {name}");
        }
        assert!(told(&app)[..3].iter().all(Option::is_none));
    }

    #[test]
    fn a_term_is_added_once_and_takes_its_contrary_away() {
        for (filter, wanted) in [
            ("", "user=\"b\""),
            ("high", "high user=\"b\""),
            ("user=\"b\" high", "high user=\"b\""),
            ("!user=\"b\" high", "high user=\"b\""),
            ("!user=\"bc\"", "!user=\"bc\" user=\"b\""),
        ] {
            assert_eq!(
                added(filter, "user=\"b\"", "!user=\"b\""),
                wanted,
                "{filter}"
            );
        }
        assert_eq!(
            added("user=\"b\"", "!user=\"b\"", "user=\"b\""),
            "!user=\"b\""
        );
    }

    #[test]
    fn what_no_filter_could_read_back_is_no_term() {
        let row = |filtered_as: Option<&str>, value: &str| Row {
            name: "x".into(),
            value: value.into(),
            filtered_as: filtered_as.map(str::to_owned),
            part: None,
        };
        assert_eq!(
            term(&row(Some("user"), "a b")).as_deref(),
            Some("user=\"a b\"")
        );
        for bad in [
            row(None, "x"),
            row(Some("a b"), "x"),
            row(Some("a=b"), "x"),
            row(Some("a"), "say \"x\""),
        ] {
            assert_eq!(term(&bad), None, "{bad:?}");
        }
    }
}
