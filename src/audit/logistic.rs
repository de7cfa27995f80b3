//! Multinomial logistic regression over sparse rows, one class an action.
//!
//! Minimises mean cross-entropy + |W|² / (2 C n) with free intercepts, which is scikit-learn's objective, to its optimum; C
//! is chosen on a quarter of the training rows, so it is at least as strong as the fixed default of 1.

use super::features::Row;
use super::lbfgs::minimise;
use crate::env::schema::Action;

const CLASSES: usize = Action::ALL.len();
const ITERATIONS: usize = 120;
const TOLERANCE: f64 = 1e-4;
/// Inverse strengths of regularisation tried.
const STRENGTHS: [f64; 4] = [0.01, 0.1, 1.0, 10.0];

/// A trained classifier.
#[derive(Clone, Debug)]
pub struct Logistic {
    /// Class scores of column after column, then the intercepts.
    weights: Vec<f64>,
}

/// Rows and their labels, as they are fitted.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    pub rows: &'a [Row],
    pub labels: &'a [Action],
    /// Number of columns.
    pub columns: usize,
}

impl<'a> Table<'a> {
    /// The first `n` rows, and the rest.
    fn split(&self, n: usize) -> (Self, Self) {
        let n = n.min(self.rows.len()).min(self.labels.len());
        let part = |rows: &'a [Row], labels: &'a [Action]| Table {
            rows,
            labels,
            columns: self.columns,
        };
        let (rows, labels) = (self.rows.split_at(n), self.labels.split_at(n));
        (part(rows.0, labels.0), part(rows.1, labels.1))
    }
}

impl Logistic {
    /// Fits with the strength of `STRENGTHS` that does best on the last quarter of `table`, then on all of it.
    ///
    /// Rows must be in an order that does not depend on their labels.
    #[must_use]
    pub fn fit(table: &Table) -> Self {
        let (fitted, kept) = table.split(table.rows.len() * 3 / 4);
        let mut best = (f64::NEG_INFINITY, 1.0);
        let mut start = Self::blank(table.columns);
        for strength in STRENGTHS {
            start = Self::fit_from(start, &fitted, strength);
            let accuracy = start.accuracy(&kept);
            if accuracy > best.0 {
                best = (accuracy, strength);
            }
        }
        Self::fit_from(start, table, best.1)
    }

    /// Fits with the given inverse strength of regularisation (scikit-learn's `C`).
    #[cfg(test)]
    fn fit_with(table: &Table, strength: f64) -> Self {
        Self::fit_from(Self::blank(table.columns), table, strength)
    }

    fn blank(columns: usize) -> Self {
        Self {
            weights: vec![0.0; (columns + 1) * CLASSES],
        }
    }

    fn fit_from(start: Self, table: &Table, strength: f64) -> Self {
        let weights = minimise(start.weights, ITERATIONS, TOLERANCE, |weights, gradient| {
            loss(table, strength, weights, gradient)
        });
        Self { weights }
    }

    /// The class of the highest score.
    #[must_use]
    pub fn predict(&self, row: &Row) -> Action {
        let scores = scores(&self.weights, row);
        let mut best = (f64::NEG_INFINITY, Action::Dismiss);
        for (action, score) in Action::ALL.into_iter().zip(scores) {
            if score > best.0 {
                best = (score, action);
            }
        }
        best.1
    }

    /// Share of rows whose label is predicted; zero of none.
    #[must_use]
    pub fn accuracy(&self, table: &Table) -> f64 {
        super::accuracy(table, |row| self.predict(row))
    }
}

fn intercepts(weights: &[f64]) -> usize {
    weights.len().saturating_sub(CLASSES)
}

fn scores(weights: &[f64], row: &Row) -> [f64; CLASSES] {
    let mut scores = [0.0; CLASSES];
    let constant = (intercepts(weights) / CLASSES, 1.0);
    for &(column, value) in row.iter().chain([&constant]) {
        let at = column * CLASSES;
        for (score, weight) in scores.iter_mut().zip(weights.iter().skip(at)) {
            *score += value * weight;
        }
    }
    scores
}

/// Turns scores into probabilities and returns the logarithm of their normaliser.
fn softmax(scores: &mut [f64; CLASSES]) -> f64 {
    let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = scores.iter().map(|s| (s - most).exp()).sum();
    let log_sum = most + sum.ln();
    scores.iter_mut().for_each(|s| *s = (*s - log_sum).exp());
    log_sum
}

