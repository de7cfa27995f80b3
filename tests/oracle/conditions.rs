//! What the sentences of the rule table share: what a family of rules looks for, counting, and addresses.

use std::net::{IpAddr, Ipv6Addr};

use crate::prompt::Event;

pub fn borrowed_binary(event: &Event) -> bool {
    let images = ["mshta.exe", "rundll32.exe", "regsvr32.exe", "certutil.exe"];
    event.is_a("process.create") && event.has("image", &images)
}

pub fn credential_read(event: &Event) -> bool {
    event.is_a("process.access") && event.has("target_image", &["lsass.exe"])
}

pub fn start_up_key(event: &Event) -> bool {
    event.is_a("registry.set") && event.has("target_object", &["Run", "RunOnce"])
}

pub fn system_service(event: &Event) -> bool {
    event.is_a("service.install") && event.has("account_name", &["LocalSystem"])
}

pub fn executable_attachment(event: &Event) -> bool {
    event.is_a("mail.attachment") && event.has("extension", &["iso", "js", "hta"])
}

pub fn regular_beacon(event: &Event) -> bool {
    event.is_a("net.beacon")
        && event.number("jitter_pct").is_some_and(|jitter| jitter <= 9)
        && outside(event, "dst_ip")
}

pub fn large_upload(event: &Event) -> bool {
    event.is_a("net.transfer")
        && event
            .number("orig_bytes")
            .is_some_and(|bytes| bytes >= 100_000_000)
        && outside(event, "dst_ip")
}

pub fn data_query(event: &Event) -> bool {
    event.is_a("dns.query") && event.has("qtype_name", &["TXT", "NULL"])
}

pub fn program_download(event: &Event) -> bool {
    event.is_a("http.download")
        && event.has("mime_type", &["application/x-dosexec", "application/hta"])
}

pub fn exploit_signature(event: &Event) -> bool {
    event.is_a("ids.alert") && event.has("signature_class", &["exploit", "shellcode"])
}

pub fn privileged_key(event: &Event) -> bool {
    event.is_a("cloud.create_access_key") && event.has("target", &["root", "admin"])
}

pub fn opened_bucket(event: &Event) -> bool {
    event.is_a("cloud.put_bucket_policy") && event.has("principal", &["*"])
}

pub fn powerful_grant(event: &Event) -> bool {
    event.is_a("auth.role_grant") && event.has("group_name", &["domain_admins", "global_admin"])
}

/// The first event for which the condition holds.
pub fn first(window: &[Event], holds: impl Fn(&Event) -> bool) -> Option<usize> {
    window.iter().position(holds)
}

/// Lines of one type that are counted together, those with the same values.
pub struct Group {
    counted: fn(&Event) -> bool,
    same: &'static [&'static str],
    /// The field of which different values are counted; without one it is the lines.
    different: Option<&'static str>,
    /// The field that tells the rules of the group apart.
    context: &'static str,
}

pub static LOCKED_FILES: Group = Group {
    counted: |event| event.is_a("file.rename") && event.has("extension", &["locked", "crypt"]),
    same: &["process_id"],
    different: None,
    context: "share",
};

pub static SWEEP: Group = Group {
    counted: |event| event.is_a("net.connection") && event.has("service", &["smb", "rdp", "ssh"]),
    same: &["src_ip", "service"],
    different: Some("dst_ip"),
    context: "dst_role",
};

pub static SPRAY: Group = Group {
    counted: |event| event.is_a("auth.kerberos_failure") && event.has("failure_code", &["0x18"]),
    same: &["src_ip"],
    different: Some("user"),
    context: "account_class",
};

impl Group {
    /// Whether the line is counted together with the other one. Without the field that counts it is no line of a group.
    fn joins(&self, line: &Event, other: &Event) -> bool {
        (self.counted)(line)
            && self.same.iter().all(|key| line.shares(other, key))
            && self.different.is_none_or(|key| line.field(key).is_some())
    }

