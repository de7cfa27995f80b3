//! Whether an address belongs to the organisation. Knows addresses only, no events.

use std::net::IpAddr;

/// Whether `text` is a private, loopback or link-local address; `None` where it is no address at all.
#[must_use]
pub fn is_internal(text: &str) -> Option<bool> {
    Some(match text.parse::<IpAddr>().ok()? {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    })
}

/// Whether `text` is an address outside the organisation.
#[must_use]
pub fn is_external(text: &str) -> bool {
    is_internal(text) == Some(false)
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
        }
        assert_eq!(is_internal("server"), None);
        assert!(!is_external("server"));
    }
}
