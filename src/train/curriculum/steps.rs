//! One optimiser step of each kind: supervised on gold examples, reinforced on rollouts.

use std::collections::BTreeMap;
use std::time::Instant;

use super::Run;
use super::passes::{Passes, loss_values, named, packings};
use super::rollouts::{Group, described, rollout_values, telling};
use crate::config::{GrpoConfig, SFT};
use crate::env::schema::Stage;
use crate::link::MetricRow;
use crate::model::decode::{Request, Sample, generate};
use crate::model::sampler::Sampling;
use crate::stream::Stream;
use crate::train::error::{Result, TrainError};
use crate::train::extra;
use crate::train::grpo;
use crate::train::learner::{BatchStats, Sequence, completion_tokens};
use crate::train::task::{self, Draw};

impl Run<'_> {
    pub(super) fn sft_step(&mut self, phase_steps: u64) -> Result<MetricRow> {
        let config = self.config.sft;
        let (epoch, first) = {
            let per_epoch = phase_steps / config.epochs.max(1);
            (
                self.position.phase_step / per_epoch.max(1),
                self.position.phase_step % per_epoch.max(1),
            )
        };
        let gold = task::gold_order(self.config.seed, epoch, config.examples);
        let order = extra::spread(gold, self.extra_order(epoch));
        let start = (first * config.batch) as usize;
        let end = (start + config.batch as usize).min(order.len());
        let examples: Vec<Sequence> = order[start..end].iter().map(|&i| self.example(i)).collect();
        let tokens = completion_tokens(&examples);
        let mut stats = BatchStats::default();
        // Between two packings the host may answer a screen.
        for batch in packings(&examples, self.config.micro_batch_tokens, Sequence::tokens) {
            stats.add(&self.learner.supervised(batch, tokens)?);
            self.listen()?;
        }
        let step = self.position.phase_step;
        let schedule = config.lr_scheduler_type;
        let lr = config.lr * schedule.share(step, phase_steps, config.warmup_steps);
        let norm = self.learner.apply(lr, config.max_grad_norm)?;
        let prompts: usize = examples.iter().map(|e| e.prompt.len()).sum();
        let seen = Seen {
            counted: prompts + tokens,
            ran: prompts + tokens,
        };
        let values = self.step_values(&stats, lr, norm, &seen);
        self.row(SFT.into(), values)
    }

    /// The labelled examples, as often as an epoch reads them, in its order; numbered after the gold ones.
    fn extra_order(&self, epoch: u64) -> Vec<u64> {
        let first = self.config.sft.examples;
        let labelled = first..first + self.extra.len() as u64;
        let repeats = self.config.sft.extra_repeats;
        let mut order: Vec<u64> = (0..repeats).flat_map(|_| labelled.clone()).collect();
        Stream::named(self.config.seed, &["train", "sft extra order"])
            .fork(epoch)
            .shuffle(&mut order);
        order
    }

    /// The `i`th example of SFT: gold, or a labelled one after those.
    fn example(&self, i: u64) -> Sequence {
        let tokenizer = &self.model.tokenizer;
        let labelled = i.checked_sub(self.config.sft.examples);
        match labelled.and_then(|at| self.extra.get(at as usize)) {
            Some(example) => example.sequence(tokenizer),
            None => {
                let config = &self.config;
                let episode = task::gold_episode(config.seed, config.sft.stages, i);
                task::gold_sequence(tokenizer, &episode)
            }
        }
    }

    pub(super) fn grpo_step(&mut self, stage: Stage) -> Result<MetricRow> {
        let config = self.config.grpo;
        let began = Instant::now();
        let groups = self.roll_out(stage)?;
        self.rollout_s = Some(began.elapsed().as_secs_f64());
        let tokens: usize = groups.iter().map(Group::tokens).sum();
        let schedule = config.lr_scheduler_type;
        let (done, steps) = self.grpo_steps();
        let share = schedule.share(done, steps, config.warmup_steps);
        let lr = config.lr * share * fill(&config, &groups);
        let Passes { stats, norm, moved } = self.reinforce(&groups, lr)?;
        let prompts: usize = groups.iter().map(|g| g.prompt.len()).sum();
        let seen = Seen {
            counted: groups.iter().map(Group::counted_tokens).sum(),
            ran: prompts + tokens,
        };
        let mut values = self.step_values(&stats, lr, norm, &seen);
        values.extend(loss_values(&config, &stats, moved));
        values.extend(rollout_values(&groups, config.scale_rewards));
        values.extend(self.attack_values());
        let row = self.row(stage.as_str().into(), values)?;
        self.tell_rollouts(stage, &groups, row.step)?;
        self.watch_collapse(&groups)?;
        Ok(row)
    }

    /// The groups of this step with their advantages: one draw of prompts, or as many as the configuration allows until
    /// enough groups have something to tell.
    fn roll_out(&mut self, stage: Stage) -> Result<Vec<Group>> {
        let config = self.config.grpo;
        let (step, most) = (self.position.phase_step, config.max_draws);
        let mut groups = until_full(&config, |again| {
            self.draw(stage, &Draw { step, again, most })
        })?;
        weigh(&mut groups, &config, self.position.step + 1)?;
        Ok(groups)
    }

    /// Samples and judges the groups of a draw of a stage.
    fn draw(&mut self, stage: Stage, draw: &Draw) -> Result<Vec<Group>> {
        let config = self.config.grpo;
        let (seed, tokenizer) = (self.config.seed, &self.model.tokenizer);
        let mut episodes =
            task::step_episodes(seed, stage, draw, config.prompts_per_step, config.stage_mix);
        let tries = match stage {
            Stage::Adversarial => self.attack(draw, &mut episodes)?,
            _ => Vec::new(),
        };
        let stream =
            Stream::named(seed, &["train", "rollouts", stage.as_str()]).fork(draw.number());
        let requests = episodes.iter().enumerate().map(|(g, episode)| Request {
            prompt: task::prompt_tokens(tokenizer, episode),
            streams: (0..config.num_generations)
                .map(|i| stream.fork(g as u64 * config.num_generations + i))
                .collect(),
        });
        let requests: Vec<Request> = requests.collect();
        let prompts: Vec<Vec<u32>> = requests.iter().map(|r| r.prompt.clone()).collect();
        let sampling = Sampling {
            temperature: config.temperature,
            top_p: config.top_p,
            top_k: config.top_k as usize,
            min_p: config.min_p,
            repetition_penalty: config.repetition_penalty,
            max_tokens: config.max_completion_length as usize,
        };
        let samples = generate(&self.learner.decoder, requests, &sampling, tokenizer.ends())?;
        let (number, wanted) = (self.position.step + 1, config.num_generations);
        for (at, group) in samples.iter().enumerate() {
            check_group(number, at, at, group, wanted)?;
        }
        self.listen()?;
        let ids = draw.again * config.prompts_per_step..;
        let judged = ids.zip(episodes).zip(prompts).zip(samples);
        let groups: Vec<Group> = judged
            .map(|(((id, episode), prompt), samples)| {
                Group::judged(tokenizer, id, episode, prompt, samples)
            })
            .collect();
        self.judge_attacks(tries, &groups)?;
        Ok(groups)
    }

    /// Optimiser steps of the curriculum before this one, and of all its stages: the learning rate warms up once and falls
    /// once, not at each stage. A stage that ended early counts whole: those after it learn as they would have.
    fn grpo_steps(&self) -> (u64, u64) {
        let phases = self.plan.phases.iter().enumerate();
        let stages = phases.filter(|(_, phase)| !phase.is_sft());
        let (mut done, mut all) = (self.position.phase_step, 0);
        for (at, phase) in stages {
            all += phase.wanted_steps();
            if at < self.position.phase {
                done += phase.wanted_steps();
            }
        }
        (done, all)
    }

    fn step_values(
        &mut self,
        stats: &BatchStats,
        lr: f64,
        norm: f64,
        seen: &Seen,
    ) -> BTreeMap<String, f64> {
        self.position.num_tokens += seen.counted as u64;
        let told = &stats.told;
        named([
            ("loss", stats.loss),
            ("grad_norm", norm),
            ("learning_rate", lr),
            ("entropy", told.mean(told.entropy)),
            ("num_tokens", self.position.num_tokens as f64),
            ("step_tokens", seen.ran as f64),
        ])
    }

    /// Counts the step and makes its row.
    fn row(&mut self, stage: String, values: BTreeMap<String, f64>) -> Result<MetricRow> {
        self.position.step += 1;
        self.position.phase_step += 1;
        let step = self.position.step;
        let loss = values.get("loss").copied().unwrap_or(0.0);
        if !loss.is_finite() {
            let lr = if stage == SFT { "sft.lr" } else { "grpo.lr" };
            return Err(TrainError::Diverged { step, loss, lr });
        }
        Ok(MetricRow {
            step,
            stage,
            values,
        })
    }

    fn tell_rollouts(&mut self, stage: Stage, groups: &[Group], step: u64) -> Result<()> {
        let every = self.config.log_rollouts_every.max(1);
        if !step.is_multiple_of(every) {
            return Ok(());
        }
        // Groups with something to tell stand for their step, looked for from another place at each: crafts stand last. Their
        // ids count the run's possible groups.
        let config = &self.config.grpo;
        let first_id = step * config.prompts_per_step * config.max_draws;
        let from = step as usize % groups.len().max(1);
        let is_flat = |at: &usize| groups.get(*at).is_none_or(Group::is_flat);
        let mut told: Vec<usize> = (from..groups.len()).chain(0..from).collect();
        told.sort_by_key(is_flat);
        told.truncate(self.config.log_rollouts_groups as usize);
        told.sort_unstable();
        for at in told {
            if let Some(group) = groups.get(at) {
                let tokenizer = &self.model.tokenizer;
                let group = described(tokenizer, stage, step, first_id + group.id, group);
                self.rollouts(group)?;
            }
        }
        Ok(())
    }
}

