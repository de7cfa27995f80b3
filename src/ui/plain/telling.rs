//! The state in lines, one fact a line: alerts, decisions, truth, answers, scores. Pure; what is hidden on the screens is hidden
//! here.

use super::deciding::{entry_of, shown_of};
use super::what_if;
use crate::env::prompt;
use crate::env::schema::{Action, Verdict};
use crate::ui::app::{App, ScreenName};
use crate::ui::desk::Score;
use crate::ui::labelling::Item;
use crate::ui::queue::three_way::Accord;
use crate::ui::queue::{Answer, Entry, Model, Queue, adapter_name};

/// Which alert is in front: another one gives another text.
pub(super) fn place(app: &App) -> String {
    let id = entry_of(app).map_or("", |entry| entry.episode.episode_id.as_str());
    format!("{:?} {id}", app.screen)
}

/// The alert in front: its header, its numbered log lines, and what is decided on it.
pub(super) fn alert(app: &App) -> Vec<String> {
    let Some(entry) = shown_of(app) else {
        return vec!["There is no alert here.".to_owned()];
    };
    let alert = &entry.episode.alert;
    let of = match app.screen {
        ScreenName::Labelling => {
            let labelling = &app.labelling;
            format!("{} to label", labelling.selected())
        }
        _ => format!(
            "{} of {}, {}",
            app.queue.selected(),
            app.queue.stage(),
            app.queue.split()
        ),
    };
    let mut lines = vec![
        format!("Alert {of}: {}", alert.alert_id),
        format!("Severity: {}", alert.severity),
        format!("Category: {}", alert.category),
        format!("Host: {}", alert.host),
        format!("User: {}", alert.user),
        format!("Summary: {}", alert.summary),
    ];
    lines.extend(what_if::changes(app));
    let window = 0..entry.episode.log_window.len();
    lines.extend(window.filter_map(|at| line(entry, at)));
    lines.extend(standing(app));
    lines
}

/// A log line behind its number.
pub(super) fn line(entry: &Entry, at: usize) -> Option<String> {
    let event = entry.episode.log_window.get(at)?;
    Some(format!("{}. {}", at + 1, prompt::event_line(event)))
}

/// What is decided on the alert in front; nothing where nothing is.
pub(super) fn standing(app: &App) -> Vec<String> {
    match (app.screen, entry_of(app)) {
        (ScreenName::Labelling, _) => app.labelling.current().map_or_else(Vec::new, label),
        (_, Some(entry)) if entry.desk.is_revealed => own(entry)
            .into_iter()
            .chain(["Revealed: yes".to_owned()])
            .collect(),
        (_, Some(entry)) => {
            let desk = &entry.desk;
            let decided = desk
                .decision
                .map(|action| format!("Decided: {action}, not submitted"));
            decided.into_iter().chain(cited(entry)).collect()
        }
        (_, None) => Vec::new(),
    }
}

fn cited(entry: &Entry) -> Option<String> {
    let event = entry.episode.log_window.get(entry.desk.mark?)?;
    Some(format!("Cited: {}", event.log_id))
}

fn label(item: &Item) -> Vec<String> {
    let decision = &item.decision;
    let action = decision
        .action
        .map(|action| format!(", {action}"))
        .unwrap_or_default();
    let mut lines = vec![format!("Label: {}{action}", decision.state.as_str())];
    lines.extend(cited(&item.entry));
    let texts = [("Rationale", &decision.rationale), ("Note", &decision.note)];
    let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
    lines.extend(texts.map(|(name, text)| format!("{name}: {text}")));
    lines.extend(decision.is_flagged.then(|| "Flagged: yes".to_owned()));
    lines
}

/// Whether what is decided on it is on disk.
pub(super) const fn is_on_disk(item: &Item) -> bool {
    item.saved >= item.revision && item.trouble.is_none()
}

