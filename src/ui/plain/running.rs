//! Runs by word: how the one in progress goes, what can be asked of it, and which others there are.

use std::io;

use super::Plain;
use super::words::Word;
use crate::link::RunState;
use crate::run::HEADLINES;
use crate::run::series::Point;
use crate::run::summary::Summary;
use crate::ui::app::{App, ScreenName};
use crate::ui::keys::Verb;
use crate::ui::numbers::clock;
use crate::ui::told::Watching;

impl Plain<'_> {
    /// How the run goes, or what is asked of it.
    pub(super) fn train(&mut self, rest: &str) -> io::Result<()> {
        match rest {
            "" => self.put_all(&run(&self.app)),
            "start" => self.start(Verb::NewRun),
            "continue" => self.start(Verb::ContinueRun),
            "skip" => {
                self.verb_on(ScreenName::Training, Verb::SkipStage)?;
                if self.app.layers.is_empty() {
                    return Ok(());
                }
                self.verb(Verb::Confirm)
            }
            "pause" => self.steer(Word::Pause),
            "resume" => self.steer(Word::Resume),
            "save" => self.steer(Word::Save),
            "stop" => self.steer(Word::Stop),
            other => self.put(&format!(
                "train takes start, continue, skip, pause, resume, save or stop, not {other}"
            )),
        }
    }

    /// As the form before a run does, with what `set` has changed in it.
    fn start(&mut self, verb: Verb) -> io::Result<()> {
        if !self.open_form()? {
            // Why not has been said.
            return Ok(());
        }
        self.verb_on(ScreenName::Training, verb)?;
        if !self.app.training.is_in_progress() {
            return Ok(());
        }
        if verb == Verb::NewRun {
            // They are the run's now, and what the next form begins with.
            self.sets.clear();
        }
        self.wait(|plain| {
            let training = &plain.app.training;
            let is_told = training.live().is_some_and(|run| run.status.is_some());
            is_told || training.failure().is_some()
        })?;
        self.put_all(&run(&self.app))
    }

    /// Asks something of the run in progress.
    pub(super) fn steer(&mut self, word: Word) -> io::Result<()> {
        let is_paused = self.app.training.waits_for_resume();
        let verb = match word {
            Word::Pause if is_paused => return self.put("The run is paused already, or soon."),
            Word::Resume if self.app.training.is_in_progress() && !is_paused => {
                return self.put("The run is not paused.");
            }
            Word::Pause | Word::Resume => Verb::PauseOrResume,
            Word::Save => Verb::SaveCheckpoint,
            _ => Verb::StopTraining,
        };
        self.verb_on(ScreenName::Training, verb)
    }

    /// The runs there are, newest first.
    pub(super) fn runs(&mut self) -> io::Result<()> {
        self.look_for_runs()?;
        let lines: Vec<String> = self.app.runs.visible().into_iter().map(listed).collect();
        self.put_all(&lines)
    }

    /// What the attacker tried in the run, the most winning arm first.
    pub(super) fn attacks(&mut self) -> io::Result<()> {
        let lines = self.app.training.shown().map(arms);
        self.put_all(&lines.unwrap_or_else(no_run))
    }
}

/// Said where there is no run.
pub(super) fn no_run() -> Vec<String> {
    vec!["Run: none; train start begins one".to_owned()]
}

/// Keys that are told of on the screens, and the words for them here: other keys mean other things on episodes.
const IN_WORDS: [(&str, &str); 11] = [
    ("t and then Enter continues", "train continue continues"),
    ("t continues the run", "train continue continues the run"),
    ("t starts one", "train start begins one"),
    (
        "F2 and then t trains on what is there",
        "train start trains on what is there",
    ),
    (
        "1-5, Space and Enter label an alert",
        "block_ip L1-2 and label TEXT label an alert",
    ),
    ("p resumes it", "resume lets it go on"),
    ("x stops; ", "stop stops; "),
    (
        "v shows the run in progress",
        "open alone brings the run in progress to the front",
    ),
    (
        "E opens it in your editor",
        "your editor, which needs the screens, opens it",
    ),
    (". Esc shows the alert", "; what-if drop shows the alert"),
    ("Esc takes it off", "filter alone takes it off"),
];

/// What is said on the screens, in words.
pub(super) fn in_words(text: &str) -> String {
    let told = text.to_owned();
    IN_WORDS
        .iter()
        .fold(told, |told, (keys, words)| told.replace(keys, words))
}

/// How the run in progress goes, or the one in front.
fn run(app: &App) -> Vec<String> {
    let training = &app.training;
    let run = training.live().or_else(|| training.shown());
    run.map_or_else(no_run, told)
}

/// How a run goes, a fact a line.
pub(super) fn told(run: &Watching) -> Vec<String> {
    let mut lines = vec![format!("Run: {}, {}", run.name(), state(run))];
    let phase = run.stage().map(|stage| {
        format!(
            "Phase: {}, step {} of {}",
            stage.name, stage.done, stage.steps
        )
    });
    lines.extend(phase);
    lines.push(format!("Step: {} of {}", run.last_step, run.total_steps()));
    lines.extend(metrics(run));
    let status = run.status.as_ref().filter(|_| run.is_in_progress());
    let left = status
        .and_then(|status| status.eta_s)
        .filter(|_| !run.is_silent());
    lines.extend(left.map(|seconds| format!("Time left: {}", clock(seconds))));
    let why = run.reason();
    lines.extend((!why.is_empty()).then(|| format!("Reason: {}", in_words(&why))));
    lines.extend(
        run.signs()
            .map(|sign| format!("Sign: {}", in_words(&sign.text(run.is_in_progress())))),
    );
    lines
}

fn state(run: &Watching) -> &'static str {
    match run.state() {
        _ if run.is_shipped => "shipped with the program, read-only",
        None => "starting",
        Some(RunState::Running) if run.is_silent() => "silent",
        Some(state) => state.as_str(),
    }
}

/// The latest metrics in one line.
fn metrics(run: &Watching) -> Option<String> {
    let newest = |name: &&str| {
        let point = run.curves.get(name)?.newest().filter(Point::is_drawn)?;
        Some(format!("{name} {:.3}", point.value))
    };
    let told: Vec<String> = HEADLINES.iter().filter_map(newest).collect();
    (!told.is_empty()).then(|| format!("Metrics: {}", told.join(", ")))
}

/// The attacker's arms, one a line.
fn arms(run: &Watching) -> Vec<String> {
    let arms = run.arms();
    if arms.is_empty() {
        let none = run.says_none_of("tries of the attacker", "they come with stage 4");
        return vec![format!("Attacks: {}", in_words(&none))];
    }
    let told = arms.iter().map(|arm| {
        let [tries, wins, refused, step, last] = arm.words();
        format!(
            "Arm {}: tries {tries}, won {wins}, refused {refused}, last at step {step}: {last}",
            arm.last.arm
        )
    });
    told.collect()
}

/// A run in one line.
fn listed(run: &Summary) -> String {
    let best = run.best_mean_reward;
    let best = best.map_or_else(|| "none".to_owned(), |best| format!("{best:.3}"));
    let note = match run.note.as_str() {
        "" => String::new(),
        note => format!("; note: {}", note.replace('\n', " / ")),
    };
    format!(
        "Run {}: {}, {}, step {} of {}, best reward {best}, {}{note}",
        run.name(),
        run.standing.as_str(),
        run.phase,
        run.step,
        run.total_steps,
        run.model
    )
}
