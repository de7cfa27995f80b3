//! Key scripts and frames of what stands beside the curves: evaluations, signs, the attacker, rollouts.

use std::collections::BTreeMap;

use crate::env::schema::Action;
use crate::eval::calibration::{Calibration, Judged};
use crate::link::{AttackRow, EvalRow, Fact, RunFact, RunState};
use crate::ui::app::{App, update};
use crate::ui::layer::Layer;
use crate::ui::msg::Msg;
use crate::ui::tests::fixtures::{app, evaluation, group, press, row, seen, status, sure, train};
use crate::ui::watching::TrainingPane;

const SMALL: (u16, u16) = (80, 24);
const LARGE: (u16, u16) = (200, 60);

fn training(step: u64, keys: &str) -> App {
    let mut app = app();
    train(&mut app, step);
    press(&mut app, keys);
    app
}

fn tell(app: &mut App, fact: RunFact) {
    update(app, Msg::Fact(Fact::Run(fact)));
}

fn said(app: &App) -> &str {
    app.toast.as_ref().map_or("", |toast| toast.text.as_str())
}

#[test]
fn an_evaluation_shows_intervals_confusions_and_errors_by_rule() {
    let mut app = training(100, "F2 S-Tab S-Tab");
    assert_eq!(app.training.pane, TrainingPane::Evaluations);
    assert!(seen(&app, SMALL).contains("no evaluations yet"));
    tell(&mut app, RunFact::Evaluation(evaluation(60, true)));
    tell(&mut app, RunFact::Evaluation(evaluation(100, false)));
    press(&mut app, "Enter");
    let shown = seen(&app, (130, 45));
    let line = |start: &str| {
        shown
            .lines()
            .find(|line| line.contains(start))
            .unwrap_or("")
    };
    // Wilson 95 % of 100 in 200, of 45 in 50, of 6 in 120.
    assert!(line("all stages").contains("0.50 (0.43-0.57)"), "{shown}");
    assert!(
        line("stage1_basic         0.90").contains("0.90 (0.79-0.96)"),
        "{shown}"
    );
    assert!(
        line("dismissed malicious").contains("0.05 (0.02-0.10)"),
        "{shown}"
    );
    assert!(
        line("dismiss  ").contains("=30") && line("dismiss  ").contains("10"),
        "{shown}"
    );
    assert!(line("beacon_periodic").contains("7 of 12"), "{shown}");
    assert!(!shown.contains("login_internal"), "no errors:\n{shown}");
    let best = shown
        .lines()
        .find(|line| line.contains("   60 "))
        .unwrap_or("");
    assert!(best.contains(" best"), "{shown}");
    assert!(seen(&app, SMALL).contains("0.50 (0.43-0.57)"));
    // A file of an older version says what it has.
    let old = EvalRow {
        confusion: BTreeMap::new(),
        by_rule: BTreeMap::new(),
        ..evaluation(100, false)
    };
    tell(&mut app, RunFact::Evaluation(old));
    let shown = seen(&app, (130, 45));
    assert!(
        shown.contains("no confusion matrix") && shown.contains("0.05 (0.02-0.10)"),
        "{shown}"
    );
    // What a resumed run says again stands once.
    tell(&mut app, RunFact::Evaluation(evaluation(60, true)));
    let steps = app
        .training
        .shown()
        .map(|run| run.evaluations.last().map(|row| row.step));
    assert_eq!(steps, Some(Some(60)));
}

#[test]
fn the_best_evaluation_says_on_how_many_episodes_it_is_so() {
    let mut app = training(100, "F2 S-Tab S-Tab");
    tell(&mut app, RunFact::Evaluation(evaluation(60, true)));
    tell(&mut app, RunFact::Evaluation(evaluation(80, false)));
    let shown = seen(&app, (80, 30));
    assert!(shown.contains("n=200 best "), "{shown}");
    assert!(!shown.contains("of the first"), "all are alike:\n{shown}");
    // The last of a phase is of more episodes, and may earn more on them.
    let last = EvalRow {
        episodes: 2_000,
        ..evaluation(100, false)
    };
    tell(&mut app, RunFact::Evaluation(last));
    let shown = seen(&app, (80, 30));
    for wanted in ["n=200 best of the first 200", "n=2000"] {
        assert!(shown.contains(wanted), "{wanted}:\n{shown}");
    }
}

