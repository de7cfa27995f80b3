//! Two adapters beside each other where room is short: what is in sight without scrolling, and how to see the rest.

use crate::ui::app::{App, update};
use crate::ui::queue::QueuePane;
use crate::ui::tests::fixtures::{answer, app, press, ready, right, seen, wrong};

/// A workbench that compares two answers, the second of them wrong, once the truth is revealed.
fn compared() -> App {
    let mut app = app();
    let effects = update(&mut app, ready());
    answer(&mut app, effects, right);
    let effects = press(&mut app, "c");
    answer(&mut app, effects, wrong);
    press(&mut app, "r");
    app
}

#[test]
fn at_80x24_truth_and_both_answers_with_their_rewards_need_no_scrolling() {
    let mut app = compared();
    for _ in 0..8 {
        let entry = app.queue.current().expect("an alert");
        let truth = entry.episode.truth.clone();
        for pane in [QueuePane::Alerts, QueuePane::Answers] {
            app.queue.pane = pane;
            let shown = seen(&app, (80, 24));
            let (_, answers) = shown.split_once("Answers").expect("a pane");
            let mut rows = answers.lines();
            let said = rows.find(|row| row.matches("cites ").count() == 2);
            let is_judged = said.is_some_and(|row| row.contains('✗'));
            assert!(
                is_judged,
                "action and citation of both in one row:\n{shown}"
            );
            let rewards = rows.next().map_or(0, |row| row.matches("reward ").count());
            assert_eq!(rewards, 2, "{shown}");
            for wanted in [truth.rule.as_str(), truth.action.as_str()] {
                assert!(answers.contains(wanted), "{wanted}:\n{shown}");
            }
        }
        app.queue.pane = QueuePane::Alerts;
        let effects = press(&mut app, "]");
        answer(&mut app, effects, wrong);
        press(&mut app, "r");
    }
}

#[test]
fn a_comparison_says_how_to_see_the_rest_of_it_and_grows_in_focus() {
    let mut app = compared();
    let height = |app: &App| {
        let shown = seen(app, (80, 24));
        let (_, answers) = shown.split_once("Answers").expect("a pane");
        answers.lines().count()
    };
    let (before, shown) = (height(&app), seen(&app, (80, 24)));
    assert!(
        shown.contains("Answers ↓ (Tab to it, + shows more)"),
        "{shown}"
    );
    press(&mut app, "S-Tab");
    let shown = seen(&app, (80, 24));
    assert!(shown.contains("*Answers ↓ (+ shows more)"), "{shown}");
    assert!(height(&app) > before, "{shown}");
    press(&mut app, "+");
    let shown = seen(&app, (80, 24));
    assert!(
        shown.contains("62.5%") && !shown.contains("shows more"),
        "{shown}"
    );
    press(&mut app, "+");
    let large = |app: &App| seen(app, (120, 35));
    let rows = |shown: &str| shown.lines().filter(|row| row.contains("12 ms")).count();
    assert_eq!(rows(&large(&app)), 1, "the end of both:\n{}", large(&app));
}

#[test]
fn words_give_way_to_signs_where_a_row_has_no_room_for_them_on_both_sides() {
    let app = compared();
    let said = |size| {
        let shown = seen(&app, size);
        let mut rows = shown
            .lines()
            .filter(|row| row.matches("cites ").count() == 2);
        rows.next().unwrap_or(&shown).to_owned()
    };
    let wide = said((200, 60));
    assert!(
        wide.contains("✓ right, cites") && wide.contains("✗ wrong"),
        "{wide}"
    );
    let narrow = said((120, 35));
    assert!(
        narrow.contains("✓, cites") && !narrow.contains("wrong"),
        "{narrow}"
    );
}
