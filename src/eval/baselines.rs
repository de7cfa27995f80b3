//! What a model has to beat: constant answers, an engineer's keyword rules, and a bag of tokens.
//!
//! Each gives a response as text, so that it is parsed and scored exactly as a model's. None reads the truth of the episode
//! it answers.

use crate::audit::citation::{Citer, TypeTable};
use crate::audit::features::{Columns, Row, Sample, bag};
use crate::audit::logistic::{Logistic, Table};
use crate::env::prompt::event_line;
use crate::env::schema::{Action, Episode, Event};
use crate::stream::Stream;

/// Something that answers without a language model.
#[derive(Clone, Debug)]
pub enum Baseline {
    /// Always the same action, citing the last event.
    Constant(Action),
    /// The first keyword of [`KEYWORDS`] that occurs decides; cites the event it occurs in.
    Keywords,
    /// Logistic regression on the tokens of the window; cites the event whose type is most often the trigger.
    Bag(Box<BagOfTokens>),
}

/// A trained bag of tokens.
#[derive(Clone, Debug)]
pub struct BagOfTokens {
    columns: Columns,
    classifier: Logistic,
    types: TypeTable,
}

/// Words an engineer would look for in a log and what they would do, most costly action first. A word counts wherever it
/// stands, whatever the event around it means: that is what makes these rules a baseline. Without a hit the alert is watched.
pub const KEYWORDS: [(&str, Action); 50] = [
    ("ransomware", Action::Escalate),
    ("revoked", Action::Escalate),
    ("psexesvc.exe", Action::Escalate),
    ("tomcat9.exe", Action::Escalate),
    ("w3wp.exe", Action::Escalate),
    ("our_host", Action::Escalate),
    ("card", Action::Escalate),
    ("far_isp", Action::Escalate),
    ("admin$", Action::Escalate),
    ("forwarded", Action::Escalate),
    ("pastebin", Action::Escalate),
    ("unlogged", Action::Escalate),
    ("invalid", Action::QuarantineHost),
    ("shared_cdn", Action::QuarantineHost),
    ("file_hub", Action::QuarantineHost),
    ("cscript.exe", Action::QuarantineHost),
    ("wscript.exe", Action::QuarantineHost),
    ("winword.exe", Action::QuarantineHost),
    ("outlook.exe", Action::QuarantineHost),
    ("excel.exe", Action::QuarantineHost),
    ("tampered", Action::QuarantineHost),
    ("extracted", Action::QuarantineHost),
    ("machine_named", Action::QuarantineHost),
    ("public", Action::QuarantineHost),
    ("endpoint", Action::QuarantineHost),
    ("our_laptop", Action::QuarantineHost),
    ("rented_vps", Action::BlockIp),
    ("no_name", Action::BlockIp),
    ("newly_created", Action::BlockIp),
    ("tor_exit", Action::BlockIp),
    ("keys", Action::BlockIp),
    ("internet", Action::BlockIp),
    ("home_box", Action::BlockIp),
    ("partner_ip", Action::BlockIp),
    ("auth.login_failure", Action::BlockIp),
    ("our_vendor", Action::Dismiss),
    ("approved", Action::Dismiss),
    ("key_vault", Action::Dismiss),
    ("archives", Action::Dismiss),
    ("vendor_hosted", Action::Dismiss),
    ("software", Action::Dismiss),
    ("red_team", Action::Dismiss),
    ("msiexec.exe", Action::Dismiss),
    ("ccmexec.exe", Action::Dismiss),
    ("trusted", Action::Dismiss),
    ("sandboxed", Action::Dismiss),
    ("scan_box", Action::Dismiss),
    ("pen_tester", Action::Dismiss),
    ("program", Action::Dismiss),
    ("news", Action::Dismiss),
];

impl Baseline {
    /// The five constants and the keyword rules.
    #[must_use]
    pub fn untrained() -> Vec<Self> {
        let constants = Action::ALL.into_iter().map(Baseline::Constant);
        constants.chain([Baseline::Keywords]).collect()
    }

    /// All of them, the bag of tokens trained on `episodes`.
    #[must_use]
    pub fn all(episodes: &[Episode]) -> Vec<Self> {
        let mut all = Self::untrained();
        all.push(Baseline::Bag(Box::new(BagOfTokens::fit(episodes))));
        all
    }

    /// The name in reports.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Baseline::Constant(action) => format!("always {action}"),
            Baseline::Keywords => "keyword rules".to_owned(),
            Baseline::Bag(_) => "bag of tokens".to_owned(),
        }
    }

    /// The response to what `episode` shows. Malformed where the window is empty: there is nothing to cite.
    #[must_use]
    pub fn respond(&self, episode: &Episode) -> String {
        let window = &episode.log_window;
        let (action, cited, why) = match self {
            Baseline::Constant(action) => (*action, window.last(), "Always answered so."),
            Baseline::Keywords => keywords(window),
            Baseline::Bag(bag) => bag.decide(episode),
        };
        let log_id = cited.map_or("", |event| event.log_id.as_str());
        format!("Action: {action}\nCitedLog: {log_id}\nRationale: {why}")
    }
}

