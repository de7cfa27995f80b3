//! Passes over a step's groups: updates, packings, and what their losses told.

use std::collections::BTreeMap;

use super::Run;
use super::rollouts::Group;
use crate::config::GrpoConfig;
use crate::train::error::Result;
use crate::train::grpo::{BatchTerms, StepTotals};
use crate::train::learner::{BatchStats, Learner, Sequence};

impl Run<'_> {
    /// Passes over the groups. Those that cannot move the adapter are scored for the log only, and left out where dynamic
    /// sampling has drawn others in their place: entropy and the sampler's differences are then those of unequal groups.
    pub(super) fn reinforce(&mut self, groups: &[Group], lr: f64) -> Result<Passes> {
        let config = self.config.grpo;
        let all = config.learns_from_equal_rewards();
        let (moving, mut still): (Vec<&Group>, Vec<&Group>) =
            groups.iter().partition(|group| all || !group.is_flat());
        if config.max_draws > 1 && !moving.is_empty() {
            still.clear();
        }
        let updates = (config.steps_per_generation as usize).clamp(1, moving.len().max(1));
        let groups = moving.iter().chain(&still);
        let responses: Vec<_> = groups.flat_map(|group| group.terms()).collect();
        let step = StepTotals::of(&config, responses.iter()).share(updates);
        let mut batches = self.batches(&moving, updates)?;
        let mut passes = Passes {
            moved: !moving.is_empty(),
            ..Passes::default()
        };
        for pass in 0..config.num_iterations {
            let mut stats = self.observe(&still)?;
            for update in &mut batches {
                for batch in update {
                    stats.add(&self.reinforce_batch(batch, step)?);
                    self.listen()?;
                }
                passes.norm += self.learner.apply(lr, config.max_grad_norm)?;
            }
            // Only the first pass begins with the policy that sampled.
            if pass > 0 {
                stats = stats.without_mismatch();
            }
            passes.stats.add(&stats);
        }
        Ok(passes.mean(config.num_iterations as usize * batches.len()))
    }

    /// The groups cut into updates, and these into packings; where there are several updates, with the log-probabilities
    /// before the first.
    fn batches<'g>(&mut self, groups: &[&'g Group], updates: usize) -> Result<Vec<Vec<Batch<'g>>>> {
        let config = self.config.grpo;
        let needs_old = updates > 1 || config.num_iterations > 1;
        let mut all = Vec::with_capacity(updates);
        let updates = updates.min(groups.len());
        for update in 0..updates {
            // As even as they can be: each update is weighed as one of so many.
            let cut = |n: usize| groups.len() * n / updates;
            let update = &groups[cut(update)..cut(update + 1)];
            let mut batches = Vec::new();
            for groups in packings(update, self.config.micro_batch_tokens, group_tokens) {
                let (sequences, sampled) = sequences(groups);
                let decoder = &self.learner.decoder;
                let score = |decoder| Learner::score(decoder, &sequences, config.temperature);
                batches.push(Batch {
                    groups: groups.to_vec(),
                    old: needs_old.then(|| score(decoder)).transpose()?,
                    reference: self.reference.as_ref().map(score).transpose()?,
                    sequences,
                    sampled,
                });
                self.listen()?;
            }
            all.push(batches);
        }
        Ok(all)
    }

    fn reinforce_batch(&mut self, batch: &Batch<'_>, step: StepTotals) -> Result<BatchStats> {
        let responses = batch.groups.iter().flat_map(|group| group.terms());
        let terms = BatchTerms {
            responses: responses.collect(),
            old: batch.old.clone(),
            reference: batch.reference.clone(),
            step,
        };
        let config = &self.config.grpo;
        self.learner
            .reinforced(&batch.sequences, config, &terms, &batch.sampled)
    }

    /// What groups tell that cannot move the adapter.
    fn observe(&mut self, still: &[&Group]) -> Result<BatchStats> {
        let mut stats = BatchStats::default();
        for groups in packings(still, self.config.micro_batch_tokens, group_tokens) {
            let (sequences, sampled) = sequences(groups);
            let terms = BatchTerms {
                responses: groups.iter().flat_map(|group| group.terms()).collect(),
                ..BatchTerms::default()
            };
            let (decoder, config) = (&self.learner.decoder, &self.config.grpo);
            let told = Learner::observe(decoder, &sequences, config, &terms, &sampled)?;
            stats.add(&told);
            self.listen()?;
        }
        Ok(stats)
    }
}

