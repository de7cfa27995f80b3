//! Marked runs behind the curves of the run on screen, one of them the baseline.

use std::collections::BTreeMap;

use crate::link::EvalRow;
use crate::run::summary::{Standing, Summary};
use crate::run::{Manifest, RunDir, RunWriter};
use crate::ui::app::{App, update};
use crate::ui::average::Smoothing;
use crate::ui::curves::Curves;
use crate::ui::errand::{Errand, Listing, Report, perform};
use crate::ui::marks::Overlay;
use crate::ui::msg::Msg;
use crate::ui::tests::fixtures::{
    app, config, dir, errands, frame, overlay, plan, press, row, seen, summary, text, theme, toast,
    train, with_marks, with_runs,
};
use crate::ui::theme::{Depth, Symbols};

fn marked(app: &App) -> Vec<(char, &str, bool)> {
    let marks = app.runs.marks.iter();
    marks
        .map(|mark| (mark.letter(), mark.name.as_str(), mark.is_baseline))
        .collect()
}

#[test]
fn marking_reads_curves_and_a_letter_stays_with_its_run() {
    let mut app = app();
    let ids = ["one", "two", "three", "four", "five"];
    with_runs(
        &mut app,
        ids.map(|id| summary(id, Standing::Finished)).into(),
    );
    let asked = press(&mut app, "Space j Space j Space j Space");
    let wanted = ["one", "two", "three", "four"].map(|id| Errand::Overlay(dir(id)));
    assert_eq!(errands(&asked), wanted);
    assert!(press(&mut app, "j Space").is_empty());
    assert!(toast(&app).starts_with("4 runs are marked already"));
    assert!(press(&mut app, "b").is_empty(), "nor pinned");
    assert!(
        press(&mut app, "g g j Space").is_empty(),
        "nothing is read to unmark"
    );
    let asked = press(&mut app, "G b");
    assert_eq!(errands(&asked), [Errand::Overlay(dir("five"))]);
    assert_eq!(toast(&app), "baseline b: five");
    let wanted = [
        ('a', "one", false),
        ('c', "three", false),
        ('d', "four", false),
        ('b', "five", true),
    ];
    assert_eq!(marked(&app), wanted);
    let list = seen(&app, (80, 24));
    assert!(
        list.contains("b=five") && list.contains("c three"),
        "{list}"
    );
    press(&mut app, "b");
    assert_eq!(toast(&app), "no baseline");
    assert_eq!(marked(&app).len(), 4, "still marked");
}

#[test]
fn copies_of_a_run_are_runs_of_their_own() {
    let copy = |name: &str| {
        let run_dir = Some(format!("/runs/{name}").into());
        let one = summary("one", Standing::Finished);
        Summary { run_dir, ..one }
    };
    let copies = || vec![copy("one"), copy("copy"), copy("again")];
    let mut app = app();
    with_runs(&mut app, copies());
    let asked = press(&mut app, "j j Space");
    assert_eq!(errands(&asked), [Errand::Overlay(dir("again"))]);
    assert_eq!(marked(&app), [('a', "again", false)]);
    press(&mut app, "k b");
    let wanted = [('a', "again", false), ('b', "copy", true)];
    assert_eq!(marked(&app), wanted);
    let list = seen(&app, (80, 24));
    assert!(
        list.contains("a again") && list.contains("b=copy"),
        "{list}"
    );
    // The list comes again, as after a note was written: the cursor stays on its folder.
    with_runs(&mut app, copies());
    assert_eq!(app.runs.dir(), Some(dir("copy")));
    assert_eq!(app.runs.other().map(Summary::name), Some("again".into()));
    assert_eq!(
        errands(&press(&mut app, "w")),
        [Errand::Export(dir("copy"))]
    );
    press(&mut app, "d");
    let asked = press(&mut app, "y");
    assert_eq!(errands(&asked), [Errand::Delete(dir("copy"))]);
}

