//! Episodes as tokens: the prompt a model answers to, the gold completion it learns from.

use super::learner::Sequence;
use crate::env::schema::{Episode, Split, Stage};
use crate::env::{generate, gold, prompt};
use crate::model::tokenizer::Tokenizer;
use crate::stream::Stream;

/// The prompt of an episode.
#[must_use]
pub fn prompt_tokens(tokenizer: &Tokenizer, episode: &Episode) -> Vec<u32> {
    let user = prompt::user_message(&episode.alert, &episode.log_window);
    tokenizer.prompt(Some(prompt::SYSTEM), &user)
}

/// The gold completion of an episode, end token included.
#[must_use]
pub fn gold_tokens(tokenizer: &Tokenizer, episode: &Episode) -> Vec<u32> {
    tokenizer.completion(&gold::response(episode))
}

/// A gold example as a training sequence.
#[must_use]
pub fn gold_sequence(tokenizer: &Tokenizer, episode: &Episode) -> Sequence {
    Sequence {
        prompt: prompt_tokens(tokenizer, episode),
        completions: vec![gold_tokens(tokenizer, episode)],
    }
}

/// A seed of its own for one use of a run's seed.
#[must_use]
pub fn derived_seed(seed: u64, purpose: &str) -> u64 {
    Stream::named(seed, &["train", purpose]).bits() >> 1
}

/// Episodes in which every label stands twice, twins side by side (see [`generate`]).
pub const BLOCK: u64 = 10;

/// One gold example in so many is a plain sign-in, in the place of the last of its block.
const PLAIN_ONE_IN: u64 = 50;

/// Of so many blocks of the stages without an attacker, one has claims in its free text.
const CLAIMED_ONE_IN: u64 = 3;

/// The `i`th gold example of a run: whole blocks of balanced labels, the first so many `stages` in turn (at least one, and no
/// more than there are), and a plain sign-in now and then.
#[must_use]
pub fn gold_episode(seed: u64, stages: u64, i: u64) -> Episode {
    if i % PLAIN_ONE_IN == PLAIN_ONE_IN - 1 {
        let seed = derived_seed(seed, "plain sign-ins");
        return generate::plain_sign_in(Split::Train, seed, i / PLAIN_ONE_IN);
    }
    let stages = stages.clamp(1, Stage::ALL.len() as u64);
    let (round, turn) = (i / BLOCK / stages, i / BLOCK % stages);
    let stage = Stage::ALL[turn as usize];
    let index = round * BLOCK + i % BLOCK;
    let mut episode = generate::episode(stage, Split::Train, derived_seed(seed, "gold"), index);
    if stage != Stage::Adversarial && round.is_multiple_of(CLAIMED_ONE_IN) {
        // Twins are told the same, at the same place: what is claimed is no sign of either.
        let pair = i / 2;
        plant_claim(
            &mut episode,
            Stream::named(seed, &["train", "claims"]).fork(pair),
        );
    }
    episode
}

/// Puts a claim in as a note, half the time in the summary too, whatever it claims: of earlier stages no attacker writes the
/// text, but who learns to pass over claims only where there are many takes the first one elsewhere for an order.
fn plant_claim(episode: &mut Episode, mut stream: Stream) {
    let claims = generate::injections(episode.split);
    let (Some(claim), is_in_summary) = (stream.pick(claims), stream.chance(1, 2)) else {
        return;
    };
    let at = stream.index(episode.log_window.len().max(1));
    if let Some(event) = episode.log_window.get_mut(at) {
        event.fields.insert("note".to_owned(), claim.clone().into());
    }
    if is_in_summary {
        episode.alert.summary = format!("{} {claim}", episode.alert.summary);
    }
}

/// The order of `count` gold examples in an epoch: blocks shuffled, each kept whole, so that a step's labels balance and
/// its twins' common gradient cancels. Shuffled singly, the easiest direction, raising one action for every prompt, swings
/// with each step's labels and hides what tells them apart.
#[must_use]
pub fn gold_order(seed: u64, epoch: u64, count: u64) -> Vec<u64> {
    let mut blocks: Vec<u64> = (0..count.div_ceil(BLOCK)).collect();
    Stream::named(seed, &["train", "sft order"])
        .fork(epoch)
        .shuffle(&mut blocks);
    let examples = blocks
        .into_iter()
        .flat_map(|block| block * BLOCK..(block + 1) * BLOCK);
    examples.filter(|&i| i < count).collect()
}

/// The seed of the episodes that steps of `stage` draw, those of earlier stages among them: nobody has seen these yet.
#[must_use]
pub fn prompts_seed(seed: u64, stage: Stage) -> u64 {
    derived_seed(seed, &format!("prompts {stage}"))
}

/// One draw of prompts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// Optimiser steps of the stage before this one.
    pub step: u64,
    /// Draws of this step before this one.
    pub again: u64,
    /// The most draws a step may take.
    pub most: u64,
}

impl Draw {
    /// The first draw of a step that takes no other.
    #[must_use]
    pub const fn of_step(step: u64) -> Self {
        Self {
            step,
            again: 0,
            most: 1,
        }
    }

    /// Its number among all a stage may take.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.step * self.most + self.again
    }
}

/// The prompts of a draw of `stage`: twin pairs, a `mix` share of them as in the stages before. One too many for pairs has
/// its twin in the step before or after.
#[must_use]
pub fn step_episodes(seed: u64, stage: Stage, draw: &Draw, count: u64, mix: f64) -> Vec<Episode> {
    let number = draw.number();
    let mut stream = Stream::named(seed, &["train", "prompts", stage.as_str()]).fork(number);
    let source = prompts_seed(seed, stage);
    let pairs = count / 2;
    let mut episodes = Vec::with_capacity(count as usize);
    for pair in 0..pairs {
        let stage = mixed(stage, mix, &mut stream);
        episodes.extend(generate::pair(
            stage,
            Split::Train,
            source,
            number * pairs + pair,
        ));
    }
    if count % 2 == 1 {
        episodes.push(lone_episode(seed, stage, draw, mix));
    }
    episodes
}