/// Consecutive items that run together: as many as `budget` tokens hold, at least one.
pub(super) fn packings<T>(items: &[T], budget: u64, tokens: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let (mut packings, mut start, mut sum) = (Vec::new(), 0, 0);
    for (i, item) in items.iter().enumerate() {
        let own = tokens(item) as u64;
        if i > start && sum + own > budget {
            packings.push(&items[start..i]);
            (start, sum) = (i, 0);
        }
        sum += own;
    }
    packings.extend((start < items.len()).then(|| &items[start..]));
    packings
}

fn group_tokens(group: &&Group) -> usize {
    group.prompt.len() + group.tokens()
}

/// What the passes over a step's groups told, and their gradients' length before clipping.
#[derive(Default)]
pub(super) struct Passes {
    pub(super) stats: BatchStats,
    pub(super) norm: f64,
    /// Whether any group had a gradient.
    pub(super) moved: bool,
}

impl Passes {
    /// Sums over so many updates as means: what is a mean over tokens already is one over all of them.
    fn mean(mut self, updates: usize) -> Self {
        let updates = updates.max(1) as f64;
        self.stats.loss /= updates;
        self.stats.policy_loss /= updates;
        self.norm /= updates;
        self
    }
}

/// What a GRPO step's loss told, under TRL's names. The divergence is measured of groups that move the adapter only.
pub(super) fn loss_values(
    config: &GrpoConfig,
    stats: &BatchStats,
    moved: bool,
) -> BTreeMap<String, f64> {
    let (told, ratios) = (&stats.told, &stats.ratios);
    let scored = stats.scored.max(1.0);
    let clipped = told.clipped_low + told.clipped_high;
    let mut values = named([
        ("clip_ratio/low_mean", told.clip_share(told.clipped_low)),
        ("clip_ratio/high_mean", told.clip_share(told.clipped_high)),
        ("clip_ratio/region_mean", told.clip_share(clipped)),
        (
            "sampling/sampling_logp_difference/mean",
            stats.mismatch_sum / scored,
        ),
        ("sampling/sampling_logp_difference/max", stats.mismatch_max),
    ]);
    if stats.scored > 0.0 {
        let (least, mean, most) = (ratios.min, ratios.sum / scored, ratios.max);
        values.extend(named([
            ("sampling/importance_sampling_ratio/min", least),
            ("sampling/importance_sampling_ratio/mean", mean),
            ("sampling/importance_sampling_ratio/max", most),
        ]));
    }
    if told.tokens > 0.0 {
        values.extend(named([
            ("clip_ratio/low_min", told.low_min),
            ("clip_ratio/high_max", told.high_max),
        ]));
    }
    if config.beta > 0.0 && moved {
        values.insert("kl".into(), told.mean(told.kl));
    }
    if config.entropy_coef > 0.0 {
        values.insert("entropy_coef".into(), config.entropy_coef);
        if moved {
            values.insert("policy_loss".into(), stats.policy_loss);
        }
    }
    values
}

/// Groups that run in one packing, with what does not change between passes.
struct Batch<'g> {
    groups: Vec<&'g Group>,
    sequences: Vec<Sequence>,
    sampled: Vec<f32>,
    old: Option<Vec<f32>>,
    reference: Option<Vec<f32>>,
}

/// The sequences of groups, and their tokens' log-probabilities as the sampler saw them.
fn sequences(batch: &[&Group]) -> (Vec<Sequence>, Vec<f32>) {
    let sequences = batch.iter().map(|group| group.sequence()).collect();
    let samples = batch.iter().flat_map(|group| &group.samples);
    let sampled = samples.flat_map(|sample| sample.log_probs.iter().copied());
    (sequences, sampled.collect())
}

