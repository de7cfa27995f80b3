//! Estimates with 95 % intervals: Wilson for shares, Student's t for means, percentiles of resamples for the rest.

use serde::{Deserialize, Serialize};

/// Normal quantile of 97.5 %.
const Z: f64 = 1.959_963_984_540_054;

/// A value with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

/// The share `hits` of `n` with Wilson's score interval; `None` of nothing. More hits than cases, as a damaged file may tell, are
/// all of them.
#[must_use]
pub fn wilson(hits: u64, n: u64) -> Option<Estimate> {
    if n == 0 {
        return None;
    }
    let (share, n) = (hits.min(n) as f64 / n as f64, n as f64);
    let shrink = 1.0 + Z * Z / n;
    let centre = (share + Z * Z / (2.0 * n)) / shrink;
    let half = Z / shrink * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    // At 0 and 1 the bound meets the share but for rounding: the value must lie in its interval.
    Some(Estimate {
        value: share,
        low: (centre - half).clamp(0.0, share),
        high: (centre + half).clamp(share, 1.0),
    })
}

/// The mean of `values` with Student's interval, cut to `least..=most`; `None` of nothing.
///
/// One value alone says nothing of its spread: its interval is the whole range.
#[must_use]
pub fn mean(values: &[f64], (least, most): (f64, f64)) -> Option<Estimate> {
    if values.is_empty() {
        return None;
    }
    let n = values.len() as f64;
    // Rounding may lead a mean of equal values out of their range.
    let value = (values.iter().sum::<f64>() / n).clamp(least, most);
    if values.len() == 1 {
        return Some(Estimate {
            value,
            low: least,
            high: most,
        });
    }
    let squares: f64 = values.iter().map(|v| (v - value).powi(2)).sum();
    let half = t_quantile(values.len() - 1) * (squares / (n - 1.0) / n).sqrt();
    Some(Estimate {
        value,
        low: (value - half).clamp(least, value),
        high: (value + half).clamp(value, most),
    })
}

/// 97.5 % quantile of Student's t.
fn t_quantile(freedom: usize) -> f64 {
    const SMALL: [f64; 10] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    ];
    if let Some(&t) = freedom.checked_sub(1).and_then(|i| SMALL.get(i)) {
        return t;
    }
    // Cornish-Fisher: off by less than 1e-3 from eleven degrees of freedom on.
    let v = freedom as f64;
    let first = (Z.powi(3) + Z) / 4.0;
    let second = (5.0 * Z.powi(5) + 16.0 * Z.powi(3) + 3.0 * Z) / 96.0;
    let third = (3.0 * Z.powi(7) + 19.0 * Z.powi(5) + 17.0 * Z.powi(3) - 15.0 * Z) / 384.0;
    Z + first / v + second / v.powi(2) + third / v.powi(3)
}

/// `value` with the middle 95 % of `resampled`, widened where the value lies outside.
#[must_use]
pub fn percentiles(value: f64, mut resampled: Vec<f64>) -> Estimate {
    resampled.sort_by(f64::total_cmp);
    let last = resampled.len().saturating_sub(1) as f64;
    let at = |share: f64| resampled.get((share * last).round() as usize).copied();
    Estimate {
        value,
        low: at(0.025).unwrap_or(value).min(value),
        high: at(0.975).unwrap_or(value).max(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(estimate: Estimate, low: f64, high: f64, within: f64) {
        assert!((estimate.low - low).abs() < within, "{estimate:?} {low}");
        assert!((estimate.high - high).abs() < within, "{estimate:?} {high}");
    }

    #[test]
    fn wilson_gives_published_values() {
        // Newcombe 1998, table I, score method without continuity correction.
        for (hits, n, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            near(wilson(hits, n).expect("n"), low, high, 6e-5);
        }
        near(wilson(20, 20).expect("n"), 1.0 - 0.1611, 1.0, 6e-5);
        assert_eq!(wilson(0, 0), None);
        assert_eq!(wilson(9, 7), wilson(7, 7), "a damaged file");
        let none = wilson(0, 7).expect("n");
        assert!(none.low == 0.0 && none.value == 0.0);
    }

    #[test]
    fn mean_by_hand() {
        // Mean 2, sample variance 1, n 3: half width 4.303 / sqrt(3) = 2.4843.
        let estimate = mean(&[1.0, 2.0, 3.0], (-10.0, 10.0)).expect("values");
        assert!((estimate.value - 2.0).abs() < 1e-12);
        near(estimate, -0.4843, 4.4843, 1e-3);
        near(
            mean(&[1.0, 2.0, 3.0], (0.0, 4.0)).expect("values"),
            0.0,
            4.0,
            1e-12,
        );
        near(mean(&[0.5], (-1.5, 1.1)).expect("one"), -1.5, 1.1, 1e-12);
        assert_eq!(mean(&[], (0.0, 1.0)), None);
    }

    #[test]
    fn t_quantiles_are_those_of_the_tables() {
        for (freedom, t) in [
            (1, 12.706),
            (10, 2.228),
            (11, 2.201),
            (20, 2.086),
            (30, 2.042),
            (120, 1.980),
        ] {
            assert!((t_quantile(freedom) - t).abs() < 6e-4, "{freedom}");
        }
    }

    #[test]
    fn percentiles_of_a_ramp() {
        let ramp: Vec<f64> = (0..=1000).rev().map(f64::from).collect();
        near(percentiles(500.0, ramp), 25.0, 975.0, 1e-9);
        near(percentiles(0.3, Vec::new()), 0.3, 0.3, 1e-12);
    }
}