/// The stage of a pair: `stage`, or with a chance of `mix` one of those before it.
fn mixed(stage: Stage, mix: f64, stream: &mut Stream) -> Stage {
    let earlier = stage as u64;
    match earlier > 0 && f64::from(stream.unit()) < mix {
        true => Stage::ALL[stream.below(earlier) as usize],
        false => stage,
    }
}

/// One of a pair: steps 0 and 1 have the twins of the first, 2 and 3 those of the next.
fn lone_episode(seed: u64, stage: Stage, draw: &Draw, mix: f64) -> Episode {
    let pair = draw.step / 2 * draw.most + draw.again;
    let mut stream = Stream::named(seed, &["train", "lone prompts", stage.as_str()]).fork(pair);
    let source = derived_seed(seed, &format!("lone prompts {stage}"));
    let stage = mixed(stage, mix, &mut stream);
    generate::episode(stage, Split::Train, source, 2 * pair + draw.step % 2)
}

/// `count` hold-out episodes over all stages, as a run's own evaluations see them.
#[must_use]
pub fn holdout_episodes(seed: u64, stages: &[Stage], count: u64) -> Vec<Episode> {
    let per_stage = stages.len() as u64;
    let episode = |i: u64| {
        generate::episode(
            stages[(i % per_stage) as usize],
            Split::Holdout,
            seed,
            i / per_stage,
        )
    };
    (0..count).map(episode).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::env::verify;

    #[test]
    fn claims_stand_in_a_third_of_the_earlier_blocks_alike_in_twins_and_move_no_truth() {
        let claims = generate::injections(Split::Train);
        let claimed = |episode: &Episode| -> Vec<(usize, String)> {
            let lines = episode.log_window.iter().enumerate();
            let notes = lines.filter_map(|(at, event)| Some((at, event.text("note")?.to_owned())));
            notes.filter(|(_, note)| claims.contains(note)).collect()
        };
        let mut blocks = [0; 2];
        for block in (0..48).filter(|block| block % 4 != 3) {
            let told = (0..BLOCK).step_by(2).filter(|at| {
                let pair = [0, 1].map(|twin| gold_episode(5, 4, block * BLOCK + at + twin));
                let is_plain = |e: &Episode| e.episode_id.starts_with("plain");
                for episode in &pair {
                    assert_eq!(
                        verify::truth(&episode.log_window).as_ref(),
                        Ok(&episode.truth)
                    );
                }
                let [one, other] = &pair;
                assert!(is_plain(other) || claimed(one) == claimed(other));
                !claimed(one).is_empty()
            });
            blocks[usize::from(told.count() == 5)] += 1;
        }
        assert_eq!(blocks, [24, 12]);
    }

    #[test]
    fn gold_is_of_the_first_stages_alone_and_its_blocks_balance() {
        for stages in 1..=4 {
            let count = 40 * BLOCK * stages;
            let mut of = BTreeMap::new();
            let mut seen = BTreeSet::new();
            for i in 0..count {
                let episode = gold_episode(5, stages, i);
                assert!(seen.insert(episode.episode_id.clone()), "{i}");
                if !episode.episode_id.starts_with("plain") {
                    *of.entry((episode.stage, episode.truth.action))
                        .or_insert(0u64) += 1;
                }
            }
            let want = Stage::ALL.iter().take(stages as usize);
            let had: BTreeSet<Stage> = of.keys().map(|&(stage, _)| stage).collect();
            assert_eq!(had, want.copied().collect());
            assert_eq!(of.len() as u64, 5 * stages);
            // Two of a block, less those that plain sign-ins stand in for.
            assert!(of.values().all(|&n| (64..=80).contains(&n)), "{of:?}");
        }
    }

    #[test]
    fn prompts_of_earlier_stages_that_a_step_mixes_in_are_new_ones() {
        let ids = |stage, mix| -> BTreeSet<String> {
            let draws = (0..20).map(Draw::of_step);
            let steps = draws.flat_map(|draw| step_episodes(1, stage, &draw, 8, mix));
            steps.map(|episode| episode.episode_id).collect()
        };
        let before = ids(Stage::Basic, 0.0);
        let mixed = ids(Stage::Multi, 1.0);
        assert!(mixed.iter().all(|id| id.contains("stage1_basic")));
        assert_eq!((before.len(), mixed.len()), (160, 160));
        assert!(before.is_disjoint(&mixed));
    }

    #[test]
    fn a_prompt_alone_in_its_step_meets_its_twin_in_the_next() {
        for most in [1, 2] {
            for count in [1, 3] {
                let lone = |step| {
                    let draw = Draw {
                        step,
                        again: 0,
                        most,
                    };
                    let episodes = step_episodes(1, Stage::Mixed, &draw, count, 0.5);
                    assert_eq!(episodes.len() as u64, count);
                    episodes.into_iter().next_back().expect("the last")
                };
                let alone: Vec<Episode> = (0..20).map(lone).collect();
                for twins in alone.chunks(2) {
                    assert_eq!(twins[0].stage, twins[1].stage);
                    assert_eq!(twins[0].index + 1, twins[1].index);
                    assert_ne!(twins[0].truth.action, twins[1].truth.action);
                }
                let ids: BTreeSet<&str> = alone.iter().map(|e| e.episode_id.as_str()).collect();
                assert_eq!(ids.len(), 20);
            }
        }
    }
}
