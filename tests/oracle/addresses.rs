//! Which addresses are inside the organisation, which outside, and which neither.

use std::net::{IpAddr, Ipv6Addr};

use crate::prompt::Event;

pub fn inside(event: &Event, key: &str) -> bool {
    event.address(key).is_some_and(is_inside)
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
