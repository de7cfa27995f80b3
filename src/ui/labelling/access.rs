//! How it stands with the folder of labels: read to be written, or only to be looked at; and read again.

use super::Labelling;
use crate::gate;
use crate::label::Labels;
use crate::ui::clerk::Request;
use crate::ui::msg::Effect;

/// Said of every key that writes, where a run is only watched.
pub(super) const ONLY_WATCHING: &str =
    "only watching: alerts are labelled in the workbench (opensoc)";

/// How it stands with the folder of labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nobody has looked yet.
    Closed,
    Opening,
    Open,
    Failed(String),
}

impl Labelling {
    /// Has the folder read, to write into it or not; where it is open, has it looked at for what came since.
    pub fn open(&mut self, only_reads: bool) -> Vec<Effect> {
        let requests = match self.access {
            Access::Opening => Vec::new(),
            Access::Open if only_reads => vec![Request::Look, Request::Reread],
            Access::Open => vec![Request::Look],
            Access::Closed | Access::Failed(_) => {
                self.access = Access::Opening;
                let open = match only_reads {
                    true => Request::OpenToRead,
                    false => Request::Open,
                };
                vec![open]
            }
        };
        requests.into_iter().map(Effect::Label).collect()
    }

    /// Why what is on disk cannot be told of now.
    pub(super) fn why_not_read(&self) -> Option<String> {
        match &self.access {
            Access::Open => None,
            Access::Failed(why) => Some(format!("the labels are not read: {}", gate::clean(why))),
            Access::Closed | Access::Opening => Some("the labels are being read".into()),
        }
    }

    /// Everybody's labels are read again. One's own are newer there only where another process writes them.
    pub fn reread(&mut self, labels: Labels) {
        for item in &mut self.items {
            let label = labels.get(&self.annotator, &item.entry.episode.episode_id);
            if let Some(label) = label.filter(|label| label.revision > item.revision) {
                item.take(label);
            }
        }
        self.labels = labels;
    }
}
