//! A decision tree of depth six, grown by Gini impurity (CART) over sparse rows.
//!
//! It sees what a linear model cannot: a value between two others, or two things only together.

use super::features::Row;
use super::logistic::Table;
use crate::env::schema::Action;

const CLASSES: usize = Action::ALL.len();
/// Decisions on the way from root to leaf.
pub const DEPTH: usize = 6;
/// Fewest rows a side of a decision keeps.
const LEAF: f64 = 5.0;

type Counts = [f64; CLASSES];

/// A grown tree.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    Leaf(Action),
    Branch {
        column: usize,
        /// Values up to this one go left.
        threshold: f64,
        left: Box<Tree>,
        right: Box<Tree>,
    },
}

#[derive(Clone, Copy)]
struct Cut {
    column: usize,
    threshold: f64,
    impurity: f64,
}

impl Tree {
    /// Grows a tree of [`DEPTH`].
    #[must_use]
    pub fn fit(table: &Table) -> Self {
        let all: Vec<usize> = (0..table.rows.len().min(table.labels.len())).collect();
        grow(table, &all, DEPTH)
    }

    /// The label of the leaf that `row` falls into.
    #[must_use]
    pub fn predict(&self, row: &Row) -> Action {
        match self {
            Tree::Leaf(action) => *action,
            Tree::Branch {
                column,
                threshold,
                left,
                right,
            } => {
                if value(row, *column) <= *threshold {
                    left.predict(row)
                } else {
                    right.predict(row)
                }
            }
        }
    }

    /// Share of rows whose label is predicted; zero of none.
    #[must_use]
    pub fn accuracy(&self, table: &Table) -> f64 {
        super::accuracy(table, |row| self.predict(row))
    }
}

fn value(row: &Row, column: usize) -> f64 {
    row.binary_search_by_key(&column, |&(c, _)| c)
        .ok()
        .and_then(|at| row.get(at))
        .map_or(0.0, |&(_, value)| value)
}

fn grow(table: &Table, members: &[usize], depth: usize) -> Tree {
    let counts = count(table, members);
    let leaf = Tree::Leaf(majority(&counts));
    if depth == 0 {
        return leaf;
    }
    let Some(cut) = best_cut(table, members, &counts) else {
        return leaf;
    };
    let (left, right): (Vec<usize>, Vec<usize>) = members.iter().partition(|&&i| {
        let row = table.rows.get(i);
        row.is_some_and(|row| value(row, cut.column) <= cut.threshold)
    });
    Tree::Branch {
        column: cut.column,
        threshold: cut.threshold,
        left: Box::new(grow(table, &left, depth - 1)),
        right: Box::new(grow(table, &right, depth - 1)),
    }
}

fn count(table: &Table, members: &[usize]) -> Counts {
    let mut counts = [0.0; CLASSES];
    for label in members.iter().filter_map(|&i| table.labels.get(i)) {
        bump(&mut counts, label.index(), 1.0);
    }
    counts
}

fn bump(counts: &mut Counts, class: usize, by: f64) {
    if let Some(count) = counts.get_mut(class) {
        *count += by;
    }
}

fn majority(counts: &Counts) -> Action {
    let mut best = (0.0, Action::Dismiss);
    for (action, &count) in Action::ALL.into_iter().zip(counts) {
        if count > best.0 {
            best = (count, action);
        }
    }
    best.1
}

/// Gini impurity times number of rows.
fn impurity(counts: &Counts) -> f64 {
    let total: f64 = counts.iter().sum();
    if total == 0.0 {
        return 0.0;
    }
    total - counts.iter().map(|c| c * c).sum::<f64>() / total
}

/// The cut that leaves the least impurity, if any leaves less than there is.
fn best_cut(table: &Table, members: &[usize], counts: &Counts) -> Option<Cut> {
    let mut columns: Vec<Vec<(f64, usize)>> = vec![Vec::new(); table.columns];
    for &member in members {
        let (Some(row), Some(label)) = (table.rows.get(member), table.labels.get(member)) else {
            continue;
        };
        for &(column, value) in row {
            if let Some(entries) = columns.get_mut(column) {
                entries.push((value, label.index()));
            }
        }
    }
    let mut best: Option<Cut> = None;
    for (column, entries) in columns.iter_mut().enumerate() {
        let cut = column_cut(column, entries, counts);
        let bar = best.map_or(impurity(counts), |b| b.impurity) - 1e-9;
        best = cut.filter(|c| c.impurity < bar).or(best);
    }
    best
}

