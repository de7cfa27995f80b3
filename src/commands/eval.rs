//! `opensoc eval`: metrics with intervals on hold-out episodes, adapters compared pairwise, baselines beside.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use rayon::prelude::*;

use super::Outcome;
use super::base::BaseModel;
use super::generate::{Stages, parse_split, parse_stages};
use super::lines::{LineError, numbered, open, write_answer};
use crate::env::generate;
use crate::env::probe::Probe;
use crate::env::read::Object;
use crate::env::schema::{Episode, Split, Stage, Verdict};
use crate::env::verdict;
use crate::eval::baselines::Baseline;
use crate::eval::calibration::Calibration;
use crate::eval::metrics::Case;
use crate::eval::report::{Answers, Contestant, Flips, Report};
use crate::gate::clean;
use crate::model::decoder::Decoder;
use crate::model::error::ModelError;
use crate::model::lora::Adapter;
use crate::model::nano;
use crate::model::placement::DtypeChoice;
use crate::model::source::{LoadedModel, adapter_info};
use crate::model::tokenizer::Tokenizer;
use crate::train::{evaluate, task};

/// Arguments of `eval`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub base: BaseModel,
    /// Element type of the model's matrices in memory: auto (bf16 on a GPU, else f32), f32, bf16 or f16
    #[arg(long, default_value = "auto", value_name = "TYPE")]
    pub dtype: DtypeChoice,
    /// A PEFT folder, or the name of a shipped adapter; may be repeated. Without any: the base model
    #[arg(long = "adapter", value_name = "A")]
    pub adapters: Vec<String>,
    /// Also evaluate the base model beside the adapters
    #[arg(long = "base")]
    pub with_base: bool,
    /// Responses of another model to score alike: {"episode_id","response"} a line; what is wrong with a line is said on
    /// stderr, as score says it, and the rest scored
    #[arg(long, value_name = "FILE")]
    pub responses: Option<PathBuf>,
    /// train or holdout
    #[arg(long, default_value = "holdout", value_parser = parse_split)]
    pub split: Split,
    /// A stage's name or number, or all
    #[arg(long, default_value = "all", value_parser = parse_stages)]
    pub stage: Stages,
    /// Seed of the episodes
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How many episodes, evenly over the stages
    #[arg(long, default_value_t = 2_000)]
    pub episodes: u64,
    /// Seed of the run whose episodes the bag-of-tokens baseline learns from
    #[arg(long, default_value_t = 0)]
    pub bag_seed: u64,
    /// How many train episodes the bag of tokens learns from
    #[arg(long, default_value_t = 8_000)]
    pub bag_episodes: u64,
    /// Leave the baselines out
    #[arg(long)]
    pub no_baselines: bool,
    /// Leave out what asks a model four times more: flip rates and calibration
    #[arg(long)]
    pub no_probes: bool,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
}

/// Evaluates and prints; the outcome is bad where a line of the responses is.
///
/// # Errors
/// On an unusable model, adapter or responses file.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    let stages = &args.stage.0;
    let episodes = episodes(args, stages);
    let (mut answers, mut outcome) = (Vec::new(), Outcome::Complete);
    if let Some(path) = &args.responses {
        let (scored, read) = from_file(path, &episodes, &mut std::io::stderr())?;
        answers.push(scored);
        outcome = read;
    }
    let asks_model = args.responses.is_none() || !args.adapters.is_empty() || args.with_base;
    if asks_model {
        answers.extend(of_models(args, &episodes)?);
    }
    if !args.no_baselines {
        answers.extend(of_baselines(args, stages, &episodes));
    }
    let report = Report::build(&answerer(args, asks_model), args.split, args.seed, &answers)?;
    if args.json {
        writeln!(out, "{}", serde_json::to_string(&report)?)?;
    } else {
        write!(out, "{}", report.table())?;
    }
    Ok(outcome)
}

/// What the report is headed with: the model, or where none is asked the file that its responses came from.
fn answerer(args: &Args, asks_model: bool) -> String {
    match &args.responses {
        Some(path) if !asks_model => path.display().to_string(),
        _ => args.base.model().to_owned(),
    }
}

fn episodes(args: &Args, stages: &[Stage]) -> Vec<Episode> {
    let n = stages.len() as u64;
    let episode =
        |i: u64| generate::episode(stages[(i % n) as usize], args.split, args.seed, i / n);
    (0..args.episodes).into_par_iter().map(episode).collect()
}

