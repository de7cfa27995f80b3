//! Looking for rollouts: in the grammar of filters, through all groups that are in reach.

use super::Training;
use super::lines::RolloutWords;
use crate::link::{Rollout, RolloutGroup};
use crate::ui::filter::{Filter, FilterError, Filtered, Vocabulary};
use crate::ui::sifting::actions;

/// A rollout in its group.
struct Sampled<'a> {
    group: &'a RolloutGroup,
    rollout: &'a Rollout,
}

/// What can be asked for of one.
struct Terms;

impl Vocabulary for Terms {
    const FIELDS: &'static [&'static str] = &[
        "step",
        "stage",
        "episode",
        "rule",
        "truth",
        "action",
        "cites",
        "reward",
        "advantage",
        "cut",
    ];

    fn words(&self, field: &str) -> Vec<&'static str> {
        match field {
            "truth" => actions(&[]),
            "action" => actions(&["malformed", "right", "wrong"]),
            "cut" => vec!["yes", "no"],
            _ => Vec::new(),
        }
    }
}

impl Filtered for Sampled<'_> {
    fn holds(&self, word: &str) -> bool {
        let Self { group, rollout } = self;
        let line = RolloutWords::of(rollout).searched(rollout);
        let texts = [&line, &group.summary, &group.rule, &group.episode_id];
        texts
            .into_iter()
            .any(|text| text.to_lowercase().contains(word))
    }

    fn values(&self, field: &str) -> Vec<String> {
        let Self { group, rollout } = self;
        let judged = |said: &str, is_right: bool| {
            let word = if is_right { "right" } else { "wrong" };
            vec![said.to_owned(), word.to_owned()]
        };
        let cited = rollout.cited_log_id.as_deref();
        match field {
            "step" => vec![group.step.to_string()],
            "stage" => vec![group.stage.clone()],
            "episode" => vec![group.episode_id.clone()],
            "rule" => vec![group.rule.clone()],
            "truth" => vec![group.truth_action.to_string()],
            "action" => judged(
                rollout.action.map_or("malformed", |action| action.as_str()),
                rollout.action == Some(group.truth_action),
            ),
            "cites" => judged(
                cited.unwrap_or("nothing"),
                cited == Some(group.truth_log_id.as_str()),
            ),
            "reward" => vec![rollout.reward.to_string()],
            "advantage" => vec![rollout.advantage.to_string()],
            "cut" => vec![if rollout.truncated { "yes" } else { "no" }.to_owned()],
            _ => Vec::new(),
        }
    }
}

impl Training {
    /// Goes to the next rollout that `text` admits: on in this group, then in older ones, then from the newest on; backwards
    /// the other way round. False where none is admitted.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub(super) fn find_rollout(&mut self, text: &str, forward: bool) -> Result<bool, FilterError> {
        let filter = Filter::parse(text, &Terms)?;
        let (groups, back) = self.groups_in_reach();
        let lines = |(back, group): (usize, &RolloutGroup)| -> Vec<(usize, usize)> {
            let admitted = group.rollouts.iter().enumerate().filter(|(_, rollout)| {
                let group: &RolloutGroup = group;
                filter.admits(&Sampled { group, rollout })
            });
            admitted.map(|(line, _)| (back, line)).collect()
        };
        let found: Vec<(usize, usize)> = groups.into_iter().enumerate().flat_map(lines).collect();
        let here = (back, self.cursor());
        let next = match forward {
            true => found.iter().find(|place| **place > here).or(found.first()),
            false => {
                let before = found.iter().rev().find(|place| **place < here);
                before.or(found.last())
            }
        };
        let Some((back, line)) = next.copied() else {
            return Ok(false);
        };
        self.look_back(back);
        self.move_to(line);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::schema::Action;

    #[test]
    fn a_rollout_is_found_by_what_it_earned_said_and_is_of() {
        let group = RolloutGroup {
            step: 40,
            stage: "stage2_multi".into(),
            group_id: 7,
            episode_id: "stage2_multi-train-1-6".into(),
            summary: "A-0001 | high | Review requested for j.doe.".into(),
            truth_action: Action::Monitor,
            truth_log_id: "L1-2".into(),
            rule: "run_key_script".into(),
            rollouts: Vec::new(),
        };
        let rollout = Rollout {
            response: "Action: dismiss\nCitedLog: L1-2\nRationale: Ours.".into(),
            action: Some(Action::Dismiss),
            cited_log_id: Some("L1-2".into()),
            reward: -0.25,
            components: Default::default(),
            advantage: 0.5,
            truncated: false,
            tokens: Vec::new(),
            log_probs: Vec::new(),
        };
        let admits = |text: &str| {
            let filter = Filter::parse(text, &Terms).expect("a filter");
            filter.admits(&Sampled {
                group: &group,
                rollout: &rollout,
            })
        };
        for text in [
            "ours",
            "j.doe rule:run_key",
            "action:wrong cites:right",
            "reward<0 advantage>0.4",
            "step=40 cut:no !malformed",
            "truth:monitor",
        ] {
            assert!(admits(text), "{text}");
        }
        for text in [
            "theirs",
            "action:right",
            "advantage<0",
            "cut:yes",
            "step>40",
        ] {
            assert!(!admits(text), "{text}");
        }
        let wrong = Filter::parse("rewrad<0", &Terms).expect_err("no field");
        assert!(wrong.to_string().contains("nearest is reward"), "{wrong}");
    }
}
