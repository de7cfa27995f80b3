//! Which charts there are, in which order, and what is known of each beforehand: one table.
//!
//! A pinned range tells good from bad at a glance and costs few bytes. Pure.

/// The range every reward lies in.
const REWARD: Range = Range::Fixed(-1.5, 1.1);

/// What a chart's y axis spans.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Range {
    /// Rounded from the data.
    Auto,
    /// That too, with zero in it.
    FromZero,
    Fixed(f64, f64),
}

/// A share of something.
const SHARE: Range = Range::Fixed(0.0, 1.0);

/// One chart of the grid.
#[derive(Clone, Copy, Debug)]
pub struct Charted {
    pub title: &'static str,
    /// Metrics, and how they are called in the legend.
    pub metrics: &'static [(&'static str, &'static str)],
    pub range: Range,
    pub unit: &'static str,
    /// Whether a logarithm makes sense of it.
    pub can_log: bool,
    /// What is misread so often that it stands under the chart, once there are rewards.
    pub note: &'static str,
}

const fn chart(title: &'static str, metrics: &'static [(&'static str, &'static str)]) -> Charted {
    Charted {
        title,
        metrics,
        range: Range::Auto,
        unit: "",
        can_log: false,
        note: "",
    }
}

impl Charted {
    const fn within(self, range: Range) -> Self {
        Self { range, ..self }
    }

    const fn in_unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    const fn with_log(self) -> Self {
        Self {
            can_log: true,
            ..self
        }
    }

    const fn noting(self, note: &'static str) -> Self {
        Self { note, ..self }
    }
}

/// All charts; those for which a run has no metric are left out.
pub const CHARTS: [Charted; 29] = [
    chart("reward", &[("reward", "reward")]).within(REWARD),
    chart(
        "right",
        &[
            ("format_ok", "format"),
            ("accuracy", "action"),
            ("citation_accuracy", "citation"),
        ],
    )
    .within(SHARE),
    chart(
        "shares",
        &[
            ("share/dismiss", "dismiss"),
            ("share/monitor", "monitor"),
            ("share/quarantine_host", "quar."),
            ("share/block_ip", "block"),
            ("share/escalate", "escalate"),
        ],
    )
    .within(SHARE),
    chart("loss", &[("loss", "loss")])
        .within(Range::FromZero)
        .noting("near 0 is right: advantages sum to 0"),
    chart(
        "harm",
        &[
            ("dismiss_on_malicious", "dismissed malicious"),
            ("over_react", "over-reacted"),
            ("false_escalation", "escalated"),
        ],
    )
    .within(SHARE),
    chart("kl", &[("kl", "kl")])
        .within(Range::FromZero)
        .with_log(),
    chart("entropy", &[("entropy", "entropy")])
        .within(Range::FromZero)
        .in_unit("nats")
        .with_log(),
    chart("grad_norm", &[("grad_norm", "grad_norm")])
        .within(Range::FromZero)
        .with_log(),
    chart(
        "recall",
        &[
            ("recall/dismiss", "dismiss"),
            ("recall/monitor", "monitor"),
            ("recall/quarantine_host", "quar."),
            ("recall/block_ip", "block"),
            ("recall/escalate", "escalate"),
        ],
    )
    .within(SHARE),
    chart(
        "components",
        &[
            ("components/correct_action", "action"),
            ("components/correct_citation_bonus", "cited"),
            ("components/partial_credit", "partial"),
            ("components/missed_malicious", "missed"),
            ("components/malformed", "malformed"),
        ],
    ),
    chart(
        "penalties",
        &[
            ("components/over_react_containment", "over-react"),
            ("components/unnecessary_escalation", "escalation"),
            ("components/under_reaction", "under-react"),
        ],
    ),
    chart(
        "reward of a constant answer",
        &[
            ("constant/dismiss", "dismiss"),
            ("constant/monitor", "monitor"),
            ("constant/quarantine_host", "quar."),
            ("constant/block_ip", "block"),
            ("constant/escalate", "escalate"),
        ],
    )
    .within(REWARD),
    chart("reward spread", &[("reward_std", "std")]).within(Range::FromZero),
    chart(
        "groups of equal rewards",
        &[("frac_reward_zero_std", "share")],
    )
    .within(SHARE),
    chart(
        "clip fraction",
        &[
            ("clip_ratio/region_mean", "either"),
            ("clip_ratio/low_mean", "low"),
            ("clip_ratio/high_mean", "high"),
        ],
    )
    .within(Range::FromZero)
    .with_log(),
    chart(
        "completion length",
        &[
            ("completions/mean_length", "mean"),
            ("completions/min_length", "least"),
            ("completions/max_length", "most"),
        ],
    )
    .within(Range::FromZero)
    .in_unit("tokens"),
    chart("cut off", &[("completions/clipped_ratio", "share")]).within(SHARE),
    chart(
        "sampler against trainer",
        &[
            ("sampling/sampling_logp_difference/mean", "mean"),
            ("sampling/sampling_logp_difference/max", "most"),
        ],
    )
    .with_log(),
    chart("learning_rate", &[("learning_rate", "learning_rate")]).with_log(),
    chart("attacker wins", &[("attacker/won", "won")]).within(SHARE),
    chart(
        "attacker tries",
        &[("attacker/tries", "tries"), ("attacker/refused", "refused")],
    )
    .within(Range::FromZero),
    chart("hold-out reward", &[("eval_mean_reward", "reward")]).within(REWARD),
    chart(
        "hold-out accuracy",
        &[
            ("eval_stage1_basic/accuracy", "stage1"),
            ("eval_stage2_multi/accuracy", "stage2"),
            ("eval_stage3_mixed/accuracy", "stage3"),
            ("eval_stage4_adversarial/accuracy", "stage4"),
            ("eval_accuracy", "all"),
        ],
    )
    .within(SHARE),
    chart("hold-out loss", &[("eval_loss", "loss")]).with_log(),
    chart("tokens a second", &[("system/tokens_per_second", "tokens")]).with_log(),
    chart(
        "step time",
        &[
            ("system/step_time", "step"),
            ("system/rollout_time", "rollout"),
            ("system/update_time", "update"),
        ],
    )
    .within(Range::FromZero)
    .in_unit("s")
    .with_log(),
    chart("CPU, 100 is a core", &[("system/cpu_percent", "cpu")]).in_unit("%"),
    chart("GPU at work", &[("system/gpu_percent", "gpu")])
        .within(Range::Fixed(0.0, 100.0))
        .in_unit("%"),
    chart(
        "memory",
        &[
            ("system/resident_mb", "ours"),
            ("system/free_mb", "device free"),
        ],
    )
    .in_unit("MB")
    .with_log(),
];

