//! What each verb does on the labelling screen, and what the clerk's word does to it.

use crate::env::schema::Episode;
use crate::gate;
use crate::label::State;
use crate::label::examples::Written;
use crate::label::export::Format;
use crate::ui::app::{App, ScreenName};
use crate::ui::clerk::{Outcome, Request};
use crate::ui::detail;
use crate::ui::editing;
use crate::ui::keys::Verb;
use crate::ui::labelling::access::ONLY_WATCHING;
use crate::ui::labelling::agreeing::{Disagreement, all_disagreements, disagreements};
use crate::ui::labelling::deciding::{accept, choose, drafted, mark, settle, submit};
use crate::ui::labelling::drafts::type_line;
use crate::ui::labelling::{Access, Labelling, adding, formats};
use crate::ui::layer::{Layer, LineOf};
use crate::ui::msg::Effect;
use crate::ui::pace::Urgency;
use crate::ui::perform::ALONE;
use crate::ui::queue::QueuePane;
use crate::ui::scroll::stride;

/// Shows the screen; the labels are read when it is shown first.
pub fn show(app: &mut App) -> Vec<Effect> {
    app.screen = ScreenName::Labelling;
    let mut effects = app.labelling.open(app.is_read_only);
    effects.extend(app.labelling.ask(&app.queue));
    effects
}

/// Does what a verb says.
pub fn perform(app: &mut App, verb: Verb) -> Vec<Effect> {
    let labelling = &mut app.labelling;
    let mut effects = Vec::new();
    match verb {
        // A line higher than its pane is read to its end before the next one.
        _ if labelling.pane == QueuePane::Log && labelling.line_scroll.moves(verb) => {}
        Verb::Top => jump(labelling, false),
        Verb::Bottom => jump(labelling, true),
        _ if verb.is_movement() => labelling.step(stride(verb)),
        Verb::NextPane | Verb::PreviousPane => {
            labelling.pane = match labelling.pane {
                QueuePane::Alerts => QueuePane::Log,
                _ => QueuePane::Alerts,
            };
        }
        Verb::NextAlert => labelling.move_visible(1),
        Verb::PreviousAlert => labelling.move_visible(-1),
        Verb::OpenDetail => detail::open(app),
        Verb::ToggleGenerated => {
            let said = labelling.toggle_generated();
            app.say(said);
        }
        Verb::ToggleAlone => {
            labelling.is_alone = !labelling.is_alone;
            if labelling.is_alone {
                app.say(ALONE);
            }
        }
        Verb::ShowAgreement => effects = show_agreement(app),
        Verb::ExportLabels => return formats::write(app, Format::PromptCompletion),
        Verb::ChooseFormat => formats::open(app),
        Verb::ShowGuidelines => app.layers.push(Layer::guidelines()),
        _ => effects = decide(app, verb),
    }
    effects.extend(ask(app));
    effects
}

/// The examples are on disk: where a run can learn from them, the next one does.
fn exported(app: &mut App, written: Written) {
    let Written {
        path,
        examples,
        format,
    } = written;
    if examples == 0 {
        app.say("nothing is submitted yet: 1-5, Space and Enter label an alert");
        return;
    }
    let shown = path.display().to_string();
    let s = if examples == 1 { "" } else { "s" };
    let is_read = format == Format::PromptCompletion;
    let more = match is_read {
        true => "; F2 and then t trains on what is there",
        false => "",
    };
    app.say(format!(
        "{examples} example{s} in {}{more}",
        gate::clean(&shown)
    ));
    if is_read {
        app.sft_extra = Some(path);
    }
}

/// Asks the model about the alert in front, where it may be asked.
pub fn ask(app: &mut App) -> Vec<Effect> {
    app.labelling.ask(&app.queue)
}

