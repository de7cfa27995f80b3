//! The command line: clap types, and which command answers which.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::commands::{
    Outcome, adapter, audit, completions, doctor, eval, export, generate, label, model, pretrain,
    rules, runs, schema, score, train, triage, verify, watch, workbench,
};
use crate::config::ConfigError;
use crate::gate::clean_lines;

/// Generate SOC alerts, have a model triage them, verify the answers, train on the reward.
#[derive(Debug, Parser)]
#[command(name = "opensoc", version, args_conflicts_with_subcommands = true)]
#[command(
    after_help = "Without a command: the workbench. With --plain, or where no screens can be shown, a line is a command (help lists \
                  them) and the end of the input is the end.\nExample: opensoc --seed 7\nExample: printf 'block_ip L1-0\\nreveal\\n' | opensoc --plain"
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    workbench: workbench::Args,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print episodes, or SFT examples as prompt and completion messages
    #[command(after_help = "Example: opensoc generate --stage 2 --seed 1 --count 10")]
    Generate(generate::Args),
    /// Print the truth of incidents or episodes, one JSON object a line
    #[command(
        after_help = "A name in an event's `fields` that its type does not have makes `plausible` false, and the exit code stays 0; \
                      an unknown field anywhere else in a line is an `error`, exit code 1.\n\
                      Example: opensoc generate --stage 3 --count 5 | opensoc verify"
    )]
    Verify(verify::Args),
    /// Print verdicts on responses: {"episode":{…},"response":"…"} a line
    #[command(after_help = "Example: opensoc score answers.jsonl")]
    Score(score::Args),
    /// Print the rule table
    #[command(after_help = "Example: opensoc rules --json")]
    Rules(rules::Args),
    /// Make the embedded model and its tokenizer from nothing (hours)
    #[command(after_help = "Example: opensoc pretrain --out nano; opensoc pretrain --corpus 5")]
    Pretrain(pretrain::Args),
    /// Look for shortcuts to the label and for imbalance; exit code 1 when a bound is broken
    #[command(after_help = "Example: opensoc audit --episodes 2000 --json > audit.json")]
    Audit(audit::Args),
    /// Train an adapter: SFT warm start, then the four-stage GRPO curriculum
    #[command(
        after_help = "Example: opensoc train --headless --seed 1 --set grpo.lr=1e-4 --run-dir run1"
    )]
    Train(Box<train::Args>),
    /// Evaluate a model and its adapters on held-out episodes
    #[command(
        after_help = "Example: opensoc eval --adapter sft --adapter stage4_adversarial --seed 7"
    )]
    Eval(eval::Args),
    /// Look at a model
    #[command(after_help = "Example: opensoc model info --model nano")]
    Model(model::Args),
    /// Look at an adapter, or merge it into its base model
    #[command(after_help = "Example: opensoc adapter info sft")]
    Adapter(adapter::Args),
    /// List the runs there are, newest first
    #[command(after_help = "Example: opensoc runs --json")]
    Runs(runs::Args),
    /// Look at a run in another process, live and without touching it
    #[command(after_help = "Example: opensoc train --detach; opensoc watch")]
    Watch(watch::Args),
    /// Print the numbers of a run for other programs
    #[command(after_help = "Example: opensoc export RUN --format csv > metrics.csv")]
    Export(export::Args),
    /// Decide alerts: ours, ECS, OCSF findings, Suricata EVE, Sysmon and Windows events as JSON lines
    #[command(after_help = "Example: opensoc triage eve.json > decisions.jsonl")]
    Triage(triage::Args),
    /// Print JSON Schemas of what the other commands read and print
    #[command(after_help = "Example: opensoc schema episode")]
    Schema(schema::Args),
    /// Look at device, threads, terminal, folders and runs, and say what to do about what is amiss
    #[command(after_help = "Example: opensoc doctor --json")]
    Doctor(doctor::Args),
    /// The labelled set: alerts in, examples to train on out, counts and agreement
    #[command(after_help = "Example: opensoc label stats")]
    Label(label::Args),
    /// Print a script that completes this command line in a shell
    #[command(
        after_help = "Example: opensoc completions bash > ~/.local/share/bash-completion/completions/opensoc"
    )]
    Completions(completions::Args),
}

/// Runs a parsed command line and says how it went.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    // Asked now: one that has hung up says no.
    let was_terminal = io::stdout().is_terminal();
    // Not locked: the workbench draws to the same stdout.
    let mut out = BufWriter::new(io::stdout());
    let result = match cli.command {
        Some(command) => dispatch(command, &mut out),
        None => workbench::run(&cli.workbench, &mut out),
    };
    let result = result.and_then(|outcome| match out.flush() {
        // What the last frame had left cannot be told to anybody, and a run that went on without its terminal has ended well.
        Err(error) if was_terminal && has_hung_up(&error) => Ok(outcome),
        Err(error) => Err(error.into()),
        Ok(()) => Ok(outcome),
    });
    match result {
        Ok(Outcome::Complete) => ExitCode::SUCCESS,
        Ok(Outcome::BadInput) => ExitCode::from(1),
        Ok(Outcome::Signalled(signal)) => ExitCode::from(128 | signal),
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to tell it to when stderr is gone too.
            let _ = writeln!(io::stderr(), "error: {}", printable(&error));
            ExitCode::from(exit_code(&error))
        }
    }
}

