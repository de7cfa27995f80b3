//! The three-way score and the queue's columns: what stands on the episodes screen after decisions.

use crate::env::schema::{Action, Episode, Stage};
use crate::ui::app::{App, update};
use crate::ui::layer::Layer;
use crate::ui::queue::three_way::Accord;
use crate::ui::tests::fixtures::{answer, app, press, ready, right, seen, wrong};

/// Right but for the second alert, and malformed for the fourth.
fn reply(episode: &Episode) -> String {
    match episode.index {
        1 => wrong(episode),
        3 => "no idea".to_owned(),
        _ => right(episode),
    }
}

fn truth(app: &App) -> Action {
    app.queue.current().expect("an alert").episode.truth.action
}

/// Four alerts: the analyst right, right, wrong; the last is only revealed.
fn decided() -> App {
    let mut app = app();
    let effects = update(&mut app, ready());
    answer(&mut app, effects, reply);
    for at in 0..4 {
        let truth = truth(&app).index();
        let keys = match at {
            0 | 1 => format!("{} Enter", truth + 1),
            2 => format!("{} Enter", (truth + 1) % 5 + 1),
            _ => "r".to_owned(),
        };
        press(&mut app, &keys);
        let effects = press(&mut app, "]");
        answer(&mut app, effects, reply);
    }
    app
}

#[test]
fn each_two_sides_are_counted_where_both_have_spoken() {
    let mut app = decided();
    let found = app.queue.three_way(&[app.queue.stage()]);
    let counted = |accord: &Accord| {
        (
            accord.agreement.same_action,
            accord.both(),
            accord.malformed,
        )
    };
    assert_eq!(counted(&found.analyst_truth), (2, 3, 0));
    assert_eq!(counted(&found.model_truth), (2, 4, 1));
    assert_eq!(counted(&found.analyst_model).1, 3);
    assert_eq!(found.model_truth.percent(), Some(50.0));
    assert_eq!(app.queue.three_way(&Stage::ALL), found, "one stage so far");
    let model = app
        .queue
        .model_verdict(1)
        .and_then(|verdict| verdict.action);
    let at: Vec<usize> = app.queue.differences().iter().map(|d| d.at).collect();
    assert_eq!(at, [1, 2, 3]);
    assert_ne!(model, Some(app.queue.entries()[1].episode.truth.action));
    let elsewhere = press(&mut app, "s");
    answer(&mut app, elsewhere, reply);
    press(&mut app, "r");
    let here = app.queue.three_way(&[app.queue.stage()]);
    assert_eq!(counted(&here.model_truth), (1, 1, 0));
    let all = app.queue.three_way(&Stage::ALL);
    assert_eq!(counted(&all.model_truth), (3, 5, 1));
    press(&mut app, "a");
    let other = app.queue.three_way(&Stage::ALL);
    assert_eq!(
        other.model_truth.both(),
        0,
        "the base model has said nothing"
    );
    assert_eq!(other.analyst_truth, all.analyst_truth);
}

#[test]
fn the_page_says_counts_percent_and_kappa_and_goes_to_a_difference() {
    let mut app = app();
    press(&mut app, "w");
    assert!(app.layers.is_empty(), "nothing is revealed");
    assert!(app.toast.is_some());
    let mut app = decided();
    press(&mut app, "w");
    let kappa = app
        .queue
        .three_way(&Stage::ALL)
        .analyst_truth
        .agreement
        .kappa;
    let kappa = kappa.map_or_else(|| "no kappa".to_owned(), |k| format!("kappa {k:+.2}"));
    for size in [(80, 24), (120, 35), (200, 60)] {
        let frame = seen(&app, size);
        for wanted in [
            "you and truth    2/3 alike, 67 %",
            "model and truth  2/4 alike (1 malformed), 50 %",
            "you and model",
            "all stages",
            "2 cite alike",
            "✗ malformed",
            &kappa,
        ] {
            assert!(frame.contains(wanted), "{wanted} {size:?}:\n{frame}");
        }
    }
    press(&mut app, "G");
    assert_eq!(app.layers, [Layer::ThreeWay { cursor: 2 }]);
    press(&mut app, "j k Enter");
    assert!(app.layers.is_empty());
    assert_eq!(app.queue.selected(), 2);
    press(&mut app, "w w");
    assert!(app.layers.is_empty());
}

/// The row of the alert called `number`, as ` 0a `.
fn row(frame: &str, number: &str) -> String {
    let is_row = |line: &&str| {
        let start: String = line.chars().take(8).collect();
        start.contains(number)
    };
    frame.lines().find(is_row).unwrap_or("").to_owned()
}

#[test]
fn the_queue_has_the_columns_that_fit_and_ids_are_whole() {
    let mut app = decided();
    app.queue.select(1);
    let entry = app.queue.current().expect("an alert");
    let id = entry.episode.alert.alert_id.clone();
    let category: String = entry.episode.alert.category.chars().take(8).collect();
    let category = category.as_str();
    let verdict = app.queue.model_verdict(1).expect("answered");
    let said = verdict.action.expect("an action").as_str();
    let table: [(u16, u16, &[&str], &[&str]); 4] = [
        (80, 24, &["✗ wrong", "you✓", category], &["stage3"]),
        (120, 35, &["✗✗ ", "you✓"], &["stage3", "holdout"]),
        (160, 45, &["✗✗ ", "you✓", category], &["holdout"]),
        (
            200,
            60,
            &["✗ wrong", "you✓", category, " 3 ", " hold "],
            &["stage3"],
        ),
    ];
    for (width, height, there, left_out) in table {
        let frame = seen(&app, (width, height));
        // Beside the alert the row goes on with the alert's own pane.
        let cells = if width < 110 { usize::from(width) } else { 92 };
        let row: String = row(&frame, " 1b ").chars().take(cells).collect();
        assert!(row.contains(&id) && row.contains(said), "{row}\n{frame}");
        for wanted in there {
            assert!(row.contains(wanted), "{wanted} {width}: {row}");
        }
        for unwanted in left_out {
            assert!(!row.contains(unwanted), "{unwanted} {width}: {row}");
        }
        let has_names = frame.contains(" says ") && frame.contains(" id ");
        assert_eq!(has_names, height > 24, "{frame}");
    }
}

#[test]
fn the_models_action_waits_for_the_reveal_in_the_queue_too_when_blind() {
    let mut app = decided();
    press(&mut app, "v");
    let frame = seen(&app, (200, 60));
    assert!(row(&frame, " 4a ").contains("hidden"), "{frame}");
    assert!(!row(&frame, " 2a ").contains("hidden"), "{frame}");
    press(&mut app, "v");
    let frame = seen(&app, (200, 60));
    let verdict = app.queue.model_verdict(4).expect("answered");
    let said = verdict.action.expect("an action").as_str();
    let row = row(&frame, " 4a ");
    assert!(row.contains(said) && row.contains("ready"), "{frame}");
    assert!(
        !row.contains('✓'),
        "whether it is right is hidden:\n{frame}"
    );
}
