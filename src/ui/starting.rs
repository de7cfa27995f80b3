//! The form before a run: the configuration it would start with, a line a key, each to be changed in place.
//!
//! A change is checked by what checks `--set`, laid over what the workbench was opened with: so what starts here is what
//! `train --set` would start.

use std::path::PathBuf;

use crate::config::fields::FIELDS;
use crate::config::{Preset, TrainConfig, lay};
use crate::gate;
use crate::link::{Command, FitRequest};
use crate::run::compare::nearest_preset;
use crate::ui::app::App;
use crate::ui::keys::Verb;
use crate::ui::layer::Layer;
use crate::ui::line_edit::LineEdit;
use crate::ui::msg::Effect;
use crate::ui::queue::Model;
use crate::ui::scroll::stride;

/// The first line: not a key of the configuration, but where its values come from.
const PRESET: &str = "preset";

/// The line after it: labelled examples that SFT learns from beside the gold ones, a file and no key either.
pub const EXTRA: &str = "sft_extra";

/// Said where there is no such file.
const NO_FILE: &str = "none";

/// Keys that the loaded model and the running threads have settled already.
const SETTLED: [&str; 2] = ["threads", "base_dtype"];

/// What is being done with the form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    #[default]
    Looking,
    /// The value under the cursor is being written.
    Editing { typed: LineEdit },
    /// The words that lines have to hold are being written.
    Filtering,
}

/// The form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// Of the lines that the filter lets through.
    pub cursor: usize,
    pub mode: Mode,
    pub filter: LineEdit,
    /// Chosen here, over what the workbench was opened with.
    preset: Option<Preset>,
    /// `key=value`, one a changed key, in the order they were changed.
    sets: Vec<String>,
    /// The file of labelled examples, and the one that the form was opened with.
    extra: Option<PathBuf>,
    given_extra: Option<PathBuf>,
}

/// One line of the form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    pub key: &'static str,
    pub value: String,
    /// What the preset says, where that is something else.
    pub of_preset: Option<String>,
    pub about: &'static str,
    /// What it takes.
    pub allowed: String,
}

impl Setting {
    fn holds(&self, words: &str) -> bool {
        let text = format!("{} {}", self.key, self.about).to_lowercase();
        let words = words.to_lowercase();
        words.split_whitespace().all(|word| text.contains(word))
    }
}

/// What a configuration needs, as the model thread says.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    pub request: FitRequest,
    pub told: String,
    pub fits: bool,
    /// How many labelled examples its file holds, or why none can be read.
    pub labels: Result<u64, String>,
}

impl Form {
    /// A form that begins with this file of labelled examples.
    fn with(extra: Option<PathBuf>) -> Self {
        Self {
            given_extra: extra.clone(),
            extra,
            ..Self::default()
        }
    }

    /// What would be started.
    #[must_use]
    pub fn request(&self, given: &TrainConfig) -> FitRequest {
        FitRequest {
            config: self.config(given),
            sft_extra: self.extra.clone(),
        }
    }

    /// The configuration that would start; `given` is the one that the workbench was opened with.
    #[must_use]
    pub fn config(&self, given: &TrainConfig) -> TrainConfig {
        let start = self.start(given);
        // Each change was laid over it before.
        lay(&start, None, &self.sets).unwrap_or(start)
    }

    fn start(&self, given: &TrainConfig) -> TrainConfig {
        let of_preset = |preset: Preset| TrainConfig {
            threads: given.threads,
            base_dtype: given.base_dtype,
            ..preset.config()
        };
        self.preset.map_or_else(|| given.clone(), of_preset)
    }

    /// The preset that changed lines are held against.
    #[must_use]
    pub fn preset(&self, given: &TrainConfig) -> Preset {
        self.preset.unwrap_or_else(|| nearest_preset(given))
    }

    /// Whether it would start something else than what the workbench was opened with.
    #[must_use]
    pub fn is_changed(&self, given: &TrainConfig) -> bool {
        self.config(given) != *given || self.extra != self.given_extra
    }

