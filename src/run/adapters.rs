//! The adapters that a run has left in its folder: found by name, read by nobody here.

use std::fs;

use super::RunDir;
use super::layout::{ADAPTER_CONFIG, ADAPTER_TENSORS};
use crate::link::OfferedAdapter;

/// Most adapters of one run that are told of.
const MOST: usize = 32;

/// The adapters of the run in `dir` that are whole, in order of name. What cannot be looked at holds none.
#[must_use]
pub fn of(dir: &RunDir) -> Vec<OfferedAdapter> {
    let entries = fs::read_dir(dir.adapters()).into_iter().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    let found = names.iter().filter_map(|name| adapter(dir, name));
    found.take(MOST).collect()
}

/// `None` where one of the two files of a PEFT folder is missing.
fn adapter(dir: &RunDir, name: &str) -> Option<OfferedAdapter> {
    let folder = dir.adapter(name);
    let is_whole = folder.join(ADAPTER_CONFIG).is_file();
    let weights = fs::metadata(folder.join(ADAPTER_TENSORS)).ok();
    let weights = weights.filter(|weights| is_whole && weights.is_file())?;
    Some(OfferedAdapter {
        name: format!("{}/{name}", dir.id()),
        dir: folder,
        written: weights.modified().ok(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_adapters_are_found_in_order_and_named_after_their_run() {
        let root = tempfile::tempdir().expect("folder");
        let dir = RunDir::new(root.path().join("mine"));
        assert!(of(&dir).is_empty(), "no folder yet");
        for (name, files) in [
            ("stage1_basic", &[ADAPTER_CONFIG, ADAPTER_TENSORS][..]),
            ("sft", &[ADAPTER_CONFIG, ADAPTER_TENSORS]),
            ("stage2_multi", &[ADAPTER_CONFIG]),
            ("stage3_mixed", &[ADAPTER_TENSORS]),
        ] {
            fs::create_dir_all(dir.adapter(name)).expect("folder");
            for file in files {
                fs::write(dir.adapter(name).join(file), "{}").expect("written");
            }
        }
        let found = of(&dir);
        let names: Vec<_> = found.iter().map(|found| found.name.as_str()).collect();
        assert_eq!(names, ["mine/sft", "mine/stage1_basic"]);
        assert_eq!(found[0].dir, dir.adapter("sft"));
        assert!(found.iter().all(|found| found.written.is_some()));
    }
}
