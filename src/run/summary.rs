//! A run in one line: what it is, how far it got, whether anybody is behind it, the best it did.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::compare::{fed, nearest_preset};
use super::keeping::note;
use super::layout::{self, Journal};
use super::reader::{Liveness, every_row, liveness_of, read_status};
use super::series::Series;
use super::{Manifest, RunDir, RunError, shipped};
use crate::config::TrainConfig;
use crate::link::{EvalRow, RunState, Status};

/// Unix seconds.
#[must_use]
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// Without a sign of life for so long, a run is silent or crashed: seconds.
pub const SILENT_AFTER_S: u64 = 30;

/// The hold-out metric that runs are compared by.
const BEST_BY: &str = "mean_reward";

/// What a list of runs says of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Its folder is there and nothing has happened yet.
    New,
    Running,
    Paused,
    /// Says it runs, gives no sign of life, and its process is still there.
    Silent,
    /// Says it runs, and nobody is behind it.
    Crashed,
    Stopped,
    Finished,
    Failed,
    /// Its folder cannot be read.
    Broken,
}

impl Standing {
    /// All of them.
    pub const ALL: [Standing; 9] = [
        Standing::New,
        Standing::Running,
        Standing::Paused,
        Standing::Silent,
        Standing::Crashed,
        Standing::Stopped,
        Standing::Finished,
        Standing::Failed,
        Standing::Broken,
    ];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Standing::New => "new",
            Standing::Running => "running",
            Standing::Paused => "paused",
            Standing::Silent => "silent",
            Standing::Crashed => "crashed",
            Standing::Stopped => "stopped",
            Standing::Finished => "finished",
            Standing::Failed => "failed",
            Standing::Broken => "broken",
        }
    }

    /// Whether a process works on it.
    #[must_use]
    pub const fn is_alive(self) -> bool {
        matches!(
            self,
            Standing::Running | Standing::Paused | Standing::Silent
        )
    }

    fn of(status: &Status, liveness: Liveness) -> Self {
        match (liveness, status.state) {
            (Liveness::Crashed, _) => Standing::Crashed,
            (Liveness::Silent, _) => Standing::Silent,
            (_, RunState::Running) => Standing::Running,
            (_, RunState::Paused) => Standing::Paused,
            (_, RunState::Stopped) => Standing::Stopped,
            (_, RunState::Finished) => Standing::Finished,
            (_, RunState::Failed) => Standing::Failed,
        }
    }
}

/// One line of `opensoc runs`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    pub run_id: String,
    /// Nothing for the run that is in the program, which nobody can write to.
    pub run_dir: Option<PathBuf>,
    pub standing: Standing,
    pub phase: String,
    pub step: u64,
    pub total_steps: u64,
    pub created: String,
    pub model: String,
    pub seed: u64,
    /// Mean reward on hold-out episodes of the best adapter so far.
    pub best_mean_reward: Option<f64>,
    /// Share of right actions of that adapter.
    #[serde(skip)]
    pub best_accuracy: Option<f64>,
    /// On how many episodes both are.
    #[serde(skip)]
    pub best_episodes: Option<u64>,
    /// What came of the last evaluation: it may be of more episodes than those the best was found on.
    #[serde(skip)]
    pub last: Option<Scored>,
    /// Why it is in this state, in words.
    pub reason: String,
    /// The preset its configuration is nearest to.
    pub preset: &'static str,
    /// What somebody wrote about it.
    pub note: String,
    /// Phases that were ended early by request, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_early: Option<String>,
    #[serde(skip)]
    pub config: TrainConfig,
    /// What it was fed beside that, as [`fed`] tells it.
    #[serde(skip)]
    pub fed: Vec<(String, String)>,
    /// Mean reward on hold-out episodes, over steps.
    #[serde(skip)]
    pub evaluations: Series,
}

