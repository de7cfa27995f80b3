//! Rollouts by word: the responses sampled to one prompt, with rewards, advantages and what rewards are made of.

use std::io;

use super::Plain;
use super::running::{in_words, no_run};
use crate::env::prompt::event_line;
use crate::env::response;
use crate::link::{Rollout, RolloutGroup};
use crate::run::RunDir;
use crate::run::groups::Wanted;
use crate::ui::app::{App, ScreenName};
use crate::ui::errand::Errand;
use crate::ui::keys::Verb;
use crate::ui::msg::Effect;
use crate::ui::perform::go_to_step;
use crate::ui::screen::rollouts::{components, episode_of};
use crate::ui::watching::TrainingPane;
use crate::ui::watching::lines::RolloutWords;

/// A group by its step and its number.
type Place = (u64, u64);

fn place_of(group: &RolloutGroup) -> Place {
    (group.step, group.group_id)
}

/// Which group is in front. While a run goes on, another one may be at the next line.
fn place(app: &App) -> Option<Place> {
    app.training.group().map(place_of)
}

/// The group told last, and of which run it is.
pub(super) struct Told {
    run: String,
    group: RolloutGroup,
}

impl Told {
    fn of(app: &App) -> Option<Self> {
        let (run, group) = (app.training.shown()?, app.training.group()?);
        Some(Self {
            run: run.name(),
            group: group.clone(),
        })
    }
}

impl Plain<'_> {
    /// The newest group, that of a step, an older or a newer one; or the log lines behind the one told last.
    pub(super) fn rollouts(&mut self, rest: &str) -> io::Result<()> {
        if let ("window", Some(told)) = (rest, &self.told_rollouts) {
            let lines = window(&told.group);
            return self.put_all(&lines);
        }
        if self.app.training.group().is_none() {
            let lines = none(&self.app);
            return self.put_all(&lines);
        }
        self.app.training.pane = TrainingPane::Rollouts;
        match rest {
            "" => {
                self.app.training.show_rollouts_of(u64::MAX);
            }
            "window" => {
                let lines = self.app.training.group().map(window);
                return self.put_all(&lines.unwrap_or_default());
            }
            "older" => return self.leaf(Verb::PreviousGroup),
            "newer" => return self.leaf(Verb::NextGroup),
            step if step.parse::<u64>().is_ok() => {
                let effects = go_to_step(&mut self.app, step);
                self.read(effects)?;
            }
            other => {
                return self.put(&format!(
                    "rollouts takes a step, older, newer or window, not {other}"
                ));
            }
        }
        self.tell_group()
    }

    /// Goes to the group before or after the one told last.
    fn leaf(&mut self, verb: Verb) -> io::Result<()> {
        if !self.go_back()? {
            return self.put(
                "The rollouts told last are no longer there to go on from: rollouts tells the newest.",
            );
        }
        let before = place(&self.app);
        let effects = self.wanted_on(ScreenName::Training, verb);
        let has_read = self.read(effects)?;
        if let (Verb::NextGroup, Some((step, number))) = (verb, before) {
            // Of a step that was read, some groups may be among those kept, too.
            self.advance((step, number.saturating_add(1)));
        }
        let is_there = !has_read || self.app.training.is_leafing();
        if !is_there || place(&self.app) == before {
            return self.put("There are no other rollouts that way.");
        }
        self.tell_group()
    }

    /// Puts the group told last in front again: newer ones may have come since, and it may have to be read. False where it is
    /// no longer there.
    fn go_back(&mut self) -> io::Result<bool> {
        let training = &mut self.app.training;
        let told = self.told_rollouts.as_ref();
        let Some((run, told)) = training.shown().zip(told) else {
            return Ok(true);
        };
        let wanted = place_of(&told.group);
        if run.name() != told.run || training.group().map(place_of) == Some(wanted) {
            return Ok(true);
        }
        let mut kept = run.groups.iter().rev();
        if let Some(back) = kept.position(|group| place_of(group) == wanted) {
            training.show_rollouts_of(wanted.0);
            training.groups_back = back;
            return Ok(true);
        }
        let Some(dir) = run.run_dir.as_ref().map(RunDir::new) else {
            return Ok(false);
        };
        self.read(vec![Effect::Errand(Errand::Groups {
            dir,
            wanted: Wanted::From(wanted.0),
        })])?;
        self.advance(wanted);
        Ok(place(&self.app) == Some(wanted))
    }

    /// To newer groups, one by one and up to `wanted`, as far as none has to be read.
    fn advance(&mut self, wanted: Place) {
        while let Some(here) = place(&self.app).filter(|here| *here < wanted) {
            let is_to_read = self.app.training.step_group(-1).is_some();
            if is_to_read || place(&self.app) == Some(here) {
                return;
            }
        }
    }

    /// Has done what is wanted, and waits for what has to be read of the run's folder for it; false where that is nothing.
    pub(super) fn read(&mut self, effects: Vec<Effect>) -> io::Result<bool> {
        let is_read = |effect: &Effect| matches!(effect, Effect::Errand(_));
        let reads = effects.iter().any(is_read);
        let said = self.act_quietly(effects)?;
        // That it is being read is no news once it has been.
        if !reads || said.as_ref().is_some_and(|said| said.is_bad) {
            self.tell(said)?;
            return Ok(reads);
        }
        self.wait_for_errands()?;
        Ok(true)
    }

    fn tell_group(&mut self) -> io::Result<()> {
        // Which step it is instead of the one asked for comes first.
        self.tell_notes()?;
        self.told_rollouts = Told::of(&self.app);
        let lines = group(&self.app);
        self.put_all(&lines)
    }
}

