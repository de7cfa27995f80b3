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
    event.is_a("service.install") && event.has("account", &["LocalSystem"])
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
    event.is_a("dns.query") && event.has("qtype", &["TXT", "NULL"])
}

pub fn program_download(event: &Event) -> bool {
    event.is_a("http.download") && event.has("mime", &["application/x-dosexec", "application/hta"])
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
    event.is_a("auth.role_grant") && event.has("role", &["domain_admins", "global_admin"])
}

/// The first event for which the condition holds.
pub fn first(window: &[Event], holds: impl Fn(&Event) -> bool) -> Option<usize> {
    window.iter().position(holds)
}

/// The third locked file of one process, where that third file lies on `share`.
pub fn third_locked_file(window: &[Event], share: &str) -> Option<usize> {
    let locked =
        |event: &Event| event.is_a("file.rename") && event.has("extension", &["locked", "crypt"]);
    (0..window.len()).find(|&at| {
        let (before, event) = (&window[..at], &window[at]);
        let earlier = before
            .iter()
            .filter(|other| locked(other) && other.shares(event, "process_id"))
            .count();
        locked(event) && earlier == 2 && event.has("share", &[share])
    })
}

/// The connection by which one address reached a third machine with one service, where that machine is `role`.
pub fn third_machine(window: &[Event], role: &str) -> Option<usize> {
    let swept = |event: &Event| {
        event.is_a("net.connection") && event.has("service", &["smb", "rdp", "ssh"])
    };
    (0..window.len()).find(|&at| {
        let (before, event) = (&window[..at], &window[at]);
        let mut reached = Vec::new();
        for other in before {
            let same_sweep =
                swept(other) && other.shares(event, "src_ip") && other.shares(event, "service");
            if same_sweep
                && other.word("dst_ip").is_some()
                && !reached.contains(&other.word("dst_ip"))
            {
                reached.push(other.word("dst_ip"));
            }
        }
        let fresh = event.word("dst_ip").is_some() && !reached.contains(&event.word("dst_ip"));
        swept(event) && fresh && reached.len() == 2 && event.has("dst_role", &[role])
    })
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
    address(event, key).is_some_and(is_inside)
}

/// Everywhere but inside, also where no machine can be; what is no address at all is nowhere.
pub fn not_inside(event: &Event, key: &str) -> bool {
    address(event, key).is_some_and(|ip| !is_inside(ip))
}

/// An address that is not inside, and that a machine can have.
pub fn outside(event: &Event, key: &str) -> bool {
    address(event, key).is_some_and(|ip| !is_inside(ip) && !is_neither(ip))
}

/// An IPv4 address written as an IPv6 one counts as what it stands for.
fn address(event: &Event, key: &str) -> Option<IpAddr> {
    let ip: IpAddr = event.word(key)?.parse().ok()?;
    Some(ip.to_canonical())
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