fn keywords(window: &[Event]) -> (Action, Option<&Event>, &'static str) {
    let lines: Vec<String> = window
        .iter()
        .map(|e| event_line(e).to_lowercase())
        .collect();
    for (keyword, action) in KEYWORDS {
        let hit = lines
            .iter()
            .position(|line| words(line).any(|word| word == keyword));
        if let Some(event) = hit.and_then(|at| window.get(at)) {
            return (action, Some(event), keyword);
        }
    }
    (Action::Monitor, window.last(), "No keyword occurs.")
}

/// Names as they stand in logs: `trusted` is not found in `untrusted`, nor `lan` in `vlan`.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '.' | '$'))
}

impl BagOfTokens {
    /// Learns tokens and event types from `episodes`, which must be in an order that does not depend on their labels.
    #[must_use]
    pub fn fit(episodes: &[Episode]) -> Self {
        let samples: Vec<Sample> = episodes.iter().map(|e| bag(&e.log_window)).collect();
        let columns = Columns::learn(&samples);
        let rows: Vec<Row> = samples.iter().map(|sample| columns.row(sample)).collect();
        let labels: Vec<Action> = episodes.iter().map(|e| e.truth.action).collect();
        let classifier = Logistic::fit(&Table {
            rows: &rows,
            labels: &labels,
            columns: columns.len(),
        });
        Self {
            columns,
            classifier,
            types: TypeTable::learn(episodes),
        }
    }

    fn decide<'a>(&self, episode: &'a Episode) -> (Action, Option<&'a Event>, &'static str) {
        let window = &episode.log_window;
        let action = self.classifier.predict(&self.columns.row(&bag(window)));
        // No draw is made by this citer; it only shares the signature of those that draw.
        let mut unused = Stream::named(0, &["eval", "baselines"]);
        let cited = Citer::LikeliestType.cite(episode, &self.types, &mut unused);
        (action, cited, "Its tokens look like it.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::planted::{Leak, ceiling, episodes};

    #[test]
    fn constants_cite_the_last_event() {
        let episode = &episodes(Leak::None, 0, 1, 1)[0];
        assert_eq!(
            Baseline::Constant(Action::BlockIp).respond(episode),
            "Action: block_ip\nCitedLog: L1-2\nRationale: Always answered so."
        );
    }

    #[test]
    fn keywords_cite_the_event_they_occur_in_and_the_most_alarming_wins() {
        let mut episode = episodes(Leak::None, 0, 1, 1).remove(0);
        let window = &mut episode.log_window;
        let mut set = |at: usize, text: &str| {
            window[at].fields.insert("state".into(), text.into());
            let (action, cited, why) = keywords(window);
            let cited = cited.map(|event| event.log_id.clone());
            (action, cited.unwrap_or_default(), why)
        };
        assert_eq!(
            set(0, "untrusted"),
            (Action::Monitor, "L1-2".into(), "No keyword occurs.")
        );
        assert_eq!(
            set(0, "trusted"),
            (Action::Dismiss, "L1-0".into(), "trusted")
        );
        assert_eq!(
            set(1, "by TOMCAT9.exe"),
            (Action::Escalate, "L1-1".into(), "tomcat9.exe")
        );
    }

    #[test]
    fn every_baseline_answers_generated_episodes_in_good_form() {
        use crate::env::schema::{Split, Stage};
        use crate::env::{generate, verdict};
        let made = |split| -> Vec<Episode> {
            (0..60)
                .map(|i| generate::episode(Stage::Mixed, split, 5, i))
                .collect()
        };
        for baseline in Baseline::all(&made(Split::Train)) {
            for episode in made(Split::Holdout) {
                let verdict = verdict::judge(&episode, &baseline.respond(&episode));
                assert!(verdict.format_ok, "{}: {verdict:?}", baseline.name());
                let cited = verdict.cited_log_id.as_ref();
                assert!(episode.log_window.iter().any(|e| Some(&e.log_id) == cited));
            }
        }
    }

    #[test]
    fn every_keyword_can_be_found() {
        for (i, (keyword, _)) in KEYWORDS.iter().enumerate() {
            let line = format!("[t] L1-0 src=a state=\"{keyword}\"").to_lowercase();
            assert!(words(&line).any(|word| word == *keyword), "{keyword}");
            assert!(
                KEYWORDS
                    .iter()
                    .skip(i + 1)
                    .all(|(other, _)| other != keyword)
            );
        }
    }

    #[test]
    fn bag_of_tokens_learns_a_token_that_tells() {
        let train = episodes(Leak::Token, 80, 800, 3);
        let test = episodes(Leak::Token, 80, 400, 4);
        let bag = BagOfTokens::fit(&train);
        let right = |e: &&Episode| bag.decide(e).0 == e.truth.action;
        let accuracy = test.iter().filter(right).count() as f64 / 400.0;
        assert!((accuracy - ceiling(80)).abs() < 0.06, "{accuracy}");
        assert_eq!(Baseline::all(&train).len(), 7);
    }
}