/// A row of metrics by name.
pub(super) fn named<const N: usize>(values: [(&str, f64); N]) -> BTreeMap<String, f64> {
    let named = values.into_iter();
    named
        .map(|(name, value)| (name.to_string(), value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{LossType, TrainConfig};
    use crate::model::source::LoadedModel;
    use crate::train::curriculum::testing::{in_run, trained};

    /// How often the host may answer in the course of `work`, where so many tokens run together.
    fn asked_in(model: &LoadedModel, tokens: u64, work: impl FnOnce(&mut Run<'_>)) -> usize {
        let mut config = small();
        config.micro_batch_tokens = tokens;
        in_run(model, config, work).1.asked
    }

    fn small() -> TrainConfig {
        let mut config = TrainConfig::nano();
        config.sft.examples = 6;
        config.sft.batch = 6;
        config.grpo.max_draws = 1;
        config.grpo.steps_per_generation = 1;
        config.grpo.num_iterations = 1;
        config
    }

    /// What passes over `groups` tell that are the first of a run.
    fn passes_of(config: TrainConfig, model: &LoadedModel, groups: &[Group]) -> Passes {
        in_run(model, config, |run| {
            run.reinforce(groups, 1e-3).expect("passes")
        })
        .0
    }

    #[test]
    fn the_host_may_answer_after_every_packing_and_not_only_once_a_step() {
        let model = LoadedModel::nano().expect("nano");
        let groups: Vec<Group> = (0..3).map(|_| Group::of_rewards(&[1.0, 0.0])).collect();
        for (tokens, packings) in [(1, [3, 6]), (1_000_000, [1, 1])] {
            let grpo = asked_in(&model, tokens, |run| {
                run.reinforce(&groups, 1e-3).expect("passes");
            });
            // Once where packings are made, and scored by the reference; once where they are learned from.
            assert_eq!(grpo, 2 * packings[0], "{tokens} tokens, GRPO");
            let sft = asked_in(&model, tokens, |run| {
                run.sft_step(1).expect("a step");
            });
            assert_eq!(sft, packings[1], "{tokens} tokens, SFT");
        }
    }

    #[test]
    fn a_second_update_or_pass_is_weighed_against_the_policy_before_the_first() {
        let model = LoadedModel::nano().expect("nano");
        let groups: Vec<Group> = (0..2).map(|_| Group::of_rewards(&[1.0, 0.0])).collect();
        for (updates, passes, moves) in [(1, 1, false), (2, 1, true), (1, 2, true), (2, 2, true)] {
            let mut config = small();
            config.grpo.steps_per_generation = updates;
            config.grpo.num_iterations = passes;
            // So narrow that whatever has moved is out of it.
            config.grpo.epsilon = 1e-3;
            let told = passes_of(config, &model, &groups).stats.told;
            let clipped = told.clipped_low + told.clipped_high;
            assert_eq!(clipped > 0.0, moves, "{updates} updates, {passes} passes");
        }
    }

    #[test]
    fn a_masked_response_that_was_cut_off_teaches_nothing() {
        let model = LoadedModel::nano().expect("nano");
        let group = |is_left_out: bool| {
            let mut group = Group::of_rewards(&[1.0, 0.0, 0.4]);
            group.samples[1].truncated = true;
            if is_left_out {
                group.samples.remove(1);
                group.responses.remove(1);
                group.verdicts.remove(1);
                group.advantages.remove(1);
            }
            group
        };
        let norm = |is_masked: bool, is_left_out: bool| {
            let mut config = small();
            config.grpo.mask_truncated_completions = is_masked;
            passes_of(config, &model, &[group(is_left_out)]).norm
        };
        let (masked, without, taught) = (norm(true, false), norm(true, true), norm(false, false));
        assert!(without > 0.0 && (masked - without).abs() < 1e-3 * without);
        assert!((masked - taught).abs() > 1e-2 * taught, "{masked} {taught}");
    }

    #[test]
    fn a_masked_response_of_equal_rewards_is_not_counted_either() {
        let model = LoadedModel::nano().expect("nano");
        let mut group = Group::of_rewards(&[0.5, 0.5, 0.5]);
        group.samples[1].truncated = true;
        let mut config = small();
        // Without divergence such a group is only looked at.
        (config.grpo.beta, config.grpo.mask_truncated_completions) = (0.0, true);
        let passes = passes_of(config, &model, &[group]);
        assert!(!passes.moved);
        assert_eq!((passes.stats.told.tokens, passes.stats.scored), (6.0, 9.0));
    }

    #[test]
    fn what_the_sampler_is_compared_with_is_the_policy_that_sampled_in_every_pass() {
        let model = LoadedModel::nano().expect("nano");
        // One answer alone has nothing to be compared with; it is what the first group makes likelier.
        let groups = [&[1.0, 0.0][..], &[0.5]].map(Group::of_rewards);
        let told = |passes: u64| {
            let mut config = small();
            config.grpo.num_iterations = passes;
            (config.grpo.beta, config.grpo.loss_type) = (0.0, LossType::Dapo);
            let told = in_run(&model, config, |run| {
                run.reinforce(&groups, 1e-2).expect("passes")
            });
            told.0.stats
        };
        let (once, thrice) = (told(1), told(3));
        // Three tokens each.
        assert_eq!((once.scored, thrice.scored), (9.0, 9.0));
        assert_eq!(thrice.told.tokens, 27.0, "entropy is of every pass");
        for (once, thrice) in [
            (once.mismatch_sum, thrice.mismatch_sum),
            (once.mismatch_max, thrice.mismatch_max),
            (once.ratios.sum, thrice.ratios.sum),
            (once.ratios.min, thrice.ratios.min),
            (once.ratios.max, thrice.ratios.max),
        ] {
            assert!((once - thrice).abs() < 1e-3, "{once} {thrice}");
        }
        let values = loss_values(&small().grpo, &once, true);
        let mean = values["sampling/importance_sampling_ratio/mean"];
        assert!((mean - once.ratios.sum / 9.0).abs() < 1e-12);
        let [least, most] = ["min", "max"]
            .map(|of| values[format!("sampling/importance_sampling_ratio/{of}").as_str()]);
        assert!(least < mean && mean < most, "{least} {mean} {most}");
    }

    /// Without what depends on how groups are packed: TRL's `bnpo` and its entropy bonus do.
    fn packed(loss_type: LossType, tokens: u64) -> TrainConfig {
        let mut config = small();
        config.micro_batch_tokens = tokens;
        config.sft.examples = 0;
        (config.grpo.beta, config.grpo.entropy_coef) = (0.3, 0.0);
        (config.grpo.loss_type, config.grpo.num_iterations) = (loss_type, 2);
        config.grpo.steps_per_generation = 2;
        // So large that what rounds otherwise moves hardly anything.
        config.grpo.adam_epsilon = 1e-2;
        config
    }

    #[test]
    fn passes_tell_and_move_the_same_in_one_micro_batch_and_in_many() {
        let model = LoadedModel::nano().expect("nano");
        let rewards = [&[1.0, 0.0][..], &[0.2, 0.9, 0.4], &[0.5, 0.5], &[0.0, 0.3]];
        let mut groups = rewards.map(Group::of_rewards);
        // One response is longer than the others.
        groups[1].samples[0].tokens.push(71);
        groups[1].samples[0].log_probs.push(-1.0);
        for loss_type in [LossType::Grpo, LossType::DrGrpo, LossType::Dapo] {
            let reinforced = |tokens: u64| {
                let made = in_run(&model, packed(loss_type, tokens), |run| {
                    run.open_reference().expect("a reference");
                    let start = trained(run).concat();
                    let passes = run.reinforce(&groups, 1e-2).expect("passes");
                    (passes, start, trained(run).concat())
                });
                made.0
            };
            let ((one, start, after), (many, _, likewise)) = (reinforced(1_000_000), reinforced(1));
            let (a, b) = (&one.stats, &many.stats);
            assert_eq!((a.scored, a.told.tokens), (b.scored, b.told.tokens));
            assert!(one.norm > 0.0 && a.told.kl > 0.0, "{loss_type:?}");
            for (name, a, b) in [
                ("norm", one.norm, many.norm),
                ("loss", a.loss, b.loss),
                ("policy loss", a.policy_loss, b.policy_loss),
                ("kl", a.told.mean(a.told.kl), b.told.mean(b.told.kl)),
                (
                    "entropy",
                    a.told.mean(a.told.entropy),
                    b.told.mean(b.told.entropy),
                ),
                ("mismatch", a.mismatch_sum, b.mismatch_sum),
                ("ratios", a.ratios.sum, b.ratios.sum),
            ] {
                let error = (a - b).abs() / a.abs().max(1.0);
                assert!(error < 1e-4, "{loss_type:?}, {name}: {a} {b}");
            }
            let furthest = |to: &[f32]| {
                let ways = after.iter().zip(to).map(|(a, b)| (a - b).abs());
                ways.fold(0.0, f32::max)
            };
            let (off, moved) = (furthest(&likewise), furthest(&start));
            assert!(
                off < 1e-4 && moved > 20.0 * off,
                "{loss_type:?}: {off} of {moved}"
            );
        }
    }

    #[test]
    fn packings_keep_the_order_and_the_budget() {
        let cut = |items: &[usize]| {
            packings(items, 10, |&n| n)
                .into_iter()
                .map(<[usize]>::len)
                .collect::<Vec<_>>()
        };
        assert_eq!(cut(&[4, 6, 1, 30, 2, 8]), [2, 1, 1, 2]);
        assert_eq!(cut(&[11]), [1]);
        assert!(cut(&[]).is_empty());
    }
}
