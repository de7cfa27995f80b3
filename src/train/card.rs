//! The model card beside every adapter: base, data, recipe, metrics with intervals, licence.

use std::fmt::Write as _;
use std::path::Path;

use crate::config::{HeldTo, Plan, ScaleRewards, TrainConfig};
use crate::env::schema::ENV_VERSION;
use crate::interval::wilson;
use crate::link::EvalRow;
use crate::model::nano;

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

/// Slices that cut across stages, and what their episodes have in common.
const SLICES: [(&str, &str); 2] = [
    ("new_template", "templates not trained on"),
    ("injection", "text that claims an action"),
];

/// Whose adapter a card is of.
#[derive(Clone, Copy, Debug)]
pub struct Base<'a> {
    /// As the user calls the model: `nano`, a path, or `owner/model` in the Hugging Face cache.
    pub name: &'a str,
    /// Labelled examples beside the gold ones.
    pub labelled: usize,
}

impl Base<'_> {
    /// The lines between the card's dashes. A path on somebody's disk names no model to anybody else, and the licence of
    /// another's weights is not ours to state.
    fn front_matter(&self) -> String {
        let is_nano = self.name == nano::NAME;
        let is_published = |name: &str| hub_name(name) && !Path::new(name).exists();
        let mut lines = String::from("---\n");
        if is_nano || is_published(self.name) {
            let model = self.name.split('@').next().unwrap_or(self.name);
            let _ = writeln!(lines, "base_model: {model}");
        }
        lines.push_str("library_name: peft\n");
        if is_nano {
            lines.push_str("license: bsd-3-clause\n");
        }
        lines + "---\n"
    }

    /// What it is called in the text.
    fn title(&self) -> &str {
        let is_path = !hub_name(self.name);
        let file = Path::new(self.name)
            .file_name()
            .and_then(|name| name.to_str());
        file.filter(|_| is_path).unwrap_or(self.name)
    }

    fn licence(&self) -> &'static str {
        match self.name == nano::NAME {
            true => "BSD-3-Clause",
            false => "That of the base model applies; see its own card.",
        }
    }
}

/// Whether a name has the form `owner/model`, with a revision or without.
fn hub_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
    let parts: Vec<&str> = name.split('/').collect();
    let is_plain =
        |part: &&str| !part.is_empty() && !part.starts_with('.') && part.chars().all(allowed);
    parts.len() == 2 && parts.iter().all(is_plain)
}

/// The text of a README.md for the adapter called `name`: a phase, or `best`.
#[must_use]
pub fn text(
    base: &Base<'_>,
    name: &str,
    config: &TrainConfig,
    plan: &Plan,
    evaluation: &EvalRow,
) -> String {
    let mut text = format!(
        "{}\n# OpenSOC triage adapter: {name}\n\nA LoRA adapter (rank {}, alpha {}) for `{}` that triages SOC alerts: one of \
         five actions and the log line that decided it.\n\n",
        base.front_matter(),
        config.lora.rank,
        config.lora.alpha,
        base.title()
    );
    let _ = writeln!(
        text,
        "## Data and recipe\n\nEpisodes of the OpenSOC workbench's generator (environment version {ENV_VERSION}), train split, \
         seed {}. {} {} Taken at step {}, in phase `{}`.\n",
        config.seed,
        supervised(config, plan, base.labelled),
        reinforced(config, plan),
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
    let _ = writeln!(
        text,
        "\n## Limits\n\nMade for generated alerts; not a judgement on real ones.\n\n## Licence\n\n{}",
        base.licence()
    );
    text
}

/// The supervised part of the recipe.
fn supervised(config: &TrainConfig, plan: &Plan, labelled: usize) -> String {
    let sft = &config.sft;
    let onwards = match &config.lora.adapter {
        Some(_) => "Going on from an adapter that was there before. ",
        None => "",
    };
    if !plan.has_sft() {
        return format!("{onwards}No SFT.");
    }
    let beside = match labelled {
        0 => String::new(),
        n => format!(" and {n} labelled ones"),
    };
    format!(
        "{onwards}SFT: {} gold examples{beside}, {} epoch(s), batches of {}, learning rate {}.",
        sft.examples, sft.epochs, sft.batch, sft.lr
    )
}

/// The reinforced part, where there is one.
fn reinforced(config: &TrainConfig, plan: &Plan) -> String {
    let grpo = &config.grpo;
    if grpo.steps_per_stage == 0 {
        return "No GRPO.".into();
    }
    let scaled = match grpo.scale_rewards {
        ScaleRewards::None => "rewards unscaled",
        ScaleRewards::Group => "rewards scaled by their group's deviation",
        ScaleRewards::Batch => "rewards scaled by their step's deviation",
    };
    let held = match (grpo.beta > 0.0, config.held_to(plan)) {
        (false, _) => "",
        (true, HeldTo::Sft) => " to the SFT adapter",
        (true, HeldTo::Start) => " to that adapter",
        (true, HeldTo::Base) => " to the base model",
    };
    format!(
        "GRPO: {} steps a stage, {} prompt(s) of {} responses a step, learning rate {}, beta {}{held}, {scaled}.",
        grpo.steps_per_stage, grpo.prompts_per_step, grpo.num_generations, grpo.lr, grpo.beta
    )
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
        if let Some(hits) = hits {
            share_row(text, what, hits, of);
        }
    }
    for (slice, what) in SLICES {
        let Some(answers) = evaluation.by_slice.get(slice) else {
            continue;
        };
        for (right, wrong) in [
            ("right actions", answers.wrong),
            ("right citations", answers.wrong_citations),
        ] {
            let hits = answers.episodes.saturating_sub(wrong);
            share_row(text, &format!("{right}, {what}"), hits, answers.episodes);
        }
    }
}

