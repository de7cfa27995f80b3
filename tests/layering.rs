//! Who may know whom, read off the sources: screens never see the model, the model never sees screens, and `unsafe` and
//! long files stay where they are.
#![expect(
    clippy::expect_used,
    reason = "a test that cannot set itself up has failed"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use opensoc::digest::weights_hash;
use opensoc::model::lora::{self, BaseId};
use opensoc::run::layout;
use opensoc::train::extra;

/// Every source file: its path below `src`, and its text without comments.
fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut files, mut folders) = (Vec::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("readable") {
            let path = entry.expect("entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                let text = std::fs::read_to_string(&path).expect("UTF-8");
                let below = path.strip_prefix(&root).expect("below src").to_owned();
                files.push((below, text));
            }
        }
    }
    files.sort();
    files
}

/// Drops comments to the end of their line.
fn code(text: &str) -> String {
    let lines = text.lines();
    lines
        .map(|line| line.split("//").next().unwrap_or(line).to_owned() + "\n")
        .collect()
}

/// The modules a file is in: `ui/widget/chart.rs` is `ui`, `widget`, `chart`.
fn module(path: &Path) -> Vec<String> {
    let mut parts: Vec<String> = path
        .with_extension("")
        .iter()
        .map(|p| p.to_string_lossy().into_owned())
        .collect();
    if parts
        .last()
        .is_some_and(|last| last == "mod" || last == "lib" || last == "main")
    {
        parts.pop();
    }
    parts
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Reads the path or `{…}` tree at the start of `text` and appends each path, up to its second name, to `found`.
fn expand(text: &str, prefix: &[String], found: &mut BTreeSet<String>) {
    let text = text.trim_start();
    if let Some(tree) = text.strip_prefix('{') {
        let (mut depth, mut from) = (0, 0);
        for (at, c) in tree.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                ',' | '}' if depth == 0 => {
                    expand(tree.get(from..at).unwrap_or(""), prefix, found);
                    if c == '}' {
                        return;
                    }
                    from = at + 1;
                }
                _ => {}
            }
        }
        return;
    }
    let name: String = text.chars().take_while(|&c| is_name(c)).collect();
    let path = [prefix, std::slice::from_ref(&name)].concat();
    match text
        .get(name.len()..)
        .and_then(|rest| rest.strip_prefix("::"))
    {
        Some(rest) if path.len() < 2 => expand(rest, &path, found),
        _ => {
            found.insert(path.join("::"));
        }
    }
}

/// What a file names of this crate, as `module` or `module::name`, through `crate::` or `super::`.
fn known(path: &Path, code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let starts = |word: &str| -> Vec<String> {
        let edges = code.match_indices(word).filter(|(at, _)| {
            let before = code.get(..*at).unwrap_or("");
            !before.ends_with(|c| is_name(c) || c == ':')
        });
        edges
            .filter_map(|(at, _)| code.get(at + word.len()..).map(str::to_owned))
            .collect()
    };
    for rest in starts("crate::") {
        expand(&rest, &[], &mut found);
    }
    for rest in starts("super::") {
        let (mut here, mut rest) = (module(path), rest.as_str());
        here.pop();
        while let Some(further) = rest.strip_prefix("super::") {
            (rest, _) = (further, here.pop());
        }
        if here.len() < 2 {
            expand(rest, &here, &mut found);
        }
    }
    found
}

fn in_folder(path: &Path, folder: &str) -> bool {
    module(path).first().is_some_and(|first| first == folder)
}

