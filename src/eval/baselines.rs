//! What a model has to beat: constant answers, an engineer's keyword rules, and a bag of tokens.
//!
//! Each gives a response as text, so that it is parsed and scored exactly as a model's. None reads the truth of the episode
//! it answers.

use crate::audit::citation::{Citer, TypeTable};
use crate::audit::features::{Columns, Row, Sample, bag, line};
use crate::audit::logistic::{Logistic, Table};
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

/// What an engineer would look for, most alarming first, and what they would do. Looked up in lower case, in the whole
/// window; without a hit the alert is watched.
pub const KEYWORDS: [(&str, Action); 40] = [
    ("mimikatz", Action::Escalate),
    ("lsass", Action::Escalate),
    ("dcsync", Action::Escalate),
    ("ntds.dit", Action::Escalate),
    ("domain admins", Action::Escalate),
    ("createaccesskey", Action::Escalate),
    ("attachuserpolicy", Action::Escalate),
    ("administratoraccess", Action::Escalate),
    ("stoplogging", Action::Escalate),
    ("exfil", Action::Escalate),
    ("vssadmin", Action::QuarantineHost),
    ("delete shadows", Action::QuarantineHost),
    ("ransom", Action::QuarantineHost),
    ("encodedcommand", Action::QuarantineHost),
    (" -enc ", Action::QuarantineHost),
    ("-urlcache", Action::QuarantineHost),
    ("mshta", Action::QuarantineHost),
    ("regsvr32", Action::QuarantineHost),
    ("rundll32", Action::QuarantineHost),
    ("trojan", Action::QuarantineHost),
    ("malware", Action::QuarantineHost),
    ("beacon", Action::QuarantineHost),
    ("cobalt", Action::QuarantineHost),
    ("scheduledtask", Action::QuarantineHost),
    ("sqlmap", Action::BlockIp),
    ("union select", Action::BlockIp),
    ("../", Action::BlockIp),
    ("brute", Action::BlockIp),
    ("port_scan", Action::BlockIp),
    ("portscan", Action::BlockIp),
    ("scan", Action::BlockIp),
    ("spray", Action::BlockIp),
    ("login_failed", Action::BlockIp),
    ("invalid user", Action::BlockIp),
    ("c2", Action::BlockIp),
    ("change_ticket", Action::Dismiss),
    ("maintenance", Action::Dismiss),
    ("chg-", Action::Dismiss),
    ("backup", Action::Dismiss),
    ("internal", Action::Dismiss),
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
            Baseline::Bag(bag) => bag.decide(window),
        };
        let log_id = cited.map_or("", |event| event.log_id.as_str());
        format!("Action: {action}\nCitedLog: {log_id}\nRationale: {why}")
    }
}

fn keywords(window: &[Event]) -> (Action, Option<&Event>, &'static str) {
    let lines: Vec<String> = window.iter().map(|e| line(e).to_lowercase()).collect();
    for (keyword, action) in KEYWORDS {
        let hit = lines.iter().position(|line| line.contains(keyword));
        if let Some(event) = hit.and_then(|at| window.get(at)) {
            return (action, Some(event), keyword);
        }
    }
    (Action::Monitor, window.last(), "No keyword occurs.")
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

    fn decide<'a>(&self, window: &'a [Event]) -> (Action, Option<&'a Event>, &'static str) {
        let action = self.classifier.predict(&self.columns.row(&bag(window)));
        // No draw is made by this citer; it only shares the signature of those that draw.
        let mut unused = Stream::named(0, &["eval", "baselines"]);
        let cited = Citer::LikeliestType.cite(window, &self.types, &mut unused);
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
        assert_eq!(keywords(&episode.log_window).0, Action::Monitor);
        let command = |text: &str| serde_json::Value::from(text);
        let window = &mut episode.log_window;
        window[0]
            .fields
            .insert("command".into(), command("nightly backup"));
        assert_eq!(keywords(window).0, Action::Dismiss);
        window[1]
            .fields
            .insert("command".into(), command("VSSADMIN delete shadows"));
        let (action, cited, why) = keywords(window);
        assert_eq!(action, Action::QuarantineHost);
        assert_eq!(cited.map(|e| e.log_id.as_str()), Some("L1-1"));
        assert_eq!(why, "vssadmin");
    }

    #[test]
    fn keywords_are_lower_case_and_none_hides_behind_an_earlier_one() {
        for (i, (keyword, action)) in KEYWORDS.iter().enumerate() {
            assert_eq!(*keyword, keyword.to_lowercase());
            let hidden = KEYWORDS
                .iter()
                .take(i)
                .find(|(earlier, _)| keyword.contains(earlier));
            assert_eq!(hidden, None, "{keyword} {action}");
        }
    }

    #[test]
    fn bag_of_tokens_learns_a_token_that_tells() {
        let train = episodes(Leak::Token, 80, 800, 3);
        let test = episodes(Leak::Token, 80, 400, 4);
        let bag = BagOfTokens::fit(&train);
        let right = |e: &&Episode| bag.decide(&e.log_window).0 == e.truth.action;
        let accuracy = test.iter().filter(right).count() as f64 / 400.0;
        assert!((accuracy - ceiling(80)).abs() < 0.06, "{accuracy}");
        assert_eq!(Baseline::all(&train).len(), 7);
    }
}
