//! What `/` does: filters what is in front while it is typed; where nothing can be filtered it searches.

use crate::gate;
use crate::ui::app::{App, ScreenName};
use crate::ui::filter::{FilterError, nearest};
use crate::ui::layer::Layer;
use crate::ui::msg::Effect;
use crate::ui::perform::seek;
use crate::ui::queue::Queue;
use crate::ui::runs::Folder;
use crate::ui::watching::Chosen;

/// Where the cursors of a screen stood when its filter was begun: while it is typed it measures from there, and `Esc` goes
/// back there. A screen that comes in front meanwhile is not filtered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stand {
    /// The alert and the line of its log window, by position.
    Episodes((usize, usize)),
    /// The same of the labelling queue.
    Labelling((usize, usize)),
    /// The run under the cursor; `None` where there was none.
    Runs(Option<Folder>),
    Metrics(Chosen),
    /// Nothing is filtered: `/` searches on from the cursor.
    Nowhere,
}

impl Stand {
    /// Where the cursors of the screen in front stand.
    #[must_use]
    pub fn of(app: &App) -> Self {
        match app.screen {
            ScreenName::Episodes => Self::Episodes(app.queue.stand()),
            ScreenName::Labelling => Self::Labelling(app.labelling.stand()),
            ScreenName::Runs => Self::Runs(app.runs.stand()),
            ScreenName::Training if app.training.filters() => Self::Metrics(app.training.stand()),
            ScreenName::Training => Self::Nowhere,
        }
    }

    /// Where they stood when the line in front was opened.
    fn begun(app: &App) -> Self {
        match app.layers.last() {
            Some(Layer::Search { from, .. }) => from.clone(),
            _ => Self::of(app),
        }
    }

    /// Shows what `text` lets through, and goes to what of it is nearest.
    fn filter(&self, app: &mut App, text: &str) -> Result<(), FilterError> {
        match self {
            Self::Episodes((at, _)) => app.queue.set_filter_from(*at, text),
            Self::Labelling((at, _)) => app.labelling.set_filter_from(*at, text),
            Self::Runs(folder) => app.runs.set_filter_from(folder.as_ref(), text),
            Self::Metrics(chosen) => app.training.set_filter_from(chosen, text),
            Self::Nowhere => Ok(()),
        }
    }

    /// Puts the cursors back.
    fn restore(&self, app: &mut App) {
        match self {
            Self::Episodes(place) => app.queue.stand_at(*place),
            Self::Labelling(place) => app.labelling.stand_at(*place),
            Self::Runs(folder) => app.runs.stand_at(folder.as_ref()),
            Self::Metrics(chosen) => app.training.stand_at(chosen),
            Self::Nowhere => {}
        }
    }
}

/// Place in a list of `admitted` positions of the one nearest to `from`, ahead first; the first where none is admitted.
#[must_use]
pub fn place_near(admitted: &[usize], from: usize) -> usize {
    let found = nearest(admitted, from);
    let place = found.and_then(|found| admitted.iter().position(|at| *at == found));
    place.unwrap_or(0)
}

/// What is told of an alert only when its truth is revealed.
const OF_THE_REVEALED: [&str; 4] = ["mismatch", "truth", "rule", "attack"];

/// What is told of the model's answer.
const OF_THE_ANSWER: [&str; 3] = ["model", "says", "cites"];

/// Said where a filter lets nothing through, and why is not known.
const NOTHING: &str = "no alert is let through; Esc takes the filter off";

/// Whether a term asks for another stage or split than those of the list.
fn asks_for_another(queue: &Queue, term: &str) -> bool {
    let (is_negated, term) = match term.strip_prefix('!') {
        Some(term) => (true, term),
        None => (false, term),
    };
    let Some((field, value)) = term.split_once([':', '=']) else {
        return false;
    };
    let of_list = match field {
        "stage" => queue.stage().as_str(),
        "split" => queue.split().as_str(),
        _ => return false,
    };
    of_list.contains(value.trim_matches('"')) == is_negated
}

