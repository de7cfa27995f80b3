//! How long the workbench takes from a key to what the terminal is told, and for curves of a long run.
//!
//! `cargo bench --bench workbench` prints the median of each beside its budget of the contract (PRODUCT.md 10): 16 ms for a
//! key with the frame that answers it, 3 ms for six charts of 100,000 points. It fails where a median is over its budget.
#![expect(clippy::print_stdout, reason = "a benchmark prints")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot run has failed")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use mimalloc::MiMalloc;
use opensoc::config::TrainConfig;
use opensoc::config::{PhasePlan, Plan};
use opensoc::env::schema::{Split, Stage};
use opensoc::link::{Fact, MetricRow, RunFact};
use opensoc::run::RunDir;
use opensoc::run::series::Series;
use opensoc::run::summary::{Standing, Summary};
use opensoc::ui::app::{App, update};
use opensoc::ui::curves::Curves;
use opensoc::ui::errand::{Listing, Report};
use opensoc::ui::keys::Keymap;
use opensoc::ui::marks::Overlay;
use opensoc::ui::msg::Msg;
use opensoc::ui::queue::{EpisodeSource, Model, Queue};
use opensoc::ui::screen;
use opensoc::ui::theme::{Depth, Symbols, Theme};
use opensoc::ui::watching::Training;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Budget of a key and the frame that answers it.
const KEY: Duration = Duration::from_millis(16);
/// Budget of six charts.
const CHARTS: Duration = Duration::from_millis(3);
/// Steps of the long run, and of each run behind it.
const STEPS: u64 = 100_000;
/// Times each case is timed.
const TIMES: usize = 101;
/// Where the grid of charts has two columns and three rows.
const SIX_CHARTS: (u16, u16) = (200, 60);
/// The contract's big terminal.
const BIG: (u16, u16) = (160, 45);

/// A row of metrics in which every chart moves at every step.
fn row(step: u64) -> MetricRow {
    let names = [
        "reward",
        "rewards/verifier/mean",
        "accuracy",
        "citation_accuracy",
        "format_ok",
        "dismiss_on_malicious",
        "kl",
        "entropy",
        "loss",
        "grad_norm",
        "completions/mean_length",
        "learning_rate",
    ];
    let values = names.into_iter().enumerate().map(|(at, name)| {
        let noise = ((step * 7_919 + at as u64 * 31) % 101) as f64 / 101.0;
        (name.to_owned(), (step as f64 / 9_000.0).sin() / 2.0 + noise)
    });
    MetricRow {
        step,
        stage: "stage1_basic".into(),
        values: values.collect(),
    }
}

fn started() -> Msg {
    let phase = PhasePlan {
        wanted: None,
        name: "stage1_basic".into(),
        steps: STEPS,
    };
    Msg::Fact(Fact::Run(RunFact::Started {
        run_dir: "/runs/long".into(),
        run_id: "long".into(),
        plan: Plan {
            phases: vec![phase],
        },
    }))
}

/// A workbench that watches a run of so many steps.
fn watching(steps: u64) -> App {
    let source = EpisodeSource {
        split: Split::Holdout,
        seed: 3,
    };
    let mut app = App::new(
        Keymap::embedded().expect("sound table"),
        Queue::new(source, Stage::Adversarial, Model::Absent),
        Training::new(None),
        TrainConfig::nano(),
        false,
    );
    update(&mut app, started());
    for step in 1..=steps {
        update(&mut app, Msg::Fact(Fact::Run(RunFact::Metrics(row(step)))));
    }
    app
}

/// A run in the list, long over.
fn summary(id: &str) -> Summary {
    let config = TrainConfig::nano();
    Summary {
        run_id: id.into(),
        run_dir: Some(format!("/runs/{id}").into()),
        standing: Standing::Finished,
        phase: "stage1_basic".into(),
        step: STEPS,
        total_steps: STEPS,
        created: "2026-01-01T00:00:00Z".into(),
        model: "nano".into(),
        seed: config.seed,
        best_mean_reward: None,
        best_accuracy: None,
        best_episodes: None,
        last: None,
        reason: String::new(),
        preset: "nano",
        note: String::new(),
        ended_early: None,
        config,
        fed: Vec::new(),
        evaluations: Series::new(),
    }
}

/// Marks two runs as long as the one on screen, the second as the baseline.
fn mark_two(app: &mut App) {
    let ids = ["one", "two"];
    let listing = Listing {
        root: "/runs".into(),
        runs: ids.map(summary).into(),
    };
    press(app, KeyCode::F(4));
    update(app, Msg::Report(Report::Listed(listing)));
    for key in [' ', 'j', ' ', 'b'] {
        press(app, KeyCode::Char(key));
    }
    for id in ids {
        let mut curves = Curves::default();
        (1..=STEPS).for_each(|step| curves.metrics(&row(step + 40)));
        let overlay = Overlay::new(&RunDir::new(format!("/runs/{id}")), curves);
        update(app, Msg::Report(Report::Overlaid(Box::new(overlay))));
    }
    press(app, KeyCode::F(2));
}

