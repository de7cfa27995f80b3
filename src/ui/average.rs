//! Moving averages of a run's metrics: each made when it is first looked at, then kept up row by row, because averaging a long
//! curve anew for every frame costs more than drawing it.
//!
//! The numbers are those of [`Series::smoothed`]. Pure.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use crate::run::series::{History, Point, Series};

/// How much of what came before is in a drawn curve. Each weight looks back four times as far as the one before it: 2.5, 10 and
/// 40 steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Smoothing {
    /// Only what was measured.
    Raw,
    Light,
    #[default]
    Default,
    Heavy,
}

impl Smoothing {
    /// All of them, from none to the most.
    pub const ALL: [Smoothing; 4] = [
        Smoothing::Raw,
        Smoothing::Light,
        Smoothing::Default,
        Smoothing::Heavy,
    ];

    /// The next heavier one; after the heaviest, raw curves.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Smoothing::Raw => Smoothing::Light,
            Smoothing::Light => Smoothing::Default,
            Smoothing::Default => Smoothing::Heavy,
            Smoothing::Heavy => Smoothing::Raw,
        }
    }

    /// Weight of the past, 0 to 1.
    #[must_use]
    pub const fn weight(self) -> f64 {
        match self {
            Smoothing::Raw => 0.0,
            Smoothing::Light => 0.6,
            Smoothing::Default => 0.9,
            Smoothing::Heavy => 0.975,
        }
    }

    /// What the curves are with it, in words.
    #[must_use]
    pub fn words(self) -> String {
        let name = match self {
            Smoothing::Raw => return "raw curves, no smoothing".to_owned(),
            Smoothing::Light => "light",
            Smoothing::Default => "default",
            Smoothing::Heavy => "heavy",
        };
        format!("{name} smoothing, weight {}", self.weight())
    }
}

/// One average of one metric.
#[derive(Debug)]
struct Average {
    weight: f64,
    series: Series,
    mean: f64,
    bias: f64,
}

impl Average {
    /// Of all that was told so far.
    fn of(told: &Series, weight: f64) -> Self {
        let mut average = Self {
            weight,
            series: Series::new(),
            mean: 0.0,
            bias: 1.0,
        };
        told.points().iter().for_each(|p| average.push(*p));
        average
    }

    fn push(&mut self, point: Point) {
        if !point.is_drawn() {
            self.series.push(point.step, f64::NAN);
            return;
        }
        self.mean = self.mean * self.weight + (1.0 - self.weight) * point.value;
        self.bias *= self.weight;
        self.series.push(point.step, self.mean / (1.0 - self.bias));
    }

    /// To be drawn, not to be followed further.
    fn thinned(&self, stretches: usize) -> Self {
        Self {
            series: self.series.thinned(stretches),
            ..*self
        }
    }
}

/// The averages of one metric, as far as they were looked at.
#[derive(Debug, Default)]
struct Kept {
    light: OnceCell<Average>,
    default: OnceCell<Average>,
    heavy: OnceCell<Average>,
}

impl Kept {
    /// The place of one; there is none for what is not smoothed.
    const fn place(&self, smoothing: Smoothing) -> Option<&OnceCell<Average>> {
        match smoothing {
            Smoothing::Raw => None,
            Smoothing::Light => Some(&self.light),
            Smoothing::Default => Some(&self.default),
            Smoothing::Heavy => Some(&self.heavy),
        }
    }

    /// Takes in a point, at most once for each weight.
    fn push(&mut self, point: Point) {
        for place in [&mut self.light, &mut self.default, &mut self.heavy] {
            if let Some(average) = place.get_mut() {
                average.push(point);
            }
        }
    }

    /// All of them, thinned.
    fn thinned(told: &Series, stretches: usize) -> Self {
        let thin = |smoothing: Smoothing| {
            let average = Average::of(told, smoothing.weight());
            OnceCell::from(average.thinned(stretches))
        };
        Self {
            light: thin(Smoothing::Light),
            default: thin(Smoothing::Default),
            heavy: thin(Smoothing::Heavy),
        }
    }
}

/// The averages of every metric.
#[derive(Debug, Default)]
pub struct Averages {
    by_name: BTreeMap<String, Kept>,
}

impl Averages {
    /// Takes in the row that `history` just took in at `step`; `is_again` when a resumed run says old steps again.
    pub fn follow(&mut self, history: &History, step: u64, is_again: bool) {
        if is_again {
            // Made anew from what is left when they are looked at.
            self.by_name.clear();
        }
        for (name, series) in history.iter() {
            let Some(kept) = self.by_name.get_mut(name) else {
                self.by_name.insert(name.to_owned(), Kept::default());
                continue;
            };
            if let Some(new) = series.newest().filter(|p| p.step == step) {
                kept.push(new);
            }
        }
    }

    /// Every average of `history`, whole, thinned as [`Series::thinned`]: to be drawn, not to be followed further.
    #[must_use]
    pub fn thinned(history: &History, stretches: usize) -> Self {
        let thin =
            |(name, told): (&str, &Series)| (name.to_owned(), Kept::thinned(told, stretches));
        Self {
            by_name: history.iter().map(thin).collect(),
        }
    }

