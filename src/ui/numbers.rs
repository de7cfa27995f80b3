//! Numbers and spans of time as text, in few cells. Pure.

/// Seconds as `1h02m`, `3m20s` or `12s`.
#[must_use]
pub fn clock(seconds: f64) -> String {
    let s = seconds.max(0.0) as u64;
    match s {
        0..60 => format!("{s}s"),
        60..3_600 => format!("{}m{:02}s", s / 60, s % 60),
        _ => format!("{}h{:02}m", s / 3_600, s % 3_600 / 60),
    }
}

/// A number in at most six cells or so.
#[must_use]
pub fn short(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        "0".to_owned()
    } else if !value.is_finite() {
        "not finite".to_owned()
    } else if !(0.001..100_000.0).contains(&size) {
        format!("{value:.1e}")
    } else if size >= 100.0 {
        format!("{value:.0}")
    } else if size >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.3}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_what_tells_them_apart_in_few_cells() {
        for (value, told) in [
            (0.0, "0"),
            (0.585, "0.585"),
            (-1.0, "-1.000"),
            (31.94, "31.9"),
            (99_999.0, "99999"),
            (100_000.0, "1.0e5"),
            (0.000_25, "2.5e-4"),
            (f64::NAN, "not finite"),
            (f64::INFINITY, "not finite"),
        ] {
            assert_eq!(short(value), told);
        }
    }

    #[test]
    fn seconds_become_minutes_and_hours() {
        for (seconds, told) in [
            (-1.0, "0s"),
            (59.9, "59s"),
            (200.0, "3m20s"),
            (3_720.0, "1h02m"),
        ] {
            assert_eq!(clock(seconds), told);
        }
    }
}