fn jump(labelling: &mut Labelling, to_end: bool) {
    if labelling.pane == QueuePane::Log {
        labelling.step(if to_end { 10_000 } else { -10_000 });
        return;
    }
    let visible = labelling.visible();
    let edge = if to_end {
        visible.last()
    } else {
        visible.first()
    };
    if let Some(at) = edge {
        labelling.select(*at);
    }
}

/// The page is of what is on disk: what others have written since is read, and comes into it.
fn show_agreement(app: &mut App) -> Vec<Effect> {
    if let Some(why) = app.labelling.why_not_read() {
        app.say(why);
        return Vec::new();
    }
    app.layers.push(Layer::Agreement { cursor: 0 });
    reread()
}

/// Has everybody's labels read again; the agreement is of what is on disk then.
#[must_use]
pub fn reread() -> Vec<Effect> {
    vec![Effect::Label(Request::Reread)]
}

/// Moves the cursor of the agreement page, or of the list of disagreements, as a verb of movement says.
pub fn step_disagreement(app: &mut App, verb: Verb) {
    let sides = app.labelling.sides();
    let (cursor, count) = match app.layers.last_mut() {
        Some(Layer::Agreement { cursor }) => (cursor, disagreements(&sides).len()),
        Some(Layer::Disagreements { cursor }) => (cursor, all_disagreements(&sides).len()),
        _ => return,
    };
    let last = count.saturating_sub(1);
    *cursor = cursor.saturating_add_signed(stride(verb)).min(last);
}

/// The list of disagreements over the agreement page, with the cursor where it was left; or away with it.
pub fn toggle_disagreements(app: &mut App) {
    if let Some(Layer::Disagreements { .. }) = app.layers.last() {
        app.layers.pop();
        return;
    }
    let count = all_disagreements(&app.labelling.sides()).len();
    let cursor = app.labelling.disagreement.min(count.saturating_sub(1));
    app.layers.push(Layer::Disagreements { cursor });
}

/// To the alert of a disagreement on the agreement page.
pub fn open_disagreement(app: &mut App, cursor: usize) -> Vec<Effect> {
    let all = disagreements(&app.labelling.sides());
    go_to(app, all.get(cursor))
}

/// To the alert of a disagreement in the list of all: away from both pages, the list's cursor kept for the next look.
pub fn open_listed(app: &mut App, cursor: usize) -> Vec<Effect> {
    let all = all_disagreements(&app.labelling.sides());
    app.layers
        .retain(|layer| !matches!(layer, Layer::Agreement { .. }));
    app.labelling.disagreement = cursor;
    go_to(app, all.get(cursor))
}

fn go_to(app: &mut App, found: Option<&Disagreement>) -> Vec<Effect> {
    let Some(found) = found else {
        app.say("there is no disagreement to go to");
        return Vec::new();
    };
    if !app.labelling.go_to(&found.episode_id) {
        app.say("that alert is not in the folder of labels");
    }
    app.labelling.ask(&app.queue)
}

/// Decisions on the selected alert.
fn decide(app: &mut App, verb: Verb) -> Vec<Effect> {
    let is_watched = app.is_read_only && verb != Verb::NextPending;
    let watched = is_watched.then(|| ONLY_WATCHING.to_owned());
    if let Some(why) = watched.or_else(|| why_not(&app.labelling)) {
        app.say(why);
        return Vec::new();
    }
    let labelling = &mut app.labelling;
    match verb {
        Verb::Mark => drafted(app, mark),
        Verb::Submit => submit(app),
        Verb::AcceptAnswer => accept(app),
        Verb::SkipAlert => settle(app, State::Skipped),
        Verb::DiscardAlert => settle(app, State::Discarded),
        Verb::FlagAlert => labelling.edit(|decision| decision.is_flagged = !decision.is_flagged),
        Verb::EditRationale => type_line(app, LineOf::Rationale { submits: false }),
        Verb::WriteNote => type_line(app, LineOf::NoteOnAlert),
        Verb::OpenEditor => editing::open_label(app),
        Verb::NextPending => {
            if !labelling.next_open() {
                app.say("no other alert waits for its label");
            }
            Vec::new()
        }
        Verb::Undo | Verb::Redo => match labelling.step_back(verb == Verb::Redo) {
            Some(effects) => effects,
            None => {
                app.say("nothing to undo or redo");
                Vec::new()
            }
        },
        other => match other.chosen_action() {
            Some(action) => choose(app, action),
            None => Vec::new(),
        },
    }
}

