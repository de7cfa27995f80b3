//! Paths in records as rules know them: of programs and of services.

use super::MAX_TEXT;

/// What paths of services begin with for where the system lies.
const VARIABLES: [(&str, &str); 9] = [
    ("%systemroot%", r"C:\Windows"),
    ("%windir%", r"C:\Windows"),
    (r"\systemroot", r"C:\Windows"),
    (r"system32\", r"C:\Windows\System32\"),
    ("%comspec%", r"C:\Windows\System32\cmd.exe"),
    ("%public%", r"C:\Users\Public"),
    ("%programdata%", r"C:\ProgramData"),
    ("%programfiles%", r"C:\Program Files"),
    ("%systemdrive%", "C:"),
];

/// Whether a field of this name holds the path of a program that runs.
pub fn is_program(name: &str) -> bool {
    ["Image", "ParentImage", "SourceImage", "TargetImage"].contains(&name)
}

/// The path of a program as Windows writes it; a bare name in lower case, as rules have it.
pub fn program(said: &str) -> String {
    let path = said.trim().trim_matches('"');
    let bare = path
        .strip_prefix(r"\??\")
        .or_else(|| path.strip_prefix(r"\\?\"));
    let path = bare.filter(|path| has_drive(path)).unwrap_or(path);
    match path {
        path if has_drive(path) => path.replace('/', "\\"),
        path if path.contains(['\\', '/']) => path.to_owned(),
        name => name.to_ascii_lowercase(),
    }
}

fn has_drive(path: &str) -> bool {
    matches!(path.as_bytes(), [drive, b':', b'\\' | b'/', ..] if drive.is_ascii_alphabetic())
}

/// What a service runs: its program without quotes and with the folders that variables stand for, then what it is told.
pub fn of_service(said: &str) -> String {
    let said = said.trim();
    let quoted = said.strip_prefix('"').and_then(|said| said.split_once('"'));
    let plain = match quoted {
        // What follows the quote is told even without a space between.
        Some((path, told)) => format!("{path} {}", told.trim_start()),
        None => said.to_owned(),
    };
    let plain = plain.trim_end();
    let found = VARIABLES.iter().find_map(|(variable, folder)| {
        let head = plain.get(..variable.len())?;
        let rest = plain.get(variable.len()..)?;
        head.eq_ignore_ascii_case(variable)
            .then(|| format!("{folder}{rest}"))
    });
    let whole = found.unwrap_or_else(|| plain.to_owned());
    match whole.split_once(char::is_whitespace) {
        Some((path, told)) => format!("{} {told}", program(path)),
        None => program(&whole),
    }
}

/// The last part of a path of Windows or Unix, in lower case; the whole where nothing follows the last separator.
pub fn file_name(path: &str) -> String {
    // Lower case of ASCII alone: other letters that become ASCII there are not what rules look for.
    let bare = path.trim().trim_matches('"');
    let last = bare.rsplit(['\\', '/']).next().unwrap_or_default();
    match last {
        "" => path.to_ascii_lowercase(),
        name => name.to_ascii_lowercase(),
    }
}

/// A path of which both ends are left: rules know folders by the one and names by the other.
pub fn cut_inside(path: &str) -> String {
    let count = path.chars().count();
    if count <= MAX_TEXT {
        return path.to_owned();
    }
    let head = path.chars().take(MAX_TEXT / 2);
    let tail = path.chars().skip(count + 1 - MAX_TEXT / 2);
    head.chain(['\u{2026}']).chain(tail).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_whole_paths_and_bare_names_in_lower_case() {
        for (said, path) in [
            (
                "C:/Windows/System32/mshta.exe",
                "C:\\Windows\\System32\\mshta.exe",
            ),
            ("\"C:\\a b\\C.exe\"", "C:\\a b\\C.exe"),
            ("\\??\\C:\\a.exe", "C:\\a.exe"),
            ("\\\\?\\C:\\a.exe", "C:\\a.exe"),
            ("\\\\?\\UNC\\a", "\\\\?\\UNC\\a"),
            ("\\\\WS-3\\ADMIN$\\A.exe", "\\\\WS-3\\ADMIN$\\A.exe"),
            ("/usr/bin/Curl", "/usr/bin/Curl"),
            ("WINWORD.EXE", "winword.exe"),
            ("\u{212a}.exe", "\u{212a}.exe"),
        ] {
            assert_eq!(program(said), path, "{said}");
        }
    }

    #[test]
    fn services_lie_where_variables_say_and_are_told_what_follows() {
        for (said, path) in [
            (
                "%SystemRoot%\\System32\\a.exe -k b",
                "C:\\Windows\\System32\\a.exe -k b",
            ),
            ("%windir%\\a.exe", "C:\\Windows\\a.exe"),
            (
                "\\SystemRoot\\System32\\drivers\\a.sys",
                "C:\\Windows\\System32\\drivers\\a.sys",
            ),
            (
                "system32\\drivers\\a.sys",
                "C:\\Windows\\System32\\drivers\\a.sys",
            ),
            ("%public%\\a.exe", "C:\\Users\\Public\\a.exe"),
            (
                "\"C:\\Program Files\\a\\b.exe\" /run",
                "C:\\Program Files\\a\\b.exe /run",
            ),
            (
                "\"%windir%\\System32\\rundll32.exe\"a.dll,b",
                "C:\\Windows\\System32\\rundll32.exe a.dll,b",
            ),
            (
                "\\??\\C:/Users/Public/a.exe /x",
                "C:\\Users\\Public\\a.exe /x",
            ),
            (
                "%COMSPEC% /c echo",
                "C:\\Windows\\System32\\cmd.exe /c echo",
            ),
        ] {
            assert_eq!(of_service(said), path, "{said}");
        }
    }

    #[test]
    fn names_of_files_are_the_last_parts_of_paths() {
        for (path, name) in [
            ("/usr/bin/Curl", "curl"),
            ("\"C:\\a b\\C.exe\"", "c.exe"),
            ("c.exe", "c.exe"),
            ("C:\\dir\\", "c:\\dir\\"),
            ("\u{212a}.exe", "\u{212a}.exe"),
        ] {
            assert_eq!(file_name(path), name, "{path}");
        }
    }
}
