//! The user's editor on a text of ours: a private file, the program, and what it left. Knows no state and no screen.

use std::ffi::OsString;
use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use crate::run::RunError;
use crate::run::layout::read_bounded;

/// The longest text that is taken back: bytes.
const LIMIT: u64 = 64 << 10;

/// What is there where there is any editor.
const USUAL: &str = "vi";

/// What the file is called.
const NAME: &str = "text.txt";

/// What the shell ends with where there is no such program.
const NOT_FOUND: i32 = 127;

/// Why nothing came back; each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum EditorError {
    #[error(
        "no editor is named, and there is no vi: set VISUAL or EDITOR, as in EDITOR=nano, before opensoc starts"
    )]
    NoneNamed,
    #[error("the editor `{0}` was not found: set VISUAL or EDITOR to a program that is there")]
    NotFound(String),
    #[error("the editor `{command}` failed ({status}), nothing is taken over: try it in a shell")]
    Failed { command: String, status: ExitStatus },
    #[error("no private file for the editor: {0}; TMPDIR names a folder that can be written to")]
    Unwritable(io::Error),
    #[error("the editor `{command}` cannot be started: {cause}")]
    NotStarted { command: String, cause: io::Error },
    #[error("the editor took the file away: nothing is taken over")]
    Gone,
    #[error("what the editor left cannot be taken over: {0}")]
    Unreadable(#[from] RunError),
    #[error("what the editor left is not UTF-8: nothing is taken over")]
    Encoding,
    #[error("{why}; what you wrote is kept in {}", path.display())]
    Kept {
        why: Box<EditorError>,
        path: PathBuf,
    },
}

/// The editor that the user's environment names, VISUAL first.
#[must_use]
pub fn named(var: impl Fn(&str) -> Option<String>) -> Option<String> {
    let named = ["VISUAL", "EDITOR"].into_iter().filter_map(var);
    let mut named = named.map(|command| command.trim().to_owned());
    named.find(|command| !command.is_empty())
}

/// The editor of whoever names none, as git has it; none where it is in no folder of `path`.
#[must_use]
pub fn usual(path: Option<OsString>) -> Option<String> {
    let path = path?;
    let mut folders = std::env::split_paths(&path);
    let is_there = folders.any(|folder| folder.join(USUAL).is_file());
    is_there.then(|| USUAL.to_owned())
}

