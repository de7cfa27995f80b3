//! Agreement by word: how far the labels on disk are those of the verifier and of others, and where they are not.

use std::io;

use super::Plain;
use crate::env::schema::Action;
use crate::ui::labelling::agreeing::{Disagreement, Side, all_disagreements};
use crate::ui::labelling::{Access, Labelling, verbs};

impl Plain<'_> {
    /// The annotator against each other side; or to the alert of the disagreement of that number.
    pub(super) fn agreement(&mut self, rest: &str) -> io::Result<()> {
        let labelling = &self.app.labelling;
        if labelling.access != Access::Open {
            return self.put("The labels are not open.");
        }
        if rest.is_empty() {
            let lines = agreement(labelling);
            return self.put_all(&lines);
        }
        let count = all_disagreements(&labelling.sides()).len();
        let number = rest.parse::<usize>().ok();
        let at = number.and_then(|number| number.checked_sub(1));
        let Some(at) = at.filter(|at| *at < count) else {
            return self.put(&format!("no disagreement {rest} among {count}"));
        };
        let effects = verbs::open_listed(&mut self.app, at);
        self.act(effects)
    }
}

/// Each side, then every disagreement with its number.
fn agreement(labelling: &Labelling) -> Vec<String> {
    let (own, sides) = (labelling.annotator.as_str(), labelling.sides());
    let all = all_disagreements(&sides);
    let numbered = (1..).zip(&all);
    let differing = numbered.map(|(number, found)| {
        let called = labelling.called(&found.episode_id);
        disagreement(number, own, &called, found)
    });
    let standings = sides.iter().flat_map(|side| standing(own, side));
    standings.chain(differing).collect()
}

/// Percent, kappa, and who decides what how often.
fn standing(own: &str, side: &Side) -> Vec<String> {
    let (found, other) = (&side.agreement, &side.name);
    let Some(percent) = found.percent else {
        return vec![format!(
            "{own} and {other}: no alert that both have decided"
        )];
    };
    let kappa = match found.kappa {
        Some(kappa) => format!("Cohen's kappa {kappa:.3}"),
        None => "Cohen's kappa undefined: one action only".to_owned(),
    };
    let mut lines = vec![
        format!(
            "{own} and {other}: {} of {} actions the same ({percent:.1} %), {kappa}",
            found.same_action, found.both
        ),
        format!(
            "{own} and {other}: {} of {} citations the same",
            found.same_citation, found.both
        ),
    ];
    for (action, counts) in Action::ALL.iter().zip(&found.table) {
        let counts = Action::ALL.iter().zip(counts);
        let counts = counts.filter(|(_, count)| **count > 0);
        let told: Vec<String> = counts.map(|(of, count)| format!("{of} {count}")).collect();
        if !told.is_empty() {
            let told = told.join(", ");
            lines.push(format!(
                "Where {own} decides {action}, {other} decides: {told}"
            ));
        }
    }
    lines
}

fn disagreement(number: usize, own: &str, called: &str, found: &Disagreement) -> String {
    let said = |(action, cited): &(Action, Option<String>)| {
        format!("{action} citing {}", cited.as_deref().unwrap_or("nothing"))
    };
    let what = match found.is_of_citation() {
        true => ", on the citation alone",
        false => "",
    };
    format!(
        "Disagreement {number}{what}: {called}, {own} {}, {} {}",
        said(&found.own),
        found.side,
        said(&found.other)
    )
}