fn of_models(args: &Args, episodes: &[Episode]) -> anyhow::Result<Vec<Answers>> {
    let model = args.base.open(args.dtype)?;
    let asked = |who: Contestant, decoder: &Decoder| -> anyhow::Result<Answers> {
        let answers = evaluate::answer(decoder, &model.tokenizer, episodes, || true)?;
        let verdicts: Vec<Verdict> = answers.into_iter().map(|(_, verdict)| verdict).collect();
        let pairs = episodes.iter().zip(&verdicts);
        let cases = pairs.map(|(episode, verdict)| Case::new(episode, verdict));
        let answers = Answers::new(who, cases.collect());
        match args.no_probes {
            true => Ok(answers),
            false => probed(answers, decoder, &model.tokenizer, episodes, &verdicts),
        }
    };
    let mut answers = Vec::new();
    if args.adapters.is_empty() || args.with_base {
        answers.push(asked(Contestant::Base, &model.decoder)?);
    }
    for name in &args.adapters {
        let decoder = model.decoder.with_adapter(Some(adapter(name, &model)?))?;
        answers.push(asked(Contestant::Adapter(name.clone()), &decoder)?);
    }
    Ok(answers)
}

/// With what becomes of them when free text changes, and how sure the model was.
fn probed(
    answers: Answers,
    decoder: &Decoder,
    tokenizer: &Tokenizer,
    episodes: &[Episode],
    verdicts: &[Verdict],
) -> anyhow::Result<Answers> {
    let go_on = || true;
    let flips =
        |probe| evaluate::flips(probe, decoder, tokenizer, episodes, verdicts.iter(), go_on);
    let judged = evaluate::judged(decoder, tokenizer, episodes, verdicts.iter(), go_on)?;
    Ok(Answers {
        flips: Flips {
            injection: flips(Probe::Replaced)?,
            planted: flips(Probe::Planted)?,
            harmless: flips(Probe::Harmless)?,
        },
        calibration: Calibration::of(&judged),
        ..answers
    })
}

/// A shipped adapter's name, or a folder; one that was made for another base model is told of on stderr.
pub fn adapter(name: &str, model: &LoadedModel) -> anyhow::Result<Adapter> {
    if model.name == nano::NAME {
        let shipped = nano::adapters(&model.decoder.config, model.decoder.device())?;
        if let Some((_, adapter)) = shipped.into_iter().find(|(known, _)| known == name) {
            return Ok(adapter);
        }
    }
    let (dir, device) = (Path::new(name), model.decoder.device());
    let adapter = Adapter::load(dir, &model.decoder.config, device);
    let adapter = adapter.map_err(|error| unknown_adapter(name, model, error))?;
    if let Some(told) = model.stranger_to(&adapter_info(name)?) {
        // The base model's name is whatever the adapter's maker wrote.
        let told = clean(&told);
        writeln!(std::io::stderr(), "warning: adapter {name}: {told}")?;
    }
    Ok(adapter)
}

/// What could not be read; where there is no such folder, the names that need none too.
fn unknown_adapter(name: &str, model: &LoadedModel, error: ModelError) -> anyhow::Error {
    match Path::new(name).exists() {
        true => error.into(),
        false => anyhow::anyhow!(no_adapter(name, &model.name)),
    }
}

/// What to say of an adapter that is no folder, and not shipped for this model.
fn no_adapter(name: &str, model: &str) -> String {
    let shipped: Vec<&str> = nano::adapter_files()
        .iter()
        .map(|(known, ..)| *known)
        .collect();
    let all = shipped.join(", ");
    if model == nano::NAME {
        format!("{name}: neither an adapter folder nor one of the shipped adapters: {all}")
    } else if shipped.contains(&name) {
        format!(
            "{name}: the shipped adapters ({all}) go with nano only, not with {model}: name the folder of an adapter made for it"
        )
    } else {
        format!(
            "{name}: there is no such adapter folder, and the shipped adapters ({all}) go with nano only"
        )
    }
}

fn of_baselines(args: &Args, stages: &[Stage], episodes: &[Episode]) -> Vec<Answers> {
    let n = stages.len() as u64;
    let of_run = |i: u64| {
        let stage = stages[(i % n) as usize];
        let seed = task::prompts_seed(args.bag_seed, stage);
        generate::episode(stage, Split::Train, seed, i / n)
    };
    let train: Vec<Episode> = (0..args.bag_episodes).into_par_iter().map(of_run).collect();
    let judged = |baseline: &Baseline| {
        let cases = episodes
            .iter()
            .map(|e| Case::new(e, &verdict::judge(e, &baseline.respond(e))))
            .collect();
        Answers::new(Contestant::Baseline(baseline.name()), cases)
    };
    Baseline::all(&train).iter().map(judged).collect()
}