impl Summary {
    /// Looks at the run in `dir`, `now` being Unix seconds.
    ///
    /// # Errors
    /// A broken `run.json` or `status.json`, by name.
    pub fn read(dir: &RunDir, now: u64) -> Result<Self, RunError> {
        let manifest = Manifest::read(dir)?;
        let status = read_status(dir)?;
        let standing = match &status {
            None => Standing::New,
            Some(status) => Standing::of(status, liveness_of(dir, status, now, SILENT_AFTER_S)?),
        };
        let mut summary = Self::begun(manifest);
        summary.reward(rewards(dir)?);
        summary.run_dir = Some(dir.path().to_owned());
        summary.standing = standing;
        summary.note = note(dir)?;
        if let Some(status) = status {
            summary.phase = status.phase;
            summary.step = status.step;
            summary.reason = status.reason;
        }
        Ok(summary)
    }

    /// The run that came with the program; `None` only if its embedded files were not those of a run.
    #[must_use]
    pub fn shipped() -> Option<Self> {
        let mut summary = Self::begun(shipped::manifest()?);
        let mut rewards = Rewards::default();
        for row in shipped::evaluations() {
            summary.phase.clone_from(&row.stage);
            rewards.take(&row);
        }
        summary.reward(rewards);
        summary.run_id = shipped::ID.to_owned();
        summary.standing = Standing::Finished;
        summary.step = summary.total_steps;
        Some(summary)
    }

    /// What a run was started with, and nothing yet of what became of it.
    fn begun(manifest: Manifest) -> Self {
        let fed = fed(&manifest);
        Self {
            run_id: manifest.run_id,
            run_dir: None,
            standing: Standing::New,
            phase: String::new(),
            step: 0,
            total_steps: manifest.plan.total_steps(),
            created: manifest.created,
            model: manifest.model,
            seed: manifest.seed,
            best_mean_reward: None,
            best_accuracy: None,
            best_episodes: None,
            last: None,
            reason: String::new(),
            preset: nearest_preset(&manifest.config).as_str(),
            note: String::new(),
            ended_early: manifest.plan.ended_early(),
            config: manifest.config,
            fed,
            evaluations: Series::new(),
        }
    }

    fn reward(&mut self, rewards: Rewards) {
        let best = rewards.best.or(rewards.highest);
        self.best_mean_reward = best.map(|best| best.reward);
        self.best_accuracy = best.and_then(|best| best.accuracy);
        self.best_episodes = best.map(|best| best.episodes);
        self.last = rewards.last;
        self.evaluations = rewards.series;
    }

    /// What it is called: as its folder, since copies of a run have one id; the shipped run by its id.
    #[must_use]
    pub fn name(&self) -> String {
        let dir = self.run_dir.as_ref().map(RunDir::new);
        dir.map_or_else(|| self.run_id.clone(), |dir| dir.id())
    }

    /// Whether it came with the program: it can be looked at and compared with, nothing else.
    #[must_use]
    pub const fn is_shipped(&self) -> bool {
        self.run_dir.is_none()
    }

    /// What can be said of a folder that cannot be read.
    #[must_use]
    pub fn broken(dir: &RunDir, error: &RunError) -> Self {
        let config = TrainConfig::nano();
        Self {
            run_id: dir.id(),
            run_dir: Some(dir.path().to_owned()),
            standing: Standing::Broken,
            phase: String::new(),
            step: 0,
            total_steps: 0,
            created: String::new(),
            model: String::new(),
            seed: 0,
            best_mean_reward: None,
            best_accuracy: None,
            best_episodes: None,
            last: None,
            reason: error.to_string(),
            preset: "",
            note: String::new(),
            ended_early: None,
            config,
            fed: Vec::new(),
            evaluations: Series::new(),
        }
    }
}

/// Mean rewards on hold-out episodes.
#[derive(Debug, Default)]
struct Rewards {
    /// Over steps; of several at one step the last.
    series: Series,
    highest: Option<Scored>,
    /// Of the row that says it is of the best adapter.
    best: Option<Scored>,
    last: Option<Scored>,
}

/// What an adapter did on hold-out episodes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    pub step: u64,
    pub episodes: u64,
    pub reward: f64,
    pub accuracy: Option<f64>,
}