/// Fails naming every file of `folder` that mentions one of `modules` (as known by [`known`]) or of `crates`.
fn forbid(folder: &str, modules: &[&str], crates: &[&str]) {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        if !in_folder(&path, folder) {
            continue;
        }
        let code = code(&text);
        for name in known(&path, &code) {
            let first = name.split("::").next().unwrap_or(&name);
            if modules.contains(&first) {
                wrong.push(format!("{} knows {name}", path.display()));
            }
        }
        let words: BTreeSet<&str> = code.split(|c| !is_name(c)).collect();
        let words = words
            .iter()
            .filter(|word| crates.iter().any(|c| word.starts_with(c)));
        wrong.extend(words.map(|word| format!("{} names {word}", path.display())));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn screens_know_neither_model_nor_training() {
    forbid("ui", &["model", "pretrain", "train"], &["candle"]);
}

#[test]
fn state_knows_no_drawing_and_widgets_know_no_state() {
    let drawing = ["ui::screen", "ui::overlay", "ui::widget"];
    let others = ["ui::app", "ui::layer", "ui::screen", "ui::overlay"];
    let (mut wrong, mut widgets) = (Vec::new(), 0);
    for (path, text) in sources() {
        let parts = module(&path);
        let forbidden = match parts.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["ui", "widget", ..] => {
                widgets += 1;
                &others[..]
            }
            // Lines tell what the screens show in the screens' words.
            ["ui"] | ["ui", "screen" | "overlay" | "plain" | "tests", ..] => continue,
            ["ui", ..] => &drawing[..],
            _ => continue,
        };
        let known = known(&path, &code(&text));
        let met = forbidden.iter().filter(|name| known.contains(**name));
        wrong.extend(met.map(|name| format!("{} knows {name}", path.display())));
    }
    assert!(widgets > 0, "the widgets are gone");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Modules in the order of the table on the crate's front page.
fn from_the_ground_up() -> Vec<String> {
    let (_, page) = sources()
        .into_iter()
        .find(|(path, _)| path == Path::new("lib.rs"))
        .expect("a front page");
    let rows = page
        .lines()
        .skip_while(|line| !line.contains("# Modules, from the ground up"))
        .take_while(|line| !line.contains("# Threads"));
    let cells = rows.filter_map(|row| row.strip_prefix("//! | [")?.split(" | ").next());
    let names = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    names.map(str::to_owned).collect()
}

#[test]
fn no_module_knows_one_that_stands_below_it_on_the_front_page() {
    let order = from_the_ground_up();
    let place = |name: &str| order.iter().position(|known| known == name);
    let (mut wrong, mut seen) = (Vec::new(), BTreeSet::new());
    for (path, text) in sources() {
        let Some(own) = module(&path).into_iter().next() else {
            continue;
        };
        let here = place(&own).unwrap_or_default();
        let names = known(&path, &code(&text));
        let firsts: BTreeSet<&str> = names.iter().filter_map(|n| n.split("::").next()).collect();
        let later = firsts
            .into_iter()
            .filter(|first| place(first).is_some_and(|at| at > here));
        wrong.extend(later.map(|first| format!("{} knows {first}", path.display())));
        seen.insert(own);
    }
    let listed: BTreeSet<String> = order.iter().cloned().collect();
    assert_eq!(seen, listed, "every module stands on the front page");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Which modules inside a top-level one know which others there (`model::lora` knows `model::config`), tests left out.
fn arrows_inside() -> BTreeMap<String, BTreeSet<String>> {
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, text) in sources() {
        let parts = module(&path);
        if parts.len() < 2 || parts.iter().any(|part| part.starts_with("test")) {
            continue;
        }
        let own = parts[..2].join("::");
        let shipped = code(&text);
        let shipped = shipped.split("#[cfg(test)]\nmod tests").next();
        let names = known(&path, shipped.unwrap_or_default());
        let beside = names
            .into_iter()
            .filter(|name| *name != own && name.starts_with(&format!("{}::", parts[0])));
        let beside: Vec<String> = beside.collect();
        arrows.entry(own).or_default().extend(beside);
    }
    let all: BTreeSet<String> = arrows.keys().cloned().collect();
    for known in arrows.values_mut() {
        known.retain(|name| all.contains(name));
    }
    arrows
}

/// What is left when modules that know none of the rest are taken away again and again: circles, and what knows them.
fn circles(mut arrows: BTreeMap<String, BTreeSet<String>>) -> BTreeMap<String, BTreeSet<String>> {
    loop {
        let before = arrows.len();
        let rest: BTreeSet<String> = arrows.keys().cloned().collect();
        arrows.retain(|_, known| {
            known.retain(|name| rest.contains(name));
            !known.is_empty()
        });
        if arrows.len() == before {
            return arrows;
        }
    }
}

/// The screens are left out: their state is one `App`, which many files add methods to.
#[test]
fn no_two_modules_inside_another_know_each_other() {
    let mut arrows = arrows_inside();
    arrows.retain(|name, _| !name.starts_with("ui::"));
    assert!(arrows["model::source"].contains("model::lora"));
    let left = circles(arrows.clone());
    assert!(left.is_empty(), "{left:#?}");
    // One arrow back, and it would be found.
    let back = arrows.get_mut("model::lora").expect("adapters");
    back.insert("model::source".to_owned());
    assert!(circles(arrows).contains_key("model::lora"));
}

#[test]
fn maps_name_every_module() {
    for map in ["ui/mod.rs", "train/mod.rs"] {
        let found = sources()
            .into_iter()
            .find(|(path, _)| path == Path::new(map));
        let (_, text) = found.expect("a map");
        let page: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("//!"))
            .collect();
        let page = page.concat();
        let declared = text.lines().filter_map(|line| {
            let name = line.trim_start_matches("pub ").strip_prefix("mod ")?;
            name.strip_suffix(';').filter(|name| *name != "tests")
        });
        let missing: Vec<&str> = declared
            .filter(|name| !page.contains(&format!("`{name}`")))
            .collect();
        assert!(missing.is_empty(), "{map} does not name {missing:?}");
    }
}

#[test]
fn everything_below_the_screens_knows_no_terminal() {
    for folder in [
        "model", "train", "pretrain", "env", "run", "audit", "eval", "label", "link", "stream",
        "import", "config", "interval", "gate", "nearest",
    ] {
        assert!(
            sources().iter().any(|(path, _)| in_folder(path, folder)),
            "{folder} is gone"
        );
        forbid(folder, &["ui"], &["ratatui", "crossterm"]);
    }
}

