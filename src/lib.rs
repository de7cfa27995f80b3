//! The OpenSOC workbench: alerts, a model that triages them, a verifier that holds it to account, and the training in between.
//!
//! # Modules, from the ground up
//!
//! Each knows none that stands below it (`tests/layering.rs` reads this table).
//!
//! | module | job | must not know |
//! |---|---|---|
//! | [`process`] | how long freed memory is kept, who adds for candle | anything else |
//! | [`stream`] | named, seeded random streams | anything else |
//! | [`disk`], [`digest`] | files read within a bound and replaced whole; SHA-256 | anything else |
//! | [`nearest`] | of the names there are, the one spelled most like one that there is not | anything else |
//! | [`gate`] | what could steer, hide or reorder text on a terminal made visible | anything else |
//! | [`interval`] | values with their 95 % intervals | anything else |
//! | [`env`](mod@env) | episodes, rules, truth, reward, prompt, response | models, files, terminals |
//! | [`audit`] | classifiers that look for shortcuts in episodes | models, terminals |
//! | [`eval`] | metrics with intervals, baselines, comparisons | models, terminals |
//! | [`import`] | alerts of other programs as ours | models, files, terminals |
//! | [`config`] | every number a run is made with, and the plan that follows | models, files of a run, terminals |
//! | [`link`] | commands in, facts out: plain data between trainer and screens | tensors, terminals |
//! | [`run`] | the run folder: writer, readers, series | tensors, terminals |
//! | [`label`] | what people decide on alerts: store, agreement, exports | tensors, terminals |
//! | [`model`] | decoder, adapters, tokenizer, sampling | alerts, rewards, terminals |
//! | [`train`] | SFT, GRPO, curriculum, the model thread | terminals |
//! | [`pretrain`] | nano from nothing | runs, terminals |
//! | [`ui`] | the workbench | tensors: it imports neither candle nor [`model`], nor [`train`] |
//! | [`commands`], [`cli`] | one file a subcommand; clap's tree | |
//!
//! # Threads
//!
//! | thread | owns | waits on |
//! |---|---|---|
//! | main | the workbench's state and the terminal ([`ui`]); or, headless, the whole run | one queue of messages |
//! | `model` | every tensor ([`train::worker`]): answers questions, and trains | commands; while training it looks for them between micro-batches |
//! | `keys` | the terminal's input, read from the descriptor so that a hang-up is seen; after a panic it is begun again, three times a minute | the descriptor |
//! | `errands` | nothing: it reads, deletes, exports and notes run folders for the runs screen ([`ui::errand`]) | errands |
//! | `labels` | one annotator's labels on disk ([`ui::clerk`]); joined, within two seconds, however the workbench ends | requests of the labelling screen |
//! | `lines` | nothing: where there are no screens it reads what is typed or piped in, no faster than lines are obeyed ([`ui`]) | standard input |
//! | `signals` | SIGTERM, SIGINT, SIGHUP, SIGCONT as messages | signals |
//! | `follower` | nothing: it tells the folder of a run in another process as facts ([`commands::follow`]) | the folder, four times a second |
//! | `steering` | who is steered ([`commands::steering`]): it looks for a run in another process while none goes on here, has it followed, writes controls into its `control/`, and hands all else to the model thread | commands, at most two seconds |
//! | rayon's pool | nothing; runs the kernels of whoever calls, cut at fixed places | |
//!
//! # Channels
//!
//! | from | to | carries | when the other end is gone |
//! |---|---|---|---|
//! | `steering` | model thread | [`link::Command`] (`std::sync::mpsc`) | the run goes on to its end |
//! | model thread | screens | [`link::Fact`] (`tokio::sync::mpsc`, unbounded) | facts are on disk already; dropped |
//! | screens | `steering`, and through it the model thread | [`link::Command`] | as above |
//! | labelling screen | `labels` | [`ui::clerk::Request`]; what came of it comes back as a message | nothing is saved, and said so |
//! | `follower` | screens | [`link::Fact::Found`], then [`link::Fact::Elsewhere`]; of `watch` [`link::Fact::Run`] | it ends |
//! | screens | `errands` | [`ui::errand::Errand`]; reports come back with keys and signals | it ends |
//! | `lines` | main, without screens | one line at a time | it ends |
//! | trainer | anyone | lines of the run folder ([`run`]) | readers come and go |
//! | anyone | trainer | files in `control/` ([`run::control`]) | |
//!
//! # Invariants
//!
//! * Facts reach the disk before a screen; screens only read.
//! * Every random draw comes from a [`stream::Stream`] named after its use; the same seed gives the same run.
//! * Answering a screen draws nothing and changes nothing: a run watched equals the same run headless.
//! * Text from episodes, models and files passes [`gate`] before it reaches the terminal.
//! * A panic on the model thread becomes a fact; only the thread that owns the terminal restores it.

pub mod audit;
pub mod cli;
pub mod commands;
pub mod config;
pub mod digest;
pub mod disk;
pub mod env;
pub mod eval;
pub mod gate;
pub mod import;
pub mod interval;
pub mod label;
pub mod link;
pub mod model;
pub mod nearest;
pub mod pretrain;
pub mod process;
pub mod run;
pub mod stream;
pub mod train;
pub mod ui;
