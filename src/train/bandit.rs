//! Which arm the attacker tries next: discounted UCB over [`crate::env::attacker`]'s arms.
//!
//! An arm's worth is the share of wrong answers it got, older tries discounted, because the defender learns (Garivier &
//! Moulines 2011). Novelty is UCB's own bonus, over discounted tries of the arm. An arm takes at most its cap of the last
//! [`WINDOW`] tries; one that has won next to nothing rests for [`REST`] of them. Ties fall to a named stream, so the same
//! history gives the same choice, and the state goes into checkpoints.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::config::AttackerConfig;
use crate::env::attacker::{Arm, REFUSED, arms};
use crate::stream::Stream;

/// Tries looked back at for the cap.
const WINDOW: usize = 64;
/// Weight of the novelty bonus.
const NOVELTY: f64 = 0.3;
/// Tries, discounted, after which an arm can be found hopeless.
const ENOUGH: f64 = 4.0;
/// Mean win below which it is.
const HOPELESS: f64 = 0.02;
/// Tries that a hopeless arm rests.
const REST: u64 = 60;

/// What is known of an arm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    /// Discounted tries and wins.
    tries: f64,
    wins: f64,
    /// Until this try it rests.
    rests_until: u64,
}

/// The attacker's memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bandit {
    known: BTreeMap<String, Known>,
    recent: VecDeque<String>,
    /// Tries so far.
    tries: u64,
    /// Episodes drawn so far to find templates.
    pub drawn: u64,
}

impl Bandit {
    /// The arm to try; the next call may give the same one until [`Bandit::tell`] has heard of it.
    pub fn choose(&self, config: &AttackerConfig, stream: &mut Stream) -> Option<Arm> {
        let most = (config.cap * WINDOW as f64).max(1.0) as usize;
        let is_free = |arm: &Arm| {
            let name = arm.to_string();
            let recent = self.recent.iter().filter(|other| **other == name);
            let rests = self.of(&name).rests_until > self.tries;
            !rests && recent.count() < most
        };
        let mut free: Vec<Arm> = arms().into_iter().filter(is_free).collect();
        stream.shuffle(&mut free);
        let all: f64 = self.known.values().map(|known| known.tries).sum();
        let score = |arm: &Arm| {
            let known = self.of(&arm.to_string());
            match known.tries > 0.0 {
                true => {
                    let bonus = ((1.0 + all).ln() / known.tries).sqrt();
                    known.wins / known.tries + NOVELTY * bonus
                }
                false => f64::INFINITY,
            }
        };
        free.into_iter()
            .max_by(|a, b| score(a).total_cmp(&score(b)))
    }

    fn of(&self, name: &str) -> Known {
        self.known.get(name).copied().unwrap_or_default()
    }