impl Rewards {
    fn take(&mut self, row: &EvalRow) {
        let Some(&reward) = row.values.get(BEST_BY) else {
            return;
        };
        self.series.push(row.step, reward);
        let here = Scored {
            step: row.step,
            episodes: row.episodes,
            reward,
            accuracy: row.values.get("accuracy").copied(),
        };
        self.last = Some(here);
        if self.highest.is_none_or(|highest| highest.reward < reward) {
            self.highest = Some(here);
        }
        if row.values.get("is_best") == Some(&1.0) {
            self.best = Some(here);
        }
    }
}

fn rewards(dir: &RunDir) -> Result<Rewards, RunError> {
    let mut rewards = Rewards::default();
    every_row(dir, Journal::Eval, |row| rewards.take(&row))?;
    Ok(rewards)
}

/// Folders of runs that cannot be read, and what is wrong with each.
pub type Broken = Vec<(RunDir, RunError)>;

/// Every run under `root` that can be read, begun last first, and what is wrong with those that cannot.
///
/// # Errors
/// Where `root` cannot be read.
pub fn all(root: &Path, now: u64) -> Result<(Vec<Summary>, Broken), RunError> {
    let (mut found, mut broken) = (Vec::new(), Vec::new());
    for dir in layout::list(root)? {
        match Summary::read(&dir, now) {
            Ok(summary) => found.push(summary),
            Err(error) => broken.push((dir, error)),
        }
    }
    // A folder may have any name; where two began in one second the name decides.
    found.sort_by(|a, b| b.created.cmp(&a.created));
    Ok((found, broken))
}

