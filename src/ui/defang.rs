//! Addresses and links made harmless for reports: `8[.]8[.]8[.]8`, `hxxp://`, `a[.]b`. Pure: knows no screen.

use std::net::{Ipv4Addr, Ipv6Addr};

/// `text` with every address, link and each of `domains` made such that nothing follows it by accident.
#[must_use]
pub fn defang(text: &str, domains: &[String]) -> String {
    let mut done = String::with_capacity(text.len() + 16);
    for piece in text.split_inclusive(|c| !is_token(c)) {
        let token = piece.trim_end_matches(|c| !is_token(c));
        let rest = piece.get(token.len()..).unwrap_or_default();
        done.push_str(&defang_token(token, &done, domains));
        done.push_str(rest);
    }
    done
}

/// What addresses and names are made of; a colon belongs to the newer addresses, and to ports.
fn is_token(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | ':' | '-' | '_')
}

fn defang_token(token: &str, before: &str, domains: &[String]) -> String {
    let name = token.trim_end_matches(['.', ':']);
    let host = name.split_once(':').map_or(name, |(host, _port)| host);
    let lower = token.to_ascii_lowercase();
    if matches!(lower.as_str(), "http:" | "https:" | "ftp:") {
        return token.replace('t', "x").replace('T', "X");
    }
    let is_in_link = before.ends_with("://");
    let is_named = || {
        let mut domains = domains.iter();
        domains.any(|domain| domain.eq_ignore_ascii_case(host))
    };
    if host.parse::<Ipv4Addr>().is_ok() || is_in_link || is_named() {
        return token.replace('.', "[.]");
    }
    if name.parse::<Ipv6Addr>().is_ok() {
        return token.replace(':', "[:]");
    }
    token.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_links_and_named_domains_are_made_harmless() {
        let domains = ["evil.example".to_owned()];
        for (text, wanted) in [
            ("to 8.8.8.8.", "to 8[.]8[.]8[.]8[.]"),
            ("dst=\"10.0.0.7:443\"", "dst=\"10[.]0[.]0[.]7:443\""),
            ("http://a.b/c.d", "hxxp://a[.]b/c.d"),
            ("HTTPS://a.b:8/", "HXXPS://a[.]b:8/"),
            ("ftp://a.b", "fxp://a[.]b"),
            ("q=evil.example,", "q=evil[.]example,"),
            ("fe80::1 up", "fe80[:][:]1 up"),
            (
                "type=net.transfer a.blanc 13:12:44 1.2.3",
                "type=net.transfer a.blanc 13:12:44 1.2.3",
            ),
            ("日本 …", "日本 …"),
        ] {
            assert_eq!(defang(text, &domains), wanted);
        }
    }
}
