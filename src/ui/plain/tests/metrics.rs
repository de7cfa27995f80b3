//! Curves and the log of a run by word.

use super::running::followed;
use super::{Bench, in_order};
use crate::link::RunFact;
use crate::ui::tests::fixtures::right;

#[test]
fn every_metric_is_told_in_a_line_and_one_of_them_step_by_step() {
    let bench = followed(110, []);
    let text = bench.told("metrics\nmetrics learning_rate\nmetrics loss 60\nmet rewards\n");
    in_order(
        &text,
        &[
            "Metrics of run: ",
            "Metric accuracy: newest 0.",
            " at step 110, smoothed 0.",
            ", lowest ",
            ", highest ",
            "Metric learning_rate: newest 1.0e-4 at step 110, smoothed 1.0e-4, lowest 1.0e-4, highest 1.0e-4\n",
            // One of them: its newest values.
            "Metric learning_rate: newest ",
            "\nStep 91: 1.0e-4, smoothed 1.0e-4\n",
            "\nStep 110: 1.0e-4",
            // Around a step; what is misread of it comes first.
            "Metric loss: newest ",
            "\nNote on loss: near 0 is right: advantages sum to 0\n",
            "Step 50: 0.",
            "\nStep 69: 0.",
            // All that begin so.
            "Metric rewards/",
        ],
    );
    assert!(!text.contains("Step 90: 1.0e-4"), "twenty of them:\n{text}");
    assert!(!text.contains("\nStep 70: "), "{text}");
    assert!(!text.contains("Note on learning_rate"), "{text}");
}

#[test]
fn what_is_no_metric_and_no_step_says_so() {
    let bench = followed(50, []);
    let text = bench.told("metrics rewrd\nmetrics loss x\nlog x\ncurves\n");
    in_order(
        &text,
        &[
            "no metric rewrd, the nearest is reward: metrics lists them",
            "metrics takes a name and a step, not x",
            "log takes a number of lines, not x",
            "no command curves, it is metrics here",
        ],
    );
    let text = followed(0, []).told("metrics\nlog\n");
    in_order(&text, &["Metrics: none yet", "Log: empty"]);
    // Without a run in progress the shipped one is in front.
    let text = Bench::new(right).told("metrics loss\n");
    in_order(&text, &["Metric loss: newest ", "\nStep 160: "]);
}

#[test]
fn the_log_is_told_from_its_newest_line_on() {
    let warned = (1..=30).map(|step| RunFact::Warning {
        step,
        message: format!("{step} equal rewards"),
    });
    let text = followed(30, warned).told("log\nlog 2\n");
    in_order(
        &text,
        &[
            "Log: 20 of 30 lines, the newest first\n",
            "Step 30: 30 equal rewards\n",
            "Step 11: 11 equal rewards\n",
            "Log: 2 of 30 lines",
            "Step 30: ",
            "Step 29: ",
        ],
    );
    assert!(!text.contains("Step 10: "), "{text}");
}
