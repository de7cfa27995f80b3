//! Key scripts and frames of the curves: pages, cursor, window, axes, the list that filters.

use std::collections::BTreeSet;

use crate::link::{EvalRow, Fact, RunFact};
use crate::ui::app::{App, update};
use crate::ui::msg::Msg;
use crate::ui::tests::fixtures::{press, row, seen, training, type_text};
use crate::ui::view::XAxis;

const SMALL: (u16, u16) = (80, 24);
const LARGE: (u16, u16) = (200, 60);

fn said(app: &App) -> &str {
    app.toast.as_ref().map_or("", |toast| toast.text.as_str())
}

#[test]
fn pages_hold_every_chart_once_and_stop_at_their_ends() {
    for size in [SMALL, LARGE] {
        let mut app = training(120);
        let first = seen(&app, size);
        let pages: usize = first
            .split_once("charts 1/")
            .and_then(|(_, rest)| rest.split_once(' '))
            .and_then(|(count, _)| count.parse().ok())
            .expect("a count of pages");
        assert!(pages > 1, "{first}");
        let mut all = first.clone();
        for page in 2..=pages {
            press(&mut app, ".");
            let shown = seen(&app, size);
            assert!(shown.contains(&format!("charts {page}/{pages}")), "{shown}");
            all += &shown;
        }
        for title in [
            "reward  ",
            "kl  ",
            "entropy  ",
            "grad_norm  ",
            "step time",
            "memory",
            "tokens a second",
        ] {
            assert!(all.contains(title), "{title} at {size:?}:\n{all}");
        }
        assert!(
            !all.contains("attacker wins"),
            "the run has told of no attacker"
        );
        let last = seen(&app, size);
        // What a key at its limit says is taken away by others.
        press(&mut app, ". Left Esc");
        assert_eq!(seen(&app, size), last, "past the last page nothing moves");
        (0..pages).for_each(|_| drop(press(&mut app, ",")));
        press(&mut app, "Left Esc");
        assert_eq!(seen(&app, size), first);
    }
}

#[test]
fn the_value_cursor_stands_in_every_title_with_its_step() {
    let mut app = training(120);
    press(&mut app, "Left Left Left");
    assert_eq!(app.training.view.cursor, Some(118));
    let shown = seen(&app, LARGE);
    let reward = row(118).values["reward"];
    assert!(
        shown.contains(&format!("reward @118  {reward:.3}")),
        "{shown}"
    );
    let format = row(118).values["format_ok"];
    assert!(
        shown.contains("right @118  1:format") && shown.contains(&format!("{format:.3}")),
        "{shown}"
    );
    // Six charts, and the list.
    assert!(shown.matches(" @118").count() == 7, "{shown}");
    let accuracy = row(118).values["accuracy"];
    let listed = shown.lines().find(|line| line.contains("│accuracy  "));
    let listed = listed.unwrap_or("");
    assert!(listed.ends_with(&format!(" {accuracy:.3}│")), "{shown}");
    press(&mut app, "Right");
    assert!(seen(&app, LARGE).contains("reward @119"));
    press(&mut app, "Esc");
    assert_eq!(app.training.view.cursor, None);
    assert!(!seen(&app, LARGE).contains(" @1"));
}

#[test]
fn zoom_pan_and_freeze_say_what_is_in_sight() {
    let mut app = training(120);
    assert!(
        seen(&app, LARGE).contains("step 160"),
        "the plan ends there"
    );
    press(&mut app, "+ +");
    let shown = seen(&app, LARGE);
    assert!(
        shown.contains("newest 40 steps") && shown.contains("step 130"),
        "{shown}"
    );
    press(&mut app, "f");
    let frozen = seen(&app, LARGE);
    assert!(frozen.contains("frozen at steps 90-130"), "{frozen}");
    for step in 121..=150 {
        update(&mut app, Msg::Fact(Fact::Run(RunFact::Metrics(row(step)))));
    }
    assert!(seen(&app, LARGE).contains("frozen at steps 90-130"));
    press(&mut app, "f");
    assert!(seen(&app, LARGE).contains("step 160"), "follows again");
    press(&mut app, "< <");
    let shown = seen(&app, LARGE);
    assert!(shown.contains("frozen at steps 100-140"), "{shown}");
    press(&mut app, "- - -");
    assert!(!seen(&app, LARGE).contains("frozen"));
    press(&mut app, "= 0");
    assert!(!app.training.view.is_zoomed());
}

