//! Three sides of every revealed alert: the analyst, the model, the verifier's truth; how far each two agree, and where they do
//! not. Edited copies are no alerts: they never count.

use crate::env::schema::{Action, Stage, Verdict};
use crate::label::agreement::{Agreement, Pair};
use crate::ui::app::App;
use crate::ui::keys::Verb;
use crate::ui::layer::Layer;
use crate::ui::msg::Effect;
use crate::ui::queue::{Entry, Queue};
use crate::ui::scroll::stride;

/// How far two sides agree.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Accord {
    pub agreement: Agreement,
    /// Malformed answers: they are no action, so they agree with nothing.
    pub malformed: usize,
}

impl Accord {
    /// Alerts on which both sides have spoken.
    #[must_use]
    pub const fn both(&self) -> usize {
        self.agreement.both + self.malformed
    }

    /// Share of equal actions, in percent; none without an alert.
    #[must_use]
    pub fn percent(&self) -> Option<f64> {
        let both = self.both();
        (both > 0).then(|| 100.0 * self.agreement.same_action as f64 / both as f64)
    }
}

/// The three of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ThreeWay {
    pub analyst_truth: Accord,
    pub model_truth: Accord,
    pub analyst_model: Accord,
    /// Decisions made after the truth was seen: they are in none of these.
    pub after_truth: usize,
    /// Of the analyst's decisions that count, those made with the model's answer in view.
    pub after_answer: usize,
}

/// A revealed alert on which not all sides say the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    pub at: usize,
    pub truth: Action,
    /// None where nothing was decided, or what was does not count.
    pub analyst: Option<Action>,
    pub model: Said,
}

/// What the model says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    Nothing,
    Malformed,
    Action(Action),
}

impl Said {
    fn of(verdict: Option<&Verdict>) -> Self {
        match verdict.map(|verdict| verdict.action) {
            None => Said::Nothing,
            Some(None) => Said::Malformed,
            Some(Some(action)) => Said::Action(action),
        }
    }

    /// In a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Said::Nothing => "-",
            Said::Malformed => "malformed",
            Said::Action(action) => action.as_str(),
        }
    }
}

/// What somebody says of an alert: action and citation.
type Claim = (Option<Action>, Option<String>);

fn claim(verdict: &Verdict) -> Claim {
    (verdict.action, verdict.cited_log_id.clone())
}

/// Pairs of claims on alerts, with the alert's id.
fn accord(claims: impl Iterator<Item = (String, Claim, Claim)>) -> Accord {
    let (mut pairs, mut malformed) = (Vec::new(), 0);
    for (episode_id, one, two) in claims {
        match (one.0, two.0) {
            (Some(first), Some(second)) => pairs.push(Pair {
                episode_id,
                one: first,
                two: second,
                is_same_citation: one.1 == two.1,
                one_cited: one.1,
                two_cited: two.1,
            }),
            _ => malformed += 1,
        }
    }
    Accord {
        agreement: Agreement::of(pairs),
        malformed,
    }
}

impl Queue {
    /// Alerts of these stages whose truth is revealed, each with its stage and position.
    fn revealed(&self, stages: &[Stage]) -> Vec<(Stage, usize, &Entry)> {
        let of_stage = |stage: &Stage| {
            let list = self.entries.get(stage).map_or(&[][..], Vec::as_slice);
            let list = list.iter().enumerate();
            let stage = *stage;
            list.filter(|(_, entry)| entry.desk.is_revealed)
                .map(move |(at, entry)| (stage, at, entry))
        };
        stages.iter().flat_map(of_stage).collect()
    }

    /// How far analyst, model and truth agree over the revealed alerts of these stages; the model is the chosen weights. Of
    /// the analyst's decisions those count that were made before the truth was seen.
    #[must_use]
    pub fn three_way(&self, stages: &[Stage]) -> ThreeWay {
        let (mut own, mut model, mut between) = (Vec::new(), Vec::new(), Vec::new());
        let (mut after_truth, mut after_answer) = (0, 0);
        for (stage, at, entry) in self.revealed(stages) {
            let id = || entry.episode.episode_id.clone();
            let truth = &entry.episode.truth;
            let truth = (Some(truth.action), Some(truth.triggering_log_id.clone()));
            let desk = &entry.desk;
            let analyst = desk.counted().map(claim);
            after_truth += usize::from(desk.own.is_some() && analyst.is_none());
            after_answer += usize::from(analyst.is_some() && desk.knew.answer);
            let said = self.verdict_at(stage, at).map(claim);
            if let Some(analyst) = &analyst {
                own.push((id(), analyst.clone(), truth.clone()));
            }
            if let Some(said) = &said {
                model.push((id(), said.clone(), truth));
            }
            if let (Some(analyst), Some(said)) = (analyst, said) {
                between.push((id(), analyst, said));
            }
        }
        ThreeWay {
            analyst_truth: accord(own.into_iter()),
            model_truth: accord(model.into_iter()),
            analyst_model: accord(between.into_iter()),
            after_truth,
            after_answer,
        }
    }

    /// The alerts of this stage on which not all sides say the same, in the queue's order.
    #[must_use]
    pub fn differences(&self) -> Vec<Difference> {
        let revealed = self.revealed(&[self.stage()]).into_iter();
        let found = revealed.map(|(stage, at, entry)| Difference {
            at,
            truth: entry.episode.truth.action,
            analyst: entry.desk.counted().and_then(|own| own.action),
            model: Said::of(self.verdict_at(stage, at)),
        });
        let differs = |d: &Difference| {
            let of_model = d.model != Said::Nothing && d.model != Said::Action(d.truth);
            of_model || d.analyst.is_some_and(|action| action != d.truth)
        };
        found.filter(differs).collect()
    }
}

/// Opens the page, or says what it waits for.
pub fn open(app: &mut App) {
    if app.queue.revealed(&Stage::ALL).is_empty() {
        app.say("nothing to compare yet: submit a decision, or r reveals a truth, first");
        return;
    }
    app.layers.push(Layer::ThreeWay { cursor: 0 });
}

/// Does what `verb` says on the page; `None` leaves it to others.
pub fn perform(app: &mut App, verb: Verb) -> Option<Vec<Effect>> {
    let &Layer::ThreeWay { cursor } = app.layers.last()? else {
        return None;
    };
    let found = app.queue.differences();
    let last = found.len().saturating_sub(1);
    let to = match verb {
        _ if verb.is_movement() => cursor.saturating_add_signed(stride(verb)),
        Verb::ShowThreeWay => {
            app.layers.pop();
            return Some(Vec::new());
        }
        Verb::Confirm => {
            app.layers.pop();
            let Some(difference) = found.get(cursor) else {
                app.say("there is no difference to go to");
                return Some(Vec::new());
            };
            app.queue.select(difference.at);
            return Some(app.queue.ask());
        }
        _ => return None,
    };
    if let Some(Layer::ThreeWay { cursor }) = app.layers.last_mut() {
        *cursor = to.min(last);
    }
    Some(Vec::new())
}