/// The objective; writes its gradient.
fn loss(table: &Table, strength: f64, weights: &[f64], gradient: &mut [f64]) -> f64 {
    let n = table.rows.len().max(1) as f64;
    let penalty = 1.0 / (strength * n);
    let mut value = 0.0;
    for ((g, w), i) in gradient.iter_mut().zip(weights).zip(0..) {
        let free = i >= intercepts(weights);
        let pulled = if free { 0.0 } else { penalty * w };
        value += 0.5 * pulled * w;
        *g = pulled;
    }
    let constant = (intercepts(weights) / CLASSES, 1.0);
    for (row, label) in table.rows.iter().zip(table.labels) {
        let mut off = scores(weights, row);
        let right = off.get(label.index()).copied().unwrap_or(0.0);
        value += (softmax(&mut off) - right) / n;
        if let Some(p) = off.get_mut(label.index()) {
            *p -= 1.0;
        }
        for &(column, x) in row.iter().chain([&constant]) {
            let at = column * CLASSES;
            for (g, off) in gradient.iter_mut().skip(at).zip(off) {
                *g += x * off / n;
            }
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Stream;

    fn random_table(stream: &mut Stream, n: usize) -> (Vec<Row>, Vec<Action>) {
        let rows = (0..n)
            .map(|_| (0..4).map(|c| (c, f64::from(stream.normal()))).collect())
            .collect();
        let labels = (0..n).map(|_| Action::ALL[stream.index(5)]).collect();
        (rows, labels)
    }

    #[test]
    fn gradient_agrees_with_finite_differences() {
        let mut stream = Stream::named(1, &["finite differences"]);
        let (rows, labels) = random_table(&mut stream, 30);
        let table = Table {
            rows: &rows,
            labels: &labels,
            columns: 4,
        };
        let at: Vec<f64> = (0..25).map(|_| f64::from(stream.normal())).collect();
        let mut gradient = vec![0.0; 25];
        loss(&table, 0.3, &at, &mut gradient);
        let mut unused = vec![0.0; 25];
        for i in 0..25 {
            let mut near = at.clone();
            near[i] += 1e-5;
            let above = loss(&table, 0.3, &near, &mut unused);
            near[i] -= 2e-5;
            let below = loss(&table, 0.3, &near, &mut unused);
            let slope = (above - below) / 2e-5;
            assert!(
                (slope - gradient[i]).abs() < 1e-7,
                "{i}: {slope} {}",
                gradient[i]
            );
        }
    }

    #[test]
    fn probabilities_are_those_of_scikit_learn() {
        // LogisticRegression(C=2.0, tol=1e-10) of scikit-learn 1.9.1 on the same fifteen rows.
        let rows: Vec<Row> = (0..15u32)
            .map(|i| vec![(0, f64::from(i % 4)), (1, f64::from(i / 4))])
            .collect();
        let labels: Vec<Action> = [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 0, 1, 1, 2]
            .map(|i: usize| Action::ALL[i])
            .to_vec();
        let table = Table {
            rows: &rows,
            labels: &labels,
            columns: 2,
        };
        let model = Logistic::fit_with(&table, 2.0);
        for (at, expected) in [
            ([1.5, 0.5], [0.33227, 0.21222, 0.16761, 0.18694, 0.10096]),
            ([4.0, -1.0], [0.2253, 0.031, 0.58025, 0.15666, 0.00679]),
        ] {
            let row = vec![(0, at[0]), (1, at[1])];
            let mut found = scores(&model.weights, &row);
            softmax(&mut found);
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-3, "{found} {expected}");
            }
        }
    }

    #[test]
    fn without_columns_the_intercepts_are_the_class_shares() {
        let labels: Vec<Action> = [0, 0, 0, 1, 1, 2, 3, 4, 0, 0]
            .map(|i: usize| Action::ALL[i])
            .to_vec();
        let rows = vec![Row::new(); labels.len()];
        let table = Table {
            rows: &rows,
            labels: &labels,
            columns: 0,
        };
        let mut shares = scores(&Logistic::fit_with(&table, 1.0).weights, &Row::new());
        softmax(&mut shares);
        for (share, expected) in shares.iter().zip([0.5, 0.2, 0.1, 0.1, 0.1]) {
            assert!((share - expected).abs() < 1e-3, "{shares:?}");
        }
    }

    #[test]
    fn separable_classes_are_separated_and_noise_is_not() {
        let mut stream = Stream::named(2, &["separable"]);
        let (mut rows, labels) = random_table(&mut stream, 600);
        let columns = 9;
        let noise = Table {
            rows: &rows,
            labels: &labels,
            columns,
        };
        let (train, test) = noise.split(400);
        let guess = Logistic::fit(&train).accuracy(&test);
        assert!(guess < 0.32, "{guess}");
        for (row, label) in rows.iter_mut().zip(&labels) {
            row.push((4 + label.index(), 1.0));
        }
        let told = Table {
            rows: &rows,
            labels: &labels,
            columns,
        };
        let (train, test) = told.split(400);
        assert!(Logistic::fit(&train).accuracy(&test) > 0.99);
    }
}
