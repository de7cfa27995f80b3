//! The model thread of the workbench: it owns the tensors, answers questions and trains, one command at a time.
//!
//! While a run is in progress questions are answered between its micro-batches. Answers are greedy and draw nothing, so
//! they cannot change a run. A panic here becomes a fact; the screen stays as it is.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::thread::JoinHandle;

use super::curriculum::{self, Host};
use super::desk::Desk;
use super::extra::Extra;
use crate::link::{
    AdapterChoice, Command, Control, Fact, FitRequest, RunFact, RunState, Status, TrainRequest,
};
use crate::model::decoder::Decoder;
use crate::model::error::Result;
use crate::model::lora::Adapter;
use crate::model::nano;
use crate::model::placement::{DeviceChoice, DtypeChoice, Placement, device_name};
use crate::model::source::{LoadedModel, adapter_info};
use crate::panics::said;
use crate::process::give_back_freed_pages;

/// What the thread is started with.
pub struct WorkerOptions {
    /// What [`LoadedModel::open`] takes.
    pub model: String,
    pub device: DeviceChoice,
    pub dtype: DtypeChoice,
    /// Adapter folders besides the shipped ones; the last is the one shown first.
    pub adapters: Vec<PathBuf>,
    /// The one that answers first, by its name; else the last there is.
    pub shown: Option<String>,
}

/// Starts the thread. `tell` gets every fact. When the command channel closes the thread ends, but a run in progress goes on to
/// its end first.
///
/// # Errors
/// When the system refuses another thread.
pub fn spawn(
    options: WorkerOptions,
    commands: Receiver<Command>,
    tell: impl FnMut(Fact) + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name("model".into())
        .spawn(move || {
            let mut tell = tell;
            let outcome = catch_unwind(AssertUnwindSafe(|| serve(&options, &commands, &mut tell)));
            if let Some(message) = failure(outcome) {
                tell(Fact::ModelFailed { message });
            }
        })
}

/// Why the thread cannot go on; nothing where it was to end.
fn failure(outcome: std::thread::Result<Result<()>>) -> Option<String> {
    match outcome {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(panic) => Some(format!(
            "the model thread panicked: {}; what was on disk is safe, restart to go on",
            said(&*panic)
        )),
    }
}

