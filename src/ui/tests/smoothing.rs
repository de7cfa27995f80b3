//! How much the curves are smoothed, as keys choose it and as it is drawn: the run on screen, those behind it, what comes next.

use crate::link::{Fact, RunFact};
use crate::ui::app::{App, update};
use crate::ui::average::Smoothing;
use crate::ui::msg::Msg;
use crate::ui::tests::fixtures::{
    frame, overlay, press, row, seen, text, theme, toast, training, with_marks,
};
use crate::ui::theme::{Depth, Symbols};

const LARGE: (u16, u16) = (200, 60);

#[test]
fn a_key_goes_round_the_weights_and_names_each() {
    let mut app = training(120);
    assert_eq!(app.training.smoothing, Smoothing::Default);
    let usual = seen(&app, LARGE);
    assert!(!usual.contains("smoothing, weight"), "{usual}");
    let mut frames = vec![usual.clone()];
    for (wanted, smoothing) in [
        ("heavy smoothing, weight 0.975", Smoothing::Heavy),
        ("raw curves, no smoothing", Smoothing::Raw),
        ("light smoothing, weight 0.6", Smoothing::Light),
    ] {
        press(&mut app, "e");
        assert_eq!((toast(&app), app.training.smoothing), (wanted, smoothing));
        // Any other key takes the toast away: what is drawn is still told over the charts.
        press(&mut app, "Left Esc");
        let shown = seen(&app, LARGE);
        assert!(shown.contains(&format!("{wanted} (e)")), "{shown}");
        assert!(!frames.contains(&shown), "{smoothing:?}:\n{shown}");
        frames.push(shown);
    }
    press(&mut app, "e");
    assert_eq!(toast(&app), "default smoothing, weight 0.9");
    press(&mut app, "Left Esc");
    assert_eq!(seen(&app, LARGE), usual, "as at the start");
}

#[test]
fn a_weight_chosen_late_draws_what_one_chosen_early_does() {
    let go_on = |app: &mut App, steps: std::ops::RangeInclusive<u64>| {
        for step in steps {
            update(app, Msg::Fact(Fact::Run(RunFact::Metrics(row(step)))));
        }
    };
    for presses in ["e", "e e", "e e e"] {
        let mut early = training(60);
        press(&mut early, presses);
        // Drawn between: the averages are made here and have to be kept up.
        seen(&early, LARGE);
        go_on(&mut early, 61..=120);
        let mut late = training(60);
        seen(&late, LARGE);
        go_on(&mut late, 61..=120);
        press(&mut late, presses);
        assert_eq!(seen(&early, LARGE), seen(&late, LARGE), "{presses}");
    }
}

#[test]
fn runs_behind_are_smoothed_as_the_run_in_front() {
    let ascii = theme(Depth::None, Symbols::Ascii);
    let mut app = training(60);
    with_marks(&mut app);
    press(&mut app, "F2");
    let letters = |app: &App| {
        let shown = text(&frame(app, &ascii, LARGE));
        // Charts only: over and under them is told in words how they are smoothed.
        let rows = shown.lines().skip(6).take(48);
        let cells = rows.map(|row| row.replace(|c: char| !"ab".contains(c), " "));
        cells.collect::<Vec<_>>().join("\n")
    };
    let mut frames = Vec::new();
    for _ in Smoothing::ALL {
        let shown = letters(&app);
        assert!(!frames.contains(&shown), "{:?}", app.training.smoothing);
        frames.push(shown);
        press(&mut app, "e");
    }
    let one = overlay("one", 160, 0.0);
    let told = one.told();
    let newest = |smoothing| Some(told.average("reward", smoothing)?.newest()?.value);
    let [raw, light, usual, heavy] = Smoothing::ALL.map(newest);
    assert!(raw.is_none() && light.is_some() && usual.is_some());
    assert!(light != usual && usual != heavy, "{light:?} {usual:?}");
}
