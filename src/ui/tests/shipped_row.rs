//! The run that came with the program in the list of runs: opened, marked and compared with, never changed.

use crate::run::summary::{Standing, Summary};
use crate::ui::app::{App, ScreenName, update};
use crate::ui::errand::{Errand, Listing, Report, perform};
use crate::ui::marks::Overlay;
use crate::ui::msg::{Effect, Msg};
use crate::ui::tests::fixtures::{
    app, errands, frame, overlay, press, seen, shipped_summary, summary, text, theme, toast, train,
    with_runs,
};
use crate::ui::theme::{Depth, Symbols};
use crate::ui::watching::Training;

const SMALL: (u16, u16) = (60, 16);
const WIDE: (u16, u16) = (160, 45);

fn two() -> Vec<Summary> {
    vec![summary("one", Standing::Finished), shipped_summary()]
}

#[test]
fn it_stands_last_says_that_it_is_read_only_and_nothing_is_written() {
    let mut app = app();
    with_runs(&mut app, two());
    press(&mut app, "G");
    assert!(seen(&app, SMALL).contains("⊘ shipped, read-only"));
    let ascii = text(&frame(&app, &theme(Depth::None, Symbols::Ascii), SMALL));
    assert!(ascii.contains("% shipped, read-only"), "{ascii}");
    for keys in ["e", "E", "d", "w"] {
        assert!(press(&mut app, keys).is_empty(), "{keys}");
        assert!(app.layers.is_empty(), "{keys}");
        assert!(toast(&app).contains("the shipped run"), "{keys}");
    }
    press(&mut app, "Tab");
    let shown = seen(&app, WIDE);
    assert!(shown.contains("it is in the program"), "{shown}");
    let hints = shown.lines().last().unwrap_or("");
    assert!(hints.contains("Enter open") && hints.contains("Space mark"));
    for no in ["e note", "d delete", "w export"] {
        assert!(!hints.contains(no), "{no}: {hints}");
    }
    let copied = press(&mut app, "y");
    assert!(
        matches!(&copied[..], [Effect::Copy(text)] if text == "shipped"),
        "{copied:?}"
    );
}

#[test]
fn enter_shows_it_as_the_training_screen_has_it() {
    let is_shown = |app: &App| app.training.shown().is_some_and(|run| run.is_shipped);
    let mut app = app();
    train(&mut app, 60);
    press(&mut app, "F2 Left");
    assert!(!is_shown(&app));
    with_runs(&mut app, two());
    assert!(press(&mut app, "G Enter").is_empty(), "nothing is read");
    assert_eq!(app.screen, ScreenName::Training);
    assert!(is_shown(&app) && app.training.view.cursor.is_none());
    press(&mut app, "v");
    assert!(!is_shown(&app), "the other of two");
    press(&mut app, "v");
    assert!(is_shown(&app));
}

#[test]
fn where_the_training_screen_has_it_not_it_is_read() {
    let root = tempfile::tempdir().expect("folder");
    let mut app = app();
    app.training = Training::new(None);
    with_runs(&mut app, two());
    let asked = errands(&press(&mut app, "G Enter"));
    assert_eq!(asked, [Errand::OpenShipped]);
    for errand in asked {
        update(&mut app, Msg::Report(perform(root.path(), errand)));
    }
    assert_eq!(app.screen, ScreenName::Training);
    let run = app.training.shown().expect("a run");
    assert!(run.is_shipped && run.last_step == run.total_steps());
}

#[test]
fn its_curves_lie_behind_others_and_it_can_be_the_baseline() {
    let mut app = app();
    train(&mut app, 60);
    with_runs(&mut app, two());
    assert_eq!(
        errands(&press(&mut app, "G Space b")),
        [Errand::OverlayShipped]
    );
    let curves = match perform("/nowhere".as_ref(), Errand::OverlayShipped) {
        Report::Overlaid(overlay) => overlay,
        other => panic!("{other:?}"),
    };
    assert!(curves.told().get("eval_accuracy").is_some(), "the real one");
    update(&mut app, Msg::Report(Report::Overlaid(curves)));
    press(&mut app, "F2 Left");
    let shown = seen(&app, WIDE);
    assert!(shown.contains("behind: a shipped = baseline"), "{shown}");
    assert!(shown.contains(" to a"), "a difference:\n{shown}");
    press(&mut app, "v");
    assert!(!seen(&app, WIDE).contains("behind:"), "not behind itself");
    // Another run's curves are not taken for its.
    let other = Report::Overlaid(Box::new(overlay("one", 90, 0.5)));
    update(&mut app, Msg::Report(other));
    let mark = app.runs.marks.of(&shipped_summary()).expect("marked");
    let told = mark.overlay.as_ref().map(Overlay::told);
    assert!(told.is_some_and(|told| told.get("eval_accuracy").is_some()));
}

#[test]
fn its_configuration_is_compared_like_any_other() {
    let mut app = app();
    let mut runs = two();
    runs[0].config.grpo.beta = 0.5;
    with_runs(&mut app, runs);
    press(&mut app, "G b k");
    let shown = seen(&app, WIDE);
    assert!(shown.contains("1 value unlike run shipped"), "{shown}");
    assert!(shown.contains("grpo.beta"), "{shown}");
}

#[test]
fn a_list_without_other_runs_says_how_to_start_one() {
    let root = tempfile::tempdir().expect("folder");
    let mut app = app();
    press(&mut app, "F4");
    let Report::Listed(Listing { runs, .. }) = perform(root.path(), Errand::List) else {
        panic!("a list");
    };
    let ids: Vec<_> = runs.iter().map(|run| run.run_id.as_str()).collect();
    assert_eq!(ids, ["shipped"]);
    with_runs(&mut app, runs);
    let shown = seen(&app, (80, 24));
    assert!(shown.contains("⊘ shipped, read-only"), "{shown}");
    assert!(
        shown.contains("No runs of your own in /runs yet"),
        "{shown}"
    );
    with_runs(&mut app, two());
    assert!(!seen(&app, (80, 24)).contains("No runs"));
}