/// Advantages of the groups of `step`. They are taken over places, and a sample in another's place would be compared with
/// answers to another question: each group is held to its id first.
fn weigh(groups: &mut [Group], config: &GrpoConfig, step: u64) -> Result<()> {
    for (at, group) in groups.iter().enumerate() {
        let id = (group.id % config.prompts_per_step.max(1)) as usize;
        check_group(step, at, id, &group.samples, config.num_generations)?;
    }
    let verdicts = groups.iter().flat_map(|g| &g.verdicts);
    let rewards: Vec<f64> = verdicts.map(|verdict| verdict.reward).collect();
    let size = config.num_generations as usize;
    let advantages = grpo::advantages(&rewards, size, config.scale_rewards);
    for (group, advantages) in groups.iter_mut().zip(advantages.chunks(size)) {
        group.advantages = advantages.to_vec();
    }
    Ok(())
}

/// Holds the samples of a group of `step` to be `wanted` answers to the prompt of this id, and nothing else.
fn check_group(step: u64, group: usize, id: usize, samples: &[Sample], wanted: u64) -> Result<()> {
    let held = samples.len();
    let own = samples.iter().filter(|sample| sample.group == id).count();
    if own == held && own as u64 == wanted {
        return Ok(());
    }
    Err(TrainError::MixedGroup {
        step,
        group,
        own,
        held,
        wanted,
    })
}

