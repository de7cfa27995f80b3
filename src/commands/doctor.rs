//! `opensoc doctor`: what this machine and terminal give, and what to do about what is amiss.

use std::io::{IsTerminal, Write};
use std::path::Path;

use serde::Serialize;

use super::Outcome;
use super::base::BaseModel;
use crate::env::schema::ENV_VERSION;
use crate::gate::clean;
use crate::label::Store;
use crate::model::placement::{DtypeChoice, device_name};
use crate::run::layout::default_root;
use crate::run::room;
use crate::run::summary::{self, now};
use crate::ui::app::MIN_SIZE;
use crate::ui::preferences::{self, Preferences};
use crate::ui::theme::{ColorChoice, Depth, Symbols};

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub base: BaseModel,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// One thing looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Check {
    name: &'static str,
    state: State,
    found: String,
    /// What to do; nothing where all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Ok,
    Warn,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self {
            name,
            state: State::Ok,
            found: found.into(),
            advice: None,
        }
    }

    fn warn(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            name,
            state: State::Warn,
            found: found.into(),
            advice: Some(advice.into()),
        }
    }
}

/// Prints a line for each thing looked at.
///
/// # Errors
/// When `out` cannot be written.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    let var = |name: &str| std::env::var(name).ok();
    let terminal = Terminal {
        is_one: std::io::stdout().is_terminal(),
        size: crossterm::terminal::size().ok(),
    };
    let mut checks = vec![Check::ok(
        "version",
        format!(
            "opensoc {}, environment {ENV_VERSION}",
            env!("CARGO_PKG_VERSION")
        ),
    )];
    checks.push(device(args));
    checks.push(threads());
    checks.extend(of_terminal(&terminal, var));
    checks.extend(settings(preferences::folder().as_deref()));
    checks.extend(folders());
    checks.push(model(args));
    for check in &checks {
        if args.json {
            writeln!(out, "{}", serde_json::to_string(check)?)?;
        } else {
            print(check, out)?;
        }
    }
    Ok(Outcome::Complete)
}

fn print(check: &Check, out: &mut dyn Write) -> std::io::Result<()> {
    let state = match check.state {
        State::Ok => "ok",
        State::Warn => "warn",
    };
    writeln!(out, "{state:<5} {:<11} {}", check.name, check.found)?;
    match &check.advice {
        Some(advice) => writeln!(out, "{:18}{advice}", ""),
        None => Ok(()),
    }
}

fn device(args: &Args) -> Check {
    match args.base.device.open() {
        Ok(device) => {
            let built = [
                ("cuda", cfg!(feature = "cuda")),
                ("metal", cfg!(feature = "metal")),
            ];
            let built = built.iter().filter(|(_, is_built)| *is_built);
            let built: Vec<_> = built.map(|(name, _)| *name).collect();
            let built = match built.is_empty() {
                true => "built for the CPU alone".to_owned(),
                false => format!("built for {} too", built.join(" and ")),
            };
            Check::ok("device", format!("{}, {built}", device_name(&device)))
        }
        Err(error) => Check::warn("device", error.to_string(), "run with --device auto"),
    }
}

fn threads() -> Check {
    match std::thread::available_parallelism() {
        Ok(count) => Check::ok("threads", count.to_string()),
        Err(error) => Check::warn(
            "threads",
            format!("unknown: {error}"),
            "runs take as many as --set threads=N says",
        ),
    }
}

/// What stdout is.
struct Terminal {
    is_one: bool,
    /// Columns and rows.
    size: Option<(u16, u16)>,
}

fn of_terminal(terminal: &Terminal, var: impl Fn(&str) -> Option<String> + Copy) -> Vec<Check> {
    let term = var("TERM").unwrap_or_default();
    let kind = if !terminal.is_one {
        Check::warn(
            "terminal",
            "stdout is none",
            "the workbench takes and tells lines here, as with --plain; run it without a pipe for the screens",
        )
    } else if term.is_empty() || term == "dumb" {
        Check::warn(
            "terminal",
            format!("TERM={term}"),
            "the workbench takes and tells lines here, as with --plain; set TERM to what the terminal is, e.g. xterm-256color",
        )
    } else {
        Check::ok("terminal", format!("TERM={term}"))
    };
    vec![kind, size(terminal), colours(var), symbols(var)]
}

fn size(terminal: &Terminal) -> Check {
    let (width, height) = MIN_SIZE;
    match terminal.size.filter(|_| terminal.is_one) {
        Some((w, h)) if w < width || h < height => Check::warn(
            "size",
            format!("{w}x{h}"),
            format!(
                "the screens need {width}x{height}: make the window larger or the font smaller"
            ),
        ),
        Some((w, h)) => Check::ok("size", format!("{w}x{h}")),
        None => Check::ok("size", "not a terminal's"),
    }
}

