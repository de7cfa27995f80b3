//! The attacker's share of stage 4: twins crafted by the arm that the bandit chooses, judged by what the defender answers.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Run;
use super::rollouts::Group;
use crate::env::attacker::{self, Arm, REFUSED, craft};
use crate::env::generate;
use crate::env::schema::{Episode, Split, Stage};
use crate::link::{AttackRow, RunFact};
use crate::stream::Stream;
use crate::train::error::Result;
use crate::train::task::{self, Draw};

/// Episodes looked through for one of a template.
const MOST_DRAWN: u64 = 400;

/// A try: the arm, and what stands in the step for it.
pub(super) struct Try {
    arm: Arm,
    /// Positions of the crafts among the step's episodes.
    at: Range<usize>,
}

/// Where crafts may stand among so many episodes: pairs of twins, or the one episode that is alone in its step.
fn places(episodes: usize) -> Vec<Range<usize>> {
    let pairs = if episodes == 1 { 1 } else { episodes / 2 };
    let place = |pair: usize| 2 * pair..(2 * pair + 2).min(episodes);
    (0..pairs).map(place).collect()
}

/// How many of a draw's places the attacker takes: those its share has come to after this step, less those it had come to
/// before. A function of the draw alone, so that a resumed run takes the same; draws again in a step count by themselves,
/// since not every step has them.
fn due(draw: &Draw, places: usize, share: f64) -> usize {
    let ahead = draw.again as f64 / draw.most.max(1) as f64;
    let come_to = |steps: u64| (steps as f64 * places as f64 * share + ahead).floor();
    (come_to(draw.step + 1) - come_to(draw.step)).max(0.0) as usize
}

