//! Alerts that were imported while the screen was there: they take the place of generated ones that nobody has touched.

use std::mem::take;

use super::Labelling;
use crate::env::schema::Episode;

impl Labelling {
    /// Adds episodes that came into the folder. As after a start, alerts are generated only where there are no others.
    pub fn came(&mut self, episodes: Vec<Episode>) {
        let id = |at: &Self| Some(at.current()?.entry.episode.episode_id.clone());
        let selected = id(self);
        if !episodes.iter().all(|episode| self.is_generated(episode)) {
            self.is_endless = false;
            self.places.clear();
            for item in take(&mut self.items) {
                if item.revision > 0 || !self.is_generated(&item.entry.episode) {
                    let id = item.entry.episode.episode_id.clone();
                    self.places.insert(id, self.items.len());
                    self.items.push(item);
                }
            }
        }
        let first = self.items.len();
        episodes.into_iter().for_each(|episode| self.add(episode));
        let stays = selected.and_then(|id| self.places.get(&id).copied());
        self.select(stays.unwrap_or(first));
    }
}
