//! Groups of alerts: what they count, what they tell, and filtering by one.

use crate::ui::app::{App, update};
use crate::ui::keys::Verb;
use crate::ui::layer::Layer;
use crate::ui::order::Order;
use crate::ui::queue::groups::{self, GROUPINGS, Group};
use crate::ui::tests::fixtures::{answer, app, press, ready, second_wrong, seen};

/// The first three alerts revealed: decided rightly, wrongly, and not at all; the model errs on the second only.
fn decided() -> App {
    let mut app = app();
    let effects = update(&mut app, ready());
    answer(&mut app, effects, second_wrong);
    for at in 0..3 {
        let truth = app.queue.current().expect("an alert").episode.truth.action;
        let keys = match at {
            0 => format!("{} Enter", truth.index() + 1),
            1 => format!("{} Enter", (truth.index() + 1) % 5 + 1),
            _ => "r".to_owned(),
        };
        press(&mut app, &keys);
        let effects = press(&mut app, "]");
        answer(&mut app, effects, second_wrong);
    }
    app
}

#[test]
fn groups_count_every_alert_once_and_rightness_where_it_is_revealed() {
    let app = decided();
    for by in GROUPINGS {
        let groups = app.queue.groups(by);
        let sum = |of: fn(&Group) -> usize| groups.iter().map(of).sum::<usize>();
        let all = app.queue.visible().len();
        assert_eq!(sum(|group| group.alerts), all, "{by:?}");
        assert_eq!(sum(|group| group.hidden), all - 3, "{by:?}");
        let analyst = (sum(|g| g.analyst.right), sum(|g| g.analyst.wrong));
        let model = (sum(|g| g.model.right), sum(|g| g.model.wrong));
        assert_eq!((analyst, model), ((1, 1), (2, 1)), "{by:?}");
    }
    let outcomes = app.queue.groups(Order::Outcome);
    let names: Vec<_> = outcomes
        .iter()
        .map(|g| (g.name.as_str(), g.alerts))
        .collect();
    let rest = app.queue.visible().len() - 3;
    assert_eq!(names, [("wrong", 1), ("right", 2), ("not known", rest)]);
    let hosts = app.queue.groups(Order::Host);
    assert!(
        hosts
            .windows(2)
            .all(|pair| pair[0].alerts >= pair[1].alerts)
    );
}

#[test]
fn grouping_by_rule_tells_no_rule_of_a_hidden_truth() {
    let app = decided();
    let groups = app.queue.groups(Order::Rule);
    let mut revealed: Vec<&str> = (0..3)
        .map(|at| app.queue.entries()[at].episode.truth.rule.as_str())
        .collect();
    revealed.sort_unstable();
    revealed.dedup();
    let mut names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
    assert_eq!(names.pop(), Some("hidden"));
    names.sort_unstable();
    assert_eq!(names, revealed);
}

#[test]
fn enter_filters_by_exactly_the_group_whatever_it_is_grouped_by() {
    for by in GROUPINGS {
        let at = decided().queue.groups(by).len();
        for chosen in 0..at {
            let mut app = decided();
            press(&mut app, "b");
            let turns = GROUPINGS.iter().position(|other| *other == by);
            (0..turns.expect("known")).for_each(|_| drop(press(&mut app, "O")));
            (0..chosen).for_each(|_| drop(press(&mut app, "j")));
            let group = app.queue.groups(by)[chosen].clone();
            press(&mut app, "Enter");
            assert!(app.layers.is_empty());
            let admitted = app.queue.visible();
            let filter = &app.queue.filter_text;
            assert_eq!(admitted.len(), group.alerts, "{by:?} {group:?} {filter}");
            press(&mut app, "Esc");
            assert!(!app.queue.is_filtered());
        }
    }
}

#[test]
fn a_key_excludes_the_group_under_the_cursor() {
    let mut app = decided();
    press(&mut app, "b");
    let name = app.queue.groups(Order::Category)[0].name.clone();
    press(&mut app, "-");
    assert_eq!(app.queue.filter_text, format!("!category=\"{name}\""));
}

#[test]
fn excluding_a_group_leaves_exactly_the_others() {
    let mut app = decided();
    // All alerts are there once the list was open.
    press(&mut app, "b b");
    let all = app.queue.visible().len();
    for by in GROUPINGS {
        let groups = app.queue.groups(by);
        for chosen in [0, 1, groups.len() - 1] {
            app.layers = vec![Layer::Groups { by, chosen }];
            groups::perform(&mut app, Verb::ExcludeValue);
            assert!(app.layers.is_empty());
            let left = app.queue.visible().len();
            let (group, filter) = (&groups[chosen], &app.queue.filter_text);
            assert_eq!(left, all - group.alerts, "{by:?} {group:?} {filter}");
            let mut others = app.queue.groups(by).into_iter();
            assert!(others.all(|other| other.name != group.name));
            app.queue.set_filter("").expect("a filter");
        }
    }
}

#[test]
fn the_list_shows_counts_and_goes_round_the_groupings() {
    let mut app = decided();
    press(&mut app, "O O O b");
    let first = Layer::Groups {
        by: Order::Host,
        chosen: 0,
    };
    assert_eq!(app.layers.last(), Some(&first), "as the queue is listed");
    press(&mut app, "G k g g");
    assert_eq!(app.layers, [first]);
    press(&mut app, "l l l");
    for size in [(60, 16), (80, 24), (120, 35), (200, 60)] {
        let frame = seen(&app, size);
        for wanted in ["[outcome]", "alerts", "hidden", "not known"] {
            assert!(frame.contains(wanted), "{wanted} {size:?}:\n{frame}");
        }
        let tally = match size.0 {
            60 => "1✓ 0✗",
            _ => "1 right 0 wrong",
        };
        assert!(frame.contains(tally), "{tally} {size:?}:\n{frame}");
    }
    press(&mut app, "h h");
    assert!(seen(&app, (80, 24)).contains("[rule]"));
    press(&mut app, "/");
    assert_eq!(app.layers.len(), 1, "only its own keys work in the list");
    press(&mut app, "b");
    assert!(app.layers.is_empty());
}
