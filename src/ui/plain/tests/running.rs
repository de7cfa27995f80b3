//! Runs and adapters by word.

use std::io;

use super::{Bench, in_order, told};
use crate::link::{Control, Fact, RunFact, RunState};
use crate::ui::msg::{ExitReason, RunFate};
use crate::ui::tests::fixtures::{plan, right, status};

#[test]
fn a_run_is_told_and_steered_and_asked_about_before_the_end() {
    let mut bench = Bench::new(right);
    assert!(
        bench.told("train\n").contains("Run: shipped"),
        "the shipped one"
    );
    let mut state = status(40, RunState::Running);
    state.eta_s = Some(90.0);
    let begun = RunFact::Started {
        run_dir: bench.home.path().join("run"),
        run_id: "run".into(),
        plan: plan(),
    };
    bench.told = vec![Fact::Run(begun), Fact::Run(RunFact::Status(state))];
    let mut out = Vec::new();
    let lines =
        "train\nresume\npause\npause\nresume\nsave\nquit\nquit x\nstop\ntrain start\nquit stop\n";
    let (exit, controls) = bench.talk_to(lines, &mut out);
    let text = String::from_utf8(out).expect("text");
    in_order(
        &text,
        &[
            "Run: run, running",
            "Step: ",
            "Time left: 1m30s",
            "The run is not paused.",
            "note: pausing after this step",
            "The run is paused already",
            "note: going on",
            "note: a checkpoint is written after this step",
            "A run is in progress: quit leave",
            "quit takes leave or stop, not x",
            "note: stopping after a checkpoint; train continue continues the run later",
            "note: a run is in progress already",
        ],
    );
    let wanted = [
        Control::Pause,
        Control::Resume,
        Control::Save,
        Control::Stop,
        Control::Stop,
    ];
    assert_eq!(controls, wanted);
    assert_eq!(
        (exit.reason, exit.run),
        (ExitReason::Quit, RunFate::StopAfterCheckpoint)
    );
    // The end of the input leaves the run going.
    let (exit, controls) = bench.talk_to("", &mut io::sink());
    assert_eq!(
        (exit.reason, exit.run),
        (ExitReason::Plain, RunFate::LeaveRunning)
    );
    assert_eq!(controls, []);
}

#[test]
fn adapters_and_runs_are_listed_and_chosen() {
    let text = told("model\nmodel sft\nmodel none\na\nruns\n");
    in_order(
        &text,
        &[
            "Adapter: base\n",
            "Adapter: stage4_adversarial, answers now",
            "sft answers now.",
            "no adapter none",
            "stage4_adversarial answers now.",
            "Run shipped: finished",
        ],
    );
}
