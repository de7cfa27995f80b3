//! The workbench in a real pseudo-terminal: it starts, resizes, survives a panicking worker, and leaves when its terminal does
//! or its own painter panics.
//!
//! The child is this very test binary running [`child`] with a model thread made of facts, so that nothing here waits for
//! weights but what trains in earnest.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::io::{Read, Write};
use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use opensoc::commands::workbench::{Args, open_with};
use opensoc::config::{PhasePlan, Plan};
use opensoc::config::{Preset, TrainConfig, resolve};
use opensoc::env::schema::{Split, Stage};
use opensoc::label::Store;
use opensoc::link::{
    AdapterChoice, Command, Fact, MetricRow, RunFact, RunState, Status, SystemRow,
};
use opensoc::run::layout::list;
use opensoc::run::reader::read_status;
use opensoc::train::checkpoint::latest;
use opensoc::ui::app::{App, ScreenName};
use opensoc::ui::queue::EpisodeSource;
use opensoc::ui::screen::draw;
use opensoc::ui::term::Tty;
use opensoc::ui::theme::Theme;
use opensoc::ui::{Session, WorkbenchOptions, run};
use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use ratatui::Frame;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// Where the child writes how it ended; also what tells it that it is the child.
const EXIT_FILE: &str = "OPENSOC_TEST_EXIT_FILE";
const ROLE: &str = "OPENSOC_TEST_ROLE";

/// Longest wait for something to happen; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn child() {
    let Ok(exit_file) = std::env::var(EXIT_FILE) else {
        return;
    };
    let role = std::env::var(ROLE).unwrap_or_default();
    if role == "breaks" {
        workbench_that_breaks();
    }
    if role == "drawing panics" {
        let typed = panic_while_drawing();
        std::fs::write(exit_file, typed).expect("written");
        std::process::exit(0);
    }
    let (commands, commands_in) = std::sync::mpsc::channel();
    let (facts, facts_in) = unbounded_channel();
    std::thread::spawn(move || model_thread(&role, &facts, &commands_in));
    let options = WorkbenchOptions {
        theme: None,
        color: None,
        plain: false,
        symbols: None,
        source: EpisodeSource {
            split: Split::Holdout,
            seed: 1,
        },
        stage: Stage::Multi,
        run_root: std::env::temp_dir(),
        labels: Store::new(std::env::temp_dir().join("opensoc-test-labels")),
        annotator: "analyst".into(),
        train_config: TrainConfig::nano(),
        is_read_only: false,
        start_on_training: false,
        sft_extra: None,
    };
    let session = Session {
        commands,
        facts: facts_in,
        shipped: None,
    };
    let exit = run(options, session).expect("a workbench");
    std::fs::write(exit_file, format!("{exit:?}")).expect("written");
    std::process::exit(0);
}

/// What the painter of a workbench that breaks says.
const BROKEN: &str = "a list without a width";

/// The whole workbench, its model thread and all, until the list of runs is drawn; the panic goes on to the harness, as it
/// would to `main`.
fn workbench_that_breaks() -> ! {
    let args = Args {
        annotator: Some("ann".into()),
        ..Args::default()
    };
    let config = resolve(Preset::Nano, true, None, &[]).expect("a configuration");
    let outcome = open_with(
        draw_until_the_runs,
        &args,
        config,
        None,
        &mut std::io::stdout(),
    );
    panic!("nothing broke: {outcome:?}");
}

fn draw_until_the_runs(app: &App, theme: &Theme, frame: &mut Frame<'_>) {
    draw(app, theme, frame);
    assert!(app.screen != ScreenName::Runs, "{BROKEN}");
}

/// Takes the terminal as the workbench does and panics in the middle of a frame; then reads a line, as the shell would.
fn panic_while_drawing() -> String {
    let caught = std::panic::catch_unwind(|| {
        let mut tty = Tty::enter(Box::new(|_| {}), false).expect("a terminal");
        tty.draw(|frame| frame.render_widget("a sound frame", frame.area()))
            .expect("drawn");
        let any_key = std::io::stdin().read(&mut [0]);
        assert!(
            any_key.is_ok_and(|count| count == 1),
            "raw mode gives each key at once"
        );
        tty.draw(|_| panic!("a chart without a width"))
            .expect("never drawn");
    });
    assert!(caught.is_err(), "the panic goes on to the caller");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).expect("a line");
    line
}

/// The file in the home of a child that loads, by which its weights are there.
const LOADED: &str = "loaded";

