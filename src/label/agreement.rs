//! How far two sides agree on actions: percent, Cohen's kappa, a table of counts, and where they do not. Pure.

use serde::Serialize;

use super::{Decision, Labels, State};
use crate::env::schema::{Action, Episode, Verdict};

/// What two sides say of one episode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pair {
    pub episode_id: String,
    pub one: Action,
    pub two: Action,
    pub one_cited: Option<String>,
    pub two_cited: Option<String>,
    /// Whether both cite the same event.
    pub is_same_citation: bool,
}

impl Pair {
    /// What two sides say of an episode; none where one of them has not decided.
    fn of(episode_id: &str, one: Side<'_>, two: Side<'_>) -> Option<Self> {
        Some(Self {
            episode_id: episode_id.to_owned(),
            one: one.0?,
            two: two.0?,
            is_same_citation: one.1 == two.1,
            one_cited: one.1.map(str::to_owned),
            two_cited: two.1.map(str::to_owned),
        })
    }
}

/// An action and the event that is cited for it.
type Side<'a> = (Option<Action>, Option<&'a str>);

fn side(decision: &Decision) -> Side<'_> {
    (decision.action, decision.cited_log_id.as_deref())
}

/// How far they agree.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Agreement {
    /// Episodes that both have decided.
    pub both: usize,
    pub same_action: usize,
    pub same_citation: usize,
    /// Share of equal actions, in percent; none without an episode.
    pub percent: Option<f64>,
    /// Agreement beyond chance; none where chance alone would agree always (both know one action only), or without an
    /// episode.
    pub kappa: Option<f64>,
    /// As [`table`] counts them.
    pub table: [[u64; 5]; 5],
    /// Where the actions differ.
    pub disagreements: Vec<Pair>,
    /// Where the actions are the same and the citations are not.
    pub other_citations: Vec<Pair>,
}

impl Agreement {
    /// Counts `pairs`.
    #[must_use]
    pub fn of(pairs: Vec<Pair>) -> Self {
        let both = pairs.len();
        let same_action = pairs.iter().filter(|pair| pair.one == pair.two).count();
        let same_citation = pairs.iter().filter(|pair| pair.is_same_citation).count();
        Self {
            both,
            same_action,
            same_citation,
            percent: (both > 0).then(|| 100.0 * same_action as f64 / both as f64),
            kappa: kappa(&pairs),
            table: table(&pairs),
            other_citations: pairs
                .iter()
                .filter(|pair| pair.one == pair.two && !pair.is_same_citation)
                .cloned()
                .collect(),
            disagreements: pairs.into_iter().filter(|p| p.one != p.two).collect(),
        }
    }

    /// How many actions are the same, and kappa, in words; none without an episode.
    #[must_use]
    pub fn in_words(&self) -> Option<String> {
        let percent = self.percent?;
        let kappa = match self.kappa {
            Some(kappa) => format!("Cohen's kappa {kappa:.3}"),
            None => "Cohen's kappa undefined: one action only".to_owned(),
        };
        Some(format!(
            "{} of {} actions the same ({percent:.1} %), {kappa}",
            self.same_action, self.both
        ))
    }

    /// Between what two annotators have submitted.
    #[must_use]
    pub fn between(labels: &Labels, one: &str, two: &str) -> Self {
        let pairs = labels.of(one).filter_map(|label| {
            let other = labels.get(two, &label.episode_id)?;
            let both = [&label.decision, &other.decision];
            if both.iter().any(|d| d.state != State::Submitted) {
                return None;
            }
            Pair::of(
                &label.episode_id,
                side(&label.decision),
                side(&other.decision),
            )
        });
        Self::of(pairs.collect())
    }

    /// Between what an annotator has submitted and the verifier's truth, in the order of `episodes`.
    pub fn with_verifier<'a>(
        labels: &Labels,
        annotator: &str,
        episodes: impl IntoIterator<Item = &'a Episode>,
    ) -> Self {
        let pairs = episodes.into_iter().filter_map(|episode| {
            let decision = &labels.get(annotator, &episode.episode_id)?.decision;
            let truth = &episode.truth;
            // Other programs' alerts have no truth.
            if decision.state != State::Submitted || truth.rule.is_empty() {
                return None;
            }
            let verifier = (Some(truth.action), Some(truth.triggering_log_id.as_str()));
            Pair::of(&episode.episode_id, side(decision), verifier)
        });
        Self::of(pairs.collect())
    }
}