#[test]
fn an_evaluation_shows_how_sure_it_was_and_what_could_be_closed() {
    let mut app = training(100, "F2 S-Tab S-Tab");
    tell(&mut app, RunFact::Evaluation(evaluation(60, true)));
    press(&mut app, "Enter");
    for size in [(102, 45), (130, 45), LARGE, (96, 60)] {
        let shown = seen(&app, size);
        let line = |start: &str| {
            let found = shown.lines().find(|line| line.contains(start));
            found.unwrap_or_else(|| panic!("{start} is not in\n{shown}"))
        };
        // (40 x 0.95 + 60 x 0.55) / 100: none is right.
        assert!(line("calibration error").contains("0.710 of 100 answers"));
        assert!(line("auto-close 1 % missed").contains("dismiss >= 0.9500: 40.0 %"));
        assert!(shown.contains("0 of 40 missed, of these"), "{shown}");
        let surest = line("0.93-1.00 ░");
        assert!(surest.contains("0.00  0.95    40 too sure"), "{surest}");
        assert!(line("0.53-0.60 ░").contains("0.55    60"), "{shown}");
        assert!(!shown.contains("0.60-0.67 "), "an empty bin:\n{shown}");
    }
    let hopeless = Judged {
        truth: Action::BlockIp,
        ..sure()[0]
    };
    let row = EvalRow {
        calibration: Calibration::of(&[hopeless]),
        ..evaluation(70, false)
    };
    tell(&mut app, RunFact::Evaluation(row));
    assert!(seen(&app, LARGE).contains("auto-close 5 % missed no threshold does that"));
    let old = EvalRow {
        calibration: None,
        ..evaluation(80, false)
    };
    tell(&mut app, RunFact::Evaluation(old));
    assert!(seen(&app, LARGE).contains("this run's files hold no probabilities"));
}

#[test]
fn an_evaluation_shows_slices_with_their_intervals_and_counts() {
    let mut app = training(100, "F2 S-Tab S-Tab Enter");
    tell(&mut app, RunFact::Evaluation(evaluation(60, true)));
    // Wilson 95 % of 64 and 72 in 80, of 30 and 36 in 40.
    let unseen = ["0.80 (0.70-0.87)", "0.90 (0.81-0.95)"];
    let injected = ["0.75 (0.60-0.86)", "0.90 (0.77-0.96)"];
    for size in [SMALL, (130, 45), LARGE] {
        let shown = seen(&app, size);
        for (name, [action, cited]) in [
            ("new templates n=80  ", unseen),
            ("injections n=40     ", injected),
        ] {
            let row = format!("{name} {action}  {cited}");
            assert!(shown.contains(&row), "{row} is not in\n{shown}");
        }
    }
    // Beside the curves the count has a line of its own.
    press(&mut app, "Enter");
    let shown = seen(&app, (130, 45));
    let mut below = shown
        .lines()
        .skip_while(|line| !line.contains("injections n=40"));
    let row = below.nth(1).unwrap_or("");
    let wanted = injected.join(" ");
    assert!(row.contains(&wanted), "{wanted} is not in\n{shown}");
    press(&mut app, "Enter");
    let old = EvalRow {
        by_slice: BTreeMap::new(),
        ..evaluation(70, false)
    };
    tell(&mut app, RunFact::Evaluation(old));
    let shown = seen(&app, SMALL);
    assert!(shown.contains("this run's files hold no slices"), "{shown}");
    assert!(!shown.contains("n=80"), "{shown}");
}

