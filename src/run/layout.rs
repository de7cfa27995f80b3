//! Names and places: the files of a run folder, run ids, where runs live, which there are.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::RunError;
use crate::disk;

/// Labelled examples that the run was fed: a copy, for a resumed run has them wherever the original is by then.
pub const LABELS: &str = "sft_extra.jsonl";

/// Where adapters are: what the run has left, and a copy of the one that it went on from.
pub const ADAPTERS: &str = "adapters";

/// The two files of an adapter, as PEFT calls them.
pub const ADAPTER_CONFIG: &str = "adapter_config.json";
pub const ADAPTER_TENSORS: &str = "adapter_model.safetensors";

/// A run folder. Existing or not: this is only its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunDir(PathBuf);

/// The files that only grow, by name: facts go in at the end, resume cuts back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Journal {
    Metrics,
    System,
    Rollouts,
    Attacker,
    Eval,
    Log,
}

impl Journal {
    /// All six.
    pub const ALL: [Journal; 6] = [
        Journal::Metrics,
        Journal::System,
        Journal::Rollouts,
        Journal::Attacker,
        Journal::Eval,
        Journal::Log,
    ];

    /// The file name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Journal::Metrics => "metrics.jsonl",
            Journal::System => "system.jsonl",
            Journal::Rollouts => "rollouts.jsonl",
            Journal::Attacker => "attacker.jsonl",
            Journal::Eval => "eval.jsonl",
            Journal::Log => "log.txt",
        }
    }
}

impl RunDir {
    /// The folder at `path`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Makes an empty run folder under `root`, named after the time and the seed; a number is added while the name is taken.
    ///
    /// # Errors
    /// Where the folder cannot be made.
    pub fn create(root: &Path, seed: u64) -> Result<Self, RunError> {
        fs::create_dir_all(root).map_err(RunError::io(root, "make the folder"))?;
        let base = run_id(jiff::Timestamp::now(), seed);
        let mut name = base.clone();
        for n in 2u64.. {
            let path = root.join(&name);
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => name = format!("{base}-{n}"),
                Err(e) => return Err(RunError::io(&path, "make the folder")(e)),
            }
        }
        Err(RunError::Exists {
            path: root.join(base),
        })
    }

    /// The run that `name` means: a path, or an id under `root`.
    ///
    /// # Errors
    /// [`RunError::NotARun`] where there is no `run.json`.
    pub fn find(root: &Path, name: &str) -> Result<Self, RunError> {
        let here = Self::new(name);
        let below = Self::new(root.join(name));
        [here.clone(), below]
            .into_iter()
            .find(Self::is_run)
            .ok_or(RunError::NotARun { path: here.0 })
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The folder's name, which is the run's id.
    #[must_use]
    pub fn id(&self) -> String {
        let name = self.0.file_name().unwrap_or(self.0.as_os_str());
        name.to_string_lossy().into_owned()
    }

    /// Whether a run has started here.
    #[must_use]
    pub fn is_run(&self) -> bool {
        self.manifest().is_file()
    }

    /// `run.json`.
    #[must_use]
    pub fn manifest(&self) -> PathBuf {
        self.0.join("run.json")
    }

    /// `status.json`.
    #[must_use]
    pub fn status(&self) -> PathBuf {
        self.0.join("status.json")
    }

    /// `lock`.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    /// `control/`.
    #[must_use]
    pub fn control(&self) -> PathBuf {
        self.0.join("control")
    }

    /// `checkpoints/`.
    #[must_use]
    pub fn checkpoints(&self) -> PathBuf {
        self.0.join("checkpoints")
    }

    /// `adapters/`.
    #[must_use]
    pub fn adapters(&self) -> PathBuf {
        self.0.join(ADAPTERS)
    }

    /// `adapters/<phase>/`, the phase being `sft` or a stage id.
    #[must_use]
    pub fn adapter(&self, phase: &str) -> PathBuf {
        self.adapters().join(phase)
    }

    /// `notes.txt`: what somebody wrote about the run.
    #[must_use]
    pub fn note(&self) -> PathBuf {
        self.0.join("notes.txt")
    }

    /// `export/`: what screens write for other programs.
    #[must_use]
    pub fn export(&self) -> PathBuf {
        self.0.join("export")
    }

    /// One of the files that only grow.
    #[must_use]
    pub fn journal(&self, journal: Journal) -> PathBuf {
        self.0.join(journal.as_str())
    }
}

/// `20261123-063121-s42`: sorts by time (UTC).
fn run_id(now: jiff::Timestamp, seed: u64) -> String {
    let stamp = now.strftime("%Y%m%d-%H%M%S");
    format!("{stamp}-s{seed}")
}