fn colours(var: impl Fn(&str) -> Option<String>) -> Check {
    let said = |name: &str| var(name).unwrap_or_else(|| "unset".to_owned());
    let from = format!(
        "COLORTERM={}, NO_COLOR={}",
        said("COLORTERM"),
        said("NO_COLOR")
    );
    match Depth::detect(ColorChoice::Auto, &var) {
        Depth::Truecolor => Check::ok("colours", format!("16 million ({from})")),
        Depth::Xterm256 => Check::ok("colours", format!("256 ({from})")),
        Depth::Ansi16 => Check::warn(
            "colours",
            format!("16 ({from})"),
            "if the terminal has more: COLORTERM=truecolor; in tmux: set -ga terminal-features ',*:RGB'",
        ),
        Depth::None => Check::ok(
            "colours",
            format!("none ({from}): glyphs and words say it all"),
        ),
    }
}

fn symbols(var: impl Fn(&str) -> Option<String>) -> Check {
    match Symbols::detect(&var) {
        Symbols::Ascii => Check::warn(
            "symbols",
            "ASCII: the locale is not UTF-8",
            "set LANG to a UTF-8 locale, e.g. C.UTF-8, or ask for --symbols braille",
        ),
        _ => Check::ok(
            "symbols",
            "braille: the locale is UTF-8 (--symbols blocks where the font has none)",
        ),
    }
}

/// The folder of the user's own settings, and everything that is wrong in it.
fn settings(folder: Option<&Path>) -> Vec<Check> {
    const NAME: &str = "settings";
    let Some(folder) = folder else {
        let advice = "set OPENSOC_HOME to a folder of yours";
        return vec![Check::warn(NAME, "no folder for them", advice)];
    };
    let preferences = match Preferences::read(Some(folder)) {
        Ok(preferences) => preferences,
        Err(error) => {
            let advice = "the program itself is broken: install it again";
            return vec![Check::warn(NAME, error.to_string(), advice)];
        }
    };
    let shown = folder.display();
    let files = ["config.toml", "keys.toml", "themes"].into_iter();
    let files: Vec<_> = files.filter(|name| folder.join(name).exists()).collect();
    let found = match files.is_empty() {
        true => format!("{shown}: no config.toml, keys.toml or themes, and none needed"),
        false => format!("{shown}: {}", files.join(", ")),
    };
    let complaints = preferences.all_complaints().into_iter();
    let complaints = complaints.map(|complaint| {
        let advice = "that is left out; mend it, the rest counts";
        Check::warn(NAME, clean(&complaint), advice)
    });
    std::iter::once(Check::ok(NAME, found))
        .chain(complaints)
        .collect()
}

fn folders() -> Vec<Check> {
    let root = match default_root() {
        Ok(root) => root,
        Err(error) => {
            return vec![Check::warn("runs", error.to_string(), "set OPENSOC_HOME")];
        }
    };
    let labels = Store::new(root.with_file_name("labels"));
    vec![folder(&root), alive(&root), labelled(&labels)]
}

/// So many of them, in words.
fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

/// Whether labels can be read, and how many there are.
fn labelled(store: &Store) -> Check {
    let path = store.path().display();
    let read = store.episodes().and_then(|e| Ok((e, store.labels()?)));
    match read {
        Ok((episodes, labels)) => {
            let names = labels.annotators();
            let count: usize = names.iter().map(|name| labels.of(name).count()).sum();
            let alerts = counted(episodes.len(), "alert");
            let (labels, people) = (counted(count, "label"), counted(names.len(), "annotator"));
            Check::ok("labels", format!("{path}: {alerts}, {labels} of {people}"))
        }
        Err(error) => Check::warn(
            "labels",
            clean(&error.to_string()),
            "mend or move that file: no label is lost by moving it",
        ),
    }
}

/// Whether runs can be written under `root`, and how much room is left.
fn folder(root: &Path) -> Check {
    let there = root.ancestors().find(|above| above.exists());
    let there = there.unwrap_or(Path::new("/"));
    let shown = root.display();
    if rustix::fs::access(there, rustix::fs::Access::WRITE_OK).is_err() {
        return Check::warn(
            "runs in",
            format!("{shown}: {} cannot be written", there.display()),
            "set OPENSOC_HOME to a folder of yours, or start runs with --run-dir",
        );
    }
    match room::free(there) {
        Err(error) => Check::warn("runs in", format!("{shown}: {error}"), "set OPENSOC_HOME"),
        Ok(free) => {
            let found = format!("{shown}: writable, {} free", room::in_words(free));
            if free < room::LITTLE {
                let advice = "make room, or set OPENSOC_HOME to another disk";
                Check::warn("runs in", found, advice)
            } else {
                Check::ok("runs in", found)
            }
        }
    }
}