    /// The lines that are counted together with the last one, which is among them, or none where that is of no group.
    fn lines<'a>(&self, seen: &'a [Event]) -> Vec<&'a Event> {
        let last = seen.last().filter(|last| self.joins(last, last));
        let joining = last.map(|last| seen.iter().filter(|line| self.joins(line, last)));
        joining.into_iter().flatten().collect()
    }

    /// Whether the line has a value that counts already.
    fn repeats(&self, line: &Event, earlier: &[&Event]) -> bool {
        self.different
            .is_some_and(|key| earlier.iter().any(|other| other.shares(line, key)))
    }

    /// What the group of the last line has come to.
    fn count(&self, seen: &[Event]) -> usize {
        let lines = self.lines(seen);
        (0..lines.len())
            .filter(|&at| !self.repeats(lines[at], &lines[..at]))
            .count()
    }

    /// Whether the last line comes back to a value that its group has already.
    pub fn is_return(&self, seen: &[Event]) -> bool {
        let lines = self.lines(seen);
        lines
            .split_last()
            .is_some_and(|(last, earlier)| self.repeats(last, earlier))
    }
}

/// The first line up to which its group comes to three or more, and of which the context is this word.
pub fn three_or_more(window: &[Event], group: &Group, word: &str) -> Option<usize> {
    (0..window.len())
        .find(|&at| group.count(&window[..=at]) >= 3 && window[at].has(group.context, &[word]))
}

/// The first sign-in whose user failed a number of times before it that is `enough`, and for which the rest holds.
pub fn sign_in(
    window: &[Event],
    enough: impl Fn(usize) -> bool,
    holds: impl Fn(&Event) -> bool,
) -> Option<usize> {
    (0..window.len()).find(|&at| {
        window[at].is_a("auth.login_success")
            && enough(failures_before(window, at))
            && holds(&window[at])
    })
}

/// The third failure of one user, where that user does not succeed afterwards.
pub fn third_failure(window: &[Event]) -> Option<usize> {
    (0..window.len()).find(|&at| {
        let (event, after) = (&window[at], &window[at + 1..]);
        let succeeds = after
            .iter()
            .any(|other| other.is_a("auth.login_success") && other.shares(event, "user"));
        event.is_a("auth.login_failure") && failures_before(window, at) == 2 && !succeeds
    })
}

/// How often the user of the event at `at` failed before it, counted back to that user's last success.
fn failures_before(window: &[Event], at: usize) -> usize {
    let of_user = window[..at]
        .iter()
        .rev()
        .filter(|other| other.shares(&window[at], "user"));
    let since_success = of_user.take_while(|other| !other.is_a("auth.login_success"));
    since_success
        .filter(|other| other.is_a("auth.login_failure"))
        .count()
}

pub fn admin(event: &Event) -> bool {
    event.has("account_role", &["admin"])
}

/// A role that is missing is like no value, so it is not admin either.
pub fn not_admin(event: &Event) -> bool {
    !admin(event)
}

pub fn inside(event: &Event, key: &str) -> bool {
    event.address(key).is_some_and(is_inside)
}

/// Everywhere but inside, also where no machine can be; what is no address at all is nowhere.
pub fn not_inside(event: &Event, key: &str) -> bool {
    event.address(key).is_some_and(|ip| !is_inside(ip))
}

/// An address that is not inside, and that a machine can have.
pub fn outside(event: &Event, key: &str) -> bool {
    event
        .address(key)
        .is_some_and(|ip| !is_inside(ip) && !is_neither(ip))
}

/// Private, loopback, link-local and shared addresses.
fn is_inside(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => matches!(
            v4.octets(),
            [10 | 127, ..]
                | [192, 168, ..]
                | [172, 16..=31, ..]
                | [169, 254, ..]
                | [100, 64..=127, ..]
        ),
        IpAddr::V6(v6) => {
            v6 == Ipv6Addr::LOCALHOST
                || matches!(v6.segments(), [0xfc00..=0xfdff | 0xfe80..=0xfebf, ..])
        }
    }
}

/// Unspecified, multicast, broadcast and reserved addresses, of those that are not inside.
fn is_neither(ip: IpAddr) -> bool {
    match ip {
        // "This network" with the unspecified address, multicast, and the reserved class with the broadcast address.
        IpAddr::V4(v4) => matches!(v4.octets(), [0 | 224..=255, ..]),
        // Machines get addresses from 2000::/3; IANA lists what is left as multicast or as reserved by the IETF.
        IpAddr::V6(v6) => !matches!(v6.segments(), [0x2000..=0x3fff, ..]),
    }
}
