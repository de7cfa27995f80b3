//! Groups of alerts by word: how many there are of each, and only those of one.

use std::io;

use super::Plain;
use super::words::halves;
use crate::ui::keys::Verb;
use crate::ui::layer::Layer;
use crate::ui::order::Order;
use crate::ui::queue::groups::{GROUPINGS, Group, Tally};

impl Plain<'_> {
    /// The groups, or only the alerts of the one that is named; as the list of the screens has them.
    pub(super) fn groups(&mut self, rest: &str) -> io::Result<()> {
        let (by, name) = halves(rest);
        let wanted = GROUPINGS.into_iter().find(|known| known.as_str() == by);
        if wanted.is_none() && !by.is_empty() {
            let known = GROUPINGS.map(Order::as_str).join(" ");
            return self.put(&format!("no groups by {by}: by one of {known}"));
        }
        // While the list is open all alerts that it counts are generated.
        self.verb(Verb::ShowGroups)?;
        if let (Some(wanted), Some(Layer::Groups { by, .. })) = (wanted, self.app.layers.last_mut())
        {
            *by = wanted;
        }
        let told = self.tell_groups(name);
        self.app.layers.clear();
        told
    }

    fn tell_groups(&mut self, name: &str) -> io::Result<()> {
        let Some(Layer::Groups { by, chosen }) = self.app.layers.last_mut() else {
            return Ok(());
        };
        let by = *by;
        let groups = self.app.queue.groups(by);
        if name.is_empty() {
            let lines = counted(by, &groups, self.app.queue.visible().len());
            return self.put_all(&lines);
        }
        let Some(at) = groups.iter().position(|group| group.name == name) else {
            let by = by.as_str();
            return self.put(&format!("no group {name} by {by}: groups {by} lists them"));
        };
        *chosen = at;
        self.verb(Verb::Confirm)
    }
}

/// How many groups of how many alerts, each of them, and what is counted.
fn counted(by: Order, groups: &[Group], all: usize) -> Vec<String> {
    let head = format!(
        "Groups by {}: {} of {all} alerts",
        by.as_str(),
        groups.len()
    );
    let foot = match by {
        Order::Rule | Order::Outcome => "What is not revealed is one group: its truth is hidden.",
        _ => "Right and wrong are counted where the truth is revealed.",
    };
    let told = groups.iter().map(counts);
    std::iter::once(head)
        .chain(told)
        .chain([foot.to_owned()])
        .collect()
}

/// A group in one line.
fn counts(group: &Group) -> String {
    let (name, alerts) = (&group.name, group.alerts);
    let s = if alerts == 1 { "" } else { "s" };
    let told = format!("Group {name}: {alerts} alert{s}, {} hidden", group.hidden);
    let sides = [("you", group.analyst), ("model", group.model)];
    let judged = sides.into_iter().filter(|(_, of)| *of != Tally::default());
    judged.fold(told, |told, (who, of)| {
        format!("{told}, {who} {} right and {} wrong", of.right, of.wrong)
    })
}
