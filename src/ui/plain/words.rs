//! The commands by word: what can be typed, what it takes, and where it works. Pure.
//!
//! A word may be cut short as long as one word alone begins so; keys of the screens stand for the words that do the same.

use crate::env::schema::Action;
use crate::nearest;
use crate::ui::app::{App, ScreenName};
use crate::ui::keys::{Chord, Lookup, Verb};

/// What a line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Accept,
    Adapters,
    Again,
    Agreement,
    Answer,
    Attacks,
    Blind,
    Case,
    Cite,
    Compare,
    Copy,
    Decide(Action),
    Delete,
    Discard,
    Episodes,
    Evaluations,
    Export,
    Fields,
    Filter,
    Flag,
    Generated,
    Groups,
    Guidelines,
    Help,
    Label,
    Labelling,
    Line,
    Log,
    Metrics,
    Mismatch,
    Model,
    Next,
    Note,
    Open,
    Pause,
    Pending,
    Previous,
    Quit,
    Rationale,
    Redo,
    Resume,
    Reveal,
    Rollouts,
    Rule,
    Runs,
    Save,
    Score,
    Set,
    Settings,
    Show,
    Skip,
    Sort,
    Split,
    Stage,
    Stop,
    Submit,
    Train,
    Undo,
    WhatIf,
}

impl Word {
    /// Whether it changes nothing where nothing stands behind it: it tells what there is.
    pub const fn tells(self) -> bool {
        matches!(
            self,
            Word::Adapters
                | Word::Agreement
                | Word::Answer
                | Word::Attacks
                | Word::Case
                | Word::Copy
                | Word::Evaluations
                | Word::Fields
                | Word::Groups
                | Word::Guidelines
                | Word::Help
                | Word::Log
                | Word::Metrics
                | Word::Model
                | Word::Rollouts
                | Word::Rule
                | Word::Runs
                | Word::Score
                | Word::Settings
                | Word::Show
                | Word::Sort
                | Word::Train
        )
    }
}

/// Where a word works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum On {
    Both,
    Episodes,
    Labelling,
}

/// A line of the table.
pub(super) struct Entry {
    pub name: &'static str,
    pub word: Word,
    /// What may follow it.
    pub takes: &'static str,
    on: On,
    pub help: &'static str,
}

impl Entry {
    /// Where it works, where that is one place only.
    pub const fn place(&self) -> Option<&'static str> {
        match self.on {
            On::Both => None,
            On::Episodes => Some("episodes"),
            On::Labelling => Some("labelling"),
        }
    }

    fn works_on(&self, screen: ScreenName) -> bool {
        match self.on {
            On::Both => true,
            On::Episodes => screen == ScreenName::Episodes,
            On::Labelling => screen == ScreenName::Labelling,
        }
    }
}

const fn entry(
    name: &'static str,
    word: Word,
    takes: &'static str,
    on: On,
    help: &'static str,
) -> Entry {
    Entry {
        name,
        word,
        takes,
        on,
        help,
    }
}