#[test]
fn all_that_an_evaluation_tells_is_reached_on_a_small_screen() {
    let mut app = training(100, "F2 S-Tab S-Tab");
    tell(&mut app, RunFact::Evaluation(evaluation(60, true)));
    let list = seen(&app, SMALL);
    assert!(
        list.contains("Enter shows what the chosen one tells"),
        "{list}"
    );
    assert!(!list.contains("all stages"), "no room for both:\n{list}");
    press(&mut app, "Enter");
    let mut all = seen(&app, SMALL);
    assert!(all.contains("more ↓ (ctrl-d, ctrl-u)"), "{all}");
    for _ in 0..20 {
        press(&mut app, "ctrl-d");
        all += &seen(&app, SMALL);
    }
    for part in [
        "all stages",
        "new templates n=80",
        "calibration error",
        "auto-close 1 %",
        "truth / answer",
        "errors by rule",
        "7 of 12",
        "bar: right",
    ] {
        assert!(all.contains(part), "{part} is not in\n{all}");
    }
}

#[test]
fn intervals_of_stages_are_of_as_many_episodes_as_were_asked() {
    let mut app = training(100, "F2 S-Tab S-Tab Enter");
    let mut row = evaluation(60, true);
    row.episodes = 6;
    row.values.insert("stage1_basic/accuracy".into(), 0.5);
    row.values.insert("stage4_adversarial/accuracy".into(), 1.0);
    tell(&mut app, RunFact::Evaluation(row));
    let shown = seen(&app, (130, 45));
    // One of two, and one of one.
    assert!(
        shown.contains("stage1_basic         0.50 (0.09-0.91)"),
        "{shown}"
    );
    assert!(
        shown.contains("stage4_adversarial   1.00 (0.21-1.00)"),
        "{shown}"
    );
}

#[test]
fn a_sign_stands_over_the_curves_and_in_the_log_while_it_holds() {
    let mut app = training(60, "F2");
    let collapsed = |step: u64| {
        let mut row = row(step);
        row.values.insert("share/dismiss".to_owned(), 0.9);
        row.values
            .insert("completions/clipped_ratio".to_owned(), 0.0);
        row
    };
    for step in 61..=90 {
        tell(&mut app, RunFact::Metrics(collapsed(step)));
    }
    for size in [SMALL, LARGE] {
        let shown = seen(&app, size);
        let head = shown.lines().nth(2).unwrap_or("");
        assert!(
            head.starts_with("warning") && head.contains("are dismiss"),
            "{shown}"
        );
    }
    press(&mut app, "Tab Tab");
    let log = seen(&app, LARGE);
    let log = log.rsplit("[Log]").next().unwrap_or("");
    assert!(log.contains("a collapse: x stops"), "{log}");
    assert!(
        log.contains("8 equal rewards"),
        "what the trainer said stays:\n{log}"
    );
    let line = app.training.line_under_cursor().unwrap_or_default();
    assert!(line.contains("are dismiss"), "{line}");
    for step in 91..=120 {
        let mut row = row(step);
        row.values
            .insert("completions/clipped_ratio".to_owned(), 0.0);
        tell(&mut app, RunFact::Metrics(row));
    }
    let shown = seen(&app, LARGE);
    assert!(!shown.contains("warning: over 60"), "it is over:\n{shown}");
    for told in [
        "began: over 60 % of answers",
        "no longer: over 60 % of answers",
    ] {
        assert!(shown.contains(told), "{told}:\n{shown}");
    }
    let stopped = RunFact::Status(status(120, RunState::Stopped));
    (121..=150).for_each(|step| tell(&mut app, RunFact::Metrics(collapsed(step))));
    assert!(seen(&app, LARGE).contains("x stops"));
    tell(&mut app, stopped);
    let shown = seen(&app, LARGE);
    assert!(
        !shown.contains("warning: over 60"),
        "it has ended:\n{shown}"
    );
    assert!(
        shown.contains("a collapse: the best adapter") && !shown.contains("x stops"),
        "its log has it still:\n{shown}"
    );
}