/// Why there are none.
fn none(app: &App) -> Vec<String> {
    let Some(run) = app.training.shown() else {
        return no_run();
    };
    let none = run.says_none_of("rollouts", "they come with the first GRPO step");
    vec![format!("Rollouts: {}", in_words(&none))]
}

/// The group that is looked at: what it is about, and each response.
fn group(app: &App) -> Vec<String> {
    let training = &app.training;
    let Some(group) = training.group() else {
        return none(app);
    };
    let place = match training.groups_back {
        _ if training.is_leafing() => "read from the run's folder".to_owned(),
        0 => "the newest".to_owned(),
        back => format!("{back} back from the newest"),
    };
    let mut lines = vec![
        format!(
            "Rollouts: step {}, group {}, {}, {place}",
            group.step, group.group_id, group.stage
        ),
        format!("Alert: {}", group.summary),
        format!(
            "Truth: {} because of {}, rule {}",
            group.truth_action, group.truth_log_id, group.rule
        ),
    ];
    let sampled = training.groups_of(group.step);
    let sampled = sampled.filter(|sampled| sampled.all > sampled.kept);
    lines.extend(sampled.map(|of| format!("Groups kept of this step: {} of {}", of.kept, of.all)));
    let numbered = (1..).zip(&group.rollouts);
    lines.extend(numbered.map(|(number, rollout)| sampled_as(number, rollout, group)));
    lines
}

/// A response in one line: action and citation with right or wrong, its reward, its advantage, and why.
fn sampled_as(number: usize, rollout: &Rollout, group: &RolloutGroup) -> String {
    let words = RolloutWords::of(rollout);
    let word = |is_right: bool| if is_right { "right" } else { "wrong" };
    let cited = rollout.cited_log_id.as_deref();
    let ended = match words.ended {
        "" => String::new(),
        ended => format!(", {ended}"),
    };
    format!(
        "Rollout {number} of {}: {} ({}), citing {} ({}), {}, advantage {}{ended}; {}",
        group.rollouts.len(),
        words.action,
        word(rollout.action == Some(group.truth_action)),
        cited.unwrap_or("nothing"),
        word(cited == Some(group.truth_log_id.as_str())),
        components(rollout),
        words.advantage,
        said(&rollout.response)
    )
}

/// The rationale; of a malformed response all of it, on one line.
fn said(text: &str) -> String {
    match response::parse(text) {
        Ok(answer) => answer.rationale,
        Err(why) => format!(
            "malformed ({why}): {}",
            text.trim_end().replace('\n', " / ")
        ),
    }
}

/// The log window that the responses are about, where it can be generated again.
fn window(group: &RolloutGroup) -> Vec<String> {
    let Some(episode) = episode_of(group) else {
        let why = "not generated by stage, split, seed and index alone";
        return vec![format!("Log window: {why}")];
    };
    let head = format!("Log window of {}", episode.episode_id);
    let numbered = (1..).zip(&episode.log_window);
    let told =
        numbered.map(|(number, event): (usize, _)| format!("{number}. {}", event_line(event)));
    std::iter::once(head).chain(told).collect()
}
