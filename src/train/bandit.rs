//! Which arm the attacker tries next: discounted UCB over [`crate::env::attacker`]'s arms, two of a template learning from
//! each other.
//!
//! An arm's worth is the share of wrong answers it got, older tries discounted, because the defender learns (Garivier &
//! Moulines 2011). There are more arms than tries to get to know them all, and what a template's incidents turn on decides
//! more than how they were changed; so a mean is shrunk towards that of its template, and that towards the mean of all
//! (empirical Bayes: Efron & Morris 1975). Novelty is UCB's own bonus, over discounted tries of the arm, small beside what
//! arms differ by. An arm takes at most its cap of the last `WINDOW` tries; one that has won next to nothing rests for
//! `REST` of them. Ties fall to a named stream, so the same history gives the same choice, and the state goes into
//! checkpoints.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::config::AttackerConfig;
use crate::env::attacker::{Arm, REFUSED, arms};
use crate::stream::Stream;

/// Tries looked back at for the cap.
const WINDOW: usize = 64;
/// Weight of the novelty bonus.
const NOVELTY: f64 = 0.08;
/// Prior weights in tries: a template's mean on its arms, the overall mean on templates.
const OF_TEMPLATE: f64 = 3.0;
const OF_ALL: f64 = 2.0;
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

impl Known {
    fn add(&mut self, other: Known) {
        self.tries += other.tries;
        self.wins += other.wins;
    }

    /// The mean, where `tries` more had won `mean`.
    fn shrunk(self, mean: f64, tries: f64) -> f64 {
        (self.wins + tries * mean) / (self.tries + tries)
    }
}

/// What arms have won together.
#[derive(Default)]
struct Worth {
    all: Known,
    templates: BTreeMap<String, Known>,
}

impl Worth {
    /// What an arm of `template` is expected to win.
    fn of(&self, arm: Known, template: &str) -> f64 {
        let all = self.all.shrunk(0.0, 1.0);
        let known = self.templates.get(template).copied().unwrap_or_default();
        arm.shrunk(known.shrunk(all, OF_ALL), OF_TEMPLATE)
    }
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
    /// The arm to try after those of `pending`, of which nobody has told yet what they won.
    pub fn choose(
        &self,
        config: &AttackerConfig,
        pending: &[Arm],
        stream: &mut Stream,
    ) -> Option<Arm> {
        let most = (config.cap * WINDOW as f64).max(1.0) as usize;
        let count = |arm: &Arm| pending.iter().filter(|other| *other == arm).count();
        let is_free = |arm: &Arm| {
            let name = arm.to_string();
            let recent = self.recent.iter().filter(|other| **other == name);
            let rests = self.of(&name).rests_until > self.tries;
            !rests && recent.count() + count(arm) < most
        };
        let mut free: Vec<Arm> = arms().into_iter().filter(is_free).collect();
        stream.shuffle(&mut free);
        let worth = self.worth();
        let all: f64 = self.known.values().map(|known| known.tries).sum();
        let wonder = NOVELTY * (1.0 + all + pending.len() as f64).ln().sqrt();
        let score = |arm: &Arm| {
            let known = self.of(&arm.to_string());
            let bonus = wonder / (1.0 + known.tries + count(arm) as f64).sqrt();
            worth.of(known, arm.template) + bonus
        };
        let best = free.iter().map(|arm| (score(arm), *arm));
        best.max_by(|(a, _), (b, _)| a.total_cmp(b))
            .map(|(_, arm)| arm)
    }

    fn worth(&self) -> Worth {
        let mut worth = Worth::default();
        for (name, known) in &self.known {
            let template = name
                .split_once('+')
                .map_or(name.as_str(), |(template, _)| template);
            worth.all.add(*known);
            worth
                .templates
                .entry(template.to_owned())
                .or_default()
                .add(*known);
        }
        worth
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
        decay: 0.995,
    };

    /// Plays `tries` against a defender that gets `wrong(arm, try)` of its answers wrong; how often each arm was tried.
    fn play(tries: u64, wrong: impl Fn(&Arm, u64) -> f64) -> (Bandit, BTreeMap<String, u64>) {
        let (mut bandit, mut counts) = (Bandit::default(), BTreeMap::new());
        for i in 0..tries {
            let mut stream = Stream::named(3, &["bandit test"]).fork(i);
            let arm = bandit
                .choose(&CONFIG, &[], &mut stream)
                .expect("an arm is free");
            *counts.entry(arm.to_string()).or_insert(0) += 1;
            bandit.tell(&CONFIG, arm, wrong(&arm, i));
        }
        (bandit, counts)
    }

    #[test]
    fn of_arms_that_win_alike_none_is_left_out() {
        let (_, counts) = play(1_000, |_, _| 0.3);
        assert_eq!(counts.len(), arms().len());
        assert!(counts.values().all(|&n| (3..30).contains(&n)), "{counts:?}");
    }

    /// How often an arm wins: of one of six templates often, and more so by some mutations than by others.
    fn weakness(arm: &Arm) -> f64 {
        let of = |text: &str| text.bytes().map(u64::from).sum::<u64>();
        let is_weak = of(arm.template) % 6 == 0;
        let base = if is_weak { 0.25 } else { 0.03 };
        base + 0.05 * (of(arm.mutation.as_str()) % 5) as f64 * if is_weak { 1.0 } else { 0.2 }
    }

    #[test]
    fn in_as_many_tries_as_a_run_has_weak_templates_are_found_though_wins_are_few_and_noisy() {
        let all = arms();
        let uniform = all.iter().map(weakness).sum::<f64>() / all.len() as f64;
        // A try is sixteen answers, each wrong or not.
        let won = |arm: &Arm, i: u64| {
            let mut stream = Stream::named(9, &["wins"]).fork(i);
            let share = (weakness(arm) * 1_000.0) as u64;
            (0..16).filter(|_| stream.chance(share, 1_000)).count() as f64 / 16.0
        };
        let (_, counts) = play(1_600, won);
        let mean = |arm: &Arm| weakness(arm) * *counts.get(&arm.to_string()).unwrap_or(&0) as f64;
        let found = all.iter().map(mean).sum::<f64>() / 1_600.0;
        assert!(found > 2.0 * uniform, "{found} of {uniform}");
        let tried = counts.len() as f64 / all.len() as f64;
        assert!(tried > 0.5, "{tried}");
    }

    #[test]
    fn tries_of_one_draw_are_not_all_of_one_arm() {
        let (bandit, _) = play(200, |arm, _| weakness(arm));
        let mut pending = Vec::new();
        for i in 0..16 {
            let mut stream = Stream::named(5, &["pending"]).fork(i);
            pending.extend(bandit.choose(&CONFIG, &pending, &mut stream));
        }
        let names: std::collections::BTreeSet<_> = pending.iter().map(Arm::to_string).collect();
        assert!(names.len() >= 4, "{names:?}");
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
                let arm = bandit.choose(&CONFIG, &[], &mut stream).expect("free");
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
            let choice = bandit.choose(&CONFIG, &[], &mut stream());
            assert_eq!(again.choose(&CONFIG, &[], &mut stream()), choice);
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
        let choose =
            |bandit: &Bandit| bandit.choose(&CONFIG, &[], &mut Stream::named(1, &["rest"]));
        assert_eq!(choose(&bandit), None);
        bandit.recent.clear();
        bandit.tries = rests_until;
        assert!(choose(&bandit).is_some());
    }
}
