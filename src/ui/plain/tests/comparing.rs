//! Two adapters on one alert, how each has done, and alerts in groups.

use super::{Bench, SOURCE, in_order, told};
use crate::env::schema::Stage;
use crate::link::{Fact, RunFact};
use crate::ui::tests::fixtures::{evaluation, plan, right, wrong};

#[test]
fn two_adapters_are_told_one_after_the_other_and_judged_after_the_reveal() {
    let mut bench = Bench::new(right);
    bench.others = wrong;
    let text = bench.told(
        "adapters\ncompare\ncompare base\nreveal\nadapters\nC\nc\ncompare off\nanswer\ncompare off\n",
    );
    let truth = SOURCE.episode(Stage::Multi, 0).truth;
    let first = format!(
        "Model with stage4_adversarial: {}, citing {}; as the rule says\n",
        truth.action, truth.triggering_log_id
    );
    in_order(
        &text,
        &[
            "Adapter base: nothing answered yet\n",
            "Adapter sft: nothing answered yet\n",
            "Adapter stage4_adversarial: answers now, ",
            "Both: another action, another citation\n",
            &first,
            "Model with stage4_adversarial, shares: dismiss 6",
            "Model with sft: ",
            "citing L9-99; guessed\n",
            "Both: another action, another citation\n",
            &first,
            "Model with base: ",
            "Truth: ",
            &format!(
                "Model with stage4_adversarial: {} (right), citing",
                truth.action
            ),
            "Model with base: ",
            "(wrong), citing L9-99 (wrong), reward ",
            "Adapter base: compared with it, 1 answered, 0 right, 1 wrong\n",
            "Adapter stage4_adversarial: answers now, ",
            " answered, 1 right, 0 wrong\n",
            "Model with sft: ",
            "Model with sft: ",
            "stage4_adversarial answers alone now.",
            "Model: stage4_adversarial: ",
            "No adapters are compared.",
        ],
    );
    let (before, _) = text.split_once("Truth: ").expect("told");
    assert!(
        !before.contains("(right)") && !before.contains("(wrong)"),
        "{text}"
    );
}

#[test]
fn both_are_told_where_a_run_outdates_the_first_while_the_second_answers() {
    let mut bench = Bench::new(right);
    let begun = RunFact::Started {
        run_dir: bench.home.path().join("run"),
        run_id: "run".into(),
        plan: plan(),
    };
    bench.told = vec![Fact::Run(begun)];
    bench.before_base = vec![Fact::Run(RunFact::Evaluation(evaluation(60, false)))];
    let text = bench.told("model live\ncompare base\n");
    in_order(
        &text,
        &[
            "live answers now.",
            "Both: the same action, the same citation\n",
            "Model with live: ",
            "Model with base: ",
        ],
    );
    assert!(!text.contains("no answer yet"), "{text}");
}

#[test]
fn what_cannot_be_compared_says_why() {
    let text = told("compare next\ncompare none\ncompare stage4_adversarial\nblind\nc\n");
    in_order(
        &text,
        &[
            "note: c compares two adapters first",
            "no adapter none\nAdapter: base\n",
            "note: that one is asked already: another can stand beside it",
            "Model: hidden until the reveal",
        ],
    );
    assert!(!text.contains("Model with"), "{text}");
}

#[test]
fn alerts_are_counted_in_groups_and_one_of_them_is_filtered_by() {
    let text = told(
        "reveal\nb\ngroups severity\ngroups rule\ngroups severity high\ngroups severity low\ngroups colour\nfilter\n",
    );
    let rule = SOURCE.episode(Stage::Multi, 0).truth.rule;
    in_order(
        &text,
        &[
            "Groups by category: ",
            " of 2000 alerts\n",
            "Right and wrong are counted where the truth is revealed.",
            "Groups by severity: ",
            "Group high: ",
            "Groups by rule: 2 of 2000 alerts\n",
            &format!("Group {rule}: 1 alert, 0 hidden, model 1 right and 0 wrong\n"),
            "Group hidden: 1999 alerts, 1999 hidden\n",
            "note: filter: severity=\"high\"; filter alone takes it off",
            "no group low by severity: groups severity lists them",
            "no groups by colour: by one of category host rule severity outcome",
            "No filter: every alert is let through.",
        ],
    );
}
