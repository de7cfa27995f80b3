//! Threads that decode the same lines in step: each multiplies its share of every weight, and all read what the others made.
//!
//! A token of a large model takes hundreds of products of a tenth of a millisecond. A pool's threads fall asleep between them
//! and take as long again to wake up; members of a team spin instead, for as long as the lines decode.

use std::array;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};
use std::{hint, thread};

/// Looks at the others before a waiting member offers its core to other threads.
const SPINS: usize = 1 << 12;

/// What its members share.
pub(super) struct Team {
    members: usize,
    arrived: AtomicUsize,
    round: AtomicUsize,
    /// Whether a member will never come.
    is_broken: AtomicBool,
    /// What each member made, of this round and of the one before: who still reads that is not overtaken.
    parts: [Vec<RwLock<Vec<f32>>>; 2],
}

impl Team {
    pub(super) fn new(members: usize) -> Self {
        let parts = || (0..members).map(|_| RwLock::default()).collect();
        Self {
            members,
            arrived: AtomicUsize::new(0),
            round: AtomicUsize::new(0),
            is_broken: AtomicBool::new(false),
            parts: [parts(), parts()],
        }
    }

    /// Has every member do `work`, the caller's thread among them.
    pub(super) fn run(&self, work: impl Fn(Member<'_>) + Sync) {
        let member = |index| {
            let member = Member {
                team: self,
                index,
                exchanges: 0,
            };
            work(member);
        };
        thread::scope(|scope| {
            for index in 1..self.members {
                let member = &member;
                scope.spawn(move || member(index));
            }
            member(0);
        });
    }
}

/// A thread of a team. All members call the same methods in the same order.
pub(super) struct Member<'a> {
    team: &'a Team,
    index: usize,
    exchanges: usize,
}

impl Member<'_> {
    /// Its share of so many things; the members' shares follow one another.
    pub(super) fn share(&self, things: usize) -> Range<usize> {
        share(things, self.index, self.team.members)
    }

    /// Waits for all members.
    pub(super) fn wait(&self) {
        let team = self.team;
        let round = team.round.load(Ordering::Acquire);
        if team.arrived.fetch_add(1, Ordering::AcqRel) + 1 == team.members {
            team.arrived.store(0, Ordering::Relaxed);
            team.round.store(round + 1, Ordering::Release);
            return;
        }
        let mut spins = 0usize;
        while team.round.load(Ordering::Acquire) == round {
            if team.is_broken.load(Ordering::Relaxed) {
                // Whoever broke it has told why; this one only ends.
                std::panic::resume_unwind(Box::new("another thread of this team broke down"));
            }
            spins += 1;
            match spins < SPINS {
                true => hint::spin_loop(),
                false => thread::yield_now(),
            }
        }
    }

    /// The parts of all members, one after the other.
    pub(super) fn exchanged(&mut self, part: Vec<f32>) -> Vec<f32> {
        if self.team.members == 1 {
            return part;
        }
        self.with_all(part, |parts| parts.concat())
    }

    /// Whole matrices `[rows, widths[i]]`, of which each member has made the columns of its [`Self::share`] of the width.
    pub(super) fn joined<const N: usize>(
        &mut self,
        parts: [Vec<f32>; N],
        rows: usize,
        widths: [usize; N],
    ) -> [Vec<f32>; N] {
        if self.team.members == 1 {
            return parts;
        }
        self.with_all(parts.concat(), |parts| {
            let mut starts = vec![0; parts.len()];
            widths.map(|width| {
                let mut whole = vec![0f32; rows * width];
                for (index, (part, start)) in parts.iter().zip(&mut starts).enumerate() {
                    let columns = share(width, index, parts.len());
                    let part = &part[*start..][..rows * columns.len()];
                    *start += part.len();
                    copy_columns(part, &mut whole, width, &columns);
                }
                whole
            })
        })
    }

    /// Rows `rows` of a matrix of `width` columns, of which each member has made its share for all rows.
    pub(super) fn rows_joined(
        &mut self,
        mut part: Vec<f32>,
        rows: &Range<usize>,
        width: usize,
    ) -> Vec<f32> {
        if self.team.members == 1 {
            part.truncate(rows.end * width);
            part.drain(..rows.start * width);
            return part;
        }
        self.with_all(part, |parts| {
            let mut whole = vec![0f32; rows.len() * width];
            for (index, part) in parts.iter().enumerate() {
                let columns = share(width, index, parts.len());
                let part = &part[rows.start * columns.len()..rows.end * columns.len()];
                copy_columns(part, &mut whole, width, &columns);
            }
            whole
        })
    }

    /// Gives its part and takes those of all members.
    fn with_all<T>(&mut self, part: Vec<f32>, take: impl FnOnce(&[&[f32]]) -> T) -> T {
        let round = &self.team.parts[self.exchanges % 2];
        self.exchanges += 1;
        *round[self.index]
            .write()
            .unwrap_or_else(PoisonError::into_inner) = part;
        self.wait();
        let guards: Vec<_> = round
            .iter()
            .map(|part| part.read().unwrap_or_else(PoisonError::into_inner))
            .collect();
        let parts: Vec<&[f32]> = guards.iter().map(|part| part.as_slice()).collect();
        take(&parts)
    }
}

