//! Paths of programs and registry keys: how a known word stands in one.
//!
//! A word is a file or key by its bare name (`mshta.exe`), a folder (`C:\Users\Public\`), a folder of any drive or machine
//! (`\ADMIN$\`), any file right in a folder (`C:\Windows\System32\*`), or one whole path. What accuses is mostly a bare
//! name, wherever it lies; what clears is a folder only administrators write to, or a whole path in one: anybody can call a
//! program `CcmExec.exe`.

use std::borrow::Cow;

/// Where the generator puts programs and keys of these names; the rest lie in [`SYSTEM`]. Those that rules know as parents
/// have folders shorter than their own: contexts of a family are nearly of one length, so that no line tells its label by it.
const PLACES: &[(&str, &str)] = &[
    ("winword.exe", r"C:\Office16\"),
    ("outlook.exe", r"C:\Office16\"),
    ("excel.exe", r"C:\Office16\"),
    ("teams.exe", r"C:\Program Files\Teams\"),
    ("tomcat9.exe", r"C:\Tomcat9\"),
    ("w3wp.exe", r"C:\Windows\inetsrv\"),
    ("chrome.exe", r"C:\Program Files\Chrome\"),
    ("acrobat.exe", r"C:\Program Files\Acrobat\"),
    ("explorer.exe", r"C:\Windows\"),
    ("psexesvc.exe", r"C:\Windows\"),
    ("regedit.exe", r"C:\Windows\"),
    (
        "powershell.exe",
        r"C:\Windows\System32\WindowsPowerShell\v1.0\",
    ),
    ("wmic.exe", r"C:\Windows\System32\wbem\"),
];
const SYSTEM: &str = r"C:\Windows\System32\";
/// Where a folder of any drive or machine is, and a key of any hive.
const SHARE: &str = r"\\127.0.0.1";
const HIVE: &str = r"HKLM\SOFTWARE\Microsoft\Windows";
/// What keys lie below, and what is between the hive and there.
const KEYS: [(&str, &str); 2] = [
    (r"\CurrentVersion\", ""),
    (r"\Policies\Explorer\", r"\CurrentVersion"),
];

/// Whether the path `value` is what `word` names, as Windows reads it: in any case, with either slash, quoted or not.
#[must_use]
pub fn is_named(value: &str, word: &str) -> bool {
    let value = &*plain(value);
    if let Some(folder) = word.strip_suffix('*').filter(|folder| !folder.is_empty()) {
        return lies_right_in(value, folder);
    }
    if word.ends_with('\\') {
        return lies_below(value, word);
    }
    let named = match word.contains('\\') {
        true => value,
        false => file_name(value),
    };
    named.eq_ignore_ascii_case(word)
}

/// The path with backslashes and without quotes.
fn plain(path: &str) -> Cow<'_, str> {
    let path = path.trim_matches('"');
    match path.contains('/') {
        true => path.replace('/', "\\").into(),
        false => path.into(),
    }
}

/// Whether a path goes through a folder. One with `..` in it goes elsewhere.
fn lies_below(path: &str, folder: &str) -> bool {
    let is_at = |at: usize| {
        let part = path.get(at..at + folder.len());
        part.is_some_and(|part| part.eq_ignore_ascii_case(folder))
    };
    let last = path.len().saturating_sub(folder.len());
    let places = if is_anywhere(folder) { 0..=last } else { 0..=0 };
    path.split('\\').all(|part| part != "..") && places.into_iter().any(is_at)
}

/// Whether a path is a folder and the name of a file in it: no folder below it, and nothing the file is started with.
fn lies_right_in(path: &str, folder: &str) -> bool {
    let file = path.get(folder.len()..).filter(|file| !file.is_empty());
    lies_below(path, folder) && file.is_some_and(|file| !file.contains(['\\', ' ']))
}

/// Whether a folder's word leaves open on which drive or machine it is.
fn is_anywhere(folder: &str) -> bool {
    folder.starts_with('\\')
}

/// A path that `word` names; `program` lies in it where it is a folder.
#[must_use]
pub fn whole(word: &str, program: &str) -> String {
    let word = word.trim_end_matches('*');
    if let Some((_, between)) = KEYS.iter().find(|(key, _)| word.starts_with(key)) {
        let value = program.strip_suffix(".exe").unwrap_or(program);
        return format!("{HIVE}{between}{word}{value}");
    }
    if word.ends_with('\\') {
        let machine = if is_anywhere(word) { SHARE } else { "" };
        return format!("{machine}{word}{program}");
    }
    if word.contains('\\') {
        return word.to_owned();
    }
    let place = PLACES.iter().find(|(name, _)| *name == word);
    let place = place.map_or(SYSTEM, |(_, place)| place);
    format!("{place}{word}")
}

/// The last part of a path.
#[must_use]
pub fn file_name(path: &str) -> &str {
    path.rsplit_once('\\').map_or(path, |(_, last)| last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_names_lie_anywhere_and_folders_hold_what_is_below() {
        for (value, word, wanted) in [
            ("mshta.exe", "mshta.exe", true),
            (r"C:\Temp\MSHTA.exe", "mshta.exe", true),
            (r"C:\Temp\xmshta.exe", "mshta.exe", false),
            (r"C:\mshta.exe\x.exe", "mshta.exe", false),
            (r"c:\users\public\a\b.exe", r"C:\Users\Public\", true),
            (r"D:\Users\Public\b.exe", r"C:\Users\Public\", false),
            (r"C:\Users\Publ", r"C:\Users\Public\", false),
            (r"C:\Users\Public\..\b.exe", r"C:\Users\Public\", false),
            (r"C:\Users\Public\..", r"C:\Users\Public\", false),
            (r"C:\Users\Public\a/../b.exe", r"C:\Users\Public\", false),
            ("C:/Users/Public/b.exe", r"C:\Users\Public\", true),
            ("\"C:\\Temp\\mshta.exe\"", "mshta.exe", true),
            ("c:/temp/mshta.exe", "mshta.exe", true),
            (r"\\FS1\admin$\b.exe", r"\ADMIN$\", true),
            (r"\\FS1\admin\b.exe", r"\ADMIN$\", false),
            ("", r"\ADMIN$\", false),
            (
                r"c:\windows\ccm\ccmexec.exe",
                r"C:\Windows\CCM\CcmExec.exe",
                true,
            ),
            ("CcmExec.exe", r"C:\Windows\CCM\CcmExec.exe", false),
            (r"C:\Temp\CcmExec.exe", r"C:\Windows\CCM\CcmExec.exe", false),
            ("Mshta.exe", "mshta.exe", true),
            (
                r"c:\windows\system32\svchost.exe",
                r"C:\Windows\System32\*",
                true,
            ),
            (r"C:\Windows\System32\", r"C:\Windows\System32\*", false),
            (
                r"C:\Windows\System32\a\b.exe",
                r"C:\Windows\System32\*",
                false,
            ),
            (
                r"C:\Windows\System32\cmd.exe /c x",
                r"C:\Windows\System32\*",
                false,
            ),
            (
                r"HKU\S-1-5-21\A\CurrentVersion\run\x",
                r"\CurrentVersion\Run\",
                true,
            ),
            (
                r"HKLM\A\CurrentVersion\Runner\x",
                r"\CurrentVersion\Run\",
                false,
            ),
            ("*", "*", true),
            ("é", r"C:\Users\Public\", false),
        ] {
            assert_eq!(is_named(value, word), wanted, "{value} {word}");
        }
    }

    #[test]
    fn a_word_names_the_path_it_is_put_in() {
        for word in [
            "mshta.exe",
            r"\CurrentVersion\Run\",
            r"\Policies\Explorer\Run\",
            r"C:\Users\Public\",
            r"\ADMIN$\",
            r"C:\Windows\System32\*",
            r"C:\Windows\CCM\CcmExec.exe",
        ] {
            let path = whole(word, "made.exe");
            assert!(is_named(&path, word), "{path}");
            assert_eq!(whole(&path, "other.exe"), path);
        }
        let value = whole(r"\CurrentVersion\Run\", "made.exe");
        assert_eq!(file_name(&value), "made");
    }
}