    /// The average of the metric called `name`, which has told `told` so far; `None` where nothing is smoothed.
    #[must_use]
    pub fn get(&self, name: &str, told: &Series, smoothing: Smoothing) -> Option<&Series> {
        let place = self.by_name.get(name)?.place(smoothing)?;
        let average = place.get_or_init(|| Average::of(told, smoothing.weight()));
        Some(&average.series)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::tests::fixtures::row;

    /// Whether two curves are the same, gaps too.
    fn is_same(a: &Series, b: &Series) -> bool {
        let pairs = a.points().iter().zip(b.points());
        let mut same = pairs.map(|(a, b)| {
            let is_near = (a.value - b.value).abs() < 1e-9;
            a.step == b.step && (is_near || (!a.is_drawn() && !b.is_drawn()))
        });
        a.points().len() == b.points().len() && same.all(|same| same)
    }

    /// How many points are kept.
    fn kept(averages: &Averages) -> usize {
        let places = averages.by_name.values();
        let places = places.flat_map(|kept| [&kept.light, &kept.default, &kept.heavy]);
        let made = places.filter_map(OnceCell::get);
        made.map(|average| average.series.points().len()).sum()
    }

    #[test]
    fn weights_go_round_from_none_to_the_heaviest() {
        assert_eq!(Smoothing::default(), Smoothing::Default);
        for (smoothing, next) in Smoothing::ALL.iter().zip(Smoothing::ALL.iter().skip(1)) {
            assert_eq!(smoothing.next(), *next);
            assert!(smoothing.weight() < next.weight(), "{smoothing:?}");
        }
        assert_eq!(Smoothing::Heavy.next(), Smoothing::Raw);
        let words = Smoothing::ALL.map(Smoothing::words);
        let wanted = [
            "raw curves, no smoothing",
            "light smoothing, weight 0.6",
            "default smoothing, weight 0.9",
            "heavy smoothing, weight 0.975",
        ];
        assert_eq!(words, wanted);
    }

    #[test]
    fn following_gives_what_averaging_anew_gives_also_after_a_resume() {
        let (mut history, mut averages) = (History::new(), Averages::default());
        let mut last = 0;
        for step in (1..=90).chain(70..=120) {
            let mut row = row(step);
            if step % 17 == 0 {
                row.values.remove("reward");
            }
            if step > 50 && step % 3 == 0 {
                row.values.insert("components/malformed".into(), -0.5);
            }
            history.push(&row);
            averages.follow(&history, step, step <= last);
            last = step;
            // Looked at early, in the middle, after the resume, or at the end only.
            let looked = match step {
                3 => Smoothing::Light,
                60 => Smoothing::Default,
                75 => Smoothing::Heavy,
                _ => Smoothing::Raw,
            };
            for (name, told) in history.iter() {
                let average = averages.get(name, told, looked);
                assert_eq!(average.is_some(), looked != Smoothing::Raw, "{name}");
            }
        }
        for (name, told) in history.iter() {
            for smoothing in Smoothing::ALL {
                let Some(kept) = averages.get(name, told, smoothing) else {
                    assert_eq!(smoothing, Smoothing::Raw);
                    continue;
                };
                let anew = told.smoothed(smoothing.weight());
                assert!(is_same(&anew, kept), "{name} {smoothing:?}");
            }
        }
    }

    #[test]
    fn only_what_was_looked_at_is_kept_and_a_row_adds_a_point_to_each() {
        let (mut history, mut averages) = (History::new(), Averages::default());
        let follow = |history: &mut History, averages: &mut Averages, step| {
            let mut row = row(step);
            row.values
                .retain(|name, _| name == "reward" || name == "loss");
            history.push(&row);
            averages.follow(history, step, false);
        };
        (41..=80).for_each(|step| follow(&mut history, &mut averages, step));
        assert_eq!(kept(&averages), 0, "nobody has looked");
        let told = history.get("reward").expect("a reward");
        let points = told.points().len();
        for (smoothing, made) in Smoothing::ALL.into_iter().zip([0, 1, 2, 3]) {
            for _ in 0..2 {
                let average = averages.get("reward", told, smoothing);
                assert_eq!(average.is_some(), smoothing != Smoothing::Raw);
            }
            assert_eq!(kept(&averages), made * points, "{smoothing:?}");
        }
        follow(&mut history, &mut averages, 81);
        assert_eq!(kept(&averages), 3 * (points + 1));
    }

    #[test]
    fn thinned_averages_are_those_of_the_whole_run_for_every_weight() {
        let mut history = History::new();
        for step in 41..=5_040 {
            let mut row = row(41);
            row.step = step;
            // It turns over within a stretch: an average of its ends would be another.
            let value = if step % 2 == 0 { 1.0 } else { -1.0 };
            row.values = BTreeMap::from([("reward".to_owned(), value)]);
            history.push(&row);
        }
        let told = history.get("reward").expect("a reward");
        let thinned = Averages::thinned(&history, 100);
        for smoothing in [Smoothing::Light, Smoothing::Default, Smoothing::Heavy] {
            let whole = told.smoothed(smoothing.weight());
            let drawn = thinned.get("reward", told, smoothing).expect("an average");
            assert!(drawn.points().len() <= 200, "{smoothing:?}");
            for point in drawn.points() {
                let same = whole.nearest(point.step).expect("a point");
                assert!((same.value - point.value).abs() < 1e-9, "{smoothing:?}");
            }
        }
    }
}