/// Why nothing can be decided now.
fn why_not(labelling: &Labelling) -> Option<String> {
    match &labelling.access {
        Access::Open if labelling.current().is_none() => Some("there is no alert to label".into()),
        Access::Open => None,
        Access::Failed(why) => Some(format!("nothing can be labelled: {}", gate::clean(why))),
        Access::Closed | Access::Opening => labelling.why_not_read(),
    }
}

/// What the clerk has to say.
pub fn heard(app: &mut App, outcome: Outcome) -> Vec<Effect> {
    match outcome {
        Outcome::Opened(opened) => app.labelling.opened(opened),
        Outcome::Came(episodes) if episodes.is_empty() => return Vec::new(),
        Outcome::Came(episodes) => came(app, episodes),
        Outcome::Reread(labels) => app.labelling.reread(labels),
        Outcome::NotReread(why) => {
            let said = format!("the labels are as they were read before: {why}");
            app.complain(gate::clean(&said));
        }
        Outcome::Added(episode) => adding::added(app, *episode),
        Outcome::NotAdded { alert_id, why } => adding::not_added(app, &alert_id, &why),
        Outcome::Recalled(decisions) => {
            app.queue.recall(decisions);
            return app.queue.ask();
        }
        Outcome::Kept => return Vec::new(),
        Outcome::NotKept(why) => {
            app.complain(gate::clean(&format!("decisions are not kept: {why}")))
        }
        Outcome::NotOpened(why) => {
            app.complain(gate::clean(&why));
            app.labelling.access = Access::Failed(why);
        }
        Outcome::Exported(written) => exported(app, written),
        Outcome::NotExported(why) => {
            app.complain(gate::clean(&format!("no examples are written: {why}")));
        }
        Outcome::Saved(label) => app.labelling.saved(*label),
        Outcome::NotSaved { label, why } => {
            app.labelling.not_saved(&label, &why);
            let id = gate::clean(&label.episode_id).into_owned();
            app.complain(format!("{id} is not saved: {}", gate::clean(&why)));
        }
    }
    if app.screen != ScreenName::Labelling {
        return Vec::new();
    }
    app.touch(Urgency::Input);
    app.labelling.ask(&app.queue)
}

/// Alerts were imported while the workbench was open.
fn came(app: &mut App, episodes: Vec<Episode>) {
    let said = match episodes.len() {
        1 => "1 alert has come by import".to_owned(),
        count => format!("{count} alerts have come by import"),
    };
    let was_endless = app.labelling.is_endless();
    app.labelling.came(episodes);
    let gone = was_endless && !app.labelling.is_endless();
    let more = if gone {
        "; t brings the generated ones back"
    } else {
        ""
    };
    app.say(said + more);
}

#[cfg(test)]
mod tests {
    use crate::env::schema::Action;
    use crate::label::testing::{decided, label};
    use crate::label::{State, Store, Writer};
    use crate::ui::app::{App, ScreenName};
    use crate::ui::clerk::{Clerk, Request};
    use crate::ui::labelling::Access;
    use crate::ui::layer::Layer;
    use crate::ui::msg::Effect;
    use crate::ui::tests::fixtures::{app, press, seen};
    use crate::ui::tests::label_desk::{Desk, imported};

    /// A desk on a folder that there is, at which nothing has been pressed.
    fn desk(store: &Store, app: App) -> Desk {
        Desk {
            folder: tempfile::tempdir().expect("a folder of nobody"),
            app,
            clerk: Clerk {
                store: store.clone(),
                annotator: "analyst".into(),
                desk: None,
            },
        }
    }