impl Run<'_> {
    /// Replaces the attacker's share of a draw's twins by crafts; what is refused leaves the drawn ones.
    pub(super) fn attack(&mut self, draw: &Draw, episodes: &mut [Episode]) -> Result<Vec<Try>> {
        let config = self.config.attacker;
        let places = places(episodes.len());
        let spared = places
            .len()
            .saturating_sub(due(draw, places.len(), config.share));
        let seed = self.config.seed;
        let stream = Stream::named(seed, &["train", "attacker"]).fork(draw.number());
        let (mut tries, mut pending) = (Vec::new(), Vec::new());
        for (place, at) in places.into_iter().enumerate().skip(spared) {
            let mut stream = stream.fork(place as u64);
            let attacker = &self.position.attacker;
            let Some(arm) = attacker.choose(&config, &pending, &mut stream) else {
                continue;
            };
            match self.crafted(arm, &stream) {
                Ok(mut twins) => {
                    // Where one stands alone, either may be the one.
                    if at.len() == 1 && stream.fork(1).chance(1, 2) {
                        twins.reverse();
                    }
                    let stood = episodes.get_mut(at.clone()).into_iter().flatten();
                    for (stood, twin) in stood.zip(twins) {
                        *stood = twin;
                    }
                    pending.push(arm);
                    tries.push(Try { arm, at });
                }
                Err(reason) => self.told_attack(arm, REFUSED, Some(reason))?,
            }
        }
        Ok(tries)
    }

    /// Twins of the arm's template after its mutation, both from the same draws; why not.
    fn crafted(&mut self, arm: Arm, stream: &Stream) -> Result<[Episode; 2], String> {
        let source = task::derived_seed(self.config.seed, "attacker");
        for _ in 0..MOST_DRAWN {
            let number = self.position.attacker.drawn;
            self.position.attacker.drawn += 1;
            let twins = generate::pair(Stage::Adversarial, Split::Train, source, number);
            if attacker::template(&twins[0]) != Some(arm.template) {
                continue;
            }
            let crafted = twins.map(|twin| craft(&twin, arm.mutation, &mut stream.clone()));
            let [first, second] = crafted;
            return match (first, second) {
                (Ok(first), Ok(second)) => Ok([first, second]),
                (Err(reason), _) | (_, Err(reason)) => Err(reason.to_string()),
            };
        }
        Err(format!("no {} in {MOST_DRAWN} draws", arm.template))
    }

    /// Lets the bandit know what the tries of a draw won.
    pub(super) fn judge_attacks(&mut self, tries: Vec<Try>, groups: &[Group]) -> Result<()> {
        for Try { arm, at } in tries {
            let of = |at: usize| groups.get(at).into_iter().flat_map(|group| &group.verdicts);
            let verdicts = || at.clone().flat_map(of);
            let wrong = verdicts().filter(|verdict| !verdict.correct_action).count();
            let won = wrong as f64 / verdicts().count().max(1) as f64;
            self.told_attack(arm, won, None)?;
        }
        Ok(())
    }

    fn told_attack(&mut self, arm: Arm, won: f64, refused: Option<String>) -> Result<()> {
        self.position.attacker.tell(&self.config.attacker, arm, won);
        let row = AttackRow {
            step: self.position.step + 1,
            arm: arm.to_string(),
            won,
            refused,
        };
        self.writer.attack(&row)?;
        self.host.tell(RunFact::Attack(row));
        self.attacks.push(won);
        Ok(())
    }

    /// What the attacker did in a step, for its row of metrics.
    pub(super) fn attack_values(&mut self) -> BTreeMap<String, f64> {
        let won = std::mem::take(&mut self.attacks);
        if won.is_empty() {
            return BTreeMap::new();
        }
        let (all, refused) = (won.len(), won.iter().filter(|won| **won < 0.0).count());
        let wins: f64 = won.iter().filter(|won| **won >= 0.0).sum();
        let values = [
            ("attacker/tries", all as f64),
            ("attacker/refused", refused as f64),
            ("attacker/won", wins / (all - refused).max(1) as f64),
        ];
        values
            .into_iter()
            .map(|(name, value)| (name.to_string(), value))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Places taken over `steps` steps of `places` each, in their first draws.
    fn taken(steps: u64, places: usize, share: f64, most: u64) -> usize {
        let draw = |step| Draw {
            step,
            again: 0,
            most,
        };
        (0..steps).map(|step| due(&draw(step), places, share)).sum()
    }

    #[test]
    fn the_share_is_held_over_steps_however_few_prompts_each_has() {
        for most in [1, 2, 4] {
            for (places, share, want) in [
                (1, 0.25, 50),
                (3, 0.25, 150),
                (1, 0.5, 100),
                (16, 0.25, 800),
            ] {
                assert_eq!(taken(200, places, share, most), want, "{places} {share}");
            }
            assert_eq!(taken(200, 1, 0.0, most), 0);
        }
        // Evenly: one step in four.
        let steps: Vec<u64> = (0..12)
            .filter(|&step| {
                due(
                    &Draw {
                        step,
                        again: 0,
                        most: 1,
                    },
                    1,
                    0.25,
                ) == 1
            })
            .collect();
        assert_eq!(steps, [3, 7, 11]);
        // A second draw of a step has its own count, and takes its share too.
        let again = |step| {
            due(
                &Draw {
                    step,
                    again: 1,
                    most: 2,
                },
                1,
                0.25,
            )
        };
        assert_eq!((0..200).map(again).sum::<usize>(), 50);
    }

    #[test]
    fn whole_shares_are_taken_in_every_draw() {
        for (step, again) in [(0, 0), (0, 1), (7, 0), (199, 1)] {
            assert_eq!(
                due(
                    &Draw {
                        step,
                        again,
                        most: 2
                    },
                    16,
                    0.25
                ),
                4
            );
        }
    }

    #[test]
    fn crafts_stand_for_whole_pairs_or_for_the_one_episode_there_is() {
        assert_eq!((places(1).len(), places(1).first()), (1, Some(&(0..1))));
        assert_eq!(places(5), [0..2, 2..4]);
        assert!(places(0).is_empty());
    }
}