/// The verdicts on a file of responses; an episode without one counts as malformed. What is wrong with the file goes to
/// `complaints`.
fn from_file(
    path: &Path,
    episodes: &[Episode],
    complaints: &mut dyn Write,
) -> anyhow::Result<(Answers, Outcome)> {
    let (responses, outcome) = responses(path, complaints)?;
    // Of another seed, split or stage, most likely: a table of nothing but malformed answers would hide that.
    anyhow::ensure!(
        episodes
            .iter()
            .any(|e| responses.contains_key(&e.episode_id)),
        "{}: none of its {} responses is to one of the {} episodes; check --seed, --split and --stage",
        path.display(),
        responses.len(),
        episodes.len()
    );
    let without = episodes
        .iter()
        .filter(|e| !responses.contains_key(&e.episode_id));
    let without = without.count();
    if without > 0 {
        let all = episodes.len();
        let path = path.display();
        writeln!(
            complaints,
            "{path}: {without} of {all} episodes have no response here and count as malformed"
        )?;
    }
    let respond = |e: &Episode| responses.get(&e.episode_id).map_or("", String::as_str);
    let cases = episodes
        .iter()
        .map(|e| Case::new(e, &verdict::judge(e, respond(e))))
        .collect();
    let who = Contestant::Responses(path.display().to_string());
    Ok((Answers::new(who, cases), outcome))
}

/// Responses by episode id. Every bad line is told of, as an error object; of two responses to an episode the first holds.
fn responses(
    path: &Path,
    complaints: &mut dyn Write,
) -> anyhow::Result<(HashMap<String, String>, Outcome)> {
    let (mut responses, mut outcome) = (HashMap::new(), Outcome::Complete);
    for line in numbered(open(Some(path))?) {
        let (number, line) = line.with_context(|| path.display().to_string())?;
        let taken = line
            .and_then(|text| response(&text))
            .and_then(|found| add(&mut responses, found));
        if let Err(error) = taken {
            outcome = write_answer(complaints, number, Err(error))?;
        }
    }
    Ok((responses, outcome))
}

/// Adds a response to those that there are.
fn add(
    responses: &mut HashMap<String, String>,
    (id, response): (String, String),
) -> Result<(), LineError> {
    if responses.contains_key(&id) {
        return Err(LineError::Content {
            message: format!("a second response to `{id}`"),
            field: "episode_id".to_owned(),
        });
    }
    responses.insert(id, response);
    Ok(())
}

