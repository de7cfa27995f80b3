//! The attacker's share of stage 4: twins crafted by the arm that the bandit chooses, judged by what the defender answers.

use std::collections::BTreeMap;

use super::Run;
use super::rollouts::Group;
use crate::env::attacker::{self, Arm, REFUSED, craft};
use crate::env::generate;
use crate::env::schema::{Episode, Split, Stage};
use crate::link::{AttackRow, RunFact};
use crate::stream::Stream;
use crate::train::error::Result;
use crate::train::task;

/// Episodes looked through for one of a template.
const MOST_DRAWN: u64 = 400;

/// A try: the arm, and what stands in the step for it.
pub(super) struct Try {
    arm: Arm,
    /// Positions of the crafted twins among the step's episodes.
    at: [usize; 2],
}

impl Run<'_> {
    /// Replaces the attacker's share of a draw's twins by crafts; what is refused leaves the drawn ones.
    pub(super) fn attack(&mut self, draw: u64, episodes: &mut [Episode]) -> Result<Vec<Try>> {
        let config = self.config.attacker.clone();
        let pairs = episodes.len() / 2;
        let attacked = (pairs as f64 * config.share).floor() as usize;
        let seed = self.config.seed;
        let stream = Stream::named(seed, &["train", "attacker"]).fork(draw);
        let (mut tries, mut pending) = (Vec::new(), Vec::new());
        for pair in pairs - attacked..pairs {
            let mut stream = stream.fork(pair as u64);
            let attacker = &self.position.attacker;
            let Some(arm) = attacker.choose(&config, &pending, &mut stream) else {
                continue;
            };
            match self.crafted(arm, &stream) {
                Ok(twins) => {
                    let at = [2 * pair, 2 * pair + 1];
                    for (at, twin) in at.into_iter().zip(twins) {
                        episodes[at] = twin;
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
            let index = 2 * self.position.attacker.drawn;
            self.position.attacker.drawn += 1;
            let twin = |i| generate::episode(Stage::Adversarial, Split::Train, source, index + i);
            let twins = [twin(0), twin(1)];
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
            let verdicts = || at.into_iter().flat_map(of);
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