    /// The lines that the filter lets through.
    #[must_use]
    pub fn settings(&self, given: &TrainConfig) -> Vec<Setting> {
        let preset = self.preset(given);
        let values = self.config(given).said();
        let recipe = preset.config().said();
        let first = Setting {
            key: PRESET,
            value: preset.as_str().to_owned(),
            of_preset: None,
            about: "the recipe that the values below come from",
            allowed: format!("one of {}", Preset::ALL.map(Preset::as_str).join(", ")),
        };
        let extra = self.extra.as_ref().map(|file| file.display().to_string());
        let second = Setting {
            key: EXTRA,
            of_preset: extra.as_ref().map(|_| NO_FILE.to_owned()),
            value: extra.unwrap_or_else(|| NO_FILE.to_owned()),
            about: "labelled examples for SFT too (train --sft-extra)",
            allowed: "a file such as `opensoc label export` writes, or none".to_owned(),
        };
        let pairs = values.into_iter().zip(recipe);
        let others = FIELDS
            .iter()
            .zip(pairs)
            .map(|(field, (value, of_preset))| Setting {
                key: field.key,
                of_preset: (value != of_preset).then_some(of_preset),
                value,
                about: field.about,
                allowed: match SETTLED.contains(&field.key) {
                    true => format!(
                        "nothing here, it is settled once the workbench is open: opensoc --set {}={}",
                        field.key,
                        field.kind.allowed()
                    ),
                    false => field.kind.allowed(),
                },
            });
        let all = [first, second].into_iter().chain(others);
        all.filter(|line| line.holds(&self.filter)).collect()
    }

    fn current(&self, given: &TrainConfig) -> Option<Setting> {
        self.settings(given).into_iter().nth(self.cursor)
    }

    /// Whether letters are text.
    #[must_use]
    pub const fn is_typing(&self) -> bool {
        !matches!(self.mode, Mode::Looking)
    }

    /// The text that is being written, where one is.
    pub fn written(&mut self) -> Option<&mut LineEdit> {
        match &mut self.mode {
            Mode::Looking => None,
            Mode::Editing { typed } => Some(typed),
            Mode::Filtering => Some(&mut self.filter),
        }
    }

    /// Other words let other lines through: the cursor begins at the first.
    pub fn rewritten(&mut self) {
        if self.mode == Mode::Filtering {
            self.cursor = 0;
        }
    }

    /// Lays `typed` over the line under the cursor.
    ///
    /// # Errors
    /// Why it is refused, in the words of `--set`; nothing is changed then.
    fn set(&mut self, given: &TrainConfig, typed: &str) -> Result<(), String> {
        let Some(line) = self.current(given) else {
            return Err("no line is let through by the filter".to_owned());
        };
        let typed = typed.trim();
        if typed == line.value {
            return Ok(());
        }
        if SETTLED.contains(&line.key) {
            return Err(format!(
                "{0} is settled once the workbench is open: opensoc --set {0}={typed}",
                line.key
            ));
        }
        if line.key == EXTRA {
            let is_none = typed.is_empty() || typed == NO_FILE;
            self.extra = (!is_none).then(|| PathBuf::from(typed));
            return Ok(());
        }
        let mut changed = self.clone();
        if line.key == PRESET {
            changed.preset = Some(Preset::from_name(typed).map_err(|error| error.to_string())?);
        } else {
            let own = format!("{}=", line.key);
            changed.sets.retain(|set| !set.starts_with(&own));
            changed.sets.push(own + typed);
        }
        lay(&changed.start(given), None, &changed.sets).map_err(|error| error.to_string())?;
        *self = changed;
        Ok(())
    }

    /// Puts the line under the cursor back to what the preset says; the preset to what the workbench was opened with.
    fn reset(&mut self, given: &TrainConfig) -> Result<(), String> {
        let line = self.current(given);
        match line {
            Some(line) if line.key == PRESET => {
                let back = Self {
                    preset: None,
                    ..self.clone()
                };
                lay(given, None, &back.sets).map_err(|error| error.to_string())?;
                *self = back;
                Ok(())
            }
            Some(Setting {
                of_preset: Some(value),
                ..
            }) => self.set(given, &value),
            _ => Err("this is what the preset says already".to_owned()),
        }
    }

    fn step(&mut self, by: isize, given: &TrainConfig) {
        let last = self.settings(given).len().saturating_sub(1);
        self.cursor = self.cursor.saturating_add_signed(by).min(last);
    }
}