/// Episode id and response of a line.
fn response(line: &str) -> Result<(String, String), LineError> {
    let mut object = Object::parse(line)?;
    object.only(&["episode_id", "response"])?;
    Ok((object.text("episode_id")?, object.text("response")?))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::env::gold;

    fn some_episodes() -> Vec<Episode> {
        (0..4)
            .map(|i| generate::episode(Stage::Multi, Split::Holdout, 1, i))
            .collect()
    }

    /// A file of responses.
    fn file(content: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), content).expect("written");
        file
    }

    /// Why a file of responses is refused as a whole; empty where it is not.
    fn refused(content: &[u8]) -> String {
        let file = file(content);
        match from_file(file.path(), &some_episodes(), &mut std::io::sink()) {
            Ok(_) => String::new(),
            Err(error) => {
                let message = format!("{error:#}");
                let name = file.path().display().to_string();
                message.strip_prefix(&name).expect("the file").to_owned()
            }
        }
    }

    fn line(id: &str, response: &str) -> String {
        serde_json::json!({"episode_id": id, "response": response}).to_string() + "\n"
    }

    #[test]
    fn an_adapter_that_is_not_there_is_told_with_those_that_are() {
        for (name, model, word) in [
            ("nosuch", "nano", "neither an adapter folder"),
            ("nosuch", "some/folder", "no such adapter folder"),
            ("stage4_adversarial", "some/folder", "not with some/folder"),
        ] {
            let told = no_adapter(name, model);
            assert!(told.starts_with(name) && told.contains(word), "{told}");
            assert!(told.contains("sft, stage1_basic, "), "{told}");
            assert_eq!(told.contains("nano only"), model != nano::NAME, "{told}");
        }
    }

    /// What `opensoc eval` with these arguments reports.
    fn reported(arguments: &[&str]) -> Report {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            args: Args,
        }
        let always = ["eval", "--episodes", "4", "--no-baselines", "--json"];
        let line = Line::parse_from(always.iter().chain(arguments));
        let mut out = Vec::new();
        run(&line.args, &mut out).expect("a report");
        serde_json::from_slice(&out).expect("JSON")
    }

    #[test]
    fn without_probes_the_metrics_are_the_same_and_the_rest_is_left_out() {
        let whole = reported(&["--adapter", "sft"]);
        let bare = reported(&["--adapter", "sft", "--no-probes"]);
        let (whole, bare) = (&whole.results[0], &bare.results[0]);
        assert_eq!(whole.metrics, bare.metrics);
        assert!(whole.calibration.is_some() && whole.injection_flip_rate.is_some());
        assert!(bare.calibration.is_none() && bare.injection_flip_rate.is_none());
    }

    #[test]
    fn responses_alone_head_their_report() {
        let file = file(line("stage1_basic-holdout-1-0", "x").as_bytes());
        let path = file.path().display().to_string();
        let alone = reported(&["--responses", &path]);
        let beside = reported(&["--responses", &path, "--base", "--no-probes"]);
        assert_eq!((alone.model, alone.results.len()), (path, 1));
        assert_eq!(
            (beside.model.as_str(), beside.results.len()),
            (nano::NAME, 2)
        );
    }

    #[test]
    fn responses_are_matched_by_id_and_a_file_without_a_match_is_refused() {
        let episodes = some_episodes();
        let answered = line(&episodes[1].episode_id, &gold::response(&episodes[1]));
        assert_eq!(refused(format!("\n{answered}").as_bytes()), "");
        let other = line("stage2_multi-holdout-9-0", "x");
        let because = refused(other.as_bytes());
        assert!(
            because.starts_with(": none of its 1 responses"),
            "{because}"
        );
        assert!(refused(b"").starts_with(": none of its 0 responses"));
    }

    /// Seven lines: the first and the last are right answers to the first two of some episodes, one is empty, those between are bad.
    fn mixed() -> Vec<u8> {
        let episodes = some_episodes();
        let right = |at: usize| line(&episodes[at].episode_id, &gold::response(&episodes[at]));
        [
            right(0).as_bytes(),
            b"\n\xff\xfe\n",
            b"{\"episode_id\":\"x\",\"response\":5}\n",
            b"[\"a\",\"b\"]\n",
            // A second answer to the first episode, and a wrong one.
            line(&episodes[0].episode_id, "x").as_bytes(),
            right(1).as_bytes(),
        ]
        .concat()
    }

    #[test]
    fn every_bad_line_of_responses_is_named_and_the_rest_scored() {
        let file = file(&mixed());
        let mut said = Vec::new();
        let (answers, outcome) =
            from_file(file.path(), &some_episodes(), &mut said).expect("a match");
        assert_eq!(outcome, Outcome::BadInput);
        let right: Vec<bool> = answers.cases.iter().map(Case::is_correct).collect();
        assert_eq!(right, [true, true, false, false]);
        let said = String::from_utf8(said).expect("text");
        let mut told = said.lines();
        for (number, field, because) in [
            (3, None, "not UTF-8"),
            (4, Some("response"), "field `response` is not text"),
            (5, None, "not an object"),
            (6, Some("episode_id"), "a second response to `"),
        ] {
            let error = told.next().expect("an error");
            let error: serde_json::Value = serde_json::from_str(error).expect("JSON");
            assert_eq!(error["line"], number, "{error}");
            assert_eq!(error["field"].as_str(), field, "{error}");
            let message = error["error"].as_str().expect("words");
            assert!(message.starts_with(because), "{error}");
        }
        let last = told.next().expect("how many are left over");
        assert!(last.contains("2 of 4 episodes have no response"), "{last}");
        assert_eq!(told.next(), None);
    }

    #[test]
    fn an_evaluation_of_a_file_with_bad_lines_is_printed_and_bad() {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            args: Args,
        }
        let evaluated = |content: &[u8]| {
            let file = file(content);
            let path = file.path().to_str().expect("a path");
            let tail = [
                "--stage",
                "2",
                "--episodes",
                "4",
                "--no-baselines",
                "--json",
            ];
            let head = ["eval", "--responses", path];
            let Line { args } = Line::parse_from(head.into_iter().chain(tail));
            let mut out = Vec::new();
            let outcome = run(&args, &mut out).expect("a report");
            let report: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
            (
                report["results"][0]["metrics"]["accuracy"]["value"].as_f64(),
                outcome,
            )
        };
        assert_eq!(evaluated(&mixed()), (Some(0.5), Outcome::BadInput));
        let sound: Vec<String> = some_episodes()
            .iter()
            .map(|episode| line(&episode.episode_id, &gold::response(episode)))
            .collect();
        let sound = sound.concat();
        assert_eq!(evaluated(sound.as_bytes()), (Some(1.0), Outcome::Complete));
    }
}
