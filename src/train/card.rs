//! The model card beside every adapter: base, data, recipe, metrics with intervals, licence.

use std::fmt::Write as _;

use super::config::TrainConfig;
use crate::env::schema::ENV_VERSION;
use crate::eval::interval::wilson;
use crate::link::{EvalRow, Plan};

/// Shares worth a line, and what they are shares of.
const SHARES: [(&str, &str); 7] = [
    ("format_ok", "well-formed answers"),
    ("accuracy", "right actions, all stages"),
    ("citation_accuracy", "right citations, all stages"),
    ("stage1_basic/accuracy", "right actions, stage 1"),
    ("stage2_multi/accuracy", "right actions, stage 2"),
    ("stage3_mixed/accuracy", "right actions, stage 3"),
    ("stage4_adversarial/accuracy", "right actions, stage 4"),
];

/// The text of a README.md for the adapter called `name`: a phase, or `best`.
#[must_use]
pub fn text(
    base: &str,
    name: &str,
    config: &TrainConfig,
    plan: &Plan,
    evaluation: &EvalRow,
) -> String {
    let mut text = format!(
        "---\nbase_model: {base}\nlibrary_name: peft\nlicense: bsd-3-clause\n---\n\n# OpenSOC triage adapter: {name}\n\n\
         A LoRA adapter (rank {}, alpha {}) for `{base}` that triages SOC alerts: one of five actions and the log line that \
         decided it.\n\n",
        config.lora.rank, config.lora.alpha
    );
    let (sft, grpo) = (&config.sft, &config.grpo);
    let _ = writeln!(
        text,
        "## Data and recipe\n\nEpisodes of the OpenSOC workbench's generator (environment version {ENV_VERSION}), train split, \
         seed {}. SFT: {} gold examples, {} epoch(s), learning rate {}. GRPO: {} steps a stage, {} prompts of {} responses a \
         step, learning rate {}, beta {}, rewards unscaled. Taken at optimiser step {}, in phase `{}`.\n",
        config.seed,
        sft.examples,
        sft.epochs,
        sft.lr,
        grpo.steps_per_stage,
        grpo.prompts_per_step,
        grpo.num_generations,
        grpo.lr,
        grpo.beta,
        evaluation.step,
        evaluation.stage
    );
    if let Some(ended) = plan.ended_early() {
        let _ = writeln!(
            text,
            "Ended early by request: {ended}. Seed and configuration alone do not give this adapter again.\n"
        );
    }
    metrics(&mut text, evaluation);
    text.push_str("\n## Limits\n\nMade for generated alerts; not a judgement on real ones.\n\n## Licence\n\nBSD-3-Clause\n");
    text
}

/// The table of shares with their intervals.
fn metrics(text: &mut String, evaluation: &EvalRow) {
    let _ = writeln!(
        text,
        "## Metrics\n\n{} hold-out episodes, greedy answers, 95 % Wilson intervals.\n\n| metric | value | low | high |\n|---|---|---|---|",
        evaluation.episodes
    );
    for (share, what) in SHARES {
        let of = if share.contains('/') {
            evaluation.episodes / 4
        } else {
            evaluation.episodes
        };
        let hits = evaluation
            .values
            .get(share)
            .map(|share| (share * of as f64).round() as u64);
        if let Some(e) = hits.and_then(|hits| wilson(hits, of)) {
            let _ = writeln!(
                text,
                "| {what} | {:.3} | {:.3} | {:.3} |",
                e.value, e.low, e.high
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_card_names_base_recipe_and_metrics_with_their_intervals() {
        let values = BTreeMap::from([
            ("accuracy".to_string(), 0.5),
            ("stage1_basic/accuracy".to_string(), 1.0),
        ]);
        let row = EvalRow {
            step: 900,
            stage: "stage1_basic".into(),
            episodes: 400,
            values,
            ..EvalRow::default()
        };
        let config = TrainConfig::nano();
        let mut plan = config.plan(0);
        let card = text("nano", "stage1_basic", &config, &plan, &row);
        assert!(!card.contains("Ended early"));
        plan.phases[1].end_early(7);
        let early = text("nano", "stage1_basic", &config, &plan, &row);
        assert!(early.contains("Ended early by request: stage1_basic after 7 of 200 steps."));
        assert!(card.starts_with("---\nbase_model: nano\n") && card.contains("rank 16, alpha 32"));
        // Wilson 95 % of 200 in 400
        assert!(
            card.contains("| right actions, all stages | 0.500 | 0.451 | 0.549 |"),
            "{card}"
        );
        assert!(
            card.contains("| right actions, stage 1 | 1.000 | 0.963 | 1.000 |"),
            "{card}"
        );
        assert!(!card.contains("stage 2 |"));
    }
}
