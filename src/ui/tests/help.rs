//! The help page: it scrolls, is filtered, and explains the words on the screens.

use crate::ui::tests::fixtures::{app, press, seen};

#[test]
fn help_scrolls_by_half_pages_and_to_the_ends() {
    let first = "Decide: dismiss";
    let mut app = app();
    press(&mut app, "?");
    let shown = seen(&app, (80, 24));
    assert!(shown.contains(first) && shown.contains(" ↓ "), "{shown}");
    press(&mut app, "G G ctrl-d PageDown j");
    let end = seen(&app, (80, 24));
    assert!(!end.contains(first) && end.contains(" ↑ "), "{end}");
    press(&mut app, "k");
    assert_ne!(
        seen(&app, (80, 24)),
        end,
        "one press is enough to come back"
    );
    press(&mut app, "j ctrl-u");
    assert_ne!(seen(&app, (80, 24)), end);
    press(&mut app, "ctrl-d");
    assert_eq!(seen(&app, (80, 24)), end);
    for (up, down) in [("g g", "End"), ("Home", "G")] {
        press(&mut app, up);
        assert_eq!(seen(&app, (80, 24)), shown, "{up}");
        press(&mut app, down);
        assert_eq!(seen(&app, (80, 24)), end, "{down}");
    }
}

#[test]
fn help_is_filtered_by_what_is_typed_and_esc_leaves_one_layer_at_a_time() {
    let mut app = app();
    press(&mut app, "? / c h e C K p o i n t");
    let shown = seen(&app, (80, 24));
    for wanted in [
        "filter: cheCKpoint_",
        "Write a checkpoint now",
        "When quitting",
    ] {
        assert!(shown.contains(wanted), "{wanted}:\n{shown}");
    }
    for other in ["Decide: dismiss", "escape-time"] {
        assert!(!shown.contains(other), "{other}:\n{shown}");
    }
    press(&mut app, "Enter j");
    let shown = seen(&app, (80, 24));
    assert!(
        shown.contains("filter: cheCKpoint ─"),
        "typed no more:\n{shown}"
    );
    let mut app = self::app();
    press(&mut app, "? / z z z");
    assert!(seen(&app, (80, 24)).contains("no line holds that"));
    press(&mut app, "Esc");
    assert!(
        seen(&app, (80, 24)).contains("Decide: dismiss"),
        "filter off"
    );
    press(&mut app, "Esc");
    assert!(app.layers.is_empty());
}

#[test]
fn help_explains_twins_and_the_words_of_the_queue() {
    let mut app = app();
    let queue = seen(&app, (80, 24));
    let mut rows = queue.lines().skip(2);
    let mut begins = |text: &str| rows.next().is_some_and(|row| row.contains(text));
    assert!(
        begins("  0a ") && begins("  1b ") && begins("  2a "),
        "{queue}"
    );
    assert!(seen(&app, (160, 45)).contains("number 0, twin of 1"));
    press(&mut app, "? G");
    let help = seen(&app, (100, 40));
    for wanted in ["twins", "ready", "asked", "seen", "you5", "you✓"] {
        assert!(help.contains(wanted), "{wanted}:\n{help}");
    }
}