fn press(app: &mut App, code: KeyCode) {
    update(app, Msg::Key(KeyEvent::new(code, KeyModifiers::NONE)));
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Prints the median beside its budget; whether it is within.
fn is_within(what: &str, times: Vec<Duration>, budget: Duration) -> bool {
    let median = median(times);
    let ratio = median.as_secs_f64() / budget.as_secs_f64();
    let mark = if ratio > 1.0 { "  OVER THE BUDGET" } else { "" };
    println!(
        "{what}: {:.2} ms, {ratio:.2} of {} ms{mark}",
        median.as_secs_f64() * 1e3,
        budget.as_millis()
    );
    ratio <= 1.0
}

/// A screen that is drawn again and again, as the loop does: differences only.
struct Canvas {
    terminal: Terminal<TestBackend>,
    theme: Theme,
}

impl Canvas {
    fn new(size: (u16, u16)) -> Self {
        Self {
            terminal: Terminal::new(TestBackend::new(size.0, size.1)).expect("test backend"),
            theme: Theme::load(None, Depth::Truecolor, Symbols::Braille).expect("theme"),
        }
    }

    fn draw(&mut self, app: &App) {
        let (terminal, theme) = (&mut self.terminal, &self.theme);
        let drawn = terminal.draw(|frame| screen::draw(app, theme, frame));
        drawn.expect("drawn");
    }

    /// The last frame as text.
    fn text(&self) -> String {
        let buffer = self.terminal.backend().buffer();
        let cells = buffer.content.chunks(usize::from(buffer.area.width));
        let rows = cells.map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect());
        rows.collect::<Vec<String>>().join("\n")
    }
}

/// Whether a frame of six charts is within its budget.
fn charts(what: &str, app: &mut App) -> bool {
    let mut canvas = Canvas::new(SIX_CHARTS);
    press(app, KeyCode::F(2));
    canvas.draw(app);
    let timed = (0..TIMES).map(|_| {
        let began = Instant::now();
        canvas.draw(app);
        began.elapsed()
    });
    let times = timed.collect();
    let text = canvas.text();
    let axes = text
        .lines()
        .filter(|row| row.trim_start().starts_with("0 "));
    let charts: usize = axes.map(|row| row.matches("step 100000").count()).sum();
    assert_eq!(charts, 6, "six charts in sight:\n{text}");
    is_within(what, times, CHARTS)
}

/// Whether keys on a screen are within their budget, each with the frame that answers it.
fn keys(what: &str, app: &mut App, screen: KeyCode, keys: &[char]) -> bool {
    let mut canvas = Canvas::new(BIG);
    press(app, screen);
    canvas.draw(app);
    let times = keys.iter().cycle().take(TIMES).map(|key| {
        let began = Instant::now();
        press(app, KeyCode::Char(*key));
        canvas.draw(app);
        began.elapsed()
    });
    let times = times.collect();
    is_within(what, times, KEY)
}

/// Whether a key after which the list lacks alerts, and each slice of these, is within its budget with its frame. The longest is
/// told and fails nothing: one of many may meet a busy machine.
fn lacking(what: &str, keys: &[KeyCode]) -> bool {
    let mut app = watching(1);
    let mut canvas = Canvas::new(BIG);
    press(&mut app, KeyCode::F(1));
    let mut times = Vec::new();
    for key in keys {
        let began = Instant::now();
        press(&mut app, *key);
        canvas.draw(&app);
        times.push(began.elapsed());
    }
    assert!(app.is_looking_through(), "{what}: alerts are lacking");
    while app.is_looking_through() {
        let began = Instant::now();
        update(&mut app, Msg::LookFurther);
        canvas.draw(&app);
        times.push(began.elapsed());
    }
    let most = times.iter().max().copied();
    let is_median_within = is_within(what, times, KEY);
    is_within("  the longest of them", most.into_iter().collect(), KEY);
    is_median_within
}

fn main() -> ExitCode {
    let mut app = watching(STEPS);
    // All are timed, also after one that takes too long.
    let mut within = vec![charts("six charts of 100,000 steps, whole frame", &mut app)];
    mark_two(&mut app);
    within.push(charts("the same with two such runs behind", &mut app));
    let open = [
        (
            "a key on Episodes",
            KeyCode::F(1),
            &['j', 'k', ']', '['][..],
        ),
        ("a key on Training", KeyCode::F(2), &['+', 'h', 'h', '-']),
        ("a key on Labelling", KeyCode::F(3), &['j', 'k', ']', '[']),
        ("a key on Runs", KeyCode::F(4), &['j', 'k']),
    ];
    for (what, screen, chosen) in open {
        within.push(keys(what, &mut app, screen, chosen));
    }
    let order = [KeyCode::Char('O')];
    within.push(lacking("a key for another order, or a slice of it", &order));
    let nobody = "/zqxj".chars().map(KeyCode::Char);
    let filter: Vec<KeyCode> = nobody.collect();
    within.push(lacking(
        "a letter of a filter that hides all, or a slice",
        &filter,
    ));
    ExitCode::from(u8::from(within.contains(&false)))
}
