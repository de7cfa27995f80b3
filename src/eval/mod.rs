//! Evaluation arithmetic: from verdicts to metrics with intervals, comparisons, baselines and the report.
//!
//! Knows neither models nor terminals; whoever has answers hands them in as [`metrics::Case`]s.

pub mod baselines;
pub mod calibration;
pub mod metrics;
pub mod pairwise;
pub mod report;
pub mod soc;