/// Why the filter of the episodes hides all, as far as its text tells; `None` where it does not.
fn why_nothing(queue: &Queue) -> Option<&'static str> {
    let filter = queue.filter_text.to_lowercase();
    let terms = filter.split_whitespace();
    if terms.clone().any(|term| asks_for_another(queue, term)) {
        return Some(
            "the list is of one stage and split: s and t change them; Esc takes the filter off",
        );
    }
    let hidden = terms.filter_map(|term| hidden_by(queue, term));
    // Where both hide something, the end of blind mode alone would show nothing.
    hidden.max().map(Hidden::said)
}

/// Why a term admits none of the alerts that are not revealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Hidden {
    /// The model's answers wait for the reveal.
    Blind,
    /// It is told with the truth.
    Truth,
}

impl Hidden {
    const fn said(self) -> &'static str {
        match self {
            Self::Blind => {
                "answers are hidden till the reveal (v ends blind mode); Esc takes the filter off"
            }
            Self::Truth => {
                "none among the revealed alerts, and of the others it is hidden (r); Esc takes the filter off"
            }
        }
    }
}

fn hidden_by(queue: &Queue, term: &str) -> Option<Hidden> {
    let (field, value) = term.trim_start_matches('!').split_once([':', '='])?;
    let value = value.trim_matches('"');
    let is_judged = ["right", "wrong"].contains(&value);
    if is_judged || OF_THE_REVEALED.contains(&field) {
        return Some(Hidden::Truth);
    }
    // That there is no answer is no secret.
    let is_of_answer = OF_THE_ANSWER.contains(&field) && !"none".starts_with(value);
    (queue.is_blind && is_of_answer).then_some(Hidden::Blind)
}

/// Opens the line in which a filter is typed, with the one that stands; elsewhere an empty one to search with.
pub(super) fn open(app: &mut App) {
    let from = Stand::of(app);
    let filter = match &from {
        Stand::Episodes(_) => &app.queue.filter_text,
        Stand::Labelling(_) => &app.labelling.filter_text,
        Stand::Runs(_) => &app.runs.filter_text,
        Stand::Metrics(_) => &app.training.filter_text,
        Stand::Nowhere => "",
    };
    let layer = Layer::filter(filter, from);
    app.layers.push(layer);
}

/// Leaves that line: filter and cursors are as they were before it.
pub(super) fn give_up(app: &mut App) -> Vec<Effect> {
    let Some(Layer::Search { before, from, .. }) = app.layers.pop() else {
        return Vec::new();
    };
    // It was one before.
    let _ = from.filter(app, &before);
    from.restore(app);
    asked(app, &from)
}

/// What is asked of the model about what is in front now.
fn asked(app: &mut App, from: &Stand) -> Vec<Effect> {
    match from {
        Stand::Labelling(_) => app.labelling.ask(&app.queue),
        _ => app.queue.ask(),
    }
}

/// Takes a finished filter or search; a filter that is none stays open, with what is wrong below it.
pub(super) fn search(app: &mut App, typed: String) -> Vec<Effect> {
    let from = Stand::begun(app);
    if from == Stand::Nowhere {
        app.layers.pop();
        app.sought = typed;
        return seek(app, true);
    }
    if let Err(error) = from.filter(app, &typed) {
        app.complain(gate::clean(&error.to_string()));
        return asked(app, &from);
    }
    app.layers.pop();
    match from {
        Stand::Labelling(_) if !app.labelling.lacks_alerts() => landed_on_label(app),
        Stand::Episodes(_) if !app.queue.is_seeking() => landed(app),
        _ => {}
    }
    asked(app, &from)
}

/// What a filter let through is in sight, or there is nothing.
pub(super) fn landed(app: &mut App) {
    app.queue.point_at_match();
    if app.queue.visible().is_empty() {
        app.say(why_nothing(&app.queue).unwrap_or(NOTHING));
    }
}