#[test]
fn the_environment_and_the_model_stand_alone() {
    forbid(
        "env",
        &["model", "pretrain", "train", "run", "link", "eval", "audit"],
        &["candle"],
    );
    forbid(
        "model",
        &["env", "pretrain", "train", "run", "link", "eval", "audit"],
        &[],
    );
}

#[test]
fn the_run_folder_knows_neither_model_nor_command_line() {
    forbid("run", &["model", "pretrain", "train"], &["candle", "clap"]);
}

/// Neither may ask the other, so both say it.
#[test]
fn the_run_folder_and_the_engine_call_the_same_files_and_weights_alike() {
    assert_eq!(layout::ADAPTER_CONFIG, lora::CONFIG);
    assert_eq!(layout::ADAPTER_TENSORS, lora::TENSORS);
    assert_eq!(layout::LABELS, extra::FILE);
    for hashes in [&["a"][..], &["a", "b"]] {
        let of_model = BaseId::of_files("m", hashes.iter().copied());
        assert_eq!(weights_hash(hashes.iter().copied()), of_model.weights);
    }
}

#[test]
fn labels_know_no_model() {
    forbid("label", &["model", "pretrain", "train"], &["candle"]);
}

#[test]
fn imports_know_the_environment_alone() {
    let others = [
        "model", "pretrain", "train", "run", "link", "eval", "audit", "label", "disk",
    ];
    forbid("import", &others, &["candle"]);
}

#[test]
fn leaves_know_nothing_of_ours() {
    let leaves = [
        "disk.rs",
        "digest.rs",
        "gate.rs",
        "interval.rs",
        "nearest.rs",
        "panics.rs",
    ]
    .map(Path::new);
    let sources = sources();
    for leaf in leaves {
        let found = sources.iter().find(|(path, _)| path == leaf);
        let (path, text) = found.expect("a leaf");
        assert!(!code(text).contains("crate::"), "{}", path.display());
    }
}

#[test]
fn only_the_kernels_and_the_options_of_the_process_say_unsafe() {
    let said: Vec<PathBuf> = sources()
        .into_iter()
        .filter(|(_, text)| {
            code(text)
                .split(|c| !is_name(c))
                .any(|word| word == "unsafe")
        })
        .map(|(path, _)| path)
        .collect();
    // The process is told its options by `main` alone, which knows that there is no other thread.
    let may = ["main.rs", "model/kernels.rs", "process.rs"].map(Path::new);
    assert_eq!(said, may);
}

/// Modules that are tests as a whole: `#[cfg(test)] mod name;` in the module above, without `.rs`.
fn test_modules(sources: &[(PathBuf, String)]) -> BTreeSet<PathBuf> {
    let mut modules = BTreeSet::new();
    for (path, text) in sources {
        let lines: Vec<&str> = text.lines().collect();
        for pair in lines.windows(2).filter(|pair| pair[0] == "#[cfg(test)]") {
            let declared = pair[1].trim_start_matches("pub(crate) ");
            let declared = declared
                .strip_prefix("mod ")
                .and_then(|rest| rest.strip_suffix(';'));
            if let Some(name) = declared {
                let folder: PathBuf = module(path).iter().collect();
                modules.insert(folder.join(name));
            }
        }
    }
    modules
}

/// Lines before the first test module that stands in the file itself.
fn length(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let inline = |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1].ends_with('{');
    lines.windows(2).position(inline).unwrap_or(lines.len())
}

#[test]
fn no_file_is_over_400_lines_before_its_tests() {
    let sources = sources();
    let tests = test_modules(&sources);
    assert!(tests.contains(Path::new("model/testing")), "{tests:?}");
    let is_test = |path: &Path| {
        let path = path.with_extension("");
        path.ancestors().any(|above| tests.contains(above))
    };
    let long: Vec<String> = sources
        .into_iter()
        .filter(|(path, _)| !is_test(path))
        .map(|(path, text)| (length(&text), path))
        .filter(|(lines, _)| *lines > 400)
        .map(|(lines, path)| format!("{} has {lines} lines before its tests", path.display()))
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn imports_are_read_through_trees_comments_and_parents() {
    let source = concat!(
        "use crate::{link::Plan, train::{config::TrainConfig, optim}};\n// crate::model is not used\n",
        "fn f() { crate::eval::x(); super::super::super::model::y(); notcrate::run }\n"
    );
    let found = known(Path::new("ui/screen/curves.rs"), &code(source));
    let expected = [
        "eval::x",
        "link::Plan",
        "model::y",
        "train::config",
        "train::optim",
    ];
    let wanted: BTreeSet<String> = expected.map(str::to_owned).into();
    let parent: BTreeSet<String> =
        known(Path::new("ui/app.rs"), "super::super::train::optim::step()");
    assert_eq!(parent, BTreeSet::from(["train::optim".to_owned()]));
    assert_eq!(found, wanted);
}
