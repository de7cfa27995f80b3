//! What the episodes screen tells of an alert in depth: probabilities and the raw response.

use crate::ui::app::update;
use crate::ui::tests::fixtures::{answer, app, frame, press, ready, right, seen, text, theme};
use crate::ui::theme::{Depth, Symbols};

/// A workbench whose model has answered rightly.
fn answered() -> crate::ui::app::App {
    let mut app = app();
    let effects = update(&mut app, ready());
    answer(&mut app, effects, right);
    app
}

#[test]
fn probabilities_are_bars_with_numbers_and_wait_for_the_reveal_when_blind() {
    let mut app = answered();
    for size in [(80, 24), (120, 35)] {
        press(&mut app, "Tab Tab");
        let mut shown = seen(&app, size);
        for _ in 0..12 {
            press(&mut app, "j");
            shown += &seen(&app, size);
        }
        for wanted in ["Prob.", "62.5%", "25.0%", "Raw", "CitedLog: L"] {
            assert!(shown.contains(wanted), "{wanted}:\n{shown}");
        }
        press(&mut app, "Tab");
    }
    let ascii = theme(Depth::None, Symbols::Ascii);
    let shown = text(&frame(&app, &ascii, (160, 45)));
    assert!(
        shown.contains("#####") && shown.contains("25.0%"),
        "{shown}"
    );
    let truth = app.queue.current().expect("an alert").episode.truth.action;
    let rows = |shown: &str, word: &str| {
        let mut lines = shown.lines();
        lines.any(|line| line.contains('%') && line.contains(truth.as_str()) && line.contains(word))
    };
    assert!(rows(&shown, "said") && !rows(&shown, "true"), "{shown}");
    press(&mut app, "v");
    let blind = seen(&app, (160, 45));
    assert!(!blind.contains('%') && !blind.contains("Raw"), "{blind}");
    press(&mut app, "r");
    let shown = seen(&app, (160, 45));
    assert!(rows(&shown, "said, true"), "{shown}");
}