/// The range of a metric that stands alone.
#[must_use]
pub fn range_of(name: &str) -> Range {
    let shares = [
        "share/",
        "recall/",
        "frac_",
        "clip_ratio",
        "format_ok",
        "accuracy",
        "citation_accuracy",
    ];
    let is_share =
        shares.iter().any(|start| name.starts_with(start)) || name.ends_with("clipped_ratio");
    let of_rewards = name.starts_with("rewards/") && name.ends_with("/mean");
    let is_in = |charted: &&Charted| charted.metrics.iter().any(|(metric, _)| *metric == name);
    match CHARTS.iter().find(is_in) {
        Some(charted) => charted.range,
        None if of_rewards => REWARD,
        None if is_share => SHARE,
        None => Range::Auto,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_metric_and_no_title_stands_twice_and_legends_tell_curves_apart() {
        let (mut metrics, mut titles) = (BTreeSet::new(), BTreeSet::new());
        for charted in CHARTS {
            assert!(titles.insert(charted.title), "{}", charted.title);
            assert!(
                (1..=5).contains(&charted.metrics.len()),
                "{}",
                charted.title
            );
            let mut names = BTreeSet::new();
            for (metric, name) in charted.metrics {
                assert!(metrics.insert(metric), "{metric}");
                assert!(names.insert(name), "{name} in {}", charted.title);
            }
        }
    }

    #[test]
    fn ranges_are_known_where_values_are() {
        for (name, range) in [
            ("reward", REWARD),
            ("rewards/verifier/mean", REWARD),
            ("constant/dismiss", REWARD),
            ("share/dismiss", SHARE),
            ("clip_ratio/low_min", SHARE),
            ("completions/clipped_ratio", SHARE),
            ("eval_accuracy", SHARE),
            ("loss", Range::FromZero),
            ("kl", Range::FromZero),
            ("learning_rate", Range::Auto),
        ] {
            assert_eq!(range_of(name), range, "{name}");
        }
    }
}