impl Drop for Member<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.team.is_broken.store(true, Ordering::Relaxed);
        }
    }
}

fn share(things: usize, index: usize, members: usize) -> Range<usize> {
    let [start, end] = array::from_fn(|i| things * (index + i) / members);
    start..end
}

/// Puts a dense matrix into columns `columns` of one of `width`.
fn copy_columns(part: &[f32], whole: &mut [f32], width: usize, columns: &Range<usize>) {
    if columns.is_empty() {
        return;
    }
    let rows = part.chunks_exact(columns.len());
    for (whole, part) in whole.chunks_exact_mut(width).zip(rows) {
        whole[columns.clone()].copy_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn members_make_a_matrix_of_their_shares_of_it_round_after_round() {
        for members in 1..=4 {
            let ended = Mutex::new(0);
            Team::new(members).run(|mut member| {
                for round in 0..200 {
                    let (rows, widths) = (3, [5, 1, 4 + round % 3]);
                    let number =
                        |row: usize, column: usize| (100 * round + 10 * row + column) as f32;
                    let whole = |width: usize, columns: Range<usize>| -> Vec<f32> {
                        (0..rows)
                            .flat_map(|row| columns.clone().map(move |column| (row, column)))
                            .map(|(row, column)| number(row, column) + width as f32)
                            .collect()
                    };
                    let parts = widths.map(|width| whole(width, member.share(width)));
                    let joined = member.joined(parts.clone(), rows, widths);
                    assert_eq!(joined, widths.map(|width| whole(width, 0..width)));
                    let [part, ..] = parts;
                    let all = whole(widths[0], 0..widths[0]);
                    let own = member.share(rows);
                    let all_rows_of_share = part.clone();
                    let of_own = member.rows_joined(part, &own, widths[0]);
                    assert_eq!(of_own, all[own.start * widths[0]..own.end * widths[0]]);
                    let last = member.rows_joined(all_rows_of_share, &(rows - 1..rows), widths[0]);
                    assert_eq!(last, all[(rows - 1) * widths[0]..]);
                    let mine: Vec<f32> = member.share(7).map(|i| i as f32).collect();
                    let want: Vec<f32> = (0..7).map(|i| i as f32).collect();
                    assert_eq!(member.exchanged(mine), want);
                }
                *ended.lock().unwrap() += 1;
            });
            assert_eq!(ended.into_inner().unwrap(), members);
        }
    }

    #[test]
    fn a_member_that_breaks_down_ends_the_others() {
        let broken = std::panic::catch_unwind(|| {
            Team::new(3).run(|member| {
                if member.index == 1 {
                    std::panic::resume_unwind(Box::new("broken"));
                }
                member.wait();
            });
        });
        assert!(broken.is_err());
    }
}