#[test]
fn a_marked_run_that_goes_on_is_read_again_and_one_that_is_gone_is_forgotten() {
    let mut app = app();
    with_runs(
        &mut app,
        vec![
            summary("one", Standing::Running),
            summary("two", Standing::Finished),
        ],
    );
    press(&mut app, "Space j Space");
    let mut further = summary("one", Standing::Running);
    further.step += 5;
    let listing = |runs| Listing {
        root: "/runs".into(),
        runs,
    };
    let again = update(
        &mut app,
        Msg::Report(Report::Listed(listing(vec![further.clone()]))),
    );
    assert_eq!(errands(&again), [Errand::Overlay(dir("one"))]);
    assert_eq!(marked(&app), [('a', "one", false)]);
    let again = update(
        &mut app,
        Msg::Report(Report::Listed(listing(vec![further]))),
    );
    assert_eq!(errands(&again), [], "read once");
    let report = Report::NotOverlaid(dir("one"), "metrics.jsonl: not readable\u{1b}".into());
    update(&mut app, Msg::Report(report));
    assert!(marked(&app).is_empty());
    assert!(toast(&app).contains("not readable<U+001B>"));
}

/// The row of a screen that begins a chart.
fn chart_row<'a>(shown: &'a str, title: &str) -> &'a str {
    let mut rows = shown.lines();
    rows.find(|row| row.trim_start().starts_with(title))
        .unwrap_or("")
}

#[test]
fn curves_behind_are_told_by_letter_dash_and_legend_without_colour() {
    let mut app = app();
    train(&mut app, 120);
    press(&mut app, "F2");
    let ascii = theme(Depth::None, Symbols::Ascii);
    let count = |app: &App, c: char| {
        let shown = text(&frame(app, &ascii, (100, 30)));
        // Charts only: the list below them and the legend have letters of their own.
        let rows = shown.lines().skip(6).take(10);
        rows.map(|row| row.matches(c).count()).sum::<usize>()
    };
    let (before_a, before_b) = (count(&app, 'a'), count(&app, 'b'));
    with_marks(&mut app);
    press(&mut app, "F2");
    let shown = seen(&app, (160, 45));
    let legend = shown.lines().find(|row| row.contains("behind:"));
    let legend = legend.expect("a legend");
    for wanted in ["a other", "b base = baseline", "c unread (reading)"] {
        assert!(legend.contains(wanted), "{legend}");
    }
    let (a, b) = (count(&app, 'a') - before_a, count(&app, 'b') - before_b);
    let shown = text(&frame(&app, &ascii, (100, 30)));
    assert!(a > 7 && b > 7, "{a} {b}\n{shown}");
    assert!(shown.contains('*'), "the present run in front:\n{shown}");
}

#[test]
fn the_value_cursor_tells_the_difference_to_the_baseline() {
    let mut app = app();
    train(&mut app, 120);
    press(&mut app, "F2 b");
    assert!(
        toast(&app).starts_with("no run is marked"),
        "{}",
        toast(&app)
    );
    with_marks(&mut app);
    press(&mut app, "F2 s 1 0 0 Enter");
    let shown = seen(&app, (80, 24));
    let reward = chart_row(&shown, "reward @100");
    assert!(reward.contains("+0.125 to b"), "{shown}");
    press(&mut app, "b");
    let shown = seen(&app, (80, 24));
    assert!(
        !chart_row(&shown, "reward @100").contains(" to "),
        "the third is not read yet:\n{shown}"
    );
    press(&mut app, "b b");
    assert_eq!(toast(&app), "baseline a: other");
    let shown = seen(&app, (80, 24));
    let reward = chart_row(&shown, "reward @100");
    assert!(reward.contains("- to a"), "it ended at 90:\n{shown}");
    press(&mut app, "s 8 0 Enter");
    let shown = seen(&app, (160, 45));
    let reward = chart_row(&shown, "reward @80");
    assert!(reward.contains("-0.250 to a"), "{shown}");
    // Several metrics in one chart: each has its difference beside its value.
    assert!(shown.contains("(+0)"), "{shown}");
}