/// What `verb` does in the form, if it is in front; `None` leaves it to others.
pub(super) fn perform(app: &mut App, verb: Verb) -> Option<Vec<Effect>> {
    let Some(Layer::Start { form }) = app.layers.last_mut() else {
        return None;
    };
    let given = &app.config;
    match (&form.mode, verb) {
        (Mode::Editing { typed }, Verb::Confirm) => {
            let typed = typed.clone();
            let result = form.set(given, &typed);
            return Some(changed(app, result));
        }
        (Mode::Editing { .. }, Verb::Back) | (Mode::Filtering, Verb::Confirm) => {
            form.mode = Mode::Looking;
        }
        (Mode::Filtering, Verb::Back) => clear_filter(form),
        (Mode::Editing { .. } | Mode::Filtering, Verb::Down | Verb::Up) => {}
        (Mode::Editing { .. } | Mode::Filtering, _) => return None,
        (Mode::Looking, Verb::Back) if !form.filter.is_empty() => clear_filter(form),
        (Mode::Looking, _) if verb.is_movement() => form.step(stride(verb), given),
        (Mode::Looking, Verb::Search) => form.mode = Mode::Filtering,
        (Mode::Looking, Verb::EditSetting) => match form.current(given) {
            Some(line) => {
                let typed = LineEdit::new(line.value);
                form.mode = Mode::Editing { typed };
            }
            None => app.say("no setting here to change"),
        },
        (Mode::Looking, Verb::ResetSetting) => {
            let result = form.reset(given);
            return Some(changed(app, result));
        }
        (Mode::Looking, Verb::Confirm) => {
            // What has been paid for comes first, unless something else was asked for here: a new run has a key of its own.
            let continues = !form.is_changed(given) && app.training.can_continue().is_some();
            return Some(start(app, continues));
        }
        (Mode::Looking, Verb::NewRun) => return Some(start(app, false)),
        (Mode::Looking, Verb::ContinueRun) => return Some(start(app, true)),
        _ => return None,
    }
    Some(Vec::new())
}

fn clear_filter(form: &mut Form) {
    form.filter = LineEdit::default();
    form.cursor = 0;
    form.mode = Mode::Looking;
}

/// A change was taken, or says why not and stays open.
fn changed(app: &mut App, result: Result<(), String>) -> Vec<Effect> {
    match result {
        Err(why) => {
            app.complain(gate::clean(&why));
            Vec::new()
        }
        Ok(()) => {
            if let Some(Layer::Start { form }) = app.layers.last_mut() {
                form.mode = Mode::Looking;
            }
            ask_fit(app)
        }
    }
}

/// Asks what the configuration in the form needs; nobody can say before the weights are loaded.
#[must_use]
pub(super) fn ask_fit(app: &App) -> Vec<Effect> {
    let is_ready = matches!(app.queue.model, Model::Ready { .. });
    match app.layers.last() {
        Some(Layer::Start { form }) if is_ready => {
            let request = Box::new(form.request(&app.config));
            vec![Effect::Send(Command::Fit(request))]
        }
        _ => Vec::new(),
    }
}

/// Opens the form.
pub(super) fn open(app: &mut App) -> Vec<Effect> {
    app.layers.push(Layer::Start {
        form: Form::with(app.sft_extra.clone()),
    });
    ask_fit(app)
}

/// Why the labelled examples of the form in front cannot be read, as far as that is known; the trainer looks again.
fn wrong_labels(app: &App) -> Option<String> {
    let Some(Layer::Start { form }) = app.layers.last() else {
        return None;
    };
    let fitted = app.fitted.as_ref();
    let fitted = fitted.filter(|fitted| fitted.request == form.request(&app.config))?;
    fitted.labels.clone().err()
}

