//! How far the annotator agrees with the verifier and with others, as the agreement page lists it.

use crate::env::schema::Action;
use crate::label::agreement::{Agreement, Pair};
use crate::ui::labelling::{Item, Labelling};

/// What the verifier is called beside annotators.
pub const VERIFIER: &str = "the verifier";

/// The annotator against one other side.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    pub name: String,
    pub agreement: Agreement,
}

/// A line of the page, or of the list of all, that can be gone to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    pub episode_id: String,
    /// Whom with.
    pub side: String,
    pub own: (Action, Option<String>),
    pub other: (Action, Option<String>),
}

impl Disagreement {
    fn of(side: &str, pair: &Pair) -> Self {
        Self {
            episode_id: pair.episode_id.clone(),
            side: side.to_owned(),
            own: (pair.one, pair.one_cited.clone()),
            other: (pair.two, pair.two_cited.clone()),
        }
    }

    /// Whether the actions are the same, and only the citations differ.
    #[must_use]
    pub fn is_of_citation(&self) -> bool {
        self.own.0 == self.other.0
    }
}

impl Item {
    /// Its alert's id; behind that of a generated one its stage and which of the twins it is, for they share an id.
    #[must_use]
    pub fn called(&self) -> String {
        let episode = &self.entry.episode;
        let alert = &episode.alert.alert_id;
        // What was imported has an id of its own making.
        if !episode.episode_id.starts_with(episode.stage.as_str()) {
            return alert.clone();
        }
        let number = 1 + episode.stage as u64;
        format!("{alert} {number}{}", self.entry.twin_letter())
    }
}

impl Labelling {
    /// The verifier first, then everybody else who has labelled. From what is on disk.
    #[must_use]
    pub fn sides(&self) -> Vec<Side> {
        let own = self.annotator.as_str();
        let episodes = self.items.iter().map(|item| &item.entry.episode);
        let verifier = Side {
            name: VERIFIER.to_owned(),
            agreement: Agreement::with_verifier(&self.labels, own, episodes),
        };
        let others = self.labels.annotators().into_iter();
        let others = others.filter(|name| *name != own).map(|name| Side {
            name: name.to_owned(),
            agreement: Agreement::between(&self.labels, own, name),
        });
        std::iter::once(verifier).chain(others).collect()
    }

    /// An episode as its alert is called on screen, told from its twin, with its own id behind it.
    #[must_use]
    pub fn called(&self, episode_id: &str) -> String {
        let at = self.places.get(episode_id);
        let item = at.and_then(|at| self.items.get(*at));
        item.map_or_else(
            || episode_id.to_owned(),
            |item| format!("{} {episode_id}", item.called()),
        )
    }

    /// Goes to an alert, whatever the filter hides; false where it is not in the queue.
    pub fn go_to(&mut self, episode_id: &str) -> bool {
        let Some(at) = self.places.get(episode_id).copied() else {
            return false;
        };
        // An empty filter is always one.
        let _ = self.set_filter("");
        self.select(at);
        true
    }
}

/// Every disagreement on actions of `sides`, in the order of the page.
#[must_use]
pub fn disagreements(sides: &[Side]) -> Vec<Disagreement> {
    let of_side = |side: &Side| -> Vec<_> {
        let pairs = side.agreement.disagreements.iter();
        pairs
            .map(|pair| Disagreement::of(&side.name, pair))
            .collect()
    };
    sides.iter().flat_map(of_side).collect()
}

/// Every disagreement of `sides`, on citations too, in the order of the list: side by side, actions first.
#[must_use]
pub fn all_disagreements(sides: &[Side]) -> Vec<Disagreement> {
    let of_side = |side: &Side| -> Vec<_> {
        let agreement = &side.agreement;
        let pairs = (agreement.disagreements.iter()).chain(&agreement.other_citations);
        pairs
            .map(|pair| Disagreement::of(&side.name, pair))
            .collect()
    };
    sides.iter().flat_map(of_side).collect()
}