/// Reads weights until the test says that they are there.
fn load() {
    let home = std::env::var_os("OPENSOC_HOME").expect("a home");
    while !Path::new(&home).join(LOADED).exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Facts in place of a model: ready (of one that loads, when the test says so), a run that goes on, or a panic.
fn model_thread(
    role: &str,
    facts: &UnboundedSender<Fact>,
    commands: &std::sync::mpsc::Receiver<Command>,
) {
    if role == "loads" {
        load();
    }
    let ready = Fact::ModelReady {
        model: "nano".into(),
        parameters: 1_000,
        adapters: Vec::new(),
        default_adapter: AdapterChoice::Base,
    };
    let mut heard = facts.send(ready).is_ok();
    match role {
        "panics" => {
            let _first = commands.recv();
            panic!("a tensor had the wrong shape");
        }
        "trains" => {
            let phases = vec![PhasePlan {
                wanted: None,
                name: "sft".into(),
                steps: 1_000_000,
            }];
            let started = RunFact::Started {
                run_dir: "/tmp/run".into(),
                run_id: "run-1".into(),
                plan: Plan { phases },
            };
            heard &= facts.send(Fact::Run(started)).is_ok();
            let mut step = 0;
            while heard {
                step += 1;
                let mut told = told(step).into_iter();
                heard = told.all(|fact| facts.send(Fact::Run(fact)).is_ok());
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        _ => while commands.recv().is_ok() {},
    }
}

/// What a trainer tells of a step: its state, and values that move every curve.
fn told(step: u64) -> [RunFact; 3] {
    let wave = |at: usize| ((step as f64 / 7.0 + at as f64).sin() + 1.0) / 2.0;
    let values = |names: &[&str]| {
        let named = names.iter().enumerate();
        named
            .map(|(at, name)| ((*name).to_owned(), wave(at)))
            .collect()
    };
    let metrics = MetricRow {
        step,
        stage: "sft".into(),
        values: values(&[
            "reward",
            "accuracy",
            "citation_accuracy",
            "format_ok",
            "loss",
            "entropy",
            "kl",
            "grad_norm",
            "learning_rate",
            "completions/mean_length",
        ]),
    };
    let system = SystemRow {
        step,
        stage: "sft".into(),
        time: 1_790_000_000 + step,
        device: "cpu".into(),
        values: values(&[
            "step_time",
            "rollout_time",
            "update_time",
            "tokens_per_second",
        ]),
    };
    [
        RunFact::Status(status(step)),
        RunFact::Metrics(metrics),
        RunFact::System(system),
    ]
}

fn status(step: u64) -> Status {
    Status {
        state: RunState::Running,
        phase: "sft".into(),
        step,
        total_steps: 1_000_000,
        elapsed_s: step as f64,
        eta_s: None,
        heartbeat: 0,
        pid: 1,
        reason: String::new(),
    }
}

/// A workbench in a pseudo-terminal, and what its screen shows.
struct Terminal {
    master: Box<dyn MasterPty + Send>,
    writer: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    screen: Arc<Mutex<vt100::Parser>>,
    /// All that it was sent.
    sent: Arc<Mutex<Vec<u8>>>,
    is_over: Arc<AtomicBool>,
    reader: std::thread::JoinHandle<()>,
    exit_file: tempfile::NamedTempFile,
    /// Its [`modes`] before the child.
    modes_before: String,
}

impl Terminal {
    fn open(role: &str, has_controlling_tty: bool) -> Self {
        Self::open_at(role, has_controlling_tty, None)
    }

    /// A terminal that takes at most so many bytes a second, as a slow line does.
    fn open_at(role: &str, has_controlling_tty: bool, bytes_per_second: Option<u32>) -> Self {
        let home = std::env::temp_dir().join("no-opensoc-home");
        Self::open_with(&home, role, has_controlling_tty, bytes_per_second)
    }

    /// With what the user has set down in `home`.
    fn open_in(home: &Path, role: &str, has_controlling_tty: bool) -> Self {
        Self::open_with(home, role, has_controlling_tty, None)
    }

    fn open_with(
        home: &Path,
        role: &str,
        has_controlling_tty: bool,
        bytes_per_second: Option<u32>,
    ) -> Self {
        let exit_file = tempfile::NamedTempFile::new().expect("a file");
        let exe = std::env::current_exe().expect("this binary");
        let mut command = CommandBuilder::new(exe);
        command.args(["--exact", "child", "--nocapture", "--test-threads=1"]);
        command.env(EXIT_FILE, exit_file.path());
        command.env(ROLE, role);
        command.env("OPENSOC_HOME", home);
        command.set_controlling_tty(has_controlling_tty);
        Self::spawn_at(command, exit_file, bytes_per_second)
    }

    fn spawn(command: CommandBuilder, exit_file: tempfile::NamedTempFile) -> Self {
        Self::spawn_at(command, exit_file, None)
    }

    fn spawn_at(
        mut command: CommandBuilder,
        exit_file: tempfile::NamedTempFile,
        bytes_per_second: Option<u32>,
    ) -> Self {
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        command.env_remove("NO_COLOR");
        // What a panic says is to fit on the screen.
        command.env_remove("RUST_BACKTRACE");
        let pty = native_pty_system().openpty(size(24, 80)).expect("a pty");
        let modes_before = modes(&*pty.master);
        let child = pty.slave.spawn_command(command).expect("started");
        drop(pty.slave);
        let writer = pty.master.take_writer().expect("a writer");
        let mut source = pty.master.try_clone_reader().expect("a reader");
        let screen = Arc::new(Mutex::new(vt100::Parser::new(cells(24), cells(80), 0)));
        let is_over = Arc::new(AtomicBool::new(false));
        let sent = Arc::new(Mutex::new(Vec::new()));
        let (shared, over, kept) = (Arc::clone(&screen), Arc::clone(&is_over), Arc::clone(&sent));
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 4_096];
            let at_once = if bytes_per_second.is_some() {
                256
            } else {
                4_096
            };
            while let Ok(count @ 1..) = source.read(&mut bytes[..at_once]) {
                if let Some(rate) = bytes_per_second {
                    std::thread::sleep(Duration::from_secs_f64(count as f64 / f64::from(rate)));
                }
                kept.lock().expect("bytes").extend(&bytes[..count]);
                shared.lock().expect("screen").process(&bytes[..count]);
                if over.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        Self {
            master: pty.master,
            writer,
            child,
            screen,
            sent,
            is_over,
            reader,
            exit_file,
            modes_before,
        }
    }

    /// What it was sent so far.
    fn sent(&self) -> String {
        String::from_utf8_lossy(&self.sent.lock().expect("bytes")).into_owned()
    }

    fn text(&self) -> String {
        self.screen.lock().expect("screen").screen().contents()
    }

    fn is_alternate(&self) -> bool {
        self.screen
            .lock()
            .expect("screen")
            .screen()
            .alternate_screen()
    }

    fn wait_for(&self, what: &str) {
        let began = Instant::now();
        while !self.text().contains(what) {
            let text = self.text();
            assert!(began.elapsed() < PATIENCE, "no \"{what}\" in:\n{text}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn press(&mut self, keys: &[u8]) {
        self.writer.write_all(keys).expect("typed");
        self.writer.flush().expect("typed");
    }

    fn resize(&mut self, rows: u16, cols: u16) {
        let mut screen = self.screen.lock().expect("screen");
        screen.screen_mut().set_size(cells(rows), cells(cols));
        drop(screen);
        self.master.resize(size(rows, cols)).expect("resized");
    }

    fn ended(child: &mut Box<dyn Child + Send + Sync>, within: Duration) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = child.try_wait().expect("a child") {
                return status;
            }
            if began.elapsed() > within {
                child.kill().expect("killed");
                panic!("still there after {within:?}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Closes every end of the terminal that is ours; gives how the child ended.
    fn hang_up(mut self) -> String {
        self.is_over.store(true, Ordering::Relaxed);
        // The reader lets its end go after the next bytes, and a full redraw brings some.
        self.press(b"\x0c");
        self.reader.join().expect("read");
        drop(self.writer);
        drop(self.master);
        let status = Self::ended(&mut self.child, Duration::from_secs(5));
        assert!(status.success(), "{status:?}");
        std::fs::read_to_string(self.exit_file.path()).expect("the exit")
    }

    fn quit(mut self) -> String {
        let status = Self::ended(&mut self.child, PATIENCE);
        assert!(status.success(), "{status:?}\n{}", self.text());
        self.assert_given_back_at_last();
        std::fs::read_to_string(self.exit_file.path()).expect("the exit")
    }

    /// The terminal is a shell's: main screen, cursor, pastes unmarked, lines and echo as they were.
    fn assert_given_back(&self) {
        let screen = self.screen.lock().expect("screen");
        let screen = screen.screen();
        let text = screen.contents();
        assert!(!screen.alternate_screen(), "still drawn on:\n{text}");
        assert!(!screen.hide_cursor() && !screen.bracketed_paste(), "{text}");
        assert_eq!(modes(&*self.master), self.modes_before, "{text}");
    }

    /// The same once the child has ended, with the last of what it wrote.
    fn assert_given_back_at_last(&self) {
        wait_until("all is read", || self.reader.is_finished());
        self.assert_given_back();
    }
}

/// How a terminal takes what is typed and what is written: what raw mode changes.
fn modes(master: &(dyn MasterPty + Send)) -> String {
    let termios = master.get_termios().expect("a terminal");
    let (typed, written) = (termios.input_flags, termios.output_flags);
    let (local, characters) = (termios.local_flags, termios.control_chars);
    format!("{typed:?} {written:?} {local:?} {characters:?}")
}

fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count).expect("a terminal has cells")
}

const fn size(rows: u16, cols: u16) -> PtySize {
    PtySize {
        rows,
        cols,
        pixel_width: 0,
        pixel_height: 0,
    }
}

#[test]
fn it_starts_shows_both_screens_help_and_every_size_and_quits() {
    let mut terminal = Terminal::open("", true);
    terminal.wait_for("stage2_multi");
    assert!(terminal.is_alternate());
    terminal.press(b"\x1bOQ");
    terminal.wait_for("no run yet");
    terminal.press(b"?");
    terminal.wait_for("Start training, or continue");
    terminal.resize(5, 20);
    terminal.wait_for("needs 60x16");
    terminal.resize(24, 80);
    terminal.wait_for("Start training, or continue");
    terminal.press(b"\x1b");
    terminal.wait_for("no run yet");
    terminal.press(b"q");
    let exit = terminal.quit();
    assert!(exit.contains("Quit") && exit.contains("None"), "{exit}");
}

#[test]
fn the_first_frame_comes_before_the_weights_are_loaded_and_keys_are_answered_meanwhile() {
    let home = tempfile::tempdir().expect("a folder");
    let mut terminal = Terminal::open_in(home.path(), "loads", true);
    terminal.wait_for("loading the weights");
    terminal.press(b"\x1bOQ");
    terminal.wait_for("no run yet");
    terminal.press(b"\x1bOP");
    terminal.wait_for("loading the weights");
    std::fs::write(home.path().join(LOADED), "").expect("written");
    wait_until("the weights are there", || {
        !terminal.text().contains("loading")
    });
    terminal.press(b"q");
    assert!(terminal.quit().contains("Quit"));
}

#[test]
fn what_the_user_set_down_is_taken_and_what_is_broken_is_told_of() {
    let home = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        std::fs::write(home.path().join(name), text).expect("written");
    };
    std::fs::create_dir(home.path().join("themes")).expect("a folder");
    write("config.toml", "theme = \"mine\"\nsymbols = \"ascii\"\n");
    write("themes/mine.toml", "inherits = \"dark\"\n[token.bda]\n");
    write(
        "keys.toml",
        "[[binding]]\nverb = \"help\"\non = \"everywhere\"\nkeys = [\"H\"]\n",
    );
    let mut terminal = Terminal::open_in(home.path(), "", true);
    terminal.wait_for("mine.toml:2: ");
    assert!(terminal.text().contains("+--"), "{}", terminal.text());
    terminal.press(b"T");
    terminal.wait_for("theme light");
    terminal.press(b"H");
    terminal.wait_for("Decide: dismiss");
    terminal.press(b"q");
    assert!(terminal.quit().contains("Quit"));
}

#[test]
fn a_closed_terminal_ends_it_and_leaves_the_run() {
    for has_controlling_tty in [true, false] {
        let mut terminal = Terminal::open("trains", has_controlling_tty);
        terminal.wait_for("training");
        terminal.press(b"\x1bOQ");
        terminal.wait_for("step ");
        let exit = terminal.hang_up();
        let is_left = exit.contains("TerminalLost") && exit.contains("LeaveRunning");
        assert!(is_left, "controlling: {has_controlling_tty}: {exit}");
    }
}

#[test]
fn a_slow_line_still_answers_keys_while_a_run_goes_on() {
    let mut terminal = Terminal::open_at("trains", true, Some(25_000));
    terminal.wait_for("training");
    let mut waits = Vec::new();
    for (keys, wanted) in [
        (b"\x1bOQ".as_slice(), "Metrics"),
        (b"?", "Start training, or continue"),
        (b"\x1b", "Metrics"),
        (b"\x1bOP", "Log window"),
        (b"\x1bOQ", "Metrics"),
    ] {
        let began = Instant::now();
        terminal.press(keys);
        terminal.wait_for(wanted);
        waits.push(began.elapsed());
    }
    println!("keys answered after {waits:?} at 25 kB/s");
    // A full screen is at most 8 kB, a third of a second, and one frame of data may be under way before it: beyond a second,
    // frames pile up before keys. One key may meet a machine that is busy with the other tests, and no more than that.
    waits.sort_unstable();
    let slowest = waits.pop().expect("waits");
    assert!(slowest < Duration::from_secs(3), "{slowest:?}");
    let within = Duration::from_secs(1);
    assert!(waits.iter().all(|wait| *wait < within), "{waits:?}");
    terminal.press(b"ql");
    assert!(terminal.quit().contains("LeaveRunning"));
}

#[test]
fn every_frame_is_drawn_in_one_go_and_none_clears_the_screen() {
    const BEGIN: &str = "\x1b[?2026h";
    const END: &str = "\x1b[?2026l";
    let mut terminal = Terminal::open("trains", true);
    terminal.wait_for("training");
    terminal.press(b"\x1bOQ");
    terminal.wait_for("charts 1/");
    let frames_of = |sent: &str| sent.matches(END).count();
    let began = Instant::now();
    while frames_of(&terminal.sent()) < 12 {
        assert!(began.elapsed() < PATIENCE, "no frames of data");
        std::thread::sleep(Duration::from_millis(50));
    }
    let sent = terminal.sent();
    let (_, frames) = sent.split_once(BEGIN).expect("a first frame");
    let (frames, _) = frames.rsplit_once(END).expect("a last frame");
    let frames: Vec<&str> = frames.split(END).collect();
    for (at, frame) in frames.iter().enumerate() {
        let inside = if at == 0 {
            *frame
        } else {
            frame.strip_prefix(BEGIN).unwrap_or(frame)
        };
        let is_whole = at == 0 || frame.starts_with(BEGIN);
        assert!(is_whole && !inside.contains(BEGIN), "frame {at}: {frame:?}");
        // The first may begin with an empty screen.
        assert!(
            at == 0 || !inside.contains("\x1b[2J"),
            "frame {at}: {frame:?}"
        );
    }
    terminal.press(b"ql");
    assert!(terminal.quit().contains("LeaveRunning"));
}

#[test]
fn pasted_text_presses_no_keys() {
    let mut terminal = Terminal::open("", true);
    terminal.wait_for("stage2_multi");
    terminal.press(b"\x1b[200~q\x03\x1b[201~");
    terminal.wait_for("pasted text");
    terminal.press(b"q");
    assert!(terminal.quit().contains("Quit"));
}

/// What a tour does: a caption, keys, and what stands on the screen after them.
const TOUR: [(&str, &[&[u8]], &str); 17] = [
    ("The first alert, and what the model says", &[], "\""),
    ("Decided, submitted, revealed", &[b"1", b"\r"], "rule "),
    (
        "All fields of the line under the cursor",
        &[b"o"],
        "All fields",
    ),
    ("What can be copied", &[b"\x1b", b"y"], "Markdown"),
    (
        "A field edited in a copy: what if",
        &[b"\x1b", b"e", b"\r", b"\x15", b"changed", b"\r"],
        "What-if",
    ),
    (
        "The alert as it is, and two adapters on it",
        &[b"\x1b", b"x", b"c"],
        "c ends comparing",
    ),
    (
        "Blind: the analyst decides first",
        &[b"c", b"v", b"]"],
        "hidden until the truth is revealed",
    ),
    ("The shipped run's curves", &[b"v", b"\x1bOQ"], "charts 1/"),
    (
        "The next page, and the value cursor",
        &[b".", b"\x1b[D", b"\x1b[D"],
        "@",
    ),
    ("The rollouts behind it", &[b"r"], "advant."),
    ("Evaluations", &[b"\t", b"\t"], "[Evaluations]"),
    ("The attacker's arms", &[b"g", b"a"], "refused"),
    ("The form before a run", &[b"\x1b", b"t"], "Start training?"),
    ("A run, live", &[b"\r"], "s left"),
    ("Labelling", &[b"\x1bOR"], "Your label"),
    ("The list of runs", &[b"\x1bOS"], "running"),
    ("Every key", &[b"?"], "*Keys"),
];

/// A text film: the real binary in an empty home.
#[test]
#[ignore = "a film: prints the screens of a tour"]
fn film() {
    let home = tempfile::tempdir().expect("a folder");
    let mut terminal = open_binary(home.path());
    terminal.resize(36, 120);
    for (caption, keys, wanted) in TOUR {
        for press in keys {
            terminal.press(press);
            // A lone escape is told from a sequence by what follows it at once.
            std::thread::sleep(Duration::from_millis(80));
        }
        terminal.wait_for(wanted);
        println!("\n### {caption}\n{}", terminal.text());
    }
    terminal.press(b"\x1b");
    std::thread::sleep(Duration::from_millis(60));
    terminal.press(b"q");
    terminal.wait_for("leave it running and quit");
    terminal.press(b"x");
    let status = Terminal::ended(&mut terminal.child, 3 * PATIENCE);
    assert!(status.success(), "{status:?}");
}

/// A real sshd on loopback, of this machine's own; without one the proof says that it was skipped.
#[test]
#[ignore = "slow proof: needs sshd and ssh"]
fn it_lives_over_a_real_sshd() {
    let Some(server) = Sshd::start() else {
        println!("skipped: no sshd or no ssh on this machine");
        return;
    };
    let home = tempfile::tempdir().expect("a folder");
    let mut first = server.open_workbench(home.path());
    start_run(&mut first, home.path());
    first.resize(40, 120);
    first.wait_for("Metrics");
    first.press(b"?");
    first.wait_for("Start training, or continue");
    assert_eq!(server.workbenches(home.path()), 1, "looked for where it is");
    let mut client = first.child;
    client.kill().expect("the line is cut");
    let (cut, left_at) = (Instant::now(), steps_on_disk(home.path()));
    wait_until("the run goes on without its line", || {
        steps_on_disk(home.path()) > left_at + 2
    });
    println!(
        "over sshd: three steps {:?} after the line was cut",
        cut.elapsed()
    );
    assert_eq!(server.workbenches(home.path()), 1, "the run's own process");
    let mut next = server.open_workbench(home.path());
    next.wait_for("F1 Episodes");
    next.press(b"\x1bOQ");
    next.wait_for("training ");
    next.press(b"x");
    wait_until("it stops after a checkpoint", || {
        next.text().contains("stopped")
    });
    // The first has nothing more to do, and the second, with no run in it, leaves when its line is cut.
    let mut client = next.child;
    client.kill().expect("the line is cut");
    let cut = Instant::now();
    wait_until("both are gone", || server.workbenches(home.path()) == 0);
    println!("over sshd: gone {:?} after the line was cut", cut.elapsed());
}

/// An sshd with keys and a port of its own.
struct Sshd {
    server: std::process::Child,
    dir: tempfile::TempDir,
    port: u16,
}

impl Sshd {
    fn start() -> Option<Self> {
        use std::process::{Command, Stdio};
        let exe = ["/usr/sbin/sshd", "/usr/bin/sshd"]
            .into_iter()
            .find(|path| Path::new(path).exists())?;
        let dir = tempfile::tempdir().expect("a folder");
        let key = |name: &str| dir.path().join(name);
        for name in ["host", "user"] {
            let mut keygen = Command::new("ssh-keygen");
            keygen
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(key(name));
            keygen.status().ok().filter(|status| status.success())?;
        }
        std::fs::copy(key("user.pub"), key("authorized")).expect("copied");
        // The port is free now, and nobody else on a test machine takes it meanwhile.
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let settings = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPidFile none\n",
            key("host").display(),
            key("authorized").display()
        );
        std::fs::write(key("config"), settings).expect("written");
        // What sshd wants to exist for its unprivileged half.
        let _exists = std::fs::create_dir_all("/run/sshd");
        let mut server = Command::new(exe);
        server.args(["-D", "-e", "-f"]).arg(key("config"));
        let server = server.stderr(Stdio::null()).spawn().ok()?;
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < PATIENCE, "sshd does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(Self { server, dir, port })
    }

    /// The client's command line.
    fn ssh(&self, args: &[&str]) -> CommandBuilder {
        let mut command = CommandBuilder::new("ssh");
        command.arg("-i");
        command.arg(self.dir.path().join("user"));
        command.args([
            "-p",
            &self.port.to_string(),
            "-o",
            "StrictHostKeyChecking=no",
        ]);
        command.args([
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "LogLevel=ERROR",
            "127.0.0.1",
        ]);
        command.args(args);
        command
    }

    /// A workbench at the other end of a line, at home in `home`, for the short recipe.
    fn open_workbench(&self, home: &Path) -> Terminal {
        let remote = format!(
            "cd {home} && HOME={home} OPENSOC_HOME={home} LANG=C.UTF-8 exec {exe} --quick",
            home = home.display(),
            exe = env!("CARGO_BIN_EXE_opensoc")
        );
        let file = tempfile::NamedTempFile::new().expect("a file");
        Terminal::spawn(self.ssh(&["-tt", &remote]), file)
    }

    /// How many workbenches at home in `home` there are.
    fn workbenches(&self, home: &Path) -> usize {
        let lives_there = format!("OPENSOC_HOME={}", home.display());
        let entries = std::fs::read_dir("/proc").expect("processes");
        let is_one = |process: &Path| {
            let exe = std::fs::read_link(process.join("exe")).unwrap_or_default();
            let environ = std::fs::read(process.join("environ")).unwrap_or_default();
            let mut set = environ.split(|byte| *byte == 0);
            exe == Path::new(env!("CARGO_BIN_EXE_opensoc"))
                && set.any(|one| one == lives_there.as_bytes())
        };
        let processes = entries.filter_map(|entry| Some(entry.ok()?.path()));
        processes.filter(|process| is_one(process)).count()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _gone = self.server.kill();
        let _gone = self.server.wait();
    }
}

/// The binary with a home of its own, for the short recipe.
fn open_binary(home: &Path) -> Terminal {
    let mut command = CommandBuilder::new(Path::new(env!("CARGO_BIN_EXE_opensoc")));
    command.arg("--quick");
    command.cwd(home);
    command.env("HOME", home);
    command.env("OPENSOC_HOME", home);
    Terminal::spawn(command, tempfile::NamedTempFile::new().expect("a file"))
}

/// Steps that the one run in `home` has on disk.
fn steps_on_disk(home: &Path) -> usize {
    let runs = std::fs::read_dir(home.join("runs")).into_iter().flatten();
    let metrics =
        runs.filter_map(|run| std::fs::read_to_string(run.ok()?.path().join("metrics.jsonl")).ok());
    metrics.map(|text| text.lines().count()).sum()
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        // Training steps in a debug build, beside other tests.
        assert!(began.elapsed() < 3 * PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Starts the run that the form offers; returns after its first step.
fn start_run(terminal: &mut Terminal, home: &Path) {
    terminal.wait_for("F1 Episodes");
    terminal.press(b"\x1bOQ");
    terminal.wait_for("Metrics");
    terminal.press(b"t");
    terminal.wait_for("Start training?");
    terminal.press(b"\r");
    wait_until("it trains", || steps_on_disk(home) > 0);
}

#[test]
fn a_real_run_outlives_its_terminal_and_the_next_workbench_finds_and_stops_it() {
    let home = tempfile::tempdir().expect("a folder");
    let mut first = open_binary(home.path());
    start_run(&mut first, home.path());
    first.is_over.store(true, Ordering::Relaxed);
    first.press(b"\x0c");
    let Terminal {
        master,
        writer,
        mut child,
        reader,
        ..
    } = first;
    reader.join().expect("read");
    drop((master, writer));
    let left_at = steps_on_disk(home.path());
    wait_until("it goes on without a terminal", || {
        steps_on_disk(home.path()) > left_at + 2
    });
    assert!(child.try_wait().expect("a child").is_none(), "still there");
    let mut next = open_binary(home.path());
    next.press(b"\x1bOQ");
    next.wait_for("training ");
    next.press(b"x");
    wait_until("it stops after a checkpoint", || {
        next.text().contains("stopped")
    });
    next.press(b"q");
    let status = Terminal::ended(&mut next.child, PATIENCE);
    assert!(status.success(), "{status:?}");
    let status = Terminal::ended(&mut child, PATIENCE);
    assert!(status.success(), "the first workbench: {status:?}");
}

#[test]
fn the_mouse_is_the_terminals_unless_asked_for_and_is_given_back() {
    let home = tempfile::tempdir().expect("a folder");
    let protocol = |terminal: &Terminal| {
        let screen = terminal.screen.lock().expect("screen");
        screen.screen().mouse_protocol_mode()
    };
    let mut terminal = Terminal::open_in(home.path(), "idle", true);
    terminal.wait_for("F1 Episodes");
    assert_eq!(protocol(&terminal), vt100::MouseProtocolMode::None);
    terminal.press(b"q");
    terminal.quit();
    std::fs::write(home.path().join("config.toml"), "mouse = true\n").expect("written");
    let mut terminal = Terminal::open_in(home.path(), "idle", true);
    terminal.wait_for("[F1 Episodes]");
    assert_eq!(protocol(&terminal), vt100::MouseProtocolMode::PressRelease);
    // The name of the runs screen, as the terminal reports it.
    let row = terminal.text();
    let row = row.lines().next().expect("a title");
    let column = 2 + row.find("F4 Runs").expect("its name");
    terminal.press(format!("\x1b[<0;{column};1M\x1b[<0;{column};1m").as_bytes());
    terminal.wait_for("[F4 Runs]");
    terminal.press(b"q");
    let screen = Arc::clone(&terminal.screen);
    terminal.quit();
    let left = screen
        .lock()
        .expect("screen")
        .screen()
        .mouse_protocol_mode();
    assert_eq!(left, vt100::MouseProtocolMode::None, "given back");
}

#[test]
fn quitting_while_training_asks() {
    let mut terminal = Terminal::open("trains", true);
    terminal.wait_for("training");
    terminal.press(b"q");
    terminal.wait_for("leave it running and quit");
    terminal.press(b"l");
    let exit = terminal.quit();
    assert!(exit.contains("LeaveRunning"), "{exit}");
}

#[test]
fn a_panicking_worker_is_told_of_and_the_screen_stays() {
    let mut terminal = Terminal::open("panics", true);
    terminal.wait_for("the model thread has ended");
    terminal.wait_for("a tensor had the wrong shape");
    assert!(terminal.is_alternate());
    let modes = modes(&*terminal.master);
    assert_ne!(modes, terminal.modes_before, "still in raw mode");
    terminal.press(b"?");
    terminal.wait_for("Decide: dismiss");
    terminal.press(b"q");
    assert!(terminal.quit().contains("Quit"));
}

#[test]
fn a_panic_of_the_thread_that_draws_gives_the_terminal_back_before_it_is_told() {
    let mut terminal = Terminal::open("drawing panics", true);
    terminal.wait_for("a sound frame");
    assert!(terminal.is_alternate());
    terminal.press(b"x");
    terminal.wait_for("a chart without a width");
    terminal.assert_given_back();
    // Raw mode would show nothing and end no line at a carriage return.
    terminal.press(b"typed after it\r");
    terminal.wait_for("typed after it");
    assert_eq!(terminal.quit(), "typed after it\n");
}

#[test]
fn a_workbench_that_breaks_gives_the_terminal_back_and_saves_its_run_before_it_ends() {
    let home = tempfile::tempdir().expect("a folder");
    let mut terminal = Terminal::open_in(home.path(), "breaks", true);
    // Room for all that is said at the end.
    terminal.resize(40, 120);
    start_run(&mut terminal, home.path());
    assert!(terminal.is_alternate());
    assert_ne!(modes(&*terminal.master), terminal.modes_before);
    terminal.press(b"\x1bOS");
    terminal.wait_for(BROKEN);
    // Given back before it is told, and while the run still goes on.
    terminal.assert_given_back();
    let status = Terminal::ended(&mut terminal.child, 3 * PATIENCE);
    assert_eq!(status.exit_code(), 101, "as a panic of main: {status:?}");
    terminal.assert_given_back_at_last();
    let text = terminal.text();
    assert!(text.contains(BROKEN), "written over:\n{text}");
    let runs = list(&home.path().join("runs")).expect("runs");
    let [run] = &runs[..] else { panic!("{runs:?}") };
    let goes_on = format!("--resume --run-dir {} goes on.", run.path().display());
    assert!(terminal.sent().contains(&goes_on), "{text}");
    let status = read_status(run).expect("readable").expect("a status");
    assert_eq!(status.state, RunState::Stopped);
    let saved = latest(run).expect("readable").expect("a checkpoint");
    assert_eq!(saved.position.step, steps_on_disk(home.path()) as u64);
}

#[test]
fn a_suspended_workbench_gives_the_terminal_back_and_takes_it_again() {
    use rustix::process::{Pid, Signal, kill_process};
    let mut terminal = Terminal::open("", true);
    terminal.wait_for("stage2_multi");
    terminal.press(b"\x1a");
    let began = Instant::now();
    while terminal.is_alternate() {
        assert!(began.elapsed() < PATIENCE, "still drawn");
        std::thread::sleep(Duration::from_millis(20));
    }
    wait_until("raw mode is off", || {
        modes(&*terminal.master) == terminal.modes_before
    });
    let pid = terminal.child.process_id().expect("a pid");
    let pid = Pid::from_raw(pid.cast_signed()).expect("a pid");
    // Continued until it is heard: the stop may come a moment after the screen was given back.
    while !terminal.is_alternate() {
        assert!(began.elapsed() < PATIENCE, "still stopped");
        kill_process(pid, Signal::CONT).expect("continued");
        std::thread::sleep(Duration::from_millis(50));
    }
    terminal.wait_for("stage2_multi");
    terminal.press(b"q");
    assert!(terminal.quit().contains("Quit"));
}

#[test]
fn sigterm_stops_the_run_after_a_checkpoint() {
    let terminal = Terminal::open("trains", true);
    terminal.wait_for("training");
    let pid = terminal.child.process_id().expect("a pid");
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("signalled");
    let exit = terminal.quit();
    assert!(
        exit.contains("Signal(15)") && exit.contains("StopAfterCheckpoint"),
        "{exit}"
    );
}

#[test]
fn a_label_typed_and_left_at_once_is_on_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = CommandBuilder::new(Path::new(env!("CARGO_BIN_EXE_opensoc")));
    command.cwd(folder.path());
    command.env("OPENSOC_HOME", folder.path());
    command.args(["--as", "ann"]);
    let mut terminal = Terminal::spawn(command, tempfile::NamedTempFile::new().expect("a file"));
    terminal.wait_for("F1 Episodes");
    terminal.press(b"\x1bOR");
    terminal.wait_for("ann: generated train alerts of seed 1");
    terminal.press(b"2");
    terminal.wait_for("saved, revision 1");
    // Submitted and quit in one go: nobody waits for the disk but the end of the process.
    terminal.press(b"\rseen before\rq");
    let status = Terminal::ended(&mut terminal.child, PATIENCE);
    assert!(status.success(), "{status:?}");
    let store = Store::new(folder.path().join("labels"));
    let labels = store.labels().expect("labels");
    let states: Vec<_> = labels.of("ann").map(|l| l.decision.state).collect();
    assert_eq!(states, [opensoc::label::State::Submitted]);
    assert_eq!(store.episodes().expect("episodes").len(), 1);
}

/// An editor that waits until it is let go, then writes a rationale and two lines of note.
const EDITOR: &str = r#"#!/bin/sh
printf 'the editor has %s\n' "$(stat -c %a "$1")"
read -r answer
[ "$answer" = fail ] && exit 3
printf '## Rationale\n%s\n## Note\none\ntwo\n' "$answer" > "$1"
"#;

#[test]
fn the_users_editor_gets_the_terminal_and_gives_it_back() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let editor = folder.path().join("editor.sh");
    std::fs::write(&editor, EDITOR).expect("written");
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&editor, executable).expect("executable");
    let mut command = CommandBuilder::new(Path::new(env!("CARGO_BIN_EXE_opensoc")));
    command.cwd(folder.path());
    command.env("OPENSOC_HOME", folder.path());
    command.env("EDITOR", &editor);
    command.env_remove("VISUAL");
    command.args(["--as", "ann"]);
    let mut terminal = Terminal::spawn(command, tempfile::NamedTempFile::new().expect("a file"));
    terminal.wait_for("F1 Episodes");
    terminal.press(b"\x1bOR");
    terminal.wait_for("ann: generated train alerts of seed 1");
    terminal.press(b"2");
    terminal.wait_for("saved, revision 1");
    terminal.press(b"E");
    terminal.wait_for("the editor has 600");
    assert!(!terminal.is_alternate(), "the screen is the editor's");
    // Keys are the editor's now.
    terminal.press(b"quick as five 5 q\n");
    terminal.wait_for("saved, revision 2");
    assert!(terminal.is_alternate());
    terminal.wait_for("quick as five 5 q");
    terminal.press(b"E");
    terminal.wait_for("the editor has 600");
    terminal.press(b"fail\n");
    terminal.wait_for("nothing is taken over");
    terminal.press(b"q");
    let status = Terminal::ended(&mut terminal.child, PATIENCE);
    assert!(status.success(), "{status:?}");
    let labels = Store::new(folder.path().join("labels")).labels();
    let labels = labels.expect("labels");
    let label = labels.of("ann").next().expect("one label");
    assert_eq!(label.decision.rationale, "quick as five 5 q");
    assert_eq!(label.decision.note, "one\ntwo");
    assert_eq!(label.revision, 2);
}

#[test]
fn the_binary_opens_the_workbench() {
    let runs = tempfile::tempdir().expect("a folder");
    let mut command = CommandBuilder::new(Path::new(env!("CARGO_BIN_EXE_opensoc")));
    command.cwd(runs.path());
    let mut terminal = Terminal::spawn(command, tempfile::NamedTempFile::new().expect("a file"));
    terminal.wait_for("F1 Episodes");
    terminal.press(b"\x1bOQ");
    terminal.wait_for("Metrics");
    terminal.press(b"?");
    terminal.wait_for("Start training, or continue");
    terminal.resize(5, 20);
    terminal.wait_for("needs 60x16");
    terminal.resize(24, 80);
    // Keys work again once the screen is seen.
    terminal.wait_for("Start training, or continue");
    terminal.press(b"\x1b");
    terminal.wait_for("Metrics");
    terminal.press(b"q");
    let status = Terminal::ended(&mut terminal.child, PATIENCE);
    assert!(status.success(), "{status:?}");
}