/// Says while a filter of the episodes is typed why it lets nothing through, where something else than the filter does it.
pub(super) fn explain(app: &mut App) {
    if app.queue.is_seeking() || !app.queue.visible().is_empty() {
        return;
    }
    if let Some(why) = why_nothing(&app.queue) {
        app.say(why);
    }
}

/// The same of the labelling queue.
pub(super) fn landed_on_label(app: &mut App) {
    if app.labelling.visible().is_empty() {
        app.say(NOTHING);
    }
}

/// What follows when the text of the front layer has changed: a filter shows what it does while it is typed.
pub fn typed(app: &mut App) -> Vec<Effect> {
    if let Some(Layer::Edit { .. } | Layer::Search { .. }) = app.layers.last() {
        // What was wrong may be right by now.
        app.toast = None;
    }
    let Some(Layer::Search { typed, from, .. }) = app.layers.last() else {
        return Vec::new();
    };
    let (typed, from) = (typed.to_string(), from.clone());
    match from.filter(app, &typed) {
        Err(error) if error.is_final() => {
            app.complain(gate::clean(&error.to_string()));
            Vec::new()
        }
        Ok(()) => {
            if matches!(from, Stand::Episodes(_)) {
                explain(app);
            }
            asked(app, &from)
        }
        // Half a term is none yet: what stands goes on standing.
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::summary::Standing;
    use crate::ui::tests::fixtures::{
        app, press, seen, summary, toast, train, type_text, with_runs,
    };
    use crate::ui::tests::label_desk::Desk;

    #[test]
    fn the_nearest_of_a_list_is_ahead_first() {
        for (admitted, from, wanted) in [
            (&[2, 5, 9][..], 0, 0),
            (&[2, 5, 9], 5, 1),
            (&[2, 5, 9], 6, 2),
            (&[2, 5, 9], 10, 2),
            (&[], 3, 0),
        ] {
            assert_eq!(place_near(admitted, from), wanted, "{admitted:?} {from}");
        }
    }

    #[test]
    fn a_filter_of_the_labelling_queue_measures_from_where_it_was_begun() {
        let mut desk = Desk::on(&[]);
        desk.press("g g j j j j Tab j Tab");
        let stood = desk.app.labelling.stand();
        assert_eq!(stood.0, 4);
        desk.press("/");
        for c in "state:pending".chars() {
            desk.press(&c.to_string());
        }
        assert_eq!(desk.app.labelling.selected(), 4, "it is let through");
        let id_of = |desk: &Desk, at: usize| {
            let item = &desk.app.labelling.items()[at];
            item.entry.episode.alert.alert_id.clone()
        };
        let id = id_of(&desk, 20);
        let wanted = (4..=20).find(|at| id_of(&desk, *at).contains(&id));
        let wanted = wanted.expect("its own at the latest");
        assert!(wanted > 4, "{id}");
        desk.press("Esc");
        assert_eq!(desk.app.labelling.stand(), stood, "Esc goes back");
        desk.press("/");
        type_text(&mut desk.app, &format!("id:{id}"));
        assert_eq!(desk.app.labelling.selected(), wanted);
        desk.press("ctrl-u");
        assert_eq!(desk.app.labelling.selected(), 4, "not where it led");
        type_text(&mut desk.app, "state:pending");
        desk.press("Enter");
        assert_eq!(desk.app.labelling.selected(), 4);
        desk.press("Esc");
        assert!(!desk.app.labelling.is_filtered());
        assert_eq!(desk.app.labelling.selected(), 4);
    }

    #[test]
    fn a_labelling_filter_that_finds_nothing_leaves_the_cursor_where_it_was() {
        let mut desk = Desk::on(&[]);
        desk.press("g g j j j");
        desk.press("/");
        type_text(&mut desk.app, "zzqq");
        assert!(desk.app.labelling.visible().is_empty());
        assert_eq!(desk.app.labelling.selected(), 3);
        desk.press("Enter Esc");
        assert_eq!(desk.app.labelling.selected(), 3);
    }

    #[test]
    fn a_filter_of_the_runs_measures_from_where_it_was_begun() {
        let names = ["one", "two", "three", "four"];
        let mut app = app();
        let runs = names.map(|name| summary(name, Standing::Finished));
        with_runs(&mut app, runs.into());
        let here = |app: &App| app.runs.current().map(|run| run.run_id.clone());
        press(&mut app, "g g j j");
        let stood = here(&app);
        press(&mut app, "/");
        type_text(&mut app, "run:four");
        assert_eq!(here(&app).as_deref(), Some("four"));
        press(&mut app, "ctrl-u");
        assert_eq!(here(&app), stood, "not where the letters led");
        type_text(&mut app, "run:one");
        assert_eq!(here(&app).as_deref(), Some("one"));
        press(&mut app, "Esc");
        assert_eq!(here(&app), stood, "Esc goes back");
        for keys in ["Esc", "Enter Esc"] {
            press(&mut app, "/");
            type_text(&mut app, "no such run");
            assert_eq!(here(&app), None);
            press(&mut app, keys);
            assert_eq!(here(&app), stood, "{keys}");
        }
    }

    #[test]
    fn a_filter_of_the_metrics_measures_from_where_it_was_begun() {
        let mut app = app();
        train(&mut app, 60);
        press(&mut app, "F2 g g j j j j");
        let here = |app: &App| app.training.chosen_metric().map(str::to_owned);
        let stood = here(&app);
        let last = app
            .training
            .metrics()
            .last()
            .map(|(name, _)| name.to_owned());
        press(&mut app, "/");
        type_text(
            &mut app,
            &format!("name={}", last.clone().expect("metrics")),
        );
        assert_eq!(here(&app), last);
        press(&mut app, "ctrl-u");
        assert_eq!(here(&app), stood, "not where the letters led");
        type_text(&mut app, "no such metric");
        press(&mut app, "Esc");
        assert_eq!(here(&app), stood, "Esc goes back");
        // Of a filter that is taken off again, the cursor keeps its metric.
        press(&mut app, "/");
        type_text(
            &mut app,
            &format!("name={}", last.clone().expect("metrics")),
        );
        press(&mut app, "Enter Esc");
        assert_eq!(here(&app), last);
    }

    #[test]
    fn a_list_of_one_stage_says_so_while_another_is_asked_for() {
        for (filter, says_so) in [
            ("stage:stage1", true),
            ("severity:high split:train", true),
            ("!stage:stage", true),
            ("!split:hold", true),
            ("split:holdout zzqq", false),
            ("!stage:stage1 zzqq", false),
            ("zzqq", false),
        ] {
            let mut app = app();
            press(&mut app, "/");
            type_text(&mut app, filter);
            assert!(app.queue.visible().is_empty(), "{filter}");
            let said = toast(&app);
            assert_eq!(
                said.contains("one stage and split"),
                says_so,
                "{filter}: {said}"
            );
            if says_so {
                let shown = seen(&app, (80, 24));
                assert!(shown.contains("s and t change them"), "{shown}");
            }
        }
        let mut app = app();
        press(&mut app, "/");
        type_text(&mut app, "rule:x");
        assert!(toast(&app).contains("it is hidden (r)"), "{}", toast(&app));
    }

    #[test]
    fn a_filter_of_answers_that_blind_mode_hides_says_so() {
        for (keys, filter, wanted) in [
            ("v", "says:dismiss", Some("answers are hidden")),
            ("v", "model=monitor", Some("answers are hidden")),
            ("v", "cites:wrong", Some("it is hidden (r)")),
            ("v", "says:dismiss rule:x", Some("it is hidden (r)")),
            ("v v", "says:dismiss", None),
        ] {
            let mut app = app();
            press(&mut app, keys);
            press(&mut app, "/");
            type_text(&mut app, filter);
            assert!(app.queue.visible().is_empty(), "{filter}");
            let said = toast(&app);
            match wanted {
                Some(wanted) => assert!(said.contains(wanted), "{filter}: {said}"),
                None => assert!(!said.contains("hidden"), "{keys} {filter}: {said}"),
            }
        }
    }
}