/// That a label is on disk; none where it is not submitted, or not there.
pub(super) fn label_on_disk(item: &Item, folder: &str) -> Option<String> {
    let decision = &item.decision;
    let is_submitted = decision.state == crate::label::State::Submitted;
    let action = decision
        .action
        .filter(|_| is_on_disk(item) && is_submitted)?;
    Some(format!(
        "Label on disk: {} {action}, citing {}, revision {} in {folder}",
        item.entry.episode.episode_id,
        decision.cited_log_id.as_deref().unwrap_or("nothing"),
        item.saved
    ))
}

/// The analyst's decision as it was judged; none where there was none.
pub(super) fn own(entry: &Entry) -> Option<String> {
    let own = entry.desk.own.as_ref()?;
    // The rationale is not the analyst's but the judge's stand-in.
    let own = Verdict {
        rationale: None,
        ..own.clone()
    };
    Some(format!("You: {}", judged(&own)))
}

/// The truth in a line a fact.
pub(super) fn truth(entry: &Entry) -> Vec<String> {
    let truth = &entry.episode.truth;
    vec![
        format!(
            "Truth: {} because of {}",
            truth.action, truth.triggering_log_id
        ),
        format!("Reason: {}", truth.reason),
    ]
}

/// The rule behind the truth, once that is revealed.
pub(super) fn rule(app: &App) -> Vec<String> {
    let Some(entry) = entry_of(app).filter(|entry| entry.desk.is_revealed) else {
        return vec!["Rule: hidden until the reveal".to_owned()];
    };
    let truth = &entry.episode.truth;
    let techniques = match truth.attack.is_empty() {
        true => "none".to_owned(),
        false => truth.attack.join(" "),
    };
    vec![
        format!("Rule: {}", truth.rule),
        format!("Reason: {}", truth.reason),
        format!("ATT&CK: {techniques}"),
        format!("Evidence: {}", truth.evidence.join(" ")),
    ]
}

/// What the model has answered to what is shown of the alert in front, if anything.
pub(super) fn answer_of(app: &App) -> Option<&Answer> {
    match app.screen {
        ScreenName::Labelling => app.labelling.answer(app.labelling.selected()),
        _ => app.queue.shown_answer(),
    }
}

/// Where labels are made, one's own choice comes before the model's answer.
pub(super) fn may_be_told(app: &App) -> bool {
    let item = app.labelling.current();
    app.screen != ScreenName::Labelling || item.is_some_and(Item::has_chosen)
}

/// What the model says of the alert in front; whether it is right once the truth is revealed.
pub(super) fn model(app: &App) -> Vec<String> {
    if !may_be_told(app) {
        return vec!["Model: hidden until your own choice".to_owned()];
    }
    let is_labelling = app.screen == ScreenName::Labelling;
    let is_judged = !is_labelling && shown_of(app).is_some_and(|entry| entry.desk.is_revealed);
    let name = match app.queue.what_if() {
        Some(_) if !is_labelling => "Model now",
        _ => "Model",
    };
    let answer = answer_of(app);
    let who = match answer {
        Some(Answer::Given { adapter, .. }) => format!("{name}: {adapter}"),
        _ => name.to_owned(),
    };
    let shares = answer.and_then(shares);
    std::iter::once(answered(&who, answer, &app.queue.model, is_judged))
        .chain(shares.map(|shares| format!("Model's shares: {shares}")))
        .collect()
}

/// What an answer says, behind `who`; whether it is right where that may be told.
pub(super) fn answered(
    who: &str,
    answer: Option<&Answer>,
    model: &Model,
    is_judged: bool,
) -> String {
    match (answer, model) {
        (Some(Answer::Given { verdict, .. }), _) if is_judged => {
            format!("{who}: {}", judged(verdict))
        }
        (Some(Answer::Given { verdict, .. }), _) => format!("{who}: {}", said(verdict)),
        (Some(Answer::Failed(why)), _) | (_, Model::Failed(why)) => {
            format!("{who}: no answer: {why}")
        }
        _ => format!("{who}: no answer yet"),
    }
}

