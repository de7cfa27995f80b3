//! Rollouts of a run that goes on between two lines.

use super::running::followed;
use super::{Plain, in_order, obey, text};
use crate::env::schema::{Split, Stage};
use crate::link::{Fact, RolloutGroup, RunFact};
use crate::ui::Msg;
use crate::ui::queue::EpisodeSource;
use crate::ui::tests::fixtures::group;

/// A group sampled at `step` to the episode of its number.
fn sampled(step: u64, number: u64) -> RolloutGroup {
    let source = EpisodeSource {
        split: Split::Train,
        seed: 5,
    };
    let episode = source.episode(Stage::Basic, number);
    let truth = &episode.truth;
    RolloutGroup {
        group_id: number,
        truth_action: truth.action,
        truth_log_id: truth.triggering_log_id.clone(),
        rule: truth.rule.clone(),
        episode_id: episode.episode_id.clone(),
        ..group(step)
    }
}

fn of_run(group: RolloutGroup) -> RunFact {
    RunFact::Rollouts(Box::new(group))
}

/// The run goes on while nobody asks.
fn come(plain: &mut Plain<'_>, group: RolloutGroup) {
    let fact = Msg::Fact(Fact::Run(of_run(group)));
    plain.take(fact).expect("taken in");
}

#[test]
fn a_group_that_comes_between_two_lines_is_not_taken_for_the_one_told() {
    let bench = followed(110, (108..=110).map(|step| of_run(sampled(step, step))));
    let mut out = Vec::new();
    let (mut plain, _teller) = bench.sit(&mut out);
    obey(&mut plain, "rollouts");
    come(&mut plain, sampled(111, 111));
    obey(&mut plain, "rollouts window\nrollouts older");
    come(&mut plain, sampled(112, 112));
    obey(&mut plain, "rollouts newer\nrollouts newer");
    come(&mut plain, sampled(113, 113));
    obey(&mut plain, "rollouts newer\nrollouts newer\nrollouts newer");
    drop(plain);
    let told = text(out);
    in_order(
        &told,
        &[
            "Rollouts: step 110, group 110, stage1_basic, the newest\n",
            "Log window of stage1_basic-train-5-110\n",
            "Rollouts: step 109, group 109, stage1_basic, 2 back from the newest\n",
            "Rollouts: step 110, ",
            "Rollouts: step 111, ",
            "Rollouts: step 112, ",
            "Rollouts: step 113, group 113, stage1_basic, the newest\n",
            "There are no other rollouts that way.\n",
        ],
    );
    assert_eq!(told.matches("Log window of").count(), 1, "{told}");
}

/// Two groups a step from step 10 on, as many as are kept.
fn two_a_step() -> impl Iterator<Item = RunFact> {
    (20..84).map(|number| of_run(sampled(number / 2, number)))
}

#[test]
fn a_group_that_is_no_longer_kept_is_read_before_one_goes_on_from_it() {
    let bench = followed(41, two_a_step());
    let folder = bench.home.path().join("run");
    std::fs::create_dir_all(&folder).expect("a folder");
    let lines = (16..84).map(|number| {
        let group = sampled(number / 2, number);
        serde_json::to_string(&group).expect("a line") + "\n"
    });
    let lines: String = lines.collect();
    std::fs::write(folder.join("rollouts.jsonl"), lines).expect("written");
    let mut out = Vec::new();
    let (mut plain, _teller) = bench.sit(&mut out);
    obey(&mut plain, "rollouts 10\nrollouts older");
    come(&mut plain, sampled(42, 84));
    obey(&mut plain, "rollouts newer\nrollouts newer\nrollouts 10");
    come(&mut plain, sampled(42, 85));
    obey(
        &mut plain,
        "rollouts older\nrollouts older\nrollouts window",
    );
    drop(plain);
    let told = text(out);
    in_order(
        &told,
        &[
            "Rollouts: step 10, group 21, stage1_basic, 62 back from the newest\n",
            "Rollouts: step 10, group 20, stage1_basic, 63 back from the newest\n",
            "Rollouts: step 10, group 21, stage1_basic, read from the run's folder\n",
            // It was among those kept, too, and is not told twice.
            "Rollouts: step 11, group 22, stage1_basic, 62 back from the newest\n",
            "Rollouts: step 10, group 21, stage1_basic, 63 back from the newest\n",
            "Rollouts: step 10, group 20, stage1_basic, read from the run's folder\n",
            "Rollouts: step 9, group 19, stage1_basic, read from the run's folder\n",
            "Log window of stage1_basic-train-5-19\n",
        ],
    );
    assert!(!told.contains("no other rollouts"), "{told}");
}

#[test]
fn a_group_that_is_gone_is_not_gone_on_from() {
    let bench = followed(41, two_a_step());
    let mut out = Vec::new();
    let (mut plain, _teller) = bench.sit(&mut out);
    obey(&mut plain, "rollouts 10\nrollouts older");
    come(&mut plain, sampled(42, 84));
    obey(&mut plain, "rollouts older\nrollouts window\nrollouts");
    drop(plain);
    in_order(
        &text(out),
        &[
            "Rollouts: step 10, group 20, ",
            "The rollouts told last are no longer there to go on from: rollouts tells the newest.\n",
            "note: the run's folder holds no rollouts\n",
            "Log window of stage1_basic-train-5-20\n",
            "Rollouts: step 42, group 84, stage1_basic, the newest\n",
        ],
    );
}