/// Which runs a process works on, and which it left behind.
fn alive(root: &Path) -> Check {
    let (runs, broken) = match summary::all(root, now()) {
        Ok(found) => found,
        Err(error) => return Check::warn("runs", error.to_string(), "set OPENSOC_HOME"),
    };
    let of = |standing: &dyn Fn(summary::Standing) -> bool| {
        let runs = runs.iter().filter(|run| standing(run.standing));
        let ids: Vec<_> = runs.map(|run| run.run_id.as_str()).collect();
        ids.join(" ")
    };
    let (alive, crashed) = (
        of(&summary::Standing::is_alive),
        of(&|standing| standing == summary::Standing::Crashed),
    );
    let found = match alive.as_str() {
        "" => format!("{}, none alive", runs.len()),
        alive => format!("{}, alive: {alive}", runs.len()),
    };
    match (broken.first(), crashed.as_str()) {
        (Some((_, error)), _) => Check::warn("runs", found, format!("cannot be read: {error}")),
        (None, "") => Check::ok("runs", found),
        (None, crashed) => Check::warn(
            "runs",
            format!("{found}; crashed: {crashed}"),
            "opensoc train --resume --run-dir RUN goes on from the last checkpoint",
        ),
    }
}

fn model(args: &Args) -> Check {
    let name = args.base.model();
    match args.base.open(DtypeChoice::Auto) {
        Ok(model) => {
            let hashes = model.hashes.iter();
            let hashes: Vec<_> = hashes
                .filter(|(file, _)| !file.ends_with(".json"))
                .map(|(file, hash)| format!("{file} sha256 {hash}"))
                .collect();
            Check::ok("model", format!("{name}: {}", hashes.join(", ")))
        }
        Err(error) => Check::warn(
            "model",
            error.to_string(),
            "--model takes nano, a Hugging Face folder, a GGUF file, or owner/model from the cache",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states(checks: &[Check]) -> Vec<(&str, State)> {
        checks.iter().map(|c| (c.name, c.state)).collect()
    }

    #[test]
    fn one_of_a_kind_is_no_plural() {
        for (count, wanted) in [(0, "0 labels"), (1, "1 label"), (2, "2 labels")] {
            assert_eq!(counted(count, "label"), wanted);
        }
    }

    #[test]
    fn a_poor_terminal_is_told_what_to_do_and_a_good_one_nothing() {
        let good = |name: &str| match name {
            "TERM" => Some("xterm-256color".to_owned()),
            "COLORTERM" => Some("truecolor".to_owned()),
            "LANG" => Some("C.UTF-8".to_owned()),
            _ => None,
        };
        let whole = Terminal {
            is_one: true,
            size: Some((80, 24)),
        };
        let names = ["terminal", "size", "colours", "symbols"];
        let checks = of_terminal(&whole, good);
        assert_eq!(states(&checks), names.map(|name| (name, State::Ok)));
        assert!(checks.iter().all(|check| check.advice.is_none()));
        let poor = |name: &str| (name == "TERM").then(|| "dumb".to_owned());
        let small = Terminal {
            is_one: true,
            size: Some((40, 12)),
        };
        let checks = of_terminal(&small, poor);
        let warned: Vec<_> = checks.iter().filter(|c| c.state == State::Warn).collect();
        assert_eq!(
            warned.iter().map(|c| c.name).collect::<Vec<_>>(),
            ["terminal", "size", "symbols"]
        );
        assert!(warned.iter().all(|check| check.advice.is_some()));
        let vt = |name: &str| (name == "TERM").then(|| "xterm".to_owned());
        assert_eq!(colours(vt).state, State::Warn);
    }

    #[test]
    fn settings_are_named_with_everything_that_is_wrong_in_them() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path();
        let checks = settings(Some(path));
        assert_eq!(states(&checks), [("settings", State::Ok)]);
        assert!(checks[0].found.contains(&path.display().to_string()));
        let write = |name: &str, text: &str| std::fs::write(path.join(name), text);
        write("config.toml", "colour = \"never\"\n").expect("written");
        let keys = "[[binding]]\nverb = \"quitt\"\non = \"everywhere\"\nkeys = [\"Q\"]\n";
        write("keys.toml", keys).expect("written");
        std::fs::create_dir(path.join("themes")).expect("folder");
        write("themes/mine.toml", "inherits = \"nobody\"\n").expect("written");
        let checks = settings(Some(path));
        let told: Vec<_> = checks.iter().map(|check| check.found.as_str()).collect();
        for wanted in [
            "config.toml:1: unknown field `colour`; did you mean `color`?",
            "keys.toml:2: no such verb: `quitt`; did you mean `quit`?",
            "mine.toml:1: ",
        ] {
            assert!(told.iter().any(|line| line.contains(wanted)), "{told:?}");
        }
        assert_eq!(checks.len(), 4);
        assert!(checks[1..].iter().all(|check| check.state == State::Warn));
    }

    #[test]
    fn a_folder_that_is_not_there_yet_is_judged_by_the_one_above() {
        let root = tempfile::tempdir().expect("folder");
        let check = folder(&root.path().join("a/b/runs"));
        assert!(check.found.contains("a/b/runs: writable"), "{check:?}");
        assert!(!root.path().join("a").exists(), "nothing is made");
        let check = alive(&root.path().join("a/b/runs"));
        assert_eq!(
            (check.state, check.found.as_str()),
            (State::Ok, "0, none alive")
        );
    }
}