/// One share; none of nothing.
fn share_row(text: &mut String, what: &str, hits: u64, of: u64) {
    if let Some(e) = wilson(hits, of) {
        let _ = writeln!(
            text,
            "| {what} | {:.3} | {:.3} | {:.3} |",
            e.value, e.low, e.high
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Reference;
    use crate::eval::metrics::SliceAnswers;
    use std::collections::BTreeMap;

    #[test]
    fn a_card_names_base_recipe_and_metrics_with_their_intervals() {
        let values = BTreeMap::from([
            ("accuracy".to_string(), 0.5),
            ("stage1_basic/accuracy".to_string(), 1.0),
        ]);
        let injected = SliceAnswers {
            episodes: 100,
            wrong: 10,
            wrong_citations: 100,
            mean_reward: 0.4,
        };
        let row = EvalRow {
            step: 900,
            stage: "stage1_basic".into(),
            episodes: 400,
            values,
            by_slice: BTreeMap::from([("injection".to_string(), injected)]),
            ..EvalRow::default()
        };
        let config = TrainConfig::nano();
        let mut plan = config.plan(0);
        let nano = Base {
            name: "nano",
            labelled: 0,
        };
        let card = text(&nano, "stage1_basic", &config, &plan, &row);
        assert!(!card.contains("Ended early"));
        plan.phases[1].end_early(7);
        let early = text(&nano, "stage1_basic", &config, &plan, &row);
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
        // Wilson 95 % of 90 and of none in 100
        for line in [
            "| right actions, text that claims an action | 0.900 | 0.826 | 0.945 |",
            "| right citations, text that claims an action | 0.000 | 0.000 | 0.037 |",
        ] {
            assert!(card.contains(line), "{card}");
        }
        assert!(!card.contains("templates not trained on"), "{card}");
        assert!(card.contains("license: bsd-3-clause\n") && card.contains("rewards unscaled"));
    }

    #[test]
    fn a_card_says_what_was_done_and_no_licence_of_others() {
        let mut config = TrainConfig::qwen3b();
        config.grpo.scale_rewards = ScaleRewards::Group;
        config.grpo.reference = Reference::Base;
        let card = |name: &str, labelled, config: &TrainConfig| {
            let base = Base { name, labelled };
            let plan = config.plan(labelled as u64);
            text(&base, "best", config, &plan, &EvalRow::default())
        };
        let published = card("Qwen/Qwen2.5-3B-Instruct@abc", 20, &config);
        assert!(
            published.starts_with(
                "---\nbase_model: Qwen/Qwen2.5-3B-Instruct\nlibrary_name: peft\n---\n"
            ),
            "{published}"
        );
        assert!(published.contains("That of the base model applies"));
        assert!(!published.to_lowercase().contains("bsd"), "{published}");
        assert!(
            published.contains("600 gold examples and 20 labelled ones"),
            "{published}"
        );
        assert!(
            published.contains("scaled by their group's deviation")
                && published.contains("to the base model")
        );
        for path in ["/home/me/models/tiny", "./tiny", "../a/b/tiny", "tiny.gguf"] {
            let local = card(path, 0, &config);
            assert!(
                !local.contains("base_model:") && !local.contains("/home"),
                "{local}"
            );
            assert!(local.contains("for `tiny"), "{local}");
        }
        config.sft.examples = 0;
        assert!(card("nano", 0, &config).contains("No SFT. GRPO: 200 steps"));
        config.grpo.reference = Reference::Sft;
        config.grpo.beta = 0.04;
        assert!(card("nano", 0, &config).contains("beta 0.04 to the base model"));
        assert!(card("nano", 20, &config).contains("beta 0.04 to the SFT adapter"));
        config.lora.adapter = Some("/home/me/runs/1/adapters/sft".into());
        let onwards = card("nano", 0, &config);
        assert!(
            onwards.contains("Going on from an adapter that was there before. No SFT.")
                && onwards.contains("beta 0.04 to that adapter")
                && !onwards.contains("/home"),
            "{onwards}"
        );
    }
}