    /// Takes in what a try of `arm` won: the share of wrong answers, or [`REFUSED`].
    pub fn tell(&mut self, config: &AttackerConfig, arm: Arm, won: f64) {
        self.tries += 1;
        for known in self.known.values_mut() {
            known.tries *= config.decay;
            known.wins *= config.decay;
        }
        let tries = self.tries;
        let known = self.known.entry(arm.to_string()).or_default();
        known.tries += 1.0;
        known.wins += won.max(REFUSED);
        if known.tries >= ENOUGH && known.wins / known.tries < HOPELESS {
            known.rests_until = tries + REST;
        }
        self.recent.push_back(arm.to_string());
        if self.recent.len() > WINDOW {
            self.recent.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: AttackerConfig = AttackerConfig {
        share: 0.5,
        cap: 0.2,
        decay: 0.99,
    };

    /// Plays `tries` against a defender that gets `wrong(arm, try)` of its answers wrong; how often each arm was tried.
    fn play(tries: u64, wrong: impl Fn(&Arm, u64) -> f64) -> (Bandit, BTreeMap<String, u64>) {
        let (mut bandit, mut counts) = (Bandit::default(), BTreeMap::new());
        for i in 0..tries {
            let mut stream = Stream::named(3, &["bandit test"]).fork(i);
            let arm = bandit.choose(&CONFIG, &mut stream).expect("an arm is free");
            *counts.entry(arm.to_string()).or_insert(0) += 1;
            bandit.tell(&CONFIG, arm, wrong(&arm, i));
        }
        (bandit, counts)
    }

    #[test]
    fn every_arm_is_tried_before_any_is_tried_twice() {
        let count = arms().len() as u64;
        let (_, counts) = play(count, |_, _| 0.3);
        assert_eq!(counts.len() as u64, count);
        assert!(counts.values().all(|&n| n == 1));
    }

    #[test]
    fn what_the_defender_gets_wrong_is_tried_up_to_its_cap() {
        let weak = arms()[7].to_string();
        let (_, counts) = play(1_000, |arm, _| f64::from(u8::from(arm.to_string() == weak)));
        let share = counts[&weak] as f64 / 1_000.0;
        assert!(share > 0.1, "{share}");
        assert!(share <= CONFIG.cap + 0.02, "{share}");
        let others = counts.iter().filter(|(name, _)| **name != weak);
        assert!(others.map(|(_, &n)| n).max() < Some(60));
    }

    #[test]
    fn a_weakness_that_is_mended_is_left_and_a_new_one_found() {
        let (first, second) = (arms()[3].to_string(), arms()[20].to_string());
        let count = |from: u64, wanted: &str| {
            let (mut bandit, mut n) = (Bandit::default(), 0);
            for i in 0..2_000 {
                let mut stream = Stream::named(4, &["bandit test"]).fork(i);
                let arm = bandit.choose(&CONFIG, &mut stream).expect("free");
                let name = arm.to_string();
                let is_weak = name == if i < 1_000 { &*first } else { &*second };
                n += u64::from(name == wanted && (from..from + 500).contains(&i));
                bandit.tell(&CONFIG, arm, f64::from(u8::from(is_weak)));
            }
            n
        };
        assert!(count(500, &first) > 5 * count(1_500, &first).max(1));
        assert!(count(1_500, &second) > 5 * count(500, &second).max(1));
    }

    #[test]
    fn the_same_history_gives_the_same_choices_across_a_checkpoint() {
        let (bandit, _) = play(300, |arm, i| {
            ((arm.to_string().len() as u64 + i) % 5) as f64 / 5.0
        });
        let json = serde_json::to_string(&bandit).expect("serialises");
        let again: Bandit = serde_json::from_str(&json).expect("its own");
        for i in 300..320 {
            let stream = || Stream::named(3, &["bandit test"]).fork(i);
            let choice = bandit.choose(&CONFIG, &mut stream());
            assert_eq!(again.choose(&CONFIG, &mut stream()), choice);
        }
    }

    #[test]
    fn an_arm_that_wins_nothing_rests_and_is_not_chosen_meanwhile() {
        let (mut bandit, first) = (Bandit::default(), arms()[0]);
        for _ in 0..6 {
            bandit.tell(&CONFIG, first, 0.0);
        }
        let rests_until = bandit.of(&first.to_string()).rests_until;
        assert_eq!(rests_until, bandit.tries + REST);
        let mut winning = Bandit::default();
        for _ in 0..6 {
            winning.tell(&CONFIG, first, 0.1);
        }
        assert_eq!(winning.of(&first.to_string()).rests_until, 0);
        // With all others at rest too, nothing is left to try.
        for arm in arms().into_iter().skip(1) {
            let known = bandit.known.entry(arm.to_string()).or_default();
            known.rests_until = rests_until;
        }
        let choose = |bandit: &Bandit| bandit.choose(&CONFIG, &mut Stream::named(1, &["rest"]));
        assert_eq!(choose(&bandit), None);
        bandit.recent.clear();
        bandit.tries = rests_until;
        assert!(choose(&bandit).is_some());
    }
}