/// The best cut of one column, of whose rows `entries` are those that are not zero.
fn column_cut(column: usize, entries: &mut [(f64, usize)], counts: &Counts) -> Option<Cut> {
    entries.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut zeros = *counts;
    for &(_, class) in entries.iter() {
        bump(&mut zeros, class, -1.0);
    }
    let mut groups: Vec<(f64, Counts)> = Vec::new();
    for &(value, class) in entries.iter() {
        if groups.last().is_none_or(|(last, _)| *last != value) {
            groups.push((value, [0.0; CLASSES]));
        }
        if let Some((_, group)) = groups.last_mut() {
            bump(group, class, 1.0);
        }
    }
    if zeros.iter().any(|&z| z > 0.0) {
        let at = groups.partition_point(|(value, _)| *value < 0.0);
        groups.insert(at, (0.0, zeros));
    }
    scan(column, &groups, counts)
}

fn scan(column: usize, groups: &[(f64, Counts)], counts: &Counts) -> Option<Cut> {
    let mut best: Option<Cut> = None;
    let (mut left, mut right) = ([0.0; CLASSES], *counts);
    for (here, next) in groups.iter().zip(groups.iter().skip(1)) {
        for (class, &n) in here.1.iter().enumerate() {
            bump(&mut left, class, n);
            bump(&mut right, class, -n);
        }
        if left.iter().sum::<f64>() < LEAF || right.iter().sum::<f64>() < LEAF {
            continue;
        }
        let impurity = impurity(&left) + impurity(&right);
        if best.is_none_or(|b| impurity < b.impurity) {
            best = Some(Cut {
                column,
                threshold: f64::midpoint(here.0, next.0),
                impurity,
            });
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Label `dismiss` below 3 in column 1, `escalate` from there on; column 0 says nothing.
    fn table() -> (Vec<Row>, Vec<Action>) {
        (0..60)
            .map(|i: u32| {
                let level = f64::from(i % 6);
                let label = if level < 3.0 {
                    Action::Dismiss
                } else {
                    Action::Escalate
                };
                (vec![(0, f64::from(i / 6 % 2)), (1, level)], label)
            })
            .unzip()
    }

    #[test]
    fn first_decision_is_the_known_best_one() {
        let (rows, labels) = table();
        let table = Table {
            rows: &rows,
            labels: &labels,
            columns: 2,
        };
        let expected = Tree::Branch {
            column: 1,
            threshold: 2.5,
            left: Box::new(Tree::Leaf(Action::Dismiss)),
            right: Box::new(Tree::Leaf(Action::Escalate)),
        };
        assert_eq!(Tree::fit(&table), expected);
    }

    #[test]
    fn impurity_by_hand() {
        // 4 of one class and 2 of another: 6 (1 - 16/36 - 4/36) = 16/6.
        let counts = [4.0, 2.0, 0.0, 0.0, 0.0];
        assert!((impurity(&counts) - 16.0 / 6.0).abs() < 1e-12);
        assert!((impurity(&[0.0; 5])).abs() < 1e-12);
    }

    #[test]
    fn a_value_between_two_others_and_absent_columns_are_found() {
        // monitor where the column is absent (zero), between -1 and 1.
        let rows: Vec<Row> = (0..90)
            .map(|i| match i % 3 {
                0 => vec![(0, -1.0)],
                1 => vec![],
                _ => vec![(0, 1.0)],
            })
            .collect();
        let labels: Vec<Action> = (0..90)
            .map(|i| {
                if i % 3 == 1 {
                    Action::Monitor
                } else {
                    Action::Dismiss
                }
            })
            .collect();
        let table = Table {
            rows: &rows,
            labels: &labels,
            columns: 1,
        };
        assert!((Tree::fit(&table).accuracy(&table) - 1.0).abs() < 1e-12);
    }
}