/// Every word, in the order of help.
#[rustfmt::skip]
pub(super) const WORDS: [Entry; 63] = [
    entry("dismiss", Word::Decide(Action::Dismiss), "[LINE]", On::Both, "decide; a line behind it is cited"),
    entry("monitor", Word::Decide(Action::Monitor), "[LINE]", On::Both, "decide"),
    entry("quarantine_host", Word::Decide(Action::QuarantineHost), "[LINE]", On::Both, "decide"),
    entry("block_ip", Word::Decide(Action::BlockIp), "[LINE]", On::Both, "decide"),
    entry("escalate", Word::Decide(Action::Escalate), "[LINE]", On::Both, "decide"),
    entry("cite", Word::Cite, "LINE", On::Both, "cite a log line, by its id or its number"),
    entry("line", Word::Line, "LINE", On::Both, "go to a log line and read it; it counts where none is cited"),
    entry("submit", Word::Submit, "", On::Both, "submit the decision: truth and score, or a label with a rationale"),
    entry("reveal", Word::Reveal, "", On::Episodes, "the truth and the model's answer; a decision that stands is submitted"),
    entry("answer", Word::Answer, "", On::Both, "what the model says of this alert"),
    entry("again", Word::Again, "", On::Episodes, "ask the model again"),
    entry("rule", Word::Rule, "", On::Episodes, "the rule behind the truth, its reason and techniques"),
    entry("fields", Word::Fields, "[LINE]", On::Both, "all fields of a log line"),
    entry("show", Word::Show, "", On::Both, "the alert again"),
    entry("next", Word::Next, "", On::Both, "the next alert, of those the filter lets through"),
    entry("previous", Word::Previous, "", On::Both, "the alert before"),
    entry("mismatch", Word::Mismatch, "", On::Episodes, "the next alert the model got wrong"),
    entry("stage", Word::Stage, "[1-4]", On::Episodes, "the next stage, or that one"),
    entry("split", Word::Split, "[train|holdout]", On::Episodes, "the other split, or that one; only train alerts are labelled"),
    entry("filter", Word::Filter, "[TEXT]", On::Both, "only what TEXT lets through, as after / on the screens; without one everything"),
    entry("sort", Word::Sort, "[WORD|next]", On::Episodes, "list alerts by number, severity, category, host, outcome or rule; without a WORD tells which"),
    entry("blind", Word::Blind, "", On::Episodes, "hide the model's answer until the reveal, or show it"),
    entry("model", Word::Model, "[NAME|next|previous]", On::Both, "who can be asked, or ask that adapter from now on"),
    entry("adapters", Word::Adapters, "", On::Both, "who can be asked, and how each has done so far"),
    entry("compare", Word::Compare, "[NAME|next|off]", On::Episodes, "another adapter's answer too, and whether both say the same; until off answer and reveal tell both"),
    entry("what-if", Word::WhatIf, "[[LINE] FIELD [VALUE]|drop]", On::Episodes, "edit a field of a revealed alert in a copy: truth and answer before and after; undo takes an edit back, without a VALUE what it may be, \"\" is an empty one"),
    entry("groups", Word::Groups, "[BY [NAME]]", On::Episodes, "alerts counted by category, host, rule, severity or outcome; a NAME is added to the filter"),
    entry("copy", Word::Copy, "line|prompt|json|case [defanged]", On::Both, "print the log line you are on, the prompt, the episode or the case in Markdown; hidden characters are spelled out, in json escaped, which loses nothing"),
    entry("case", Word::Case, "[defanged]", On::Both, "print the case in Markdown for a ticket"),
    entry("score", Word::Score, "", On::Episodes, "you, the model and the truth over the revealed alerts of this stage"),
    entry("undo", Word::Undo, "", On::Both, "take the last change back"),
    entry("redo", Word::Redo, "", On::Both, "bring it again"),
    entry("label", Word::Label, "[RATIONALE]", On::Both, "submit the decision as a label that models learn from"),
    entry("rationale", Word::Rationale, "TEXT", On::Labelling, "the one sentence of a label"),
    entry("note", Word::Note, "[RUN] TEXT", On::Both, "a note for people: on labelling on the alert, elsewhere on a run; of a RUN without TEXT the one there is, \"\" takes it away"),
    entry("accept", Word::Accept, "", On::Labelling, "take the model's answer over, after a choice of your own"),
    entry("skip", Word::Skip, "", On::Labelling, "leave the alert for later, or take that back"),
    entry("discard", Word::Discard, "", On::Labelling, "nobody should learn from the alert, or take that back"),
    entry("flag", Word::Flag, "", On::Labelling, "flag the alert for somebody to look at, or take that back"),
    entry("pending", Word::Pending, "", On::Labelling, "the next alert that waits for its label"),
    entry("generated", Word::Generated, "", On::Labelling, "generated alerts behind the imported ones, or none"),
    entry("agreement", Word::Agreement, "[NUMBER]", On::Labelling, "how far you agree with the verifier and others, in percent and kappa, and where not; or go to that disagreement"),
    entry("guidelines", Word::Guidelines, "", On::Both, "what a label is, and when to choose which action"),
    entry("export", Word::Export, "[RUN]", On::Both, "write the metrics, evaluations and times of a run as CSV and JSON lines into its folder; without a RUN, on labelling, what you have submitted as examples that a run started then trains on too"),
    entry("episodes", Word::Episodes, "", On::Both, "alerts whose truth is known (F1)"),
    entry("labelling", Word::Labelling, "", On::Both, "alerts that wait for labels, imported ones too (F3)"),
    entry("train", Word::Train, "[start|continue|skip]", On::Both, "how the run goes; start one, continue one, or end its stage early"),
    entry("settings", Word::Settings, "[WORDS]", On::Both, "every setting of the next run, or those that hold the words"),
    entry("set", Word::Set, "KEY [VALUE]", On::Both, "change a setting of the next run; without a VALUE what it is and takes"),
    entry("pause", Word::Pause, "", On::Both, "pause the run after its step"),
    entry("resume", Word::Resume, "", On::Both, "let a paused run go on"),
    entry("save", Word::Save, "", On::Both, "have the run write a checkpoint"),
    entry("stop", Word::Stop, "", On::Both, "stop the run after a checkpoint"),
    entry("metrics", Word::Metrics, "[NAME [STEP]]", On::Both, "each metric of the run in front: newest, smoothed, lowest, highest; of one its newest values, or those around a step"),
    entry("log", Word::Log, "[NUMBER]", On::Both, "what is wrong with the run in front and what was warned of, the newest lines of it"),
    entry("rollouts", Word::Rollouts, "[STEP|older|newer|window]", On::Both, "what the run sampled last, or at a step, with rewards; window tells the log lines behind it"),
    entry("evaluations", Word::Evaluations, "[STEP|list]", On::Both, "the run's last evaluation or that of a step: stages, slices, calibration, confusions; or all of them in a line each"),
    entry("attacks", Word::Attacks, "", On::Both, "what the attacker tried in the run, and won"),
    entry("runs", Word::Runs, "", On::Both, "the runs there are"),
    entry("open", Word::Open, "[RUN]", On::Both, "bring a run to the front, to be looked at; without a RUN the one in progress"),
    entry("delete", Word::Delete, "RUN", On::Both, "delete a run and its folder; asks first, and yes is the answer"),
    entry("help", Word::Help, "[WORD]", On::Both, "these words, or that one"),
    entry("quit", Word::Quit, "[leave|stop]", On::Both, "the end; a run in progress goes on, or stops after a checkpoint"),
];