#[test]
fn the_attackers_arms_are_counted_and_a_resume_counts_nothing_twice() {
    let mut app = training(100, "F2 S-Tab");
    assert_eq!(app.training.pane, TrainingPane::Attacker);
    assert!(seen(&app, SMALL).contains("no tries of the attacker yet"));
    let attack = |step, arm: &str, won, refused: Option<&str>| {
        RunFact::Attack(AttackRow {
            step,
            arm: arm.into(),
            won,
            refused: refused.map(str::to_owned),
        })
    };
    let tries = [
        attack(90, "login.burst+flood", 0.25, None),
        attack(91, "login.burst+flood", 0.75, None),
        attack(92, "net.beacon+injection", 1.0, None),
        attack(93, "net.beacon+injection", -0.5, Some("gibberish\u{1b}[2J")),
    ];
    for fact in tries.clone().into_iter().chain(tries.into_iter().skip(2)) {
        tell(&mut app, fact);
    }
    let shown = seen(&app, LARGE);
    let line = |start: &str| {
        shown
            .lines()
            .find(|line| line.contains(start))
            .unwrap_or("")
    };
    let words = |start: &str| line(start).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words("net.beacon").contains("net.beacon+injection 2 100% 1 93 refused: gibberish"),
        "{shown}"
    );
    assert!(
        words("login.burst").contains("login.burst+flood 2 50% 0 91 won 0.75"),
        "{shown}"
    );
    let (first, second) = (shown.find("net.beacon"), shown.find("login.burst"));
    assert!(first < second, "the most winning first:\n{shown}");
    press(&mut app, "j");
    let copied = app.training.line_under_cursor().unwrap_or_default();
    assert!(copied.contains("login.burst+flood"), "{copied}");
    assert!(seen(&app, SMALL).contains("tries"));
}

#[test]
fn from_a_curve_to_the_rollouts_behind_it_and_to_a_step() {
    let mut app = training(100, "F2");
    for step in [101, 105, 110] {
        tell(&mut app, RunFact::Metrics(row(step)));
        tell(&mut app, RunFact::Rollouts(Box::new(group(step))));
    }
    press(&mut app, "r");
    assert_eq!(app.training.pane, TrainingPane::Rollouts);
    assert_eq!(app.training.group().map(|group| group.step), Some(110));
    press(&mut app, "Left Left Left Left Left Left r");
    assert_eq!(app.training.view.cursor, Some(105));
    assert_eq!(app.training.group().map(|group| group.step), Some(105));
    press(&mut app, "G");
    let shown = seen(&app, (160, 45));
    assert!(
        shown.contains("reward +0.70 = partial_credit +0.70"),
        "{shown}"
    );
    press(&mut app, "s x 1 0 q 2");
    assert!(
        matches!(&app.layers[..], [Layer::Step { typed }] if typed == "102"),
        "{:?}",
        app.layers
    );
    assert!(seen(&app, SMALL).contains("step: 102_"));
    press(&mut app, "Enter");
    assert_eq!(app.training.view.cursor, Some(102));
    assert_eq!(app.training.group().map(|group| group.step), Some(101));
    assert!(
        said(&app).contains("nearest are of step 101"),
        "{}",
        said(&app)
    );
    press(&mut app, "s Enter");
    assert!(said(&app).contains("a step is a number"));
    press(&mut app, "s 9 9 9 9 Enter");
    assert_eq!(
        app.training.view.cursor,
        Some(110),
        "no further than the run"
    );
    assert_eq!(said(&app), "the last step is 110");
    press(&mut app, "v r");
    assert!(
        said(&app).contains("they come with GRPO steps"),
        "{}",
        said(&app)
    );
}

#[test]
fn the_top_bar_tells_the_step_that_the_progress_tells() {
    let mut app = training(38, "F2");
    tell(&mut app, RunFact::Metrics(row(39)));
    let shown = seen(&app, LARGE);
    let top = shown.lines().next().unwrap_or_default();
    assert!(top.contains(" 39/"), "{top}");
}