#[test]
fn curves_by_tokens_or_time_and_logarithms() {
    let mut app = training(120);
    press(&mut app, "X");
    assert_eq!(app.training.view.x, XAxis::Tokens);
    assert!(seen(&app, LARGE).contains("by tokens"));
    press(&mut app, "X");
    assert_eq!(app.training.view.x, XAxis::Time);
    let shown = seen(&app, LARGE);
    // 119 steps of two seconds each.
    assert!(
        shown.contains("by time") && shown.contains("4m10s"),
        "{shown}"
    );
    press(&mut app, "X L");
    assert_eq!(app.training.view.x, XAxis::Step);
    let shown = seen(&app, LARGE);
    assert!(shown.contains("log where it helps"), "{shown}");
    // The reward has values below zero and keeps its range.
    assert!(shown.contains(LOWEST), "{shown}");
    press(&mut app, "v X");
    assert_eq!(
        app.training.view.x,
        XAxis::Tokens,
        "the shipped run counts tokens"
    );
    press(&mut app, "X");
    assert_eq!(app.training.view.x, XAxis::Step, "and has no times");
    assert!(said(&app).contains("no time"), "{}", said(&app));
}

#[test]
fn the_list_of_metrics_filters_and_shows_one_alone() {
    let mut app = training(120);
    press(&mut app, "/");
    type_text(&mut app, "\"rec");
    let before = app.training.lines();
    assert!(before > 20, "half a term is none yet: {before}");
    press(&mut app, "Esc /");
    type_text(&mut app, "recall");
    assert_eq!(app.training.lines(), 5);
    press(&mut app, "Enter j Enter");
    assert!(app.training.view.is_alone);
    assert_eq!(app.training.chosen_metric(), Some("recall/dismiss"));
    for size in [SMALL, LARGE] {
        let shown = seen(&app, size);
        assert!(shown.contains("recall  1:dismiss  2:monitor"), "{shown}");
        assert!(!shown.contains("[Metrics]"), "all the room:\n{shown}");
    }
    press(&mut app, "Esc");
    let shown = seen(&app, LARGE);
    assert!(shown.contains("/recall"), "the title says so");
    assert!(shown.contains("filter: recall (Esc)"), "{shown}");
    assert!(
        shown.contains("charts 1/1") && !shown.contains("reward"),
        "the charts are filtered too:\n{shown}"
    );
    press(&mut app, "Esc");
    assert!(app.training.lines() > 20);
    press(&mut app, "/");
    type_text(&mut app, "name:system/ value<2");
    press(&mut app, "Enter");
    let shown: Vec<_> = app
        .training
        .metrics()
        .map(|(name, _)| name.to_owned())
        .collect();
    assert_eq!(shown, ["system/rollout_time", "system/update_time"]);
    press(&mut app, "/ ctrl-u");
    type_text(&mut app, "no such metric");
    press(&mut app, "Enter Enter");
    assert!(said(&app).contains("no metric here"), "{}", said(&app));
    assert!(seen(&app, LARGE).contains("no metric is let through"));
    press(&mut app, "Esc Tab Tab Enter");
    let large = seen(&app, SMALL);
    assert!(
        large.contains("[Log]") && !large.contains("charts 1/"),
        "{large}"
    );
}

#[test]
fn the_best_adapter_and_the_note_on_the_loss_stand_at_their_charts() {
    let mut app = training(100);
    assert!(!seen(&app, LARGE).contains("↑best"));
    for (step, is_best) in [(40, 1.0), (80, 1.0), (100, 0.0)] {
        let row = EvalRow {
            step,
            stage: "stage1_basic".into(),
            episodes: 20,
            values: [
                ("is_best".to_owned(), is_best),
                ("accuracy".to_owned(), 0.5),
            ]
            .into(),
            ..EvalRow::default()
        };
        update(&mut app, Msg::Fact(Fact::Run(RunFact::Evaluation(row))));
    }
    assert_eq!(
        app.training.shown().and_then(|run| run.best_step()),
        Some(80)
    );
    let shown = seen(&app, LARGE);
    // On the side of the arrow that has room.
    let has_best = ["↑best", "best↑"].iter().any(|mark| shown.contains(mark));
    assert!(has_best, "{shown}");
    assert!(shown.contains("near 0 is right"), "{shown}");
    let mut early = training(20);
    let shown = seen(&early, LARGE);
    assert!(
        !shown.contains("is right"),
        "supervised loss is not near 0:\n{shown}"
    );
    press(&mut early, "Tab");
    let shown = seen(&early, SMALL);
    let charts = shown.split("charts 1/").nth(1).unwrap_or("");
    assert!(
        charts
            .lines()
            .nth(1)
            .is_some_and(|line| line.starts_with("loss")),
        "{shown}"
    );
}

