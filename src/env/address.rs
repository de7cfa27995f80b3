//! Whether an address belongs to the organisation. Knows addresses only, no events.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where an address lies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Inside,
    Outside,
    /// No machine answers there: unspecified, broadcast, multicast and reserved ranges.
    Nowhere,
}

/// Whether `text` is an address only the organisation itself can reach; `None` where it is no address at all.
#[must_use]
pub fn is_internal(text: &str) -> Option<bool> {
    side(text).map(|side| side == Side::Inside)
}

/// Whether `text` is an address a machine outside the organisation can have.
#[must_use]
pub fn is_external(text: &str) -> bool {
    side(text) == Some(Side::Outside)
}

/// The address meant by `text`, however it is spelled: `::ffff:10.0.0.9` is 10.0.0.9, and saying so must not make another
/// machine of it. `None` where it is no address at all.
#[must_use]
pub fn canonical(text: &str) -> Option<IpAddr> {
    Some(text.parse::<IpAddr>().ok()?.to_canonical())
}

fn side(text: &str) -> Option<Side> {
    Some(match canonical(text)? {
        IpAddr::V4(ip) => side_v4(ip),
        IpAddr::V6(ip) => side_v6(ip),
    })
}

fn side_v4(ip: Ipv4Addr) -> Side {
    match ip.octets() {
        _ if ip.is_private() || ip.is_loopback() || ip.is_link_local() => Side::Inside,
        // Shared by a provider and its customers (RFC 6598): never routed to from outside.
        [100, 64..=127, ..] => Side::Inside,
        [0 | 224..=255, ..] => Side::Nowhere,
        // Documentation ranges too: whoever writes an example by hand takes them for addresses of strangers.
        _ => Side::Outside,
    }
}

fn side_v6(ip: Ipv6Addr) -> Side {
    match ip.segments() {
        _ if ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local() => Side::Inside,
        // Global unicast is all that is handed out.
        [0x2000..=0x3fff, ..] => Side::Outside,
        _ => Side::Nowhere,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_ranges_end_where_rfc_1918_says() {
        let internal = ["10.0.0.5", "172.16.0.1", "172.31.9.9", "192.168.1.1", "::1"];
        let external = [
            "11.0.0.5",
            "172.32.0.1",
            "192.169.1.1",
            "8.8.8.8",
            "2600::1",
        ];
        for ip in internal {
            assert_eq!(is_internal(ip), Some(true), "{ip}");
        }
        for ip in external {
            assert_eq!(is_internal(ip), Some(false), "{ip}");
            assert!(is_external(ip), "{ip}");
        }
        assert_eq!(is_internal("server"), None);
        assert!(!is_external("server"));
    }

    #[test]
    fn mapped_and_shared_addresses_are_inside() {
        for ip in [
            "::ffff:10.0.0.9",
            "::ffff:c0a8:101",
            "100.64.0.1",
            "100.127.9.9",
        ] {
            assert_eq!(is_internal(ip), Some(true), "{ip}");
            assert!(!is_external(ip), "{ip}");
        }
        for ip in ["::ffff:8.8.8.8", "100.63.0.1", "100.128.0.1", "203.0.113.7"] {
            assert!(is_external(ip), "{ip}");
        }
    }

    #[test]
    fn where_no_machine_answers_is_neither_inside_nor_outside() {
        for ip in [
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.251",
            "239.1.2.3",
            "::",
            "ff02::1",
            "::ffff:0.0.0.0",
        ] {
            assert_eq!(is_internal(ip), Some(false), "{ip}");
            assert!(!is_external(ip), "{ip}");
        }
    }
}
