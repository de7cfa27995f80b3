//! The settings of the next run by word.

use super::{Bench, in_order, obey, told};
use crate::link::{Fact, RunFact, RunState};
use crate::ui::tests::fixtures::{right, status};

#[test]
fn settings_are_told_changed_and_kept_between_lines() {
    let text = told(
        "settings grpo.l\nset grpo.lr\nset grpo.lr 0.25\nset preset smollm2-135m\nset grpo.lr\nset grpo.lr 0.5\nsettings grpo.lr\nset sft_extra labels.jsonl\nset sft_extra\n",
    );
    in_order(
        &text,
        &[
            "Setting grpo.lr: ",
            "Setting grpo.lr_scheduler_type: ",
            "set KEY VALUE changes one",
            "learning rate after warm-up\n",
            "It takes a number from ",
            "Setting grpo.lr: 0.25, the preset says ",
            "Setting preset: smollm2-135m\n",
            "Setting grpo.lr: 0.25, the preset says ",
            "Setting grpo.lr: 0.5, the preset says ",
            "Setting grpo.lr: 0.5, the preset says ",
            "Setting sft_extra: labels.jsonl, the preset says none\n",
            "Setting sft_extra: labels.jsonl, ",
        ],
    );
}

#[test]
fn settings_that_stand_by_each_other_stay_in_whatever_order_they_were_changed() {
    let text = told(
        "set grpo.steps_per_generation 4\nset grpo.prompts_per_step 16\nset grpo.steps_per_generation 16\nset grpo.prompts_per_step 48\nset grpo.steps_per_generation\n",
    );
    in_order(
        &text,
        &[
            "Setting grpo.steps_per_generation: 16, ",
            "Setting grpo.prompts_per_step: 48, ",
            "Setting grpo.steps_per_generation: 16, ",
        ],
    );
    assert!(!text.contains("error:"), "{text}");
}

#[test]
fn what_cannot_be_set_says_why_and_changes_nothing() {
    let text =
        told("set\nset grpo.bta 1\nset grpo.lr fast\nset threads 9\nsettings xyzzy\nset grpo.lr\n");
    in_order(
        &text,
        &[
            "set takes a key and a value",
            "no setting grpo.bta, the nearest is grpo.beta",
            "`grpo.lr` is \"fast\"; it takes a number from ",
            "error: threads is settled once the workbench is open",
            "no setting holds xyzzy",
            "Setting grpo.lr: ",
        ],
    );
    assert!(!text.contains("the preset says"), "{text}");
}

#[test]
fn a_run_is_started_with_what_was_set() {
    let bench = Bench::new(right);
    let mut out = Vec::new();
    let (mut plain, teller) = bench.sit(&mut out);
    obey(&mut plain, "set seed 41");
    assert_eq!(plain.app.config.seed, 0, "not before it is started");
    // What the run tells as soon as it is there.
    let begun = RunFact::Status(status(0, RunState::Running));
    teller.send(Fact::Run(begun)).expect("heard");
    obey(&mut plain, "train start");
    assert!(plain.app.training.is_in_progress());
    assert_eq!(plain.app.config.seed, 41);
    assert!(plain.sets.is_empty(), "the next form begins with them");
}