/// The line that does what a key of the screens does, where there is one.
const fn of_verb(verb: Verb) -> Option<&'static str> {
    Some(match verb {
        Verb::ChooseDismiss => "dismiss",
        Verb::ChooseMonitor => "monitor",
        Verb::ChooseQuarantineHost => "quarantine_host",
        Verb::ChooseBlockIp => "block_ip",
        Verb::ChooseEscalate => "escalate",
        Verb::Mark => "cite",
        Verb::Submit => "submit",
        Verb::Reveal => "reveal",
        Verb::NextMismatch => "mismatch",
        Verb::NextAlert | Verb::NextMatch => "next",
        Verb::PreviousAlert | Verb::PreviousMatch => "previous",
        Verb::Undo => "undo",
        Verb::Redo => "redo",
        Verb::NextStage => "stage next",
        Verb::PreviousStage => "stage previous",
        Verb::NextAdapter => "model next",
        Verb::PreviousAdapter => "model previous",
        Verb::ToggleBlind => "blind",
        Verb::AskAgain => "again",
        Verb::ShowThreeWay => "score",
        Verb::OpenDetail => "fields",
        Verb::ToggleSplit => "split",
        Verb::NextOrder => "sort next",
        Verb::ToggleCompare => "compare",
        Verb::NextCompared => "compare next",
        Verb::ShowAdapters => "adapters",
        Verb::ShowGroups => "groups",
        Verb::EditField => "what-if",
        Verb::DropWhatIf => "what-if drop",
        Verb::Copy => "copy",
        Verb::LabelAlert => "label",
        Verb::Search => "filter",
        Verb::EditRationale => "rationale",
        Verb::WriteNote => "note",
        Verb::AcceptAnswer => "accept",
        Verb::SkipAlert => "skip",
        Verb::DiscardAlert => "discard",
        Verb::FlagAlert => "flag",
        Verb::NextPending => "pending",
        Verb::ToggleGenerated => "generated",
        Verb::ShowAgreement => "agreement",
        Verb::ShowGuidelines => "guidelines",
        Verb::ExportLabels | Verb::ChooseFormat => "export",
        Verb::ShowEpisodes => "episodes",
        Verb::ShowLabelling => "labelling",
        Verb::ShowTraining => "train",
        Verb::ShowAttacker => "attacks",
        Verb::ShowRuns => "runs",
        Verb::Help => "help",
        Verb::Quit | Verb::Interrupt => "quit",
        _ => return None,
    })
}

