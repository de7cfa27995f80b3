//! Tables for gaps, decimation and smoothing.

use super::*;
use crate::link::MetricRow;

fn series(values: &[f64]) -> Series {
    let mut series = Series::new();
    for (step, &value) in (1..).zip(values) {
        series.push(step, value);
    }
    series
}

/// The steps of what is drawn joined.
fn joined(series: &Series) -> Vec<Vec<u64>> {
    let steps = |run: Range<usize>| series.points()[run].iter().map(|p| p.step).collect();
    let runs = series.runs(0..series.points().len());
    runs.into_iter().map(steps).collect()
}

fn row(step: u64, stage: &str, values: &[(&str, f64)]) -> MetricRow {
    MetricRow {
        step,
        stage: stage.to_owned(),
        values: values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value))
            .collect(),
    }
}

#[test]
fn what_is_not_finite_is_a_gap_and_outside_the_bounds() {
    let series = series(&[
        1.0,
        f64::NAN,
        3.0,
        2.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
        -4.0,
    ]);
    assert_eq!(joined(&series), [vec![1], vec![3, 4], vec![7]]);
    assert_eq!(series.gaps(), 3);
    let found = series.bounds(0..u64::MAX).expect("drawn");
    assert_eq!(
        (found.first_step, found.last_step, found.low, found.high),
        (1, 7, -4.0, 3.0)
    );
    let found = series.bounds(2..6).expect("drawn");
    assert_eq!(
        (found.first_step, found.last_step, found.low, found.high),
        (3, 4, 2.0, 3.0)
    );
    assert_eq!(series.bounds(5..7), None, "gaps only");
    assert_eq!(Series::new().bounds(0..u64::MAX), None);
    assert!(joined(&Series::new()).is_empty());
}

#[test]
fn decimation_keeps_every_spike_and_never_joins_over_a_gap() {
    let mut values: Vec<f64> = (0..100_000).map(|i| f64::from(i % 7) * 0.01).collect();
    values[12_345] = 50.0;
    values[77_777] = -50.0;
    values[50_000] = f64::NAN;
    let series = series(&values);
    let runs = decimated(&series, 1..100_001, 120);
    assert_eq!(runs.len(), 2);
    assert!(runs.concat().len() <= 2 * 121, "{}", runs.concat().len());
    let values = runs.concat().into_iter().map(|p| p.value);
    let ends = values.fold((0.0f64, 0.0f64), |(a, b), v| (a.min(v), b.max(v)));
    assert_eq!(ends, (-50.0, 50.0));
    assert!(
        runs.iter()
            .all(|run| run.is_sorted_by(|a, b| a.step < b.step))
    );
    assert!(runs[0].last().expect("points").step < 50_001 && runs[1][0].step > 50_001);
}

#[test]
fn decimation_of_few_points_changes_nothing() {
    let few = series(&[1.0, 5.0, 2.0]);
    assert_eq!(decimated(&few, 1..4, 80), [few.points().to_vec()]);
    assert_eq!(
        decimated(&few, 2..3, 80),
        [vec![Point {
            step: 2,
            value: 5.0
        }]]
    );
    assert!(decimated(&few, 1..4, 0).is_empty());
    assert!(decimated(&few, 4..4, 10).is_empty());
    assert!(decimated(&few, 9..u64::MAX, 10).is_empty());
    let flat = series(&[2.0; 9]);
    assert_eq!(decimated(&flat, 1..10, 3).concat().len(), 3);
}

#[test]
fn smoothing_is_tensorboards() {
    // By hand, weight 0.5: means 0.5, 1.25, 2.125 over 1 - 0.5^n.
    let want = [1.0, 1.25 / 0.75, 2.125 / 0.875];
    let smooth = series(&[1.0, 2.0, 3.0]).smoothed(0.5);
    for (p, want) in smooth.points().iter().zip(want) {
        assert!((p.value - want).abs() < 1e-12, "{p:?} {want}");
    }
    assert_eq!(series(&[1.0, 2.0]).smoothed(0.0), series(&[1.0, 2.0]));
    let flat = series(&[0.3; 500]).smoothed(0.99);
    assert!(flat.points().iter().all(|p| (p.value - 0.3).abs() < 1e-9));
    let holed = series(&[1.0, f64::NAN, 2.0]).smoothed(0.5);
    assert_eq!(holed.gaps(), 1);
    assert!((holed.points()[2].value - 1.25 / 0.75).abs() < 1e-12);
}

#[test]
fn logarithms_of_nothing_are_gaps() {
    let log = series(&[100.0, 0.0, -1.0, 0.001]).log10();
    assert_eq!(log.gaps(), 2);
    assert_eq!(log.points()[0].value, 2.0);
    assert!((log.points()[3].value + 3.0).abs() < 1e-12);
}

#[test]
fn a_resumed_run_overwrites_its_tail() {
    let mut again = series(&[1.0, f64::NAN, 3.0, 4.0]);
    again.push(2, 9.0);
    assert_eq!(again, series(&[1.0, 9.0]));
    assert_eq!(again.gaps(), 0);
    assert_eq!(
        again.last(),
        Some(Point {
            step: 2,
            value: 9.0
        })
    );
}

