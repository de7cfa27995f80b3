//! The Hugging Face cache on this machine: `owner/model` to the folder of a snapshot. Nothing is downloaded.

use std::path::{Path, PathBuf};

use crate::disk;
use crate::model::error::{ModelError, Result};

/// The longest name of a commit, in bytes.
const MOST_REF: u64 = 1 << 10;

/// The cache's folder.
#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Where `huggingface_hub` would look, by `HF_HUB_CACHE`, `HF_HOME`, `XDG_CACHE_HOME` and the home folder.
    pub(super) fn from_environment() -> Self {
        Self::from_variables(|name| {
            std::env::var_os(name)
                .filter(|v| !v.is_empty())
                .map(PathBuf::from)
        })
    }

    fn from_variables(variable: impl Fn(&str) -> Option<PathBuf>) -> Self {
        let own_home = variable("HOME");
        // A shell leaves a tilde within quotes alone; huggingface_hub does not.
        let expanded = |dir: PathBuf| match (dir.strip_prefix("~"), &own_home) {
            (Ok(rest), Some(home)) => home.join(rest),
            _ => dir,
        };
        let hub = variable("HF_HUB_CACHE").or_else(|| variable("HUGGINGFACE_HUB_CACHE"));
        let hub = hub.map(expanded);
        let home = || variable("HF_HOME").map(|dir| expanded(dir).join("hub"));
        let caches = || {
            let own = variable("XDG_CACHE_HOME").map(expanded);
            let own = own.or_else(|| own_home.as_ref().map(|dir| dir.join(".cache")));
            own.unwrap_or_default().join("huggingface").join("hub")
        };
        let folder = hub.or_else(home).unwrap_or_else(caches);
        Self { folder }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The snapshot of `owner/model` or `owner/model@revision` (`main` if none is named); `None` when the model is not here.
    pub(super) fn find(&self, name: &str) -> Result<Option<PathBuf>> {
        let (model, revision) = name.split_once('@').unwrap_or((name, "main"));
        let is_plain = |part: &str| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            !part.is_empty() && part.chars().all(allowed) && !part.contains("..")
        };
        let parts: Vec<&str> = model.split('/').collect();
        // A pull request's is `refs/pr/1`, a branch may hold slashes too.
        let is_revision = revision.split('/').all(is_plain);
        if parts.len() > 2 || !parts.iter().all(|part| is_plain(part)) || !is_revision {
            return Ok(None);
        }
        let home = self.folder.join(format!("models--{}", parts.join("--")));
        if !home.is_dir() {
            return Ok(None);
        }
        let reference = home.join("refs").join(revision);
        let commit = match reference.is_file() {
            true => disk::read_text(&reference, MOST_REF).map_err(ModelError::io(&reference))?,
            false => revision.to_string(),
        };
        let commit = commit.trim();
        let snapshot = home.join("snapshots").join(commit);
        if is_plain(commit) && snapshot.is_dir() {
            return Ok(Some(snapshot));
        }
        // Fetched by its commit alone, a model has snapshots and no `refs/main`: the only one is meant.
        let is_unnamed = !name.contains('@') && !reference.exists();
        Ok(only_folder(&home.join("snapshots")).filter(|_| is_unnamed))
    }
}

/// The one folder within another, where there is exactly one.
fn only_folder(parent: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(parent).ok()?.flatten();
    let mut folders = entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir());
    let only = folders.next()?;
    folders.next().is_none().then_some(only)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variables_stand_in_huggingfaces_order() {
        let with = |set: &'static [(&'static str, &'static str)]| {
            Cache::from_variables(move |name| {
                set.iter()
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| PathBuf::from(value))
            })
            .folder
        };
        assert_eq!(
            with(&[("HOME", "/h")]),
            Path::new("/h/.cache/huggingface/hub")
        );
        assert_eq!(
            with(&[("XDG_CACHE_HOME", "/x"), ("HOME", "/h")]),
            Path::new("/x/huggingface/hub")
        );
        assert_eq!(
            with(&[("HF_HOME", "/hf"), ("HOME", "/h")]),
            Path::new("/hf/hub")
        );
        assert_eq!(
            with(&[("HF_HUB_CACHE", "/c"), ("HF_HOME", "/hf")]),
            Path::new("/c")
        );
        const TILDES: [(&[(&str, &str)], &str); 5] = [
            (&[("HF_HOME", "~/x"), ("HOME", "/h")], "/h/x/hub"),
            (&[("HUGGINGFACE_HUB_CACHE", "~/x"), ("HOME", "/h")], "/h/x"),
            (&[("HF_HUB_CACHE", "~/x"), ("HOME", "/h")], "/h/x"),
            (
                &[("XDG_CACHE_HOME", "~"), ("HOME", "/h")],
                "/h/huggingface/hub",
            ),
            (&[("HF_HOME", "~other/x"), ("HOME", "/h")], "~other/x/hub"),
        ];
        for (set, want) in TILDES {
            assert_eq!(with(set), Path::new(want));
        }
    }

    #[test]
    fn a_name_leads_to_its_snapshot_and_nowhere_else() -> Result<()> {
        let dir = tempfile::tempdir().expect("folder");
        let home = dir.path().join("models--Qwen--Tiny");
        let snapshot = home.join("snapshots").join("abc123");
        std::fs::create_dir_all(&snapshot).expect("made");
        std::fs::create_dir_all(home.join("refs")).expect("made");
        std::fs::write(home.join("refs/main"), "abc123\n").expect("written");
        let cache = Cache {
            folder: dir.path().to_path_buf(),
        };
        assert_eq!(cache.find("Qwen/Tiny")?, Some(snapshot.clone()));
        assert_eq!(cache.find("Qwen/Tiny@abc123")?, Some(snapshot));
        for absent in [
            "Qwen/Other",
            "Qwen/Tiny@v2",
            "../Qwen/Tiny",
            "Qwen/../Tiny",
            "",
            "/etc",
            "a/b/c",
        ] {
            assert_eq!(cache.find(absent)?, None, "{absent}");
        }
        std::fs::create_dir_all(home.join("refs/refs/pr")).expect("made");
        std::fs::write(home.join("refs/refs/pr/1"), "abc123").expect("written");
        assert!(cache.find("Qwen/Tiny@refs/pr/1")?.is_some());
        assert_eq!(cache.find("Qwen/Tiny@refs/../main")?, None);
        std::fs::write(home.join("refs/main"), "../../..").expect("written");
        assert_eq!(cache.find("Qwen/Tiny")?, None);
        std::fs::remove_dir_all(home.join("refs")).expect("removed");
        let only = home.join("snapshots").join("abc123");
        assert_eq!(cache.find("Qwen/Tiny")?, Some(only));
        assert_eq!(cache.find("Qwen/Tiny@main")?, None);
        std::fs::create_dir(home.join("snapshots").join("def456")).expect("made");
        assert_eq!(cache.find("Qwen/Tiny")?, None, "which of the two?");
        Ok(())
    }
}