/// The run that `name` means: a path, a folder's name under `root`, or the id that its `run.json` gives it.
///
/// # Errors
/// [`RunError::NotARun`] where there is none.
pub fn find(root: &Path, name: &str) -> Result<RunDir, RunError> {
    let by_place = RunDir::find(root, name);
    if by_place.is_ok() {
        return by_place;
    }
    let is_it = |dir: &RunDir| Manifest::read(dir).is_ok_and(|manifest| manifest.run_id == name);
    let found = layout::list(root)?.into_iter().find(is_it);
    found.map_or(by_place, Ok)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::RunWriter;
    use crate::run::keeping::write_note;
    use crate::run::layout::replace_file;
    use std::collections::BTreeMap;

    fn writer(root: &std::path::Path, name: &str) -> (RunDir, RunWriter) {
        let dir = RunDir::new(root.join(name));
        std::fs::create_dir_all(dir.path()).expect("folder");
        let config = TrainConfig::nano();
        let plan = config.plan(0);
        let mut manifest = Manifest::new(&dir, config, plan, "nano", "cpu", BTreeMap::new());
        manifest.created = name.to_owned();
        let writer = RunWriter::create(dir.clone(), &manifest).expect("starts");
        (dir, writer)
    }

    fn status(state: RunState, heartbeat: u64) -> Status {
        Status {
            state,
            phase: "sft".to_owned(),
            step: 3,
            total_steps: 9,
            elapsed_s: 0.0,
            eta_s: None,
            heartbeat,
            pid: 1,
            reason: "why".to_owned(),
        }
    }

    fn row_of_best(step: u64, reward: f64) -> EvalRow {
        let values = [("mean_reward", reward), ("is_best", 1.0)];
        EvalRow {
            step,
            stage: "sft".into(),
            episodes: 8,
            values: values.map(|(name, value)| (name.to_owned(), value)).into(),
            ..EvalRow::default()
        }
    }

    #[test]
    fn the_run_in_the_program_is_summed_up_like_one_in_a_folder() {
        let root = tempfile::tempdir().expect("folder");
        let (dir, mut writer) = writer(root.path(), "copy");
        let manifest = shipped::manifest().expect("a manifest");
        manifest.write(&dir).expect("written");
        for row in shipped::evaluations() {
            writer.eval(&row).expect("written");
        }
        let copy = Summary::read(&dir, 0).expect("read");
        let shipped = Summary::shipped().expect("a run");
        assert!(shipped.is_shipped() && !copy.is_shipped());
        assert_eq!(shipped.step, manifest.plan.total_steps());
        assert_eq!(
            (shipped.run_id.as_str(), shipped.standing, &*shipped.phase),
            ("shipped", Standing::Finished, "stage4_adversarial")
        );
        assert!(shipped.best_mean_reward.is_some());
        let of_both = Summary {
            run_id: shipped.run_id.clone(),
            run_dir: None,
            standing: shipped.standing,
            phase: shipped.phase.clone(),
            step: shipped.step,
            ..copy
        };
        assert_eq!(shipped, of_both);
    }

    #[test]
    fn runs_are_listed_by_their_beginning_and_found_by_their_id() {
        let root = tempfile::tempdir().expect("folder");
        for (name, created) in [
            ("zebra", "2026-01-01"),
            ("ant", "2026-01-03"),
            ("bee", "2026-01-02"),
        ] {
            let (dir, writer) = writer(root.path(), name);
            let mut manifest = Manifest::read(&dir).expect("read");
            manifest.created = format!("{created}T00:00:00Z");
            manifest.run_id = format!("id-of-{name}");
            manifest.write(&dir).expect("written");
            drop(writer);
        }
        let (found, _) = all(root.path(), 1_010).expect("listed");
        let ids: Vec<_> = found.iter().map(|run| run.run_id.as_str()).collect();
        assert_eq!(ids, ["id-of-ant", "id-of-bee", "id-of-zebra"]);
        for name in ["bee", "id-of-bee"] {
            let dir = find(root.path(), name).expect("found");
            assert_eq!(dir.id(), "bee", "{name}");
        }
        assert!(find(root.path(), "id-of-none").is_err());
    }

    #[test]
    fn a_list_tells_runs_that_live_from_those_that_died() {
        let root = tempfile::tempdir().expect("folder");
        let (alive, mut of_alive) = writer(root.path(), "20260103-000000-s1");
        of_alive
            .status(&status(RunState::Running, 1_000))
            .expect("written");
        let row = |step, reward| EvalRow {
            step,
            stage: "sft".into(),
            episodes: 8,
            values: BTreeMap::from([("mean_reward".to_owned(), reward)]),
            ..EvalRow::default()
        };
        for (step, reward) in [(1, 0.25), (2, 0.5), (3, -1.0)] {
            of_alive.eval(&row(step, reward)).expect("written");
        }
        write_note(&alive, "the first").expect("written");
        let (_, of_dead) = writer(root.path(), "20260102-000000-s1");
        of_dead
            .status(&status(RunState::Running, 10))
            .expect("written");
        drop(of_dead);
        let (_, of_new) = writer(root.path(), "20260101-000000-s1");
        drop(of_new);
        let odd = root.path().join("20250101-000000-s1");
        std::fs::create_dir(&odd).expect("folder");
        replace_file(&odd.join("run.json"), b"{").expect("written");
        let (found, broken) = all(root.path(), 1_010).expect("listed");
        let standings: Vec<Standing> = found.iter().map(|s| s.standing).collect();
        assert_eq!(
            standings,
            [Standing::Running, Standing::Crashed, Standing::New]
        );
        assert_eq!(found[0].best_mean_reward, Some(0.5));
        assert_eq!(
            (found[0].note.as_str(), found[0].preset),
            ("the first", "nano")
        );
        assert_eq!(found[0].evaluations.points().len(), 3);
        assert_eq!(
            (found[0].step, &found[0].run_dir),
            (3, &Some(alive.path().to_owned()))
        );
        assert!(broken[0].1.to_string().contains("run.json"), "{broken:?}");
        let row = Summary::broken(&broken[0].0, &broken[0].1);
        assert!(row.run_dir == Some(odd) && row.reason.contains("run.json"));
        // The best adapter's own reward, whatever a later evaluation of other episodes gave.
        let mut best = row_of_best(4, 0.25);
        of_alive.eval(&best).expect("written");
        best.values.insert("is_best".to_owned(), 0.0);
        best.values.insert("mean_reward".to_owned(), 0.75);
        best.episodes = 2_000;
        of_alive.eval(&best).expect("written");
        let found = Summary::read(&alive, 1_010).expect("read");
        assert_eq!(
            (found.best_mean_reward, found.best_episodes),
            (Some(0.25), Some(8))
        );
        let last = found.last.map(|last| (last.reward, last.episodes));
        assert_eq!(last, Some((0.75, 2_000)));
        assert_eq!(found.fed[0].0, "environment");
    }
}