#[test]
fn nearest_finds_the_point_under_a_cursor() {
    let mut sparse = Series::new();
    assert_eq!(sparse.nearest(5), None);
    for step in [10, 20, 40] {
        sparse.push(step, step as f64);
    }
    for (at, want) in [(0, 10), (10, 10), (14, 10), (16, 20), (31, 40), (99, 40)] {
        assert_eq!(sparse.nearest(at).map(|p| p.step), Some(want), "{at}");
    }
}

#[test]
fn history_makes_gaps_only_within_a_stage() {
    let mut history = History::new();
    history.push(&row(1, "sft", &[("loss", 1.0), ("lr", 0.1)]));
    history.push(&row(2, "sft", &[("lr", 0.1)]));
    history.push(&row(3, "sft", &[("loss", 0.5), ("lr", 0.1)]));
    history.push(&row(4, "stage1_basic", &[("reward", 0.2)]));
    let loss = history.get("loss").expect("seen");
    assert_eq!(joined(loss), [[1], [3]]);
    assert_eq!(loss.points().len(), 3);
    assert_eq!(
        history.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        ["loss", "lr", "reward"]
    );
    history.clear();
    assert!(history.get("loss").is_none());
}

#[test]
fn what_a_row_lacks_is_zero_untold_or_not_finite() {
    let mut history = History::new();
    history.push(&row(1, "sft", &[("loss", 2.0)]));
    history.push(&row(2, "stage1_basic", &[("loss", 1.0), ("reward", 0.1)]));
    let first = [
        ("loss", 1.0),
        ("reward", 0.1),
        ("components/malformed", -0.5),
        ("system/free_mb", 7.0),
    ];
    history.push(&row(3, "stage1_basic", &first));
    history.push(&row(4, "stage1_basic", &[("reward", 0.1)]));
    let told = |history: &History, name: &str| {
        let points = history.get(name).expect(name).points().iter();
        points.map(|p| (p.step, p.value)).collect::<Vec<_>>()
    };
    let malformed = [(2, 0.0), (3, -0.5), (4, 0.0)];
    assert_eq!(told(&history, "components/malformed"), malformed);
    assert_eq!(told(&history, "system/free_mb"), [(3, 7.0)]);
    let loss = history.get("loss").expect("told");
    assert_eq!((loss.gaps(), loss.newest().map(|p| p.step)), (1, Some(4)));
    assert_eq!(loss.last().map(|p| p.step), Some(3));
    // A resumed run says step 3 again, without what was told at times.
    history.push(&row(3, "stage1_basic", &[("loss", 1.0), ("reward", 0.2)]));
    assert_eq!(told(&history, "components/malformed"), [(2, 0.0), (3, 0.0)]);
    assert_eq!(history.get("loss").map(Series::gaps), Some(0));
}

#[test]
fn nothing_is_under_a_cursor_before_a_metric_has_begun() {
    let mut late = Series::new();
    assert_eq!(late.under(3), None);
    late.push(10, 1.0);
    late.push(20, 2.0);
    for (at, want) in [(9, None), (10, Some(1.0)), (16, Some(2.0)), (99, Some(2.0))] {
        assert_eq!(late.under(at).map(|p| p.value), want, "{at}");
    }
}

#[test]
fn values_move_to_what_stands_for_their_steps() {
    let mut tokens = Series::new();
    for (step, value) in [(1, 100.0), (2, 250.9), (3, f64::NAN), (4, 700.0)] {
        tokens.push(step, value);
    }
    let moved = series(&[0.1, 0.2, 0.3, 0.4, 0.5]).along(&tokens);
    let points: Vec<_> = moved.points().iter().map(|p| (p.step, p.value)).collect();
    // Steps 2 and 3 meet where the tokens are not known to have grown; step 5 is told before its tokens are.
    assert_eq!(points, [(100, 0.1), (250, 0.3), (700, 0.5)]);
    assert!(series(&[]).along(&tokens).points().is_empty());
}

/// The same by dividing for every point.
fn naive(points: &[Point], steps: &Range<u64>, columns: u64) -> Vec<Point> {
    let column = |p: &Point| (p.step - steps.start) * columns / (steps.end - steps.start);
    let mut kept = Vec::new();
    for same in points.chunk_by(|a, b| column(a) == column(b)) {
        let by = |p: &&Point, q: &&Point| p.value.total_cmp(&q.value);
        let low = same.iter().min_by(by).expect("a point");
        // Of equal ones the first, as of the lowest.
        let high = same.iter().rev().max_by(by).expect("a point");
        let mut both = [*low, *high];
        both.sort_by_key(|p| p.step);
        kept.extend(&both[..1 + usize::from(low.step != high.step)]);
    }
    kept
}

#[test]
fn columns_begin_and_end_where_a_division_says() {
    let mut series = Series::new();
    for step in (3..900).filter(|step| step % 7 != 2) {
        series.push(step, (step * 7_919 % 101) as f64);
    }
    for (steps, columns) in [(3..900, 7), (0..901, 80), (17..333, 316), (5..8, 160)] {
        let points = series.within(steps.clone());
        let wanted = naive(points, &steps, columns);
        let runs = decimated(&series, steps.clone(), columns as usize);
        assert_eq!(runs.concat(), wanted, "{steps:?} in {columns}");
    }
}
