//! Frames as bytes on the wire, at 160x45 in true colour, where a change of colour takes eleven bytes and a dot of a curve
//! three.

use std::collections::BTreeMap;

use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};

use crate::link::{Fact, RunFact, RunState};
use crate::ui::app::{App, ScreenName, update};
use crate::ui::msg::Msg;
use crate::ui::screen;
use crate::ui::tests::fixtures::{
    answer, app, group, press, ready, right, row, states, status, system_row, theme, train,
    with_marks,
};
use crate::ui::theme::{Depth, Symbols, Theme};
use crate::ui::wire::{FrameBytes, Wire};

/// What begins and ends synchronized output.
const AROUND: usize = "\u{1b}[?2026h\u{1b}[?2026l".len();

/// A terminal of which only the bytes it is sent are known.
struct Line {
    terminal: Terminal<Wire<FrameBytes>>,
    bytes: FrameBytes,
    theme: Theme,
}

impl Line {
    fn new() -> Self {
        let bytes = FrameBytes::default();
        let options = TerminalOptions {
            viewport: Viewport::Fixed(Rect::new(0, 0, 160, 45)),
        };
        let backend = Wire::new(bytes.clone());
        Self {
            terminal: Terminal::with_options(backend, options).expect("fixed viewport"),
            bytes,
            theme: theme(Depth::Truecolor, Symbols::Braille),
        }
    }

    /// Draws the next frame; how many bytes it took.
    fn draw(&mut self, app: &App) -> usize {
        let (terminal, theme) = (&mut self.terminal, &self.theme);
        let drawn = terminal.draw(|frame| screen::draw(app, theme, frame));
        drawn.expect("drawn");
        self.bytes.take().len() + AROUND
    }
}

/// Takes in what a trainer tells of a step.
fn take_step(app: &mut App, step: u64) {
    let told = [
        RunFact::Metrics(row(step)),
        RunFact::System(system_row(step)),
        RunFact::Status(status(step, RunState::Running)),
    ];
    // SFT samples nothing.
    let sampled = (step > 40).then(|| RunFact::Rollouts(Box::new(group(step))));
    for fact in told.into_iter().chain(sampled) {
        update(app, Msg::Fact(Fact::Run(fact)));
    }
}

/// The median size of the frames of these steps, of a run that was watched until then.
fn median(keys: &str, steps: std::ops::Range<u64>, prepare: impl Fn(&mut App)) -> usize {
    let mut app = app();
    train(&mut app, steps.start - 1);
    prepare(&mut app);
    press(&mut app, keys);
    let mut line = Line::new();
    line.draw(&app);
    let mut sizes: Vec<_> = steps
        .map(|step| {
            take_step(&mut app, step);
            line.draw(&app)
        })
        .collect();
    sizes.sort_unstable();
    sizes[sizes.len() / 2]
}

#[test]
fn a_data_frame_fits_its_budget() {
    let curves = median("F2", 61..160, |_| {});
    let begun = median("F2", 1..41, |_| {});
    let behind = median("F2", 61..160, with_marks);
    let rollouts = median("F2 Tab", 61..160, |_| {});
    println!(
        "curves {curves} B, of the first 40 steps {begun} B, with others behind {behind} B, rollouts {rollouts} B a frame"
    );
    assert!(curves <= 1_024, "curves page: {curves} B");
    assert!(begun <= 1_024, "curves of the first 40 steps: {begun} B");
    assert!(
        behind <= 1_024,
        "curves page with others behind: {behind} B"
    );
    assert!(rollouts <= 4_096, "rollout page: {rollouts} B");
}

/// The most bytes of a whole frame: going to some 450 stretches of a look of their own takes a third of it, the lines around
/// panes a fifth.
const WHOLE: usize = 8_192;

#[test]
fn a_whole_frame_of_every_screen_and_state_fits_its_budget() {
    let mut largest: BTreeMap<&str, usize> = BTreeMap::new();
    for app in states() {
        let bytes = Line::new().draw(&app);
        assert!(
            bytes <= WHOLE,
            "{bytes} B of {WHOLE}: {:?} {:?}",
            app.screen,
            app.layers
        );
        let name = match app.screen {
            ScreenName::Episodes => "Episodes",
            ScreenName::Training => "Training",
            ScreenName::Labelling => "Labelling",
            ScreenName::Runs => "Runs",
        };
        let known = largest.entry(name).or_default();
        *known = bytes.max(*known);
    }
    println!("whole frames, at most: {largest:?} B");
    assert_eq!(largest.len(), 4, "every screen");
}

#[test]
fn going_to_another_screen_takes_little_more_than_a_whole_frame() {
    let mut app = app();
    let effects = update(&mut app, ready());
    answer(&mut app, effects, right);
    train(&mut app, 120);
    let mut line = Line::new();
    for keys in ["F1", "F2", "F3", "F4", "F1", "F4", "F2", "F1"] {
        press(&mut app, keys);
        let bytes = line.draw(&app);
        // Blanks over what stood there before come on top of it.
        assert!(bytes <= WHOLE + 1_024, "to {keys}: {bytes} B");
    }
}
