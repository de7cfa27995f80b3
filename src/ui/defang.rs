//! Addresses, links and domain names made harmless for reports: `8[.]8[.]8[.]8`, `hxxp://`, `a[.]b`. Pure: knows no screen.

use std::collections::HashSet;
use std::net::{Ipv4Addr, Ipv6Addr};

/// What names of files end with: such names are no domains. Ends that are those of domains too, as `com` and `sh`, are
/// left out but for `zip`: one name too many made harmless is better than a live one.
const FILES: &[&str] = &[
    "asp", "aspx", "avi", "bak", "bat", "bmp", "cer", "cfg", "cgi", "cmd", "conf", "config", "cpl",
    "crt", "css", "csv", "dat", "db", "dll", "dmg", "dmp", "doc", "docm", "docx", "drv", "eml",
    "etl", "evt", "evtx", "exe", "gif", "gz", "hive", "hta", "htm", "html", "img", "ini", "iso",
    "jar", "jpeg", "jpg", "js", "jse", "json", "jsp", "jspx", "kdbx", "key", "lnk", "log", "mht",
    "msg", "msi", "msix", "ocx", "old", "ost", "pcap", "pcapng", "pdb", "pdf", "pem", "pfx", "php",
    "pif", "png", "ppt", "pptm", "pptx", "pst", "rar", "reg", "rtf", "scr", "service", "sqlite",
    "svg", "sys", "tar", "temp", "tgz", "tmp", "toml", "tsv", "txt", "url", "vbe", "vbs", "vhd",
    "vhdx", "vmdk", "war", "wav", "wsf", "xls", "xlsb", "xlsm", "xlsx", "xml", "yaml", "yml",
    "zip",
];

/// Names of which it is known what they are, whatever they look like.
#[derive(Debug, Default)]
pub struct Names {
    domains: HashSet<String>,
    others: HashSet<String>,
}

impl Names {
    /// Takes note of a domain.
    pub fn add_domain(&mut self, name: &str) {
        self.domains.insert(plain(name));
    }

    /// Takes note of a name that stays as it is, as an account's; behind an `@` it is a domain all the same.
    pub fn keep(&mut self, name: &str) {
        // Only what has a dot looks like a domain.
        if name.contains('.') {
            self.others.insert(plain(name));
        }
    }

    fn is_live(&self, name: &str, is_behind_at: bool) -> bool {
        let name = plain(name);
        let is_kept = || !is_behind_at && self.others.contains(&name);
        name.parse::<Ipv4Addr>().is_ok()
            || self.domains.contains(&name)
            || (looks_like_domain(&name) && !is_kept())
    }
}

/// A name as it is compared.
fn plain(name: &str) -> String {
    name.trim_matches('.').to_lowercase()
}

/// Whether a name in lower case ends as domains do, and not as files do.
fn looks_like_domain(name: &str) -> bool {
    let Some((before, end)) = name.trim_matches(['-', '_']).rsplit_once('.') else {
        return false;
    };
    let is_word = || end.chars().count() > 1 && end.chars().all(char::is_alphabetic);
    let is_end = end.starts_with("xn--") || is_word();
    is_end && !before.is_empty() && !before.ends_with('.') && !FILES.contains(&end)
}

/// `text` with every address, link and domain made such that nothing follows it by accident.
#[must_use]
pub fn defang(text: &str, names: &Names) -> String {
    let mut done = String::with_capacity(text.len() + 16);
    for piece in text.split_inclusive(|c| !is_token(c)) {
        let token = piece.trim_end_matches(|c| !is_token(c));
        let rest = piece.get(token.len()..).unwrap_or_default();
        done.push_str(&defang_token(token, &done, names));
        done.push_str(rest);
    }
    done
}

/// What addresses and names are made of; a colon belongs to the newer addresses, and to ports.
fn is_token(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | ':' | '-' | '_')
}

fn defang_token(token: &str, before: &str, names: &Names) -> String {
    let lower = token.to_ascii_lowercase();
    if matches!(lower.as_str(), "http:" | "https:" | "ftp:") {
        return token.replace('t', "x").replace('T', "X");
    }
    let name = token.trim_end_matches(['.', ':']);
    if name.parse::<Ipv6Addr>().is_ok() {
        return token.replace(':', "[:]").replace('.', "[.]");
    }
    let is_behind_at = before.ends_with('@');
    // A name stands before the colon of its port, and behind that of a word for it (`DNS:a.example`).
    let mut parts = name.split(':');
    let is_live = before.ends_with("://") || parts.any(|part| names.is_live(part, is_behind_at));
    match is_live {
        true => token.replace('.', "[.]"),
        false => token.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let mut names = Names::default();
        names.add_domain("Evil.Zip.");
        for other in ["net.transfer", "a.blanc"] {
            names.keep(other);
        }
        names
    }

    #[test]
    fn addresses_links_and_domains_are_made_harmless() {
        for (text, wanted) in [
            ("to 8.8.8.8.", "to 8[.]8[.]8[.]8[.]"),
            ("dst=\"10.0.0.7:443\"", "dst=\"10[.]0[.]0[.]7:443\""),
            ("http://a.b/c.d", "hxxp://a[.]b/c.d"),
            ("HTTPS://a.b:8/", "HXXPS://a[.]b:8/"),
            ("ftp://a.b", "fxp://a[.]b"),
            ("q=evil.zip,", "q=evil[.]zip,"),
            (
                "DNS query for evil-c2.com.",
                "DNS query for evil-c2[.]com[.]",
            ),
            ("curl other-c2.net/x", "curl other-c2[.]net/x"),
            ("phish@bad-mail.ru", "phish@bad-mail[.]ru"),
            ("*.xn--80ak6aa92e.XN--P1AI", "*[.]xn--80ak6aa92e[.]XN--P1AI"),
            ("DNS:c2.example:8443", "DNS:c2[.]example:8443"),
            (r"\\c2.example\x.exe", r"\\c2[.]example\x.exe"),
            (
                "_c2.example_, see..c2.example",
                "_c2[.]example_, see[.][.]c2[.]example",
            ),
            ("x@A.Blanc", "x@A[.]Blanc"),
            ("fe80::1 up", "fe80[:][:]1 up"),
            ("::ffff:8.8.8.8", "[:][:]ffff[:]8[.]8[.]8[.]8"),
        ] {
            assert_eq!(defang(text, &names()), wanted);
        }
    }

    #[test]
    fn accounts_files_types_and_numbers_stay() {
        for text in [
            "type=net.transfer A.Blanc. 13:12:44 1.2.3 0.25",
            r"CORP\a.blanc C:\Temp\run.exe WindowsPowerShell\v1.0",
            "report.docx setup.MSI archive.zip a.htm",
            "auth.login_success id.resp_h e.g. i.e. ...",
            "日本 …",
        ] {
            assert_eq!(defang(text, &names()), text);
        }
    }
}