/// Whether a terminal was written to that is gone.
fn has_hung_up(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
}

/// 2 where the command line is to blame, 1 where what it names is.
fn exit_code(error: &anyhow::Error) -> u8 {
    let config = error.downcast_ref::<ConfigError>();
    if config.is_some_and(ConfigError::is_usage) || error.is::<train::NotResumed>() {
        2
    } else {
        1
    }
}

fn dispatch(command: Command, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    match command {
        Command::Generate(args) => generate::run(&args, out),
        Command::Verify(args) => verify::run(&args, out),
        Command::Score(args) => score::run(&args, out),
        Command::Rules(args) => rules::run(&args, out),
        Command::Pretrain(args) => pretrain::run(&args, out),
        Command::Audit(args) => audit::run(&args, out),
        Command::Train(args) => train::run(&args, out),
        Command::Eval(args) => eval::run(&args, out),
        Command::Model(args) => model::run(&args, out),
        Command::Adapter(args) => adapter::run(&args, out),
        Command::Runs(args) => runs::run(&args, out),
        Command::Watch(args) => watch::run(&args, out),
        Command::Export(args) => export::run(&args, out),
        Command::Triage(args) => triage::run(&args, out),
        Command::Schema(args) => schema::run(&args, out),
        Command::Doctor(args) => doctor::run(&args, out),
        Command::Label(args) => label::run(&args, out),
        Command::Completions(args) => completions::run(&args, Cli::command(), out),
    }
}

/// An error's text for a terminal: what it quotes of a file may have been written to steer one.
fn printable(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    clean_lines(&text).collect::<Vec<_>>().join("\n")
}

/// `opensoc generate … | head` ends well, whoever wrapped the error on its way.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let kind = error
        .downcast_ref::<io::Error>()
        .map(io::Error::kind)
        .or_else(|| error.downcast_ref::<serde_json::Error>()?.io_error_kind());
    kind == Some(io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use crate::config::{Preset, resolve};

    #[test]
    fn errors_cannot_steer_the_terminal() {
        let error = anyhow::anyhow!("unknown field `\u{1b}[2J\u{9b}31m`").context("a\nb\r.jsonl");
        let expected = "a\nb<U+000D>.jsonl: unknown field `<U+001B>[2J<U+009B>31m`";
        assert_eq!(printable(&error), expected);
    }

    #[test]
    fn a_stage_that_is_none_is_a_usage_error() {
        for stage in ["9", "All", ""] {
            let error = Cli::try_parse_from(["opensoc", "eval", "--stage", stage]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ValueValidation);
            assert_eq!(error.exit_code(), 2);
        }
        for stage in ["all", "3", "stage3_mixed"] {
            assert!(Cli::try_parse_from(["opensoc", "eval", "--stage", stage]).is_ok());
        }
    }

    #[test]
    fn settings_of_the_command_line_are_usage_and_those_of_files_are_input() {
        let resolve = |file: Option<&str>, set: &str| {
            let sets = [set.to_string()];
            let file = file.map(|text| ("run.toml", text));
            resolve(Preset::Nano, false, file, &sets).expect_err("refused")
        };
        for (error, code) in [
            (resolve(None, "grpo.betta=1"), 2),
            (resolve(None, "grpo.beta=-1"), 2),
            (resolve(None, "grpo.beta"), 2),
            (Preset::from_name("micro").expect_err("unknown"), 2),
            (resolve(Some("[grpo]\nbeta = -1\n"), "seed=1"), 1),
            (resolve(Some("beta = 1\n"), "seed=1"), 1),
            (resolve(Some("beta ="), "seed=1"), 1),
        ] {
            assert_eq!(exit_code(&error.clone().into()), code, "{error}");
        }
    }

    #[test]
    fn every_command_has_an_example() {
        let mut commands = vec![Cli::command()];
        while let Some(command) = commands.pop() {
            let help = command.get_after_help().map(ToString::to_string);
            let has_example = help.is_some_and(|text| text.contains("Example: opensoc"));
            assert!(has_example, "{}", command.get_name());
            commands.extend(command.get_subcommands().cloned());
        }
    }

    #[test]
    fn verify_says_which_unknown_fields_are_an_error() {
        let command = Cli::command();
        let verify = command.find_subcommand("verify").expect("a command");
        let help = verify.get_after_help().expect("help").to_string();
        for part in ["`plausible` false", "exit code stays 0", "exit code 1"] {
            assert!(help.contains(part), "{help}");
        }
    }

    #[test]
    fn a_closed_pipe_is_known_bare_and_wrapped() {
        let closed = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(is_closed_pipe(&closed().into()));
        assert!(is_closed_pipe(&serde_json::Error::io(closed()).into()));
        assert!(!is_closed_pipe(&io::Error::other("disk").into()));
        assert!(!is_closed_pipe(&anyhow::anyhow!("other")));
    }
}