/// How likely each action was to be said, where that is known.
pub(super) fn shares(answer: &Answer) -> Option<String> {
    let Answer::Given { probabilities, .. } = answer else {
        return None;
    };
    let pairs = Action::ALL.iter().zip((*probabilities)?);
    let told = pairs.map(|(action, share)| format!("{action} {:.0}%", share * 100.0));
    Some(told.collect::<Vec<_>>().join(", "))
}

/// An answer without what came of it.
fn said(verdict: &Verdict) -> String {
    let Some(action) = verdict.action else {
        let why = verdict.malformed_because.as_deref().unwrap_or("no answer");
        return format!("malformed ({why})");
    };
    let cited = verdict.cited_log_id.as_deref().unwrap_or("nothing");
    format!("{action}, citing {cited}{}", because(verdict))
}

/// A judged answer: action, citation, what came of both, and why.
pub(super) fn judged(verdict: &Verdict) -> String {
    let Some(action) = verdict.action else {
        return format!("{}, reward {:+.2}", said(verdict), verdict.reward);
    };
    let word = |is_right| if is_right { "right" } else { "wrong" };
    format!(
        "{action} ({}), citing {} ({}), reward {:+.2}{}",
        word(verdict.correct_action),
        verdict.cited_log_id.as_deref().unwrap_or("nothing"),
        word(verdict.correct_citation),
        verdict.reward + 0.0,
        because(verdict)
    )
}

fn because(verdict: &Verdict) -> String {
    let why = verdict.rationale.as_deref();
    why.map_or_else(String::new, |why| format!("; {why}"))
}

/// Who can be asked, a line each.
pub(super) fn adapters(queue: &Queue) -> Vec<String> {
    if let Model::Failed(why) = &queue.model {
        return vec![format!("Model: none: {why}")];
    }
    let chosen = queue.adapter();
    let told = queue.adapters.iter().map(|choice| {
        let sign = if Some(choice) == chosen {
            ", answers now"
        } else {
            ""
        };
        format!("Adapter: {}{sign}", adapter_name(choice))
    });
    told.collect()
}

/// You and the model against the truth, over the revealed alerts of this stage.
pub(super) fn score(queue: &Queue) -> Vec<String> {
    let (own, model) = queue.scores();
    let stage = queue.stage();
    let three = queue.three_way(&[stage]);
    let name = queue
        .adapter()
        .map_or_else(|| "none".to_owned(), adapter_name);
    vec![
        format!("Stage: {stage}, {}", queue.split()),
        tally("You", &own),
        tally(&format!("Model {name}"), &model),
        agreement("You and the truth", &three.analyst_truth),
        agreement("The model and the truth", &three.model_truth),
        agreement("You and the model", &three.analyst_model),
    ]
}

fn tally(who: &str, score: &Score) -> String {
    format!(
        "{who}: actions {}/{}, citations {}/{}, mean reward {:+.2}",
        score.right_actions,
        score.judged,
        score.right_citations,
        score.judged,
        score.mean_reward() + 0.0
    )
}

fn agreement(who: &str, accord: &Accord) -> String {
    match accord.percent() {
        Some(percent) => format!(
            "{who}: the same action on {percent:.0}% of {}",
            accord.both()
        ),
        None => format!("{who}: nothing to compare yet"),
    }
}

/// How many labels there are of what state.
pub(super) fn counts(app: &App) -> Vec<String> {
    use crate::label::State;
    let labels = app.labelling.labels().of(&app.labelling.annotator);
    let labels: Vec<State> = labels.map(|label| label.decision.state).collect();
    let of = |state: State| labels.iter().filter(|label| **label == state).count();
    let told = State::ALL.iter().filter(|state| **state != State::Pending);
    let told = told.map(|state| format!("{} {}", of(*state), state.as_str()));
    let told: Vec<String> = told.collect();
    vec![format!(
        "Labels of {}: {}",
        app.labelling.annotator,
        told.join(", ")
    )]
}
