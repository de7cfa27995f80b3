//! From an alert on the episodes screen to its label: into the folder of labels, as if it had been imported, and to it.

use crate::env::schema::{Episode, Split};
use crate::gate;
use crate::ui::app::App;
use crate::ui::clerk::Request;
use crate::ui::labelling::access::ONLY_WATCHING;
use crate::ui::labelling::{Access, verbs};
use crate::ui::msg::Effect;

/// Has the selected alert of the episodes screen added to the labelling queue, and goes there. A hold-out alert is not taken:
/// a model that had learned from it could not be measured on it.
pub fn label(app: &mut App) -> Vec<Effect> {
    let Some(entry) = app.queue.current() else {
        app.say("there is no alert to label");
        return Vec::new();
    };
    if app.is_read_only {
        app.say(ONLY_WATCHING);
        return Vec::new();
    }
    let id = gate::clean(&entry.episode.alert.alert_id).into_owned();
    if entry.episode.split == Split::Holdout {
        app.say(format!(
            "{id} is a hold-out alert: models are measured on it, so none may learn from it. t shows train alerts, L labels one of those"
        ));
        return Vec::new();
    }
    let episode = Box::new(entry.episode.clone());
    let mut effects = verbs::show(app);
    effects.push(Effect::Label(Request::Add(episode)));
    effects
}

/// It is in the folder: to it.
pub(super) fn added(app: &mut App, episode: Episode) {
    let (id, alert) = (episode.episode_id.clone(), episode.alert.alert_id.clone());
    app.labelling.came(vec![episode]);
    app.labelling.go_to(&id);
    let alert = gate::clean(&alert).into_owned();
    app.say(format!(
        "{alert} is in the labelling queue and stays there: 1-5 decide; F1 goes back"
    ));
}

/// It is not; where the folder could not be opened, that has been said.
pub(super) fn not_added(app: &mut App, alert_id: &str, why: &str) {
    if !matches!(app.labelling.access, Access::Failed(_)) {
        let said = format!("{alert_id} is not in the labelling queue: {why}");
        app.complain(gate::clean(&said));
    }
}
