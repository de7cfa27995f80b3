//! Where the queue's alerts come from: those imported while the screen was there take the place of generated ones that nobody
//! has touched, until those are asked for again.

use std::mem::take;

use super::Labelling;
use crate::env::schema::Episode;

impl Labelling {
    /// Adds episodes that came into the folder. As after a start, alerts are generated only where there are no others.
    pub fn came(&mut self, episodes: Vec<Episode>) {
        let id = |at: &Self| Some(at.current()?.entry.episode.episode_id.clone());
        let selected = id(self);
        if !episodes.iter().all(|episode| self.is_generated(episode)) {
            self.drop_untouched();
        }
        let first = self.items.len();
        episodes
            .into_iter()
            .for_each(|episode| self.add_kept(episode));
        let stays = selected.and_then(|id| self.places.get(&id).copied());
        self.select(stays.unwrap_or(first));
    }

    /// No more alerts are generated, and those go that nobody has touched.
    fn drop_untouched(&mut self) {
        self.is_endless = false;
        self.places.clear();
        for item in take(&mut self.items) {
            if item.revision > 0 || item.is_kept {
                let id = item.entry.episode.episode_id.clone();
                self.places.insert(id, self.items.len());
                self.items.push(item);
            }
        }
    }

    /// Generated alerts behind the others, or no more of them but what was touched; says which.
    pub fn toggle_generated(&mut self) -> &'static str {
        let id = |at: &Self| Some(at.current()?.entry.episode.episode_id.clone());
        let selected = id(self);
        if !self.is_endless {
            self.is_endless = true;
            // From the first one on: those that are there stay where they are.
            self.drawn = 0;
            self.select(self.selected);
            return "generated train alerts follow the others; t takes them away again";
        }
        if !self
            .items
            .iter()
            .any(|item| item.revision > 0 || item.is_kept)
        {
            return "all alerts here are generated: opensoc label import FILE adds others";
        }
        self.drop_untouched();
        let stays = selected.and_then(|id| self.places.get(&id).copied());
        self.select(stays.unwrap_or(0));
        "only alerts of the folder and those that were touched; t brings the others back"
    }

    /// What the queue is made of, in words.
    #[must_use]
    pub fn origin(&self) -> String {
        let (all, seed) = (self.items.len(), self.source.seed);
        let alerts = |count: usize| match count {
            1 => "1 alert".to_owned(),
            count => format!("{count} alerts"),
        };
        let items = self.items.iter();
        let imported = items.filter(|i| !self.is_generated(&i.entry.episode));
        match (imported.count(), self.is_endless) {
            (0, true) => format!("generated train alerts of seed {seed}"),
            (imported, true) => format!("{imported} imported, then generated train alerts"),
            (imported, false) if imported == all => match all {
                1 => "1 imported alert".to_owned(),
                all => format!("{all} imported alerts"),
            },
            (0, false) => format!("{} generated", alerts(all)),
            (imported, false) => format!("{}, {imported} of them imported", alerts(all)),
        }
    }
}