fn serve(
    options: &WorkerOptions,
    commands: &Receiver<Command>,
    tell: &mut dyn FnMut(Fact),
) -> Result<()> {
    let placement = Placement::of(options.device.open()?, options.dtype);
    let model = LoadedModel::open(&options.model, &placement)?;
    let adapters = adapters(options, &model)?;
    let names: Vec<String> = adapters.iter().map(|(name, _)| name.clone()).collect();
    let shown = options.shown.as_ref().filter(|name| names.contains(name));
    let default_adapter = shown
        .or(names.last())
        .cloned()
        .map_or(AdapterChoice::Base, AdapterChoice::Named);
    tell(Fact::ModelReady {
        model: model.name.clone(),
        parameters: model.decoder.config.parameters(),
        adapters: names,
        default_adapter,
    });
    for dir in &options.adapters {
        let name = dir.display().to_string();
        if let Some(told) = model.stranger_to(&adapter_info(&name)?) {
            let message = format!("adapter {name}: {told}");
            tell(Fact::Noted { message });
        }
    }
    let mut desk = Desk::new(&model, adapters);
    while let Ok(command) = commands.recv() {
        match command {
            Command::Quit | Command::QuitAfterRun => return Ok(()),
            Command::Control(_) | Command::Follow(_) => {}
            Command::Fit(request) => tell(fitted(&model, request)),
            Command::Infer(request) => tell(desk.answer(&request, None)),
            Command::Offer(offered) => tell(desk.offer(offered)),
            Command::Train(request) => {
                let is_last = train(&model, &request, commands, tell, &mut desk);
                give_back_freed_pages();
                if is_last {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

fn fitted(model: &LoadedModel, request: Box<FitRequest>) -> Fact {
    let (told, fits) = match curriculum::fit(model, &request.config) {
        Ok(fit) => {
            let device = device_name(model.decoder.device());
            (format!("needs about {fit} on {device}"), fit.fits())
        }
        Err(error) => (error.to_string(), false),
    };
    let labels = match &request.sft_extra {
        None => Ok(0),
        Some(file) => Extra::read(file)
            .map(|extra| extra.examples.len() as u64)
            .map_err(|error| error.to_string()),
    };
    Fact::Fitted {
        request,
        told,
        fits,
        labels,
    }
}

/// Trains with the screens listening; true when the thread is to end after it.
fn train<'m>(
    model: &'m LoadedModel,
    request: &TrainRequest,
    commands: &Receiver<Command>,
    tell: &mut dyn FnMut(Fact),
    desk: &mut Desk<'m>,
) -> bool {
    let mut host = InProcess {
        model,
        commands,
        tell,
        desk,
        quit: false,
        has_begun: false,
    };
    let outcome = curriculum::run(model, request, &mut host);
    if let Err(error) = outcome {
        // A run that has begun says itself, on disk too, why it failed.
        if !host.has_begun {
            host.tell(RunFact::Status(never_begun(error.to_string())));
        }
    }
    host.quit
}

/// The status of a run whose folder could not be opened, and so holds none.
fn never_begun(reason: String) -> Status {
    Status {
        state: RunState::Failed,
        phase: String::new(),
        step: 0,
        total_steps: 0,
        elapsed_s: 0.0,
        eta_s: None,
        heartbeat: 0,
        pid: std::process::id(),
        reason,
    }
}

/// Adapters by name: the shipped ones for the embedded model, then those given.
fn adapters(options: &WorkerOptions, model: &LoadedModel) -> Result<Vec<(String, Adapter)>> {
    let mut all = Vec::new();
    if model.name == nano::NAME {
        all.extend(nano::adapters(
            &model.decoder.config,
            model.decoder.device(),
        )?);
    }
    for dir in &options.adapters {
        let adapter = Adapter::load(dir, &model.decoder.config, model.decoder.device())?;
        all.push((dir.display().to_string(), adapter));
    }
    Ok(all)
}

/// A run watched through channels.
struct InProcess<'a, 'b> {
    model: &'b LoadedModel,
    commands: &'a Receiver<Command>,
    tell: &'a mut dyn FnMut(Fact),
    desk: &'a mut Desk<'b>,
    quit: bool,
    /// Whether the run has told of itself.
    has_begun: bool,
}

impl Host for InProcess<'_, '_> {
    fn tell(&mut self, fact: RunFact) {
        self.has_begun |= matches!(fact, RunFact::Started { .. });
        (self.tell)(Fact::Run(fact));
    }

    fn between(&mut self, live: &Decoder) -> Vec<Control> {
        let mut controls = Vec::new();
        loop {
            match self.commands.try_recv() {
                Ok(Command::Control(control)) => controls.push(control),
                Ok(Command::Infer(request)) => {
                    let fact = self.desk.answer(&request, Some(live));
                    (self.tell)(fact);
                }
                Ok(Command::Offer(offered)) => (self.tell)(self.desk.offer(offered)),
                Ok(Command::Fit(request)) => (self.tell)(fitted(self.model, request)),
                Ok(Command::Train(_)) => {
                    let message =
                        "a run is in progress; stop it before starting another".to_string();
                    (self.tell)(Fact::Run(RunFact::Warning { step: 0, message }));
                }
                Ok(Command::Follow(_)) => {}
                Ok(Command::QuitAfterRun) => self.quit = true,
                Ok(Command::Quit) => {
                    self.quit = true;
                    controls.push(Control::Stop);
                }
                // Nobody is left to ask anything: the run goes on by itself.
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        self.desk.remember(live);
        controls
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_in_its_own_words() {
        let told = failure(catch_unwind(|| panic!("no kernel for f64")));
        assert_eq!(
            told.as_deref(),
            Some(
                "the model thread panicked: no kernel for f64; what was on disk is safe, restart to go on"
            )
        );
        assert_eq!(failure(Ok(Ok(()))), None);
    }
}