/// Where runs are kept unless told otherwise: `$OPENSOC_HOME/runs`, else `opensoc/runs` in the user's data folder.
///
/// # Errors
/// [`RunError::NoHome`] where the system names no such folder.
pub fn default_root() -> Result<PathBuf, RunError> {
    let home = std::env::var_os("OPENSOC_HOME").filter(|home| !home.is_empty());
    root_from(home.map(PathBuf::from))
}

fn root_from(home: Option<PathBuf>) -> Result<PathBuf, RunError> {
    let data =
        || directories::ProjectDirs::from("", "", "opensoc").map(|d| d.data_dir().to_owned());
    let base = home.or_else(data).ok_or(RunError::NoHome)?;
    Ok(base.join("runs"))
}

/// The runs under `root`, newest name first. A `root` that does not exist holds none.
///
/// # Errors
/// Where `root` cannot be read.
pub fn list(root: &Path) -> Result<Vec<RunDir>, RunError> {
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(RunError::io(root, "list runs")(e)),
    };
    let mut runs: Vec<RunDir> = entries
        .filter_map(Result::ok)
        .map(|entry| RunDir(entry.path()))
        .filter(RunDir::is_run)
        .collect();
    runs.sort_by(|a, b| b.cmp(a));
    Ok(runs)
}

/// Replaces the file at `path` whole or not at all: temporary file beside it, fsync, rename.
///
/// # Errors
/// Names the file and what failed.
pub fn replace_file(path: &Path, bytes: &[u8]) -> Result<(), RunError> {
    disk::replace(path, bytes).map_err(RunError::io(path, "replace"))
}

/// Opens the file at `path` to read and write, and makes it where there is none. What is in it stays.
///
/// # Errors
/// Names the file.
pub fn open_or_make(path: &Path) -> Result<fs::File, RunError> {
    fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(RunError::io(path, "open"))
}

/// The content of a file of at most `limit` bytes; `None` where there is no file.
///
/// # Errors
/// A file that is longer, or unreadable.
pub fn read_bounded(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, RunError> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(RunError::io(path, "open")(e)),
    };
    let mut bytes = Vec::new();
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(RunError::io(path, "read"))?;
    if bytes.len() as u64 > limit {
        return Err(RunError::TooLong {
            path: path.to_owned(),
            bytes: bytes.len() as u64,
            limit,
        });
    }
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_never_collide() {
        let root = tempfile::tempdir().expect("folder");
        let now: jiff::Timestamp = "2026-01-02T03:04:05Z".parse().expect("time");
        assert_eq!(run_id(now, 42), "20260102-030405-s42");
        let made: Vec<_> = (0..3)
            .map(|_| RunDir::create(root.path(), 42).expect("made"))
            .collect();
        assert!(made[0] != made[1] && made[1] != made[2] && made[0] != made[2]);
        assert!(made.iter().all(|run| run.path().is_dir()));
    }

    #[test]
    fn list_and_find_see_runs_only() {
        let root = tempfile::tempdir().expect("folder");
        assert_eq!(list(&root.path().join("none")).expect("empty"), []);
        for name in ["20250101-s1", "20260101-s1", "no-run"] {
            fs::create_dir(root.path().join(name)).expect("folder");
        }
        for name in ["20250101-s1", "20260101-s1"] {
            replace_file(&root.path().join(name).join("run.json"), b"{}").expect("written");
        }
        let ids: Vec<_> = list(root.path())
            .expect("listed")
            .iter()
            .map(RunDir::id)
            .collect();
        assert_eq!(ids, ["20260101-s1", "20250101-s1"]);
        assert!(RunDir::find(root.path(), "20250101-s1").is_ok());
        let by_path = root.path().join("20250101-s1").display().to_string();
        assert!(RunDir::find(Path::new("/nowhere"), &by_path).is_ok());
        let error = RunDir::find(root.path(), "no-run").expect_err("no run");
        assert!(error.to_string().contains("no-run: not a run folder"));
    }

    #[test]
    fn home_is_what_the_environment_says() {
        let root = root_from(Some(PathBuf::from("/somewhere"))).expect("given");
        assert_eq!(root, Path::new("/somewhere/runs"));
    }

    #[test]
    fn replacing_leaves_one_file_and_reading_is_bounded() {
        let root = tempfile::tempdir().expect("folder");
        let path = root.path().join("status.json");
        assert!(read_bounded(&path, 9).expect("no file").is_none());
        replace_file(&path, b"first").expect("written");
        replace_file(&path, b"2nd").expect("written");
        assert_eq!(read_bounded(&path, 3).expect("read"), Some(b"2nd".to_vec()));
        assert!(matches!(
            read_bounded(&path, 2),
            Err(RunError::TooLong { .. })
        ));
        assert_eq!(fs::read_dir(root.path()).expect("listed").count(), 1);
    }
}
