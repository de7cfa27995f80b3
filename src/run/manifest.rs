//! `run.json`: what a run was started with, enough to say what made its numbers and whether it can go on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::{Plan, TrainConfig};
use crate::env::schema::ENV_VERSION;

use super::layout::{read_bounded, replace_file};
use super::{RunDir, RunError};

const LIMIT: u64 = 1 << 20;

/// The content of `run.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub run_id: String,
    /// RFC 3339, UTC, whole seconds.
    pub created: String,
    pub seed: u64,
    /// What the user calls the model: `nano`, a repository's name.
    pub model: String,
    pub versions: Versions,
    pub machine: Machine,
    /// File name to SHA-256, for the weights, the tokenizer and whatever else the run was fed.
    pub hashes: BTreeMap<String, String>,
    pub plan: Plan,
    pub config: TrainConfig,
}

/// Of the program and of the environment (episodes, rules, prompt).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Versions {
    pub opensoc: String,
    pub environment: String,
}

/// The kind of machine: equal bytes after a resume are promised on an equal one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    pub os: String,
    pub arch: String,
    /// `cpu`, `cuda:0`, `metal`.
    pub device: String,
}

impl Manifest {
    /// A run that starts now in `dir`.
    #[must_use]
    pub fn new(
        dir: &RunDir,
        config: TrainConfig,
        plan: Plan,
        model: &str,
        device: &str,
        hashes: BTreeMap<String, String>,
    ) -> Self {
        Self {
            run_id: dir.id(),
            created: jiff::Timestamp::now()
                .strftime("%Y-%m-%dT%H:%M:%SZ")
                .to_string(),
            seed: config.seed,
            model: model.to_owned(),
            versions: Versions {
                opensoc: env!("CARGO_PKG_VERSION").to_owned(),
                environment: ENV_VERSION.to_owned(),
            },
            machine: Machine {
                os: std::env::consts::OS.to_owned(),
                arch: std::env::consts::ARCH.to_owned(),
                device: device.to_owned(),
            },
            hashes,
            plan,
            config,
        }
    }

    /// Reads `run.json` of `dir`.
    ///
    /// # Errors
    /// [`RunError::NotARun`] where there is none; unknown or missing fields by name.
    pub fn read(dir: &RunDir) -> Result<Self, RunError> {
        let path = dir.manifest();
        let bytes = read_bounded(&path, LIMIT)?.ok_or_else(|| RunError::NotARun {
            path: dir.path().to_owned(),
        })?;
        serde_json::from_slice(&bytes).map_err(|error| RunError::Malformed {
            path: path.clone(),
            line: Some(error.line() as u64),
            message: error.to_string(),
        })
    }

    /// Writes it as `run.json` of `dir`, whole or not at all.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&self, dir: &RunDir) -> Result<(), RunError> {
        let path = dir.manifest();
        let mut bytes =
            serde_json::to_vec_pretty(self).map_err(|e| RunError::malformed(&path, e))?;
        bytes.push(b'\n');
        replace_file(&path, &bytes)
    }

    /// Whether the run of `self` may go on as `now` (made from the same configuration by this program, here).
    ///
    /// # Errors
    /// Names all that differs: weights, environment, machine, plan. Going on would give other numbers than it started with.
    pub fn check_resumable(&self, now: &Self, dir: &RunDir) -> Result<(), RunError> {
        let versions = (&self.versions, &now.versions);
        let mut differs = Vec::new();
        let mut compare = |what: &str, was: &str, is: &str| {
            if was != is {
                differs.push(format!("{what} was {was}, is {is}"));
            }
        };
        compare(
            "environment version",
            &versions.0.environment,
            &versions.1.environment,
        );
        compare("os", &self.machine.os, &now.machine.os);
        compare("processor", &self.machine.arch, &now.machine.arch);
        compare("device", &self.machine.device, &now.machine.device);
        let names: std::collections::BTreeSet<_> =
            self.hashes.keys().chain(now.hashes.keys()).collect();
        for name in names {
            let hash = |of: &Self| {
                of.hashes
                    .get(name)
                    .map_or("absent", String::as_str)
                    .to_owned()
            };
            compare(name, &hash(self), &hash(now));
        }
        if !self.plan.is_of(&now.plan) {
            differs.push("the plan is not that of the configuration".to_owned());
        }
        if differs.is_empty() {
            return Ok(());
        }
        Err(RunError::NotResumable {
            path: dir.path().to_owned(),
            differs: differs.join("; "),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::sha256;

    fn manifest(dir: &RunDir) -> Manifest {
        let config = TrainConfig::nano();
        let plan = config.plan(0);
        let hashes = BTreeMap::from([("model.safetensors".to_owned(), sha256(b"weights"))]);
        Manifest::new(dir, config, plan, "nano", "cpu", hashes)
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().expect("folder");
        let dir = RunDir::new(folder.path());
        assert!(matches!(
            Manifest::read(&dir),
            Err(RunError::NotARun { .. })
        ));
        let written = manifest(&dir);
        written.write(&dir).expect("written");
        assert_eq!(Manifest::read(&dir).expect("read"), written);
        std::fs::write(dir.manifest(), "{\n\"run_idd\": 1}").expect("broken");
        let message = Manifest::read(&dir).expect_err("unknown field").to_string();
        assert!(
            message.contains("run.json: line 2: unknown field `run_idd`"),
            "{message}"
        );
    }

    #[test]
    fn other_weights_or_another_device_are_named() {
        let dir = RunDir::new("/runs/a");
        let was = manifest(&dir);
        was.check_resumable(&manifest(&dir), &dir).expect("equal");
        let mut now = manifest(&dir);
        now.machine.device = "cuda:0".to_owned();
        now.hashes.clear();
        let message = was
            .check_resumable(&now, &dir)
            .expect_err("differs")
            .to_string();
        assert!(message.contains("device was cpu, is cuda:0"), "{message}");
        assert!(message.contains("model.safetensors was "), "{message}");
    }

    #[test]
    fn a_plan_that_the_configuration_does_not_have_is_refused() {
        let dir = RunDir::new("/runs/a");
        let now = manifest(&dir);
        let mut was = manifest(&dir);
        was.plan.phases[0].end_early(3);
        was.check_resumable(&now, &dir).expect("ended early");
        for steps in [0, u64::MAX] {
            let mut was = manifest(&dir);
            was.plan.phases[0].steps = now.plan.phases[0].steps.wrapping_add(steps);
            was.plan.phases[1].steps = was.plan.phases[1].steps.saturating_add(1);
            let told = was.check_resumable(&now, &dir).expect_err("edited");
            assert!(told.to_string().contains("the plan is not"), "{told}");
        }
    }
}