/// Prompt and completion tokens of a step.
struct Seen {
    /// As TRL counts them: the prompt once for each of its completions.
    counted: usize,
    /// What ran: the prompt once.
    ran: usize,
}

/// The groups of one draw after another, until as many have something to tell as a draw has groups, or all draws are taken.
fn until_full(
    config: &GrpoConfig,
    mut draw: impl FnMut(u64) -> Result<Vec<Group>>,
) -> Result<Vec<Group>> {
    let mut groups = Vec::new();
    for again in 0..config.max_draws {
        groups.extend(draw(again)?);
        if telling(&groups) >= config.prompts_per_step {
            break;
        }
    }
    Ok(groups)
}

/// With dynamic sampling: how full of telling groups the step is, at most 1.
///
/// Adam makes an update from two groups as long as one from thirty. Where a stage is all but solved the few groups left tell
/// of little besides chance, and full steps along them walk the adapter away; so a step is as long as it is full.
fn fill(config: &GrpoConfig, groups: &[Group]) -> f64 {
    if config.max_draws == 1 {
        return 1.0;
    }
    (telling(groups) as f64 / config.prompts_per_step as f64).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{LossType, ScaleRewards, TrainConfig};
    use crate::link::RunFact;
    use crate::model::source::LoadedModel;
    use crate::train::curriculum::testing::{in_run, trained};

    const EQUAL: [f64; 2] = [0.5, 0.5];
    const UNEQUAL: [f64; 2] = [1.0, 0.0];

    /// A draw of four, so many of which tell something.
    fn four(telling: usize) -> Vec<Group> {
        let rewards = |i| if i < telling { &UNEQUAL } else { &EQUAL };
        (0..4).map(|i| Group::of_rewards(rewards(i))).collect()
    }

    fn drawing(max_draws: u64) -> GrpoConfig {
        GrpoConfig {
            max_draws,
            prompts_per_step: 4,
            ..TrainConfig::nano().grpo
        }
    }

    #[test]
    fn draws_end_with_enough_telling_groups_or_with_the_last_that_is_allowed() {
        let cases: [(u64, &[usize], u64); 7] = [
            (1, &[0], 1),
            (1, &[4], 1),
            (3, &[4, 4, 4, 4], 1),
            (3, &[1, 3, 4, 4], 2),
            (3, &[1, 2, 1, 4], 3),
            (3, &[0, 0, 0, 4], 3),
            (3, &[3, 0, 0, 4], 3),
        ];
        for (max_draws, telling_of, taken) in cases {
            let mut asked = Vec::new();
            let groups = until_full(&drawing(max_draws), |again| {
                asked.push(again);
                Ok(four(telling_of[again as usize]))
            });
            let groups = groups.expect("drawn");
            let wanted: Vec<u64> = (0..taken).collect();
            assert_eq!(asked, wanted, "{max_draws} of {telling_of:?}");
            // Those of equal rewards are told of too.
            assert_eq!(groups.len() as u64, 4 * taken);
        }
        let broken = until_full(&drawing(3), |_| {
            Err(TrainError::MixedGroup {
                step: 1,
                group: 0,
                own: 3,
                held: 4,
                wanted: 4,
            })
        });
        assert!(broken.is_err(), "a draw that fails ends the step");
    }

    #[test]
    fn a_step_learns_as_fast_as_it_is_full_where_it_may_draw_again() {
        for (max_draws, telling, share) in [
            (2, 0, 0.0),
            (2, 1, 0.25),
            (2, 3, 0.75),
            (2, 4, 1.0),
            (1, 0, 1.0),
            (1, 1, 1.0),
        ] {
            let full = fill(&drawing(max_draws), &four(telling));
            assert!(
                (full - share).abs() < 1e-12,
                "{max_draws}, {telling}: {full}"
            );
        }
        let more: Vec<Group> = four(3).into_iter().chain(four(3)).collect();
        assert!(
            (fill(&drawing(2), &more) - 1.0).abs() < 1e-12,
            "never faster"
        );
    }

    /// A run of GRPO from its first step, which nothing moves but rewards and `entropy_coef`.
    fn config(max_draws: u64, entropy_coef: f64) -> TrainConfig {
        let mut config = TrainConfig::nano();
        config.sft.examples = 0;
        config.grpo.max_draws = max_draws;
        config.grpo.entropy_coef = entropy_coef;
        config.grpo.beta = 0.0;
        config.grpo.loss_type = LossType::Dapo;
        config
    }

    /// What the passes over groups of these rewards told in a new run, and its adapter after them.
    fn passed(
        model: &LoadedModel,
        config: TrainConfig,
        rewards: &[[f64; 2]],
    ) -> (Passes, Vec<Vec<f32>>) {
        let groups: Vec<Group> = rewards.iter().map(|r| Group::of_rewards(r)).collect();
        let made = in_run(model, config, |run| {
            let passes = run.reinforce(&groups, 1e-2).expect("passes");
            (passes, trained(run))
        });
        made.0
    }

    #[test]
    fn groups_of_equal_rewards_are_left_out_where_others_may_be_drawn_in_their_place() {
        let model = LoadedModel::nano().expect("nano");
        let (alone, moved) = passed(&model, config(2, 0.0), &[UNEQUAL]);
        let (left_out, same) = passed(&model, config(2, 0.0), &[EQUAL, UNEQUAL, EQUAL]);
        assert!(alone.moved && alone.norm > 0.0);
        assert_eq!(same, moved);
        // Six tokens in two answers.
        assert_eq!((left_out.stats.scored, left_out.norm), (6.0, alone.norm));
        // With one draw they stay: they are scored, and the loss is a mean over their tokens too.
        let (kept, _) = passed(&model, config(1, 0.0), &[EQUAL, UNEQUAL, EQUAL]);
        assert_eq!(kept.stats.scored, 18.0);
        let third = kept.norm * 3.0 / alone.norm;
        assert!((third - 1.0).abs() < 1e-3, "{third}");
    }

    #[test]
    fn a_step_of_equal_rewards_alone_moves_the_adapter_only_by_an_entropy_bonus_and_one_draw() {
        let model = LoadedModel::nano().expect("nano");
        let (_, start) = passed(&model, config(2, 0.0), &[]);
        for (max_draws, entropy_coef, moves) in [
            (1, 0.0, false),
            (2, 0.0, false),
            (2, 0.01, false),
            (1, 0.01, true),
        ] {
            let config = config(max_draws, entropy_coef);
            let (passes, adapter) = passed(&model, config, &[EQUAL, EQUAL]);
            let case = format!("{max_draws} draws, entropy {entropy_coef}");
            assert_eq!(passes.moved, moves, "{case}");
            assert_eq!(passes.norm > 0.0, moves, "{case}");
            assert_eq!(adapter != start, moves, "{case}");
            assert_eq!(passes.stats.scored, 12.0, "{case}: for the log");
        }
    }

    #[test]
    fn a_loss_that_is_no_number_names_the_learning_rate_to_lower() {
        let model = LoadedModel::nano().expect("nano");
        in_run(&model, config(1, 0.0), |run| {
            for (stage, key) in [(SFT, "(sft.lr)"), (Stage::ALL[0].as_str(), "(grpo.lr)")] {
                let values = BTreeMap::from([("loss".to_owned(), f64::NAN)]);
                let told = run.row(stage.to_owned(), values).expect_err("no number");
                assert!(told.to_string().contains(key), "{told}");
            }
        });
    }

    #[test]
    fn a_group_is_told_of_under_the_id_that_its_samples_were_held_to() {
        let model = LoadedModel::nano().expect("nano");
        let mut config = config(3, 0.0);
        (config.grpo.prompts_per_step, config.grpo.num_generations) = (4, 2);
        config.log_rollouts_groups = 2;
        // The third of a second draw's four, and the first of a third's.
        let mut groups = [6, 8].map(|id| Group {
            id,
            ..Group::of_rewards(&UNEQUAL)
        });
        for sample in &mut groups[0].samples {
            sample.group = 2;
        }
        weigh(&mut groups, &config.grpo, 7).expect("held to their ids");
        let (_, heard) = in_run(&model, config, |run| {
            let told = run.tell_rollouts(Stage::ALL[0], &groups, 5);
            told.expect("written");
        });
        let ids = heard.told.iter().filter_map(|fact| match fact {
            RunFact::Rollouts(group) => Some(group.group_id),
            _ => None,
        });
        // Each step has three draws of four.
        assert_eq!(ids.collect::<Vec<_>>(), [5 * 12 + 6, 5 * 12 + 8]);
    }

    #[test]
    fn a_sample_in_anothers_group_ends_the_run() {
        let sample = |group| Sample {
            tokens: vec![1],
            log_probs: vec![0.0],
            truncated: false,
            group,
        };
        let checked = |ids: &[usize], wanted| {
            let samples: Vec<Sample> = ids.iter().map(|&id| sample(id)).collect();
            check_group(7, 3, 1, &samples, wanted)
        };
        assert!(checked(&[1, 1], 2).is_ok());
        for (mixed, wanted) in [
            (&[1, 0][..], 2),
            (&[0, 0], 2),
            (&[1, 1], 3),
            (&[1, 1], 1),
            (&[1, 1, 0], 2),
            (&[], 2),
        ] {
            let told = checked(mixed, wanted).expect_err("mixed").to_string();
            assert!(told.starts_with("step 7: group 3 has "), "{told}");
        }
    }

    #[test]
    fn advantages_are_made_of_whole_groups_only() {
        let config = GrpoConfig {
            num_generations: 2,
            scale_rewards: ScaleRewards::None,
            ..drawing(1)
        };
        let groups = || vec![Group::of_rewards(&EQUAL), Group::of_rewards(&UNEQUAL)];
        let mut whole = groups();
        whole.iter_mut().for_each(|group| group.advantages.clear());
        weigh(&mut whole, &config, 7).expect("whole groups");
        let advantages = whole.iter().flat_map(|group| group.advantages.clone());
        assert_eq!(advantages.collect::<Vec<_>>(), [0.0, 0.0, 0.5, -0.5]);
        // An answer is lost, or another prompt's stands in its place.
        type Break = fn(&mut Group);
        let breaks: [(Break, usize); 4] = [
            (|group| drop(group.samples.pop()), 1),
            (|group| group.samples[1].group = 5, 1),
            (
                |group| group.samples.iter_mut().for_each(|one| one.group = 5),
                0,
            ),
            // All of one prompt, and of another than the group's.
            (|group| group.id = 1, 0),
        ];
        for (damage, own) in breaks {
            let mut broken = groups();
            damage(&mut broken[1]);
            let told = weigh(&mut broken, &config, 7)
                .expect_err("broken")
                .to_string();
            let want = format!("step 7: group 1 has {own} answers");
            assert!(told.starts_with(&want), "{told}");
        }
    }
}
