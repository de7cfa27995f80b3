//! How many episodes a core generates, verifies and renders in a second, and that memory stays flat meanwhile.
//!
//! `cargo bench --bench environment` prints the rate of each stage beside the contract's 20,000 a second, then the memory
//! of the process after a tenth of `--million` episodes and after all of them.
#![expect(clippy::print_stdout, reason = "a benchmark prints")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot run has failed")]

use std::hint::black_box;
use std::time::Instant;

use mimalloc::MiMalloc;
use opensoc::env::schema::{Episode, Split, Stage};
use opensoc::env::{generate, prompt, verify};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// The contract's floor (PRODUCT.md 10), episodes a second on one core.
const FLOOR: f64 = 20_000.0;
/// Episodes timed at each stage.
const TIMED: usize = 20_000;

/// An episode verified once more and rendered; the length of its prompt.
fn work(episode: &Episode) -> usize {
    let truth = verify::truth(&episode.log_window).expect("events");
    assert_eq!(truth, episode.truth);
    prompt::user_message(&episode.alert, &episode.log_window).len()
}

fn rate(episodes: impl Iterator<Item = Episode>) -> f64 {
    let started = Instant::now();
    let bytes: usize = episodes.take(TIMED).map(|episode| work(&episode)).sum();
    black_box(bytes);
    TIMED as f64 / started.elapsed().as_secs_f64()
}

/// Resident memory in MB (Linux).
fn resident() -> Option<f64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: f64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4096.0 / 1e6)
}

fn memory(episodes: usize) {
    let drawn = generate::episodes(Stage::Adversarial, Split::Train, 1, 0);
    for (index, episode) in drawn.take(episodes).enumerate() {
        black_box(work(&episode));
        if let (true, Some(megabytes)) = (index % (episodes / 10) == 0, resident()) {
            println!("  after {index:>9}: {megabytes:.1} MB");
        }
    }
}

fn main() {
    for stage in Stage::ALL {
        let in_turn = || generate::episodes(stage, Split::Train, 1, 0);
        let alone = (0..).map(|index| generate::episode(stage, Split::Train, 1, index));
        rate(in_turn());
        let (in_turn, alone) = (rate(in_turn()), rate(alone));
        println!(
            "{stage}: {in_turn:.0} episodes a second, {:.2} of the floor; {alone:.0} where each is asked for by its index",
            in_turn / FLOOR
        );
    }
    if std::env::args().any(|arg| arg == "--million") {
        memory(1_000_000);
    }
}
