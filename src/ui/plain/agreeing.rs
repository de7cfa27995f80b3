//! Agreement by word: how far the labels on disk are those of the verifier and of others, and where they are not.

use std::io;

use super::Plain;
use crate::env::schema::Action;
use crate::ui::labelling::agreeing::{Disagreement, Side, all_disagreements};
use crate::ui::labelling::{Access, Labelling, verbs};

impl Plain<'_> {
    /// The annotator against each other side; or to the alert of the disagreement of that number.
    pub(super) fn agreement(&mut self, rest: &str) -> io::Result<()> {
        if self.app.labelling.access != Access::Open {
            return self.put("The labels are not open.");
        }
        // Others may have written since they were read.
        self.act(verbs::reread())?;
        self.wait_for_clerk()?;
        let labelling = &self.app.labelling;
        if rest.is_empty() {
            let lines = agreement(labelling);
            return self.put_all(&lines);
        }
        let all = all_disagreements(&labelling.sides());
        let number = rest.parse::<usize>().ok();
        let at = number.and_then(|number| number.checked_sub(1));
        let Some((at, found)) = at.and_then(|at| Some((at, all.get(at)?))) else {
            let count = all.len();
            return self.put(&format!("no disagreement {rest} among {count}"));
        };
        let was_filtered = labelling.is_filtered();
        let effects = verbs::open_listed(&mut self.app, at);
        self.act(effects)?;
        if !self.app.labelling.is_selected(&found.episode_id) {
            // Why not has been said.
            return Ok(());
        }
        if was_filtered {
            self.put("The filter is off: every alert is let through.")?;
        }
        // In front already or not: it was asked for.
        self.tell_alert()
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
    let Some(actions) = found.in_words() else {
        return vec![format!(
            "{own} and {other}: no alert that both have decided"
        )];
    };
    let mut lines = vec![
        format!("{own} and {other}: {actions}"),
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
