//! The OpenSOC workbench: alerts, a model that triages them, a verifier that holds it to account, and the training in between.
//!
//! # Modules, from the ground up
//!
//! A module may use those above its own line, and none below it (`tests/layering.rs` reads this table).
//!
//! | module | job | must not know |
//! |---|---|---|
//! | [`process`] | how long freed memory is kept, who adds for candle | anything else |
//! | [`stream`] | named, seeded random streams | anything else |
//! | [`disk`], [`digest`] | files read within a bound and replaced whole; SHA-256 | anything else |
//! | [`nearest`] | of the names there are, the one spelled most like one that there is not | anything else |
//! | [`panics`] | what a panic said | anything else |
//! | [`gate`] | what could steer, hide or reorder text on a terminal made visible | anything else |
//! | [`interval`] | values with their 95 % intervals | anything else |
//! | [`env`](mod@env) | episodes, rules, truth, reward, prompt, response | models, files, terminals |
//! | [`audit`] | classifiers that look for shortcuts in episodes | models, terminals |
//! | [`eval`] | metrics with intervals, baselines, comparisons | models, terminals |
//! | [`import`] | alerts of other programs as ours | models, files, terminals |
//! | [`config`] | every number a run is made with, and the plan that follows | models, files of a run, terminals |
//! | [`link`] | commands in, facts out: plain data between trainer and screens | tensors, terminals |
//! | [`run`] | the run folder: writer, readers, series | tensors, terminals, the command line |
//! | [`label`] | what people decide on alerts: store, agreement, exports | tensors, terminals |
//! | [`model`] | decoder, adapters, tokenizer, sampling | alerts, rewards, terminals |
//! | [`train`] | SFT, GRPO, curriculum, the model thread | terminals |
//! | [`pretrain`] | nano from nothing | runs, terminals |
//! | [`ui`] | the workbench | tensors: it uses neither candle nor [`model`], [`train`] or [`pretrain`] |
//! | [`commands`], [`cli`] | one file a subcommand; clap's tree | |
//!
//! # Threads
//!
//! | thread | owns | waits on |
//! |---|---|---|
//! | main | the workbench's state and the terminal ([`ui`]); headless, the whole run | inputs, facts, and a timer |
//! | `model` | every tensor ([`train::worker`]): it answers questions, and trains | commands; while it trains it looks for them between micro-batches |
//! | `keys` | the terminal's input ([`ui::input`]), read from the descriptor so that a hang-up is seen; after a panic it begins again, at most three times a minute | the descriptor |
//! | `errands` | nothing: it reads, exports, notes and deletes run folders for the screens ([`ui::errand`]) | errands |
//! | `labels` | one annotator's labels on disk ([`ui::clerk`]); the workbench ends when all is written, and waits two seconds for that where it breaks | requests of the labelling screen |
//! | `lines` | nothing: where there are no screens it reads what is typed or piped in, no faster than lines are obeyed ([`ui`]) | standard input |
//! | `signals` | nothing: to a workbench it tells them as messages; where a run goes on without one, the first stops that run, with a checkpoint | signals |
//! | `follower` | nothing: it tells the folder of a run in another process as facts ([`commands::follow`]) | the folder, four times a second |
//! | `steering` | who is steered ([`commands::steering`]): while no run goes on here it looks for one in another process, has it followed and writes controls into its `control/`; all else it hands to the model thread | commands, at most two seconds |
//! | `template` | one rendering of a chat template | nothing; it is waited for at most three seconds, and then left |
//! | a team's members | nothing: each makes its share of every product while few answers decode ([`model::decode`]) | one another, spinning |
//! | rayon's pool | nothing: it runs the kernels of whoever calls, cut at fixed places | |
//!
//! # Channels
//!
//! | from | to | carries | when one end is gone |
//! |---|---|---|---|
//! | screens | `steering` | [`link::Command`] (`std::sync::mpsc`) | no screens: `steering` ends; no `steering`: the screens say that nothing can be asked any more |
//! | `steering` | model thread | the same commands | nobody asks: a run goes on to its end, then the model thread ends; no model thread: `steering` ends |
//! | model thread | screens | [`link::Fact`] (`tokio::sync::mpsc`, unbounded) | no screens: facts are dropped, for those of a run are on disk already |
//! | `follower` | screens | [`link::Fact::Found`], then [`link::Fact::Elsewhere`]; of `watch` [`link::Fact::Run`] | no screens: it ends |
//! | `keys`, `signals` | main | inputs, in one queue ([`ui::input`]) | no main: they end |
//! | screens | `errands` | [`ui::errand::Errand`]; reports come back among the inputs | no screens: it ends |
//! | labelling screen | `labels` | [`ui::clerk::Request`]; what came of it comes back among the inputs | no screen: it writes what was asked, and ends; no `labels`: the screen says that nothing is saved |
//! | `lines` | main, without screens | one line at a time | no main: it ends |
//! | trainer | anyone | lines of the run folder ([`run`]) | readers come and go |
//! | anyone | trainer | files in `control/` ([`run::control`]) | |
//!
//! # Invariants
//!
//! * What a trainer tells is on disk before a screen hears of it, and nobody else writes it.
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
pub mod panics;
pub mod pretrain;
pub mod process;
pub mod run;
pub mod stream;
pub mod train;
pub mod ui;
