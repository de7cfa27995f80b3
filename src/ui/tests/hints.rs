//! The bar at the bottom: it says what applies now.

use crate::ui::app::{App, update};
use crate::ui::tests::fixtures::{app, press, ready, seen, train};
use crate::ui::watching::TrainingPane;

#[test]
fn hints_begin_with_what_matters_now() {
    let bar = |app: &App, width| {
        let shown = seen(app, (width, 24));
        shown.lines().last().unwrap_or("").to_owned()
    };
    let mut app = app();
    let wanted = " 1-5 decide  Space cite  Enter submit  r reveal  m mismatch  ? help  q quit";
    assert_eq!(bar(&app, 80), wanted);
    let middle = bar(&app, 120);
    for wanted in ["] next", "s stage", "o fields", "O sort"] {
        assert!(middle.contains(wanted), "{wanted}: {middle}");
    }
    update(&mut app, ready());
    let wide = bar(&app, 200);
    for wanted in [
        "m mismatch",
        "o fields",
        "O sort",
        "a adapter",
        "v blind",
        "c compare",
        "/ filter",
        "y copy",
    ] {
        assert!(wide.contains(wanted), "{wanted}: {wide}");
    }
    assert!(bar(&app, 300).contains("F2 training"));
    assert!(!wide.contains("F1 "), "it is in front: {wide}");
    press(&mut app, "r");
    let after = bar(&app, 80);
    assert!(
        after.starts_with(" m mismatch  ] next  u undo  s stage"),
        "{after}"
    );
    press(&mut app, "/");
    assert_eq!(bar(&app, 80), " Enter filter  Esc back");
    press(&mut app, "Esc F2");
    assert!(!bar(&app, 160).contains("shipped/live"), "there is one run");
    train(&mut app, 3);
    assert!(bar(&app, 160).contains("v shipped/live"));
}

#[test]
fn hints_follow_the_pane() {
    let mut app = app();
    train(&mut app, 120);
    press(&mut app, "F2");
    let last = |app: &App| seen(app, (140, 24)).lines().last().unwrap_or("").to_owned();
    assert!(!last(&app).contains("older"), "{}", last(&app));
    press(&mut app, "Tab");
    assert_eq!(app.training.pane, TrainingPane::Rollouts);
    let hints = last(&app);
    assert!(hints.starts_with(" [ older  ] newer  s step"), "{hints}");
    press(&mut app, "Tab");
    let wide = seen(&app, (300, 24));
    let wide = wide.lines().last().unwrap_or("");
    for hint in ["f freeze", "L log", "X x axis", "Y y axis", "E end stage"] {
        assert!(wide.contains(hint), "{hint}: {wide}");
    }
}
