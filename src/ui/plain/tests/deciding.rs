//! Decisions, citations, mismatches, filters and labels.

use super::{Bench, SOURCE, in_order, told, trigger_of};
use crate::env::schema::Stage;
use crate::label::State;
use crate::ui::tests::fixtures::{right, wrong};

#[test]
fn a_decision_and_a_citation_are_judged_and_truth_and_model_told_after_them() {
    let episode = SOURCE.episode(Stage::Multi, 0);
    let (truth, line) = (&episode.truth, trigger_of(&episode) + 1);
    let decision = truth.action.index() + 1;
    let text = told(&format!(
        "rule\nanswer\n{decision}\ncite {line}\nreveal\nrule\nquit\nnext\n"
    ));
    in_order(
        &text,
        &[
            "Alert 0 of stage2_multi, holdout: ",
            "Summary: ",
            "\n1. [",
            "Rule: hidden until the reveal",
            &format!("Model: stage4_adversarial: {}, citing", truth.action),
            &format!("Decided: {}, not submitted", truth.action),
            &format!("Cited: {}\n", truth.triggering_log_id),
            &format!(
                "You: {} (right), citing {} (right), reward +1.10\n",
                truth.action, truth.triggering_log_id
            ),
            &format!(
                "Truth: {} because of {}\n",
                truth.action, truth.triggering_log_id
            ),
            &format!("Reason: {}\n", truth.reason),
            &format!(
                "Model: stage4_adversarial: {} (right), citing",
                truth.action
            ),
            &format!("Rule: {}\n", truth.rule),
        ],
    );
    let (before, _) = text.split_once("You: ").expect("told");
    assert!(!before.contains("(right)") && !before.contains(&truth.rule));
    assert!(!text.contains("Alert 1 "), "nothing after quit:\n{text}");
    assert!(!text.chars().any(|c| c != '\n' && c.is_control()), "{text}");
}

#[test]
fn a_line_behind_the_decision_is_cited_and_without_one_it_is_said_which_counts() {
    let episode = SOURCE.episode(Stage::Multi, 0);
    let id = &episode.log_window[1].log_id;
    let text = told(&format!("block_ip {}\nsubmit\n", id.to_lowercase()));
    in_order(
        &text,
        &[
            "Decided: block_ip",
            &format!("Cited: {id}"),
            "You: block_ip (",
        ],
    );
    assert!(!text.contains("No line was cited"));
    let text = told("line L1-1\n2\nsubmit\nsubmit\n");
    in_order(
        &text,
        &[
            "2. [",
            "No line was cited, so the one you are on counts: L1-1",
            "You: monitor (",
            "note: this alert is revealed already",
        ],
    );
    let text = told("4 L9-9\nsubmit\ncite 0\n");
    assert_eq!(text.matches("no log line").count(), 2, "{text}");
    in_order(
        &text,
        &[
            "no log line L9-9: there are L",
            "note: decide with 1-5 first",
        ],
    );
}

#[test]
fn the_next_mismatch_is_looked_for_and_gone_to() {
    let text = Bench::new(wrong).told("mismatch\nreveal\nscore\n");
    in_order(
        &text,
        &[
            "Alert 0 of",
            "note: the model is wrong here",
            "Alert 1 of",
            "Truth: ",
            "(wrong), citing L9-99 (wrong)",
            "You: actions 0/0",
            "Model stage4_adversarial: actions 0/1, citations 0/1",
            "The model and the truth: the same action on 0% of 1",
        ],
    );
    let text = told("m\n");
    assert!(text.contains("note: no mismatch among "), "{text}");
}

#[test]
fn filters_have_the_grammar_of_the_screens_and_its_complaints() {
    let text = told("filter severity>=high\nnext\n/model:foo\nfil sevrity:low\nfilter\n");
    in_order(
        &text,
        &[
            "Filter severity>=high: ",
            "Severity: ",
            "error: model:foo: model is one of dismiss monitor",
            "error: no field sevrity, the nearest is severity",
            "No filter: every alert is let through.",
        ],
    );
    let severities = text
        .lines()
        .filter_map(|line| line.strip_prefix("Severity: "));
    // The first was told before there was a filter.
    assert!(severities.clone().count() > 1, "{text}");
    assert!(
        severities
            .skip(1)
            .all(|word| ["high", "critical"].contains(&word)),
        "{text}"
    );
}

#[test]
fn alerts_are_listed_by_another_order_and_gone_through_in_it() {
    let text = told("sort\nsort severity\nnext\nnext\nO\nsort xyzzy\nsort number\n");
    in_order(
        &text,
        &[
            "Alerts are listed by number: sort takes next, or one of number severity ",
            "Alerts are listed by severity: next",
            "Severity: ",
            "Alerts are listed by category: next",
            "no order xyzzy: next, or one of number ",
            "Alerts are listed by number: next",
        ],
    );
    let rank = |word: &str| {
        let mut known = ["critical", "high", "medium", "low"].iter();
        known.position(|severity| *severity == word).expect(word)
    };
    let severities = text
        .lines()
        .filter_map(|line| line.strip_prefix("Severity: "));
    let ranks: Vec<usize> = severities.map(rank).collect();
    assert!(ranks.len() > 1 && ranks.is_sorted(), "{text}");
}

#[test]
fn a_label_is_told_to_be_on_disk_when_it_is() {
    let bench = Bench::new(right);
    let text = bench.told(
        "label because\n2\nsplit train\nlabel x\nescalate 1\nlabel\nlabel A large upload.\nquit\n",
    );
    in_order(
        &text,
        &[
            "Not labelled: models are measured on hold-out alerts",
            "note: train alerts",
            "Not labelled: decide first",
            "Not labelled: a label needs a rationale",
            "Label on disk: stage2_multi-train-5-0 escalate, citing L1-0, revision ",
        ],
    );
    let labels = bench.store().labels().expect("readable");
    let label = labels
        .get("ann", "stage2_multi-train-5-0")
        .expect("on disk");
    assert_eq!(label.decision.state, State::Submitted);
    assert_eq!(label.decision.rationale, "A large upload.");
    assert!(!text.contains("error:"), "{text}");
    assert!(!text.contains("is in the labelling queue"), "{text}");
    // The same desk in another sitting, from the other side.
    let text = bench.told("labelling\nnext\n1\ncite 1\nrationale Known.\nlabel\nundo\nq\n");
    in_order(
        &text,
        &[
            "Labels of ann: 0 draft, 1 submitted",
            "Label: draft, dismiss",
            "Rationale: Known.",
            "Label on disk: ",
        ],
    );
}

#[test]
fn a_decision_stands_again_in_the_next_sitting() {
    let bench = Bench::new(right);
    bench.told("3\nsubmit\n");
    let text = bench.told("");
    in_order(
        &text,
        &["Alert 0", "You: quarantine_host (", "Revealed: yes"],
    );
}