fn start(app: &mut App, continues: bool) -> Vec<Effect> {
    let continued = app.training.can_continue().filter(|_| continues);
    let continue_in = continued.and_then(|run| run.run_dir.clone());
    if continues && continue_in.is_none() {
        app.say("there is no stopped run to continue");
        return Vec::new();
    }
    if let Some(why) = wrong_labels(app).filter(|_| !continues) {
        app.complain(gate::clean(&format!("no run is started: {why}")));
        return Vec::new();
    }
    let form = match app.layers.pop() {
        Some(Layer::Start { form }) => form,
        _ => Form::default(),
    };
    // Things may have changed while the question stood.
    if let Some(why) = app.why_no_run() {
        app.complain(gate::clean(&why));
        return Vec::new();
    }
    if !continues {
        app.config = form.config(&app.config);
        app.sft_extra = form.extra;
    }
    app.training.begin(continues);
    app.is_elsewhere = false;
    app.queue.set_training(true);
    vec![Effect::StartRun { continue_in }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::fields::{Field, Kind};
    use crate::config::resolve;

    /// A form with the cursor on `key`.
    fn at(mut form: Form, key: &str, given: &TrainConfig) -> Form {
        form.filter = LineEdit::default();
        let place = |line: &Setting| line.key == key;
        form.cursor = form.settings(given).iter().position(place).expect("a key");
        form
    }

    /// Values that the key may take.
    fn values(field: &Field) -> Vec<String> {
        match field.kind {
            Kind::Whole(low, high) => vec![low.to_string(), (low + 1).min(high).to_string()],
            Kind::Real(low, high) | Kind::OptionalReal(low, high) => {
                vec![format!("{:?}", (low + high) / 2.0), format!("{low:?}")]
            }
            Kind::OptionalText => vec!["sft".into(), "none".into()],
            Kind::Flag => vec!["true".into(), "false".into()],
            Kind::Word(words) => words.iter().map(|word| (*word).to_owned()).collect(),
            Kind::Words(_) => vec!["[\"q_proj\", \"o_proj\"]".into()],
        }
    }

    #[test]
    fn every_key_changed_here_gives_what_set_gives() {
        let given = TrainConfig::nano();
        let (mut form, mut sets) = (Form::default(), Vec::new());
        let free = |field: &&Field| !SETTLED.contains(&field.key);
        for field in FIELDS.iter().filter(free) {
            form = at(form, field.key, &given);
            for value in values(field) {
                let set = format!("{}={value}", field.key);
                let with_it = [&sets[..], std::slice::from_ref(&set)].concat();
                let wanted = resolve(Preset::Nano, false, None, &with_it);
                assert_eq!(form.set(&given, &value).is_ok(), wanted.is_ok(), "{set}");
                if let Ok(wanted) = wanted {
                    assert_eq!(form.config(&given), wanted, "{set}");
                    sets.push(set);
                }
            }
        }
        form.filter = LineEdit::default();
        let lines = form.settings(&given);
        assert!(lines.iter().filter(|l| l.of_preset.is_some()).count() > 35);
        let line = lines.into_iter().find(|line| line.key == "seed");
        assert_eq!(line.expect("a line").of_preset.as_deref(), Some("0"));
    }

    #[test]
    fn another_preset_keeps_what_was_changed_here() {
        let given = TrainConfig::nano();
        let mut form = at(Form::default(), "grpo.lr", &given);
        form.set(&given, "3e-5").expect("a rate");
        form = at(form, PRESET, &given);
        form.set(&given, "smollm2-135m").expect("a preset");
        let sets = ["grpo.lr=3e-5".to_owned()];
        let wanted = resolve(Preset::Smol, false, None, &sets).expect("resolves");
        assert_eq!(form.config(&given), wanted);
        let changed: Vec<_> = form
            .settings(&given)
            .into_iter()
            .filter(|l| l.of_preset.is_some())
            .collect();
        assert_eq!(changed.len(), 1, "{changed:?}");
        form.reset(&given).expect("back");
        assert_eq!(form.preset(&given), Preset::Nano);
        form = at(form, "grpo.lr", &given);
        form.reset(&given).expect("back");
        assert_eq!(form.config(&given), given);
    }

    #[test]
    fn what_is_refused_says_why_and_changes_nothing() {
        let mut given = TrainConfig::nano();
        given.grpo.epsilon_high = Some(0.25);
        for (key, typed, why) in [
            (
                "grpo.lr",
                "fast",
                "`grpo.lr` is \"fast\"; it takes a number from",
            ),
            ("sft.epochs", "0", "it takes a whole number from 1 to 1000"),
            ("seed", "", "expected key=value"),
            ("grpo.epsilon", "0.3", "`grpo.epsilon_high`"),
            (
                "threads",
                "9",
                "threads is settled once the workbench is open",
            ),
            (PRESET, "gpt", "unknown preset \"gpt\""),
        ] {
            let mut form = at(Form::default(), key, &given);
            let told = form.set(&given, typed).expect_err(key);
            assert!(told.contains(why), "{key}: {told}");
            assert!(!form.is_changed(&given), "{key}");
        }
    }
}
