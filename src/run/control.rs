//! Requests to a run in progress: a file in `control/` named after each, deleted when it is taken.

use std::collections::BTreeSet;
use std::fs;
use std::io;

use crate::link::Control;

use super::{RunDir, RunError};

/// Names remembered as unknown; more than that are ignored without a word.
const MOST_UNKNOWN: usize = 64;

/// The trainer's end of `control/`.
#[derive(Debug)]
pub struct ControlBox {
    dir: RunDir,
    unknown: BTreeSet<String>,
}

/// What lay in `control/`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// In the order of [`Control::ALL`], whatever order they were made in: so a pause and a resume that arrive together
    /// leave the run going, and a stop comes last.
    pub controls: Vec<Control>,
    /// Files that are no request, each told once: for the log.
    pub unknown: Vec<String>,
}

/// Asks the run in `dir` for `control`.
///
/// # Errors
/// Where the request cannot be written.
pub fn request(dir: &RunDir, control: Control) -> Result<(), RunError> {
    let folder = dir.control();
    fs::create_dir_all(&folder).map_err(RunError::io(&folder, "make the folder"))?;
    let path = folder.join(control.as_str());
    fs::write(&path, []).map_err(RunError::io(&path, "write"))
}

impl ControlBox {
    /// Opens the box of `dir` and throws away what lies in it: it was meant for a process that has ended.
    ///
    /// # Errors
    /// As [`Self::poll`].
    pub fn open(dir: RunDir) -> Result<Self, RunError> {
        let unknown = BTreeSet::new();
        let mut control_box = Self { dir, unknown };
        control_box.poll()?;
        control_box.unknown.clear();
        Ok(control_box)
    }

    /// Takes the requests that have come.
    ///
    /// # Errors
    /// Where one cannot be deleted: it would be obeyed for ever.
    pub fn poll(&mut self) -> Result<Requests, RunError> {
        let mut requests = Requests::default();
        for name in self.names()? {
            match Control::ALL.into_iter().find(|c| c.as_str() == name) {
                Some(control) => requests.controls.push(control),
                None if self.unknown.contains(&name) || self.unknown.len() >= MOST_UNKNOWN => {}
                None => {
                    self.unknown.insert(name.clone());
                    requests.unknown.push(name);
                }
            }
        }
        requests.controls.sort_by_key(|control| *control as usize);
        for control in &requests.controls {
            let path = self.dir.control().join(control.as_str());
            fs::remove_file(&path).map_err(RunError::io(&path, "delete"))?;
        }
        Ok(requests)
    }

    /// File names in `control/`, sorted: a folder lists them in no order.
    fn names(&self) -> Result<BTreeSet<String>, RunError> {
        let folder = self.dir.control();
        match fs::read_dir(&folder) {
            Ok(entries) => Ok(entries
                .filter_map(Result::ok)
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .collect()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
            Err(e) => Err(RunError::io(&folder, "read")(e)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_taken_once_in_a_fixed_order() {
        let folder = tempfile::tempdir().expect("folder");
        let dir = RunDir::new(folder.path());
        request(&dir, Control::Stop).expect("left from before");
        let mut control_box = ControlBox::open(dir.clone()).expect("opens");
        assert_eq!(
            control_box.poll().expect("stale is gone"),
            Requests::default()
        );
        for control in [
            Control::Stop,
            Control::Resume,
            Control::Pause,
            Control::Pause,
        ] {
            request(&dir, control).expect("asked");
        }
        let got = control_box.poll().expect("read").controls;
        assert_eq!(got, [Control::Pause, Control::Resume, Control::Stop]);
        assert_eq!(control_box.poll().expect("taken"), Requests::default());
    }

    #[test]
    fn unknown_files_are_told_once_and_stay() {
        let folder = tempfile::tempdir().expect("folder");
        let dir = RunDir::new(folder.path());
        let mut control_box = ControlBox::open(dir.clone()).expect("no folder is an empty box");
        request(&dir, Control::Save).expect("asked");
        fs::write(dir.control().join("stpo"), []).expect("slip");
        let got = control_box.poll().expect("read");
        assert_eq!(got.controls, [Control::Save]);
        assert_eq!(got.unknown, ["stpo"]);
        assert_eq!(
            control_box.poll().expect("read").unknown,
            Vec::<String>::new()
        );
        assert!(dir.control().join("stpo").exists());
    }
}