    #[test]
    fn the_agreement_page_holds_what_others_write_while_the_workbench_is_open() {
        let mut desk = Desk::on(&imported());
        let truth = &imported()[0].truth;
        desk.press(&format!("{} Enter", truth.action.index() + 1));
        desk.type_line("as I see it");
        desk.press("v");
        assert!(!seen(&desk.app, (100, 30)).contains("analyst and bob"));
        let same = Store::new(desk.clerk.store.path());
        let mut bob = Writer::open(&same, "bob").expect("free");
        let wrong = Action::ALL.into_iter().find(|a| *a != truth.action);
        let wrong = wrong.expect("five");
        let id = &imported()[0].episode_id;
        let of_bob = label("bob", id, decided(wrong, "L1-0", "r"));
        bob.append(&of_bob).expect("written");
        desk.press("Esc v");
        let shown = seen(&desk.app, (100, 30));
        let wanted = format!("bob {wrong}");
        assert!(shown.contains("analyst and bob"), "{shown}");
        assert!(shown.contains(&wanted), "{wanted}:\n{shown}");
        // What cannot be read is said, and the page is as it was.
        let broken = desk.clerk.store.path().join("labels.jsonl");
        std::fs::write(broken, "no label\n").expect("written");
        desk.press("Esc v");
        assert!(desk.said().contains("line 1"), "{}", desk.said());
        assert!(seen(&desk.app, (100, 30)).contains(&wanted));
    }

    #[test]
    fn while_another_process_has_the_labels_every_key_says_so() {
        let folder = tempfile::tempdir().expect("folder");
        let store = Store::new(folder.path());
        let _other = Writer::open(&store, "analyst").expect("free");
        let mut desk = desk(&store, app());
        for key in ["F3", "v", "w", "2"] {
            desk.app.toast = None;
            desk.press(key);
            let said = desk.said();
            assert!(said.contains("in another process"), "{key}: {said}");
        }
        assert!(desk.app.layers.is_empty());
    }

    #[test]
    fn who_watches_a_run_reads_labels_without_the_lock_and_changes_none() {
        let folder = tempfile::tempdir().expect("folder");
        let store = Store::new(folder.path());
        store.add_episodes(&imported()).expect("added");
        let mut watching = app();
        watching.is_read_only = true;
        let mut watcher = desk(&store, watching);
        watcher.press("F3");
        assert_eq!(watcher.app.labelling.access, Access::Open);
        for keys in ["2", "Enter", "Space", "e", "c", "s", "x", "f", "u", "w"] {
            watcher.app.toast = None;
            watcher.press(keys);
            let said = watcher.said();
            assert!(said.contains("only watching"), "{keys}: {said}");
        }
        assert!(watcher.app.layers.is_empty());
        watcher.press("F1 t");
        let asked = press(&mut watcher.app, "L");
        let is_add = |effect: &Effect| matches!(effect, Effect::Label(Request::Add(_)));
        assert!(!asked.iter().any(is_add) && watcher.said().contains("only watching"));
        assert_eq!(watcher.app.screen, ScreenName::Episodes);
        assert!(!store.path().join("labels.jsonl").exists());
        // A workbench opened meanwhile labels, and the watcher sees it on the next look.
        let mut workbench = desk(&store, app());
        workbench.press("F3");
        workbench.press("2 e");
        workbench.type_line("as I see it");
        watcher.press("F3");
        let item = &watcher.app.labelling.items()[0];
        assert_eq!(item.decision.state, State::Draft);
        assert_eq!(item.decision.action, Some(Action::Monitor));
        watcher.press("v");
        assert_eq!(
            watcher.app.layers.last(),
            Some(&Layer::Agreement { cursor: 0 })
        );
    }
}