/// Whether two answers to one episode are the same in action and citation, in words.
#[must_use]
pub fn alike_in_words(one: &Verdict, two: &Verdict) -> String {
    let word = |is_same: bool| if is_same { "the same" } else { "another" };
    format!(
        "{} action, {} citation",
        word(one.action == two.action),
        word(one.cited_log_id == two.cited_log_id)
    )
}

/// How often each action of one side (a row) meets each of the other (a column), in the order of [`Action::ALL`].
#[must_use]
pub fn table(pairs: &[Pair]) -> [[u64; 5]; 5] {
    let mut table = [[0; 5]; 5];
    for pair in pairs {
        table[pair.one.index()][pair.two.index()] += 1;
    }
    table
}

/// Cohen's kappa: (observed - expected) / (1 - expected). In whole numbers up to the division, so that a degenerate table
/// is known exactly.
fn kappa(pairs: &[Pair]) -> Option<f64> {
    let n = pairs.len() as u64;
    let count = |side: fn(&Pair) -> Action, action| {
        pairs.iter().filter(|pair| side(pair) == action).count() as u64
    };
    let expected: u64 = Action::ALL
        .into_iter()
        .map(|action| count(|p| p.one, action) * count(|p| p.two, action))
        .sum();
    let observed = n * pairs.iter().filter(|pair| pair.one == pair.two).count() as u64;
    if expected == n * n {
        return None;
    }
    Some((observed as f64 - expected as f64) / (n * n - expected) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::generate;
    use crate::env::schema::{Split, Stage};
    use crate::label::testing::{decided, label};

    /// A table of counts: who says what how often.
    fn agreement(table: &[(Action, Action, usize)]) -> Agreement {
        let pair = |one, two| Pair {
            episode_id: "e".into(),
            one,
            two,
            one_cited: Some("L1-0".into()),
            two_cited: Some(if one == two { "L1-0" } else { "L1-1" }.into()),
            is_same_citation: one == two,
        };
        let pairs = table
            .iter()
            .flat_map(|&(one, two, n)| std::iter::repeat_n(pair(one, two), n));
        Agreement::of(pairs.collect())
    }

    #[test]
    fn kappa_is_as_counted_by_hand() {
        use Action::{BlockIp, Dismiss, Escalate, Monitor, QuarantineHost};
        // 20 and 15 of 50 agreed: p_o 0.7, p_e 0.5*0.6 + 0.5*0.4 = 0.5.
        let textbook = [
            (Dismiss, Dismiss, 20),
            (Dismiss, Monitor, 5),
            (Monitor, Dismiss, 10),
            (Monitor, Monitor, 15),
        ];
        // Three classes of four: p_o 10/12, p_e (4*5 + 4*4 + 4*3)/144 = 48/144.
        let three = [
            (QuarantineHost, QuarantineHost, 4),
            (BlockIp, BlockIp, 3),
            (BlockIp, QuarantineHost, 1),
            (Escalate, Escalate, 3),
            (Escalate, BlockIp, 1),
        ];
        // Never the same: p_o 0, p_e 0.5.
        let opposite = [(Dismiss, Escalate, 3), (Escalate, Dismiss, 3)];
        // One side knows one action only: p_o = p_e = 0.5.
        let constant = [(Dismiss, Dismiss, 2), (Dismiss, Monitor, 2)];
        for (table, percent, kappa) in [
            (&textbook[..], 70.0, 0.4),
            (
                &three,
                100.0 * 10.0 / 12.0,
                (10.0 / 12.0 - 48.0 / 144.0) / (1.0 - 48.0 / 144.0),
            ),
            (&opposite, 0.0, -1.0),
            (&constant, 50.0, 0.0),
        ] {
            let found = agreement(table);
            assert!(
                (found.percent.expect("percent") - percent).abs() < 1e-9,
                "{found:?}"
            );
            assert!(
                (found.kappa.expect("kappa") - kappa).abs() < 1e-9,
                "{found:?}"
            );
            assert_eq!(found.disagreements.len(), found.both - found.same_action);
        }
    }

    #[test]
    fn each_action_of_one_side_is_counted_against_each_of_the_other() {
        use Action::{BlockIp, Dismiss, Escalate, Monitor, QuarantineHost};
        let found = agreement(&[
            (QuarantineHost, QuarantineHost, 4),
            (BlockIp, QuarantineHost, 1),
            (Escalate, BlockIp, 2),
            (Dismiss, Monitor, 3),
        ]);
        let wanted = [
            [0, 3, 0, 0, 0],
            [0, 0, 0, 0, 0],
            [0, 0, 4, 0, 0],
            [0, 0, 1, 0, 0],
            [0, 0, 0, 2, 0],
        ];
        assert_eq!(found.table, wanted, "rows are of one side");
        assert_eq!(agreement(&[]).table, [[0; 5]; 5]);
    }

    #[test]
    fn degenerate_tables_have_no_kappa() {
        let none = agreement(&[]);
        assert_eq!((none.both, none.percent, none.kappa), (0, None, None));
        let one_class = agreement(&[(Action::Monitor, Action::Monitor, 7)]);
        assert_eq!((one_class.percent, one_class.kappa), (Some(100.0), None));
        let told = "7 of 7 actions the same (100.0 %), Cohen's kappa undefined: one action only";
        assert_eq!(one_class.in_words().as_deref(), Some(told));
        assert_eq!(none.in_words(), None);
    }

    #[test]
    fn only_what_both_have_submitted_is_compared() {
        let submitted =
            |name: &str, id: &str, action, cited| label(name, id, decided(action, cited, "r"));
        let mut draft = submitted("bob", "e3", Action::Dismiss, "L1-0");
        draft.decision.state = State::Draft;
        let labels: Labels = [
            submitted("ann", "e1", Action::Monitor, "L1-0"),
            submitted("bob", "e1", Action::Monitor, "L1-1"),
            submitted("ann", "e2", Action::Escalate, "L1-2"),
            submitted("bob", "e2", Action::Dismiss, "L1-2"),
            submitted("ann", "e3", Action::Escalate, "L1-0"),
            draft,
            submitted("ann", "e4", Action::Escalate, "L1-0"),
        ]
        .into_iter()
        .collect();
        let found = Agreement::between(&labels, "ann", "bob");
        assert_eq!(
            (found.both, found.same_action, found.same_citation),
            (2, 1, 1)
        );
        assert_eq!(found.disagreements[0].episode_id, "e2");
        let [cited] = &found.other_citations[..] else {
            panic!("{found:?}");
        };
        let ids = (cited.one_cited.as_deref(), cited.two_cited.as_deref());
        assert_eq!(
            (cited.episode_id.as_str(), ids),
            ("e1", (Some("L1-0"), Some("L1-1")))
        );
        let nobody = Agreement::between(&labels, "ann", "eve");
        assert_eq!((nobody.both, nobody.kappa), (0, None));
    }

    #[test]
    fn the_verifier_is_a_side_like_another() {
        let episodes: Vec<_> = (0..6)
            .map(|index| generate::episode(Stage::Basic, Split::Train, 5, index))
            .collect();
        let right = |at: usize| {
            let truth = &episodes[at].truth;
            decided(truth.action, &truth.triggering_log_id, "r")
        };
        let mut wrong = right(1);
        let truth = episodes[1].truth.action;
        wrong.action = Action::ALL.into_iter().find(|action| *action != truth);
        let labels: Labels = [(0, right(0)), (1, wrong), (2, Decision::default())]
            .into_iter()
            .map(|(at, decision)| label("ann", &episodes[at].episode_id, decision))
            .collect();
        let mut without_truth = episodes.clone();
        without_truth[0].truth.rule.clear();
        let found = Agreement::with_verifier(&labels, "ann", &without_truth);
        assert_eq!((found.both, found.same_action), (1, 0));
        let found = Agreement::with_verifier(&labels, "ann", &episodes);
        assert_eq!((found.both, found.same_action), (2, 1));
        assert_eq!(found.same_citation, 2);
        assert_eq!(found.disagreements[0].two, truth);
    }
}