#[test]
fn charts_of_several_metrics_are_enlarged_and_stepped_through() {
    let mut app = training(120);
    press(&mut app, "/");
    type_text(&mut app, "name=loss");
    press(&mut app, "Enter Enter");
    let shown = seen(&app, SMALL);
    assert!(
        shown.contains("large (Enter)") && shown.contains("near 0 is right"),
        "{shown}"
    );
    press(&mut app, "Esc Esc g g Enter");
    let mut seen_titles = Vec::new();
    for _ in 0..40 {
        press(&mut app, ",");
    }
    for _ in 0..40 {
        let chart = app.training.large_chart().expect("a chart");
        if seen_titles.last() != Some(&chart.title.to_owned()) {
            seen_titles.push(chart.title.to_owned());
        }
        press(&mut app, ".");
    }
    assert_eq!(seen_titles.first().map(String::as_str), Some("reward"));
    let charts = app.training.charts();
    let charts: Vec<_> = charts.iter().map(|c| c.title.to_owned()).collect();
    assert_eq!(seen_titles, charts, "each once, in the order of the pages");
    press(&mut app, "Esc");
    assert!(seen(&app, LARGE).contains("charts 1/"));
}

/// Beside the first chart, the reward's, on its own range.
const LOWEST: &str = "\n  -1.0 ";

#[test]
fn y_axes_fit_what_is_in_sight_when_asked() {
    let mut app = training(120);
    assert!(seen(&app, LARGE).contains(LOWEST));
    press(&mut app, "Y");
    let shown = seen(&app, LARGE);
    assert!(
        shown.contains("y fits (Y)") && !shown.contains(LOWEST),
        "{shown}"
    );
    press(&mut app, "Y");
    assert!(seen(&app, LARGE).contains(LOWEST));
}

/// Where the axes under the charts in sight begin.
fn begins(shown: &str) -> BTreeSet<u64> {
    let axes = shown.lines().filter(|row| row.contains("step 160"));
    let parts = axes.flat_map(|row| row.split("step 160"));
    let firsts = parts.filter_map(|part| part.split_whitespace().next()?.parse().ok());
    firsts.collect()
}

#[test]
fn charts_of_a_page_span_the_same_steps() {
    for (size, first) in [(SMALL, 40), ((120, 35), 0), (LARGE, 0)] {
        let mut app = training(120);
        // The loss, which begins with the run, is on a page of its own where there is room for one chart only.
        assert_eq!(begins(&seen(&app, size)), [first].into(), "{size:?}");
        for page in 2..=18 {
            press(&mut app, ".");
            let shown = seen(&app, size);
            assert_eq!(begins(&shown).len(), 1, "{page} {size:?}:\n{shown}");
        }
    }
    let mut app = training(120);
    press(&mut app, "/");
    type_text(&mut app, "name=reward");
    press(&mut app, "Enter");
    let shown = seen(&app, LARGE);
    assert_eq!(begins(&shown), [40].into(), "all begin late:\n{shown}");
}

#[test]
fn low_charts_name_the_stages_over_the_first_of_them() {
    let shown = seen(&training(120), (120, 35));
    let (_, charts) = shown.split_once("charts 1/").expect("charts");
    let second = charts.lines().position(|row| row.starts_with("right  1:"));
    for stage in ["stage1_basic", "stage2_multi"] {
        let named = charts.lines().position(|row| row.contains(stage));
        assert!(named.is_some() && named < second, "{stage}:\n{shown}");
    }
}

#[test]
fn every_look_at_the_curves_draws_at_every_size() {
    for (keys, place) in [
        ("Left + +", "charts 1/"),
        ("Left Y", "charts 1/"),
        ("Left Enter", "large (Enter)"),
        ("X L", "charts 1/"),
        ("X X f <", "charts 1/"),
        ("Enter", "large (Enter)"),
        (". . .", "charts "),
    ] {
        let mut app = training(120);
        press(&mut app, keys);
        let titles: Vec<_> = app.training.charts().iter().map(|c| c.title).collect();
        for (width, height) in [
            (60, 16),
            (61, 17),
            (80, 24),
            (109, 30),
            (110, 20),
            (138, 16),
            (300, 100),
        ] {
            let shown = seen(&app, (width, height));
            let told = format!("{keys} at {width}x{height}:\n{shown}");
            let mut rows = shown.lines();
            assert!(
                rows.next().is_some_and(|row| row.contains("[F2 Training]")),
                "{told}"
            );
            assert!(rows.any(|row| row.starts_with(place)), "{told}");
            // Under it the first chart in sight begins, with its title.
            let begun = rows.next().unwrap_or_default();
            assert!(
                titles.iter().any(|title| begun.starts_with(title)),
                "{told}"
            );
            assert!(!shown.contains("NaN"), "{told}");
        }
    }
}

#[test]
fn the_next_match_of_a_list_that_is_not_filtered_is_none_and_says_so() {
    let mut app = training(60);
    for key in ["n", "N"] {
        let before = app.training.cursor();
        press(&mut app, key);
        assert_eq!(app.training.cursor(), before, "{key}");
        assert!(
            said(&app).contains("/ filters the metrics"),
            "{}",
            said(&app)
        );
    }
    press(&mut app, "/");
    type_text(&mut app, "recall");
    press(&mut app, "Enter");
    let before = app.training.cursor();
    press(&mut app, "n");
    assert_eq!((app.training.cursor(), said(&app)), (before + 1, ""));
}