/// What a line asks for, and what stands behind the word.
///
/// # Errors
/// What to type instead, in words.
pub(super) fn read<'a>(line: &'a str, app: &App) -> Result<(Word, &'a str), String> {
    let line = line.trim();
    // A filter may stand right behind its sign.
    let (first, rest) = match line.strip_prefix('/') {
        Some(text) => ("filter", text.trim()),
        None => halves(line),
    };
    if first.is_empty() {
        return Err("nothing typed: help lists the commands".to_owned());
    }
    let exact = WORDS.iter().find(|entry| entry.name == first);
    if let Some(found) = exact {
        return placed(found, rest, app);
    }
    if let Some(of_key) = by_key(first, app) {
        let (word, implied) = halves(of_key?);
        let rest = if rest.is_empty() { implied } else { rest };
        return placed(named(word)?, rest, app);
    }
    placed(named(&first.to_lowercase())?, rest, app)
}

/// The first word, and what is behind it.
pub(super) fn halves(line: &str) -> (&str, &str) {
    let (first, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    (first, rest.trim())
}

/// The line that a key stands for where one is; none where `name` is no key.
fn by_key(name: &str, app: &App) -> Option<Result<&'static str, String>> {
    let chord = Chord::parse(name)?;
    let Lookup::Verb(verb) = app.keymap.lookup(app.screen.place(), &[chord]) else {
        return None;
    };
    let needs_screens = || {
        format!(
            "{name} is {}, which needs the screens: help lists what works here",
            verb.words()
        )
    };
    Some(of_verb(verb).ok_or_else(needs_screens))
}

/// The word that `name` is, or alone begins so.
pub(super) fn named(name: &str) -> Result<&'static Entry, String> {
    let begun: Vec<&Entry> = WORDS.iter().filter(|e| e.name.starts_with(name)).collect();
    let exact = begun.iter().find(|entry| entry.name == name);
    match (exact, &begun[..]) {
        (Some(found), _) | (None, [found]) => Ok(found),
        (None, []) => Err(unknown(name)),
        (None, several) => {
            let names: Vec<&str> = several.iter().map(|entry| entry.name).collect();
            Err(format!(
                "{name} begins several commands: {}",
                names.join(", ")
            ))
        }
    }
}

/// What the screens call otherwise.
const CALLED_HERE: [(&str, &str); 8] = [
    ("curve", "metrics"),
    ("curves", "metrics"),
    ("chart", "metrics"),
    ("charts", "metrics"),
    ("config", "settings"),
    ("warnings", "log"),
    ("training", "train"),
    ("attacker", "attacks"),
];

/// What to type instead of what is no command: never a word that decides or changes something, for whoever follows the
/// suggestion may not know it.
fn unknown(name: &str) -> String {
    if let Some((_, here)) = CALLED_HERE.iter().find(|(known, _)| *known == name) {
        return format!("no command {name}, it is {here} here: help lists them");
    }
    let telling = WORDS.iter().filter(|entry| entry.word.tells());
    let names = telling.map(|entry| entry.name);
    // Of what is as far as a word of its own nothing is near.
    match nearest::within(name, names, |known| known.len() / 3) {
        Some(nearest) => format!(
            "no command {name}, the nearest that tells something is {nearest}: help lists them"
        ),
        None => format!("no command {name}: help lists them"),
    }
}

/// What it asks for, where it works here.
fn placed<'a>(entry: &Entry, rest: &'a str, app: &App) -> Result<(Word, &'a str), String> {
    match entry.place().filter(|_| !entry.works_on(app.screen)) {
        Some(place) => Err(format!(
            "{} works on {place}: {place} goes there",
            entry.name
        )),
        None => Ok((entry.word, rest)),
    }
}