#[test]
fn the_run_on_screen_is_not_behind_itself_and_a_hostile_name_steers_nothing() {
    let mut app = app();
    train(&mut app, 60);
    let mut same = summary("same", Standing::Running);
    same.run_dir = Some("/tmp/run".into());
    let hostile = "x\u{1b}]0;y\u{7}";
    with_runs(&mut app, vec![same, summary(hostile, Standing::Finished)]);
    press(&mut app, "Space F2");
    assert!(!seen(&app, (80, 24)).contains("behind:"));
    press(&mut app, "F4 j Space F2");
    let shown = seen(&app, (80, 24));
    assert!(shown.contains("behind: b x<U+001B>"), "{shown}");
}

#[test]
fn a_long_run_costs_no_more_than_a_short_one_and_its_values_stay_whole() {
    let mut curves = Curves::default();
    for step in 1..=20_000 {
        let mut row = row(41);
        row.step = step;
        let value = if step == 7_777 {
            9.0
        } else {
            step as f64 / 1e5
        };
        row.values = BTreeMap::from([("reward".to_owned(), value)]);
        curves.metrics(&row);
    }
    let long = Overlay::new(&dir("long"), curves);
    let points = |curves: &Curves| curves.get("reward").map_or(0, |s| s.points().len());
    assert!(points(long.drawn(20_000)) <= 2_000);
    assert_eq!(points(long.drawn(500)), 20_000, "near enough to see steps");
    let spike = |curves: &Curves| {
        let series = curves.get("reward").expect("a curve").points();
        series.iter().any(|p| p.step == 7_777 && p.value == 9.0)
    };
    assert!(spike(long.drawn(20_000)), "no spike is lost");
    assert!(spike(long.told()));
    for smoothing in [Smoothing::Light, Smoothing::Default, Smoothing::Heavy] {
        let average = long.drawn(20_000).average("reward", smoothing);
        let average = average.expect("an average").points();
        assert!(average.len() <= 2_000, "{smoothing:?}");
        // Of every step, not of those that are left: at the spike it is what all before it make.
        let told = long.told().get("reward").expect("a curve");
        let whole = told.smoothed(smoothing.weight());
        let spike = average.iter().find(|p| p.step == 7_777);
        let wanted = whole.nearest(7_777).map(|p| p.value);
        let off = spike
            .zip(wanted)
            .map(|(p, wanted)| (p.value - wanted).abs());
        assert!(off.is_some_and(|off| off < 1e-9), "{smoothing:?}");
    }
    let short = overlay("short", 160, 0.0);
    assert_eq!(points(short.drawn(20_000)), 120);
}

#[test]
fn curves_are_read_from_the_folder_of_a_run() {
    let root = tempfile::tempdir().expect("folder");
    let dir = RunDir::new(root.path().join("run"));
    let manifest = Manifest::new(&dir, config(), plan(), "nano", "cpu", BTreeMap::new());
    let mut writer = RunWriter::create(dir.clone(), &manifest).expect("starts");
    for step in 1..=50 {
        writer.metrics(&row(step)).expect("written");
    }
    let evaluation = EvalRow {
        step: 50,
        stage: "stage1_basic".into(),
        values: [("accuracy".to_owned(), 0.5)].into(),
        ..EvalRow::default()
    };
    writer.eval(&evaluation).expect("written");
    let Report::Overlaid(overlay) = perform(root.path(), Errand::Overlay(dir)) else {
        panic!("not read");
    };
    let last = |name: &str| overlay.told().get(name).and_then(|series| series.last());
    assert_eq!(last("loss").map(|p| p.step), Some(50));
    assert_eq!(last("eval_accuracy").map(|p| p.value), Some(0.5));
}