/// Has `command` (a program with its arguments, as a shell reads them) edit `text`, keys coming from `keys`; gives the text
/// as it is then. The file is in a folder that only this user can look into, and gone afterwards, unless somebody wrote into
/// it what cannot be taken over.
///
/// # Errors
/// Why there is no text, and where it is kept; what was handed over is as it was.
pub fn edit(command: Option<&str>, text: &str, keys: OwnedFd) -> Result<String, EditorError> {
    let command = command.ok_or(EditorError::NoneNamed)?;
    let folder = tempfile::Builder::new()
        .prefix("opensoc-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .map_err(EditorError::Unwritable)?;
    let path = folder.path().join(NAME);
    write_private(&path, text).map_err(EditorError::Unwritable)?;
    let edited = edited(command, &path, keys);
    edited.map_err(|why| match is_other(&path, text) {
        true => {
            let path = folder.keep().join(NAME);
            let why = Box::new(why);
            EditorError::Kept { why, path }
        }
        false => why,
    })
}

/// Whether the file holds something else than what was handed over.
fn is_other(path: &Path, text: &str) -> bool {
    let length = std::fs::metadata(path).map(|file| file.len());
    match length {
        Ok(length) if length == text.len() as u64 => {
            std::fs::read(path).is_ok_and(|bytes| bytes != text.as_bytes())
        }
        Ok(length) => length > 0,
        Err(_) => false,
    }
}

fn edited(command: &str, path: &Path, keys: OwnedFd) -> Result<String, EditorError> {
    let status = Command::new("/bin/sh")
        .arg("-c")
        .arg(format!("{command} \"$@\""))
        .arg(command)
        .arg(path)
        .stdin(Stdio::from(keys))
        .status();
    let command = command.to_owned();
    match status {
        Err(cause) => return Err(EditorError::NotStarted { command, cause }),
        Ok(status) if status.code() == Some(NOT_FOUND) => {
            return Err(EditorError::NotFound(command));
        }
        Ok(status) if !status.success() => return Err(EditorError::Failed { command, status }),
        Ok(_) => {}
    }
    let bytes = read_bounded(path, LIMIT)?.ok_or(EditorError::Gone)?;
    String::from_utf8(bytes).map_err(|_| EditorError::Encoding)
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit_with(command: &str) -> Result<String, EditorError> {
        let nothing = std::fs::File::open("/dev/null").expect("there");
        edit(Some(command), "as it was\n", nothing.into())
    }

    #[test]
    fn visual_comes_before_editor_and_an_empty_one_is_none() {
        let named = |visual: &'static str, editor: &'static str| {
            named(|name| Some(if name == "VISUAL" { visual } else { editor }.to_owned()))
        };
        assert_eq!(named("vim -n", "nano"), Some("vim -n".to_owned()));
        assert_eq!(named(" ", "nano"), Some("nano".to_owned()));
        assert_eq!(named("", ""), None);
    }

    #[test]
    fn who_names_no_editor_gets_vi_where_there_is_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let empty = folder.path().join("empty");
        let path = std::env::join_paths([empty.as_path(), folder.path()]).expect("a path");
        assert_eq!(usual(Some(path.clone())), None);
        std::fs::write(folder.path().join("vi"), "").expect("written");
        assert_eq!(usual(Some(path)).as_deref(), Some("vi"));
        assert_eq!(usual(None), None);
    }

    #[test]
    fn the_text_comes_back_as_the_editor_left_it() {
        assert_eq!(edit_with("true").expect("edited"), "as it was\n");
        let added = edit_with("sh -c 'echo more >> \"$1\"' sh").expect("edited");
        assert_eq!(added, "as it was\nmore\n");
    }

    #[test]
    fn the_file_is_private_and_gone_afterwards() {
        let shown = edit_with(
            "sh -c 'stat -c %a \"$1\" > \"$1.new\"; stat -c %a \"$(dirname \"$1\")\" >> \"$1.new\"; echo \"$1\" >> \"$1.new\"; mv \"$1.new\" \"$1\"' sh",
        );
        let shown = shown.expect("edited");
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[..2], ["600", "700"]);
        assert!(!Path::new(lines[2]).exists());
    }

    #[test]
    fn what_was_written_and_cannot_be_taken_over_is_kept() {
        for command in [
            "sh -c 'echo more >> \"$1\"; exit 3' sh",
            "sh -c 'printf \"\\377\" >> \"$1\"' sh",
            "sh -c 'head -c 70000 /dev/zero >> \"$1\"' sh",
        ] {
            let error = edit_with(command).expect_err(command);
            assert!(error.to_string().contains("is kept in "), "{error}");
            let EditorError::Kept { path, .. } = error else {
                panic!("{command}: not kept");
            };
            let kept = std::fs::read(&path).expect("there");
            assert!(kept.starts_with(b"as it was\n") && kept.len() > 10);
            std::fs::remove_dir_all(path.parent().expect("a folder")).expect("removed");
        }
        let error = edit_with("false").expect_err("failed").to_string();
        assert!(!error.contains("kept"), "nothing was written: {error}");
    }

    #[test]
    fn what_goes_wrong_says_what_to_do() {
        let nothing = std::fs::File::open("/dev/null").expect("there");
        let none = edit(None, "text", nothing.into()).expect_err("none named");
        assert!(none.to_string().contains("set VISUAL or EDITOR"), "{none}");
        for (command, wanted) in [
            ("no-such-editor-of-anybody", "was not found"),
            ("false", "nothing is taken over"),
            ("rm", "took the file away"),
            ("sh -c 'printf \"\\377\" > \"$1\"' sh", "not UTF-8"),
            ("sh -c 'head -c 70000 /dev/zero > \"$1\"' sh", "65536"),
        ] {
            let error = edit_with(command).expect_err(command).to_string();
            assert!(error.contains(wanted), "{command}: {error}");
        }
    }
}
