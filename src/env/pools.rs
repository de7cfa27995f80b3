//! The names, machines, addresses and dates episodes are made of. The pools of train and hold-out share no value.
//!
//! Words a rule knows (programs, roles, reputations) are vocabulary and live with the families instead.

use super::schema::Split;
use crate::stream::Stream;

/// What one split draws from.
#[derive(Debug)]
pub struct Pools {
    pub users: &'static [&'static str],
    /// Machine names are `<prefix>-<number>`.
    pub host_prefixes: &'static [&'static str],
    pub domains: &'static [&'static str],
    pub files: &'static [&'static str],
    pub dates: &'static [&'static str],
    /// Addresses of a split have this parity in their third octet.
    octet_parity: u64,
}

const TRAIN: Pools = Pools {
    users: &[
        "j.alvarez",
        "m.okafor",
        "s.lindqvist",
        "t.nakamura",
        "a.haddad",
        "p.moreau",
        "k.novak",
        "r.silva",
        "d.fischer",
        "l.conti",
        "b.owens",
        "e.petrov",
        "n.khan",
        "c.jensen",
        "h.kim",
        "g.rossi",
        "i.mbeki",
        "o.larsen",
        "v.popescu",
        "w.chen",
    ],
    host_prefixes: &["ws", "lap", "srv", "web", "db", "fin"],
    domains: &[
        "cdn.arbor.net",
        "mail.birch.org",
        "api.cedar.com",
        "img.delta.io",
        "sync.ember.net",
        "files.fjord.com",
        "news.grove.org",
        "app.harbor.io",
        "data.inlet.net",
        "shop.jasper.com",
        "docs.kelp.org",
        "auth.lagoon.io",
        "map.meadow.net",
        "play.nickel.com",
        "edge.onyx.org",
    ],
    files: &[
        "report.dat",
        "budget.tmp",
        "invoice.bin",
        "backup.cfg",
        "notes.log",
        "agenda.idx",
        "ledger.dat",
        "survey.tmp",
        "roster.bin",
        "minutes.cfg",
    ],
    dates: &[
        "2026-03-02",
        "2026-03-05",
        "2026-03-09",
        "2026-03-14",
        "2026-03-18",
        "2026-03-23",
        "2026-03-27",
        "2026-04-01",
    ],
    octet_parity: 0,
};

const HOLDOUT: Pools = Pools {
    users: &[
        "f.dubois",
        "y.tanaka",
        "u.eriksen",
        "z.kowalski",
        "q.nguyen",
        "x.romero",
        "j.weber",
        "m.santos",
        "s.oduya",
        "t.horvat",
        "a.blanc",
        "p.singh",
        "k.murphy",
        "r.vargas",
    ],
    host_prefixes: &["pc", "mac", "app", "file", "hr", "lab"],
    domains: &[
        "cdn.pebble.net",
        "mail.quartz.org",
        "api.ridge.com",
        "img.summit.io",
        "sync.tundra.net",
        "files.umber.com",
        "news.vale.org",
        "app.willow.io",
        "data.yarrow.net",
        "shop.zephyr.com",
    ],
    files: &[
        "forecast.dat",
        "payroll.tmp",
        "contract.bin",
        "archive.cfg",
        "memo.log",
        "catalog.idx",
    ],
    dates: &["2026-05-04", "2026-05-11", "2026-05-20", "2026-05-29"],
    octet_parity: 1,
};

/// The pools of `split`.
#[must_use]
pub const fn of(split: Split) -> &'static Pools {
    match split {
        Split::Train => &TRAIN,
        Split::Holdout => &HOLDOUT,
    }
}

/// First octets that are public, unicast and free of special ranges.
fn public_octet(stream: &mut Stream) -> u64 {
    loop {
        let octet = stream.between(11, 222);
        if !matches!(octet, 100 | 127 | 169 | 172 | 192 | 198 | 203) {
            return octet;
        }
    }
}

impl Pools {
    /// A user other than `besides`.
    pub fn user_besides(&self, besides: &[&str], stream: &mut Stream) -> String {
        let others: Vec<&str> = self
            .users
            .iter()
            .copied()
            .filter(|user| !besides.contains(user))
            .collect();
        word(&others, stream)
    }

    /// A machine name.
    pub fn host(&self, stream: &mut Stream) -> String {
        let prefix = word(self.host_prefixes, stream);
        format!("{prefix}-{:02}", stream.between(1, 40))
    }

    /// An address outside the organisation.
    pub fn external_ip(&self, stream: &mut Stream) -> String {
        let first = public_octet(stream);
        self.tail(&format!("{first}.{}", stream.between(0, 255)), stream)
    }

    /// An address inside the organisation.
    pub fn internal_ip(&self, stream: &mut Stream) -> String {
        let head = match stream.below(3) {
            0 => format!("10.{}", stream.between(0, 63)),
            1 => format!("172.{}", stream.between(16, 31)),
            _ => "192.168".to_owned(),
        };
        self.tail(&head, stream)
    }

    fn tail(&self, head: &str, stream: &mut Stream) -> String {
        let third = stream.below(128) * 2 + self.octet_parity;
        format!("{head}.{third}.{}", stream.between(1, 254))
    }
}

/// One of `words`; empty where there are none.
pub fn word(words: &[&str], stream: &mut Stream) -> String {
    stream
        .pick(words)
        .map_or_else(String::new, |word| (*word).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::address::is_internal;
    use std::collections::BTreeSet;

    #[test]
    fn splits_share_no_value() {
        type Pick = fn(&Pools) -> &'static [&'static str];
        let picks: [Pick; 5] = [
            |p| p.users,
            |p| p.host_prefixes,
            |p| p.domains,
            |p| p.files,
            |p| p.dates,
        ];
        for pick in picks {
            let train: BTreeSet<_> = pick(&TRAIN).iter().collect();
            assert!(pick(&HOLDOUT).iter().all(|value| !train.contains(value)));
        }
        assert_ne!(TRAIN.octet_parity, HOLDOUT.octet_parity);
    }

    #[test]
    fn drawn_addresses_are_on_their_side() {
        let mut stream = Stream::named(1, &["addresses"]);
        for _ in 0..2_000 {
            let inside = TRAIN.internal_ip(&mut stream);
            assert_eq!(is_internal(&inside), Some(true), "{inside}");
            let outside = HOLDOUT.external_ip(&mut stream);
            assert_eq!(is_internal(&outside), Some(false), "{outside}");
        }
    }
}
