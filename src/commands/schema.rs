//! `opensoc schema`: JSON Schemas of what the other commands read and print.

use std::io::Write;

use anyhow::Context;
use serde_json::{Value, json};

use super::Outcome;

/// All of them, by name; written by hand, held against real objects by a test.
const SCHEMAS: &str = include_str!("../../assets/schemas.json");

/// Arguments of `schema`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Of which: episode, verdict, decision, rule, eval_report…; without it all, under `$defs`
    pub name: Option<String>,
}

/// Prints one schema that stands alone, or all.
///
/// # Errors
/// When there is none of that name, which is said with those there are; or `out` cannot be written.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    let mut schemas: Value = serde_json::from_str(SCHEMAS).context("assets/schemas.json")?;
    if let Some(name) = &args.name {
        let known: Vec<&str> = schemas["$defs"]
            .as_object()
            .map(|defs| defs.keys().map(String::as_str).collect())
            .unwrap_or_default();
        anyhow::ensure!(
            known.contains(&name.as_str()),
            "no schema called `{name}`; there are {}",
            known.join(", ")
        );
        schemas["title"] = json!(name);
        schemas["$ref"] = json!(format!("#/$defs/{name}"));
    }
    writeln!(out, "{}", serde_json::to_string_pretty(&schemas)?)?;
    Ok(Outcome::Complete)
}
