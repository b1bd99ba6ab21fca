//! Where words go: the terminal, the JSON stream, the timeline files.
//!
//! Main types: [`Live`] (progress: on a terminal, and in plain lines where time is real), [`Lines`] (verdict lines in the order of the
//! drills) and [`TimelineFile`]. Invariant: standard error is for people, standard output for programs.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::progress::{self, Plain};
use crate::aws::secrets;
use crate::timeline::{Entry, EntryKind};

/// Tells people something; nothing for empty words.
pub fn say(words: &str) {
    if !words.is_empty() {
        // Nobody is left to be told when standard error is closed.
        let _unheard = writeln!(anstream::stderr(), "{}", secrets::scrub(words));
    }
}

/// Writes one line of data.
pub fn print(line: &str) -> io::Result<()> {
    writeln!(anstream::stdout(), "{line}")
}

/// Writes one entry of a drill's timeline to standard output.
pub fn stream(drill: &str, entry: &Entry) -> io::Result<()> {
    #[derive(serde::Serialize)]
    struct Line<'a> {
        drill: &'a str,
        #[serde(flatten)]
        entry: &'a Entry,
    }
    let line = serde_json::to_string(&Line { drill, entry }).map_err(io::Error::other)?;
    print(&line)
}

/// A drill's timeline on disk, one line an entry.
#[derive(Debug)]
pub struct TimelineFile {
    file: File,
    durable: bool,
}

impl TimelineFile {
    /// Makes the file. With `durable`, an intent is on the disk itself before the call goes out.
    ///
    /// It is locked for as long as the drill runs, so that nobody reverts a drill that still goes on. The
    /// system takes the lock away with the process, however that ends.
    pub fn create(path: &Path, durable: bool) -> io::Result<Self> {
        let file = File::create_new(path)?;
        // A file system without locks keeps nobody from drilling.
        let _unlocked = file.try_lock();
        Ok(Self { file, durable })
    }

    /// Goes on writing a file that another process left behind, from this length on; where the last line
    /// of it lacks its end, that comes first.
    pub fn resume(mut file: File, length: u64, unended: bool) -> io::Result<Self> {
        file.set_len(length)?;
        if unended {
            file.write_all(b"\n")?;
        }
        Ok(Self { file, durable: true })
    }

    /// Appends one entry.
    pub fn append(&mut self, entry: &Entry) -> io::Result<()> {
        let mut line = entry.to_line();
        if !line.ends_with('\n') {
            line.push('\n');
        }
        self.file.write_all(line.as_bytes())?;
        if self.durable && matches!(entry.kind, EntryKind::Intent { .. }) {
            self.file.sync_data()?;
        }
        Ok(())
    }
}

/// Progress on a terminal. Anywhere else it is told in plain lines where time is real, so that nobody takes a
/// long drill for a hung one, and not at all in a rehearsal. A clone is the same progress.
#[derive(Debug, Clone)]
pub struct Live {
    bars: MultiProgress,
    total: Option<ProgressBar>,
    real: bool,
}

/// The live view of one drill.
#[derive(Debug)]
pub enum View {
    /// Nobody looks.
    Nothing,
    /// A line of a terminal.
    Bar(ProgressBar),
    /// A line for each notable moment.
    Plain(Plain),
}

impl Live {
    /// A view of this many drills, in real time or not.
    pub fn new(drills: usize, real: bool) -> Self {
        if !io::stderr().is_terminal() {
            let bars = MultiProgress::with_draw_target(ProgressDrawTarget::hidden());
            return Self { bars, total: None, real };
        }
        let bars = MultiProgress::new();
        let total = bars.add(ProgressBar::new(drills as u64));
        total.set_style(style("{bar:30} {pos}/{len} drills"));
        Self { bars, total: Some(total), real }
    }

    /// A view of one drill.
    pub fn drill(&self, name: &str) -> View {
        let Some(total) = &self.total else {
            return if self.real { View::Plain(Plain::new(name)) } else { View::Nothing };
        };
        let bar = self.bars.insert_before(total, ProgressBar::new_spinner());
        bar.set_style(style("{spinner} {prefix}  {wide_msg}"));
        bar.set_prefix(name.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        View::Bar(bar)
    }

    /// Says something above the progress lines; nothing for empty words.
    pub fn line(&self, words: &str) {
        if self.total.is_none() || self.bars.is_hidden() || words.is_empty() {
            return say(words);
        }
        let words = secrets::scrub(words);
        // `suspend` would panic where the terminal is gone, in the middle of a revert.
        let _unheard = match anstream::AutoStream::choice(&io::stderr()) {
            anstream::ColorChoice::Never => {
                self.bars.println(anstream::adapter::strip_str(&words).to_string())
            }
            anstream::ColorChoice::Auto
            | anstream::ColorChoice::AlwaysAnsi
            | anstream::ColorChoice::Always => self.bars.println(words),
        };
    }

    /// One drill is over.
    pub fn advance(&self) {
        if let Some(total) = &self.total {
            total.inc(1);
        }
    }

    /// Takes the progress away.
    pub fn finish(&self) {
        if let Some(total) = &self.total {
            total.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates in this file are right")
}

impl View {
    /// Shows what an entry says.
    pub fn show(&mut self, entry: &Entry) {
        match self {
            Self::Nothing => {}
            Self::Plain(plain) => plain.show(entry),
            Self::Bar(bar) if matches!(entry.kind, EntryKind::DrillEnded) => bar.finish_and_clear(),
            Self::Bar(bar) => {
                if let Some(words) = progress::words(&entry.kind) {
                    bar.set_message(words);
                }
            }
        }
    }
}

/// Tells each drill's lines in the order of the drills, however they finish.
#[derive(Debug)]
pub struct Lines {
    waiting: Mutex<(usize, Vec<Option<String>>)>,
}

impl Lines {
    /// Lines for this many drills.
    pub fn new(drills: usize) -> Self {
        Self { waiting: Mutex::new((0, vec![None; drills])) }
    }

    /// Tells a drill's lines as soon as those before it are told.
    pub fn tell(&self, index: usize, words: String, live: &Live) {
        let mut waiting = self.waiting.lock().expect("nobody panics while telling");
        waiting.1[index] = Some(words);
        loop {
            let next = waiting.0;
            let Some(words) = waiting.1.get_mut(next).and_then(Option::take) else { break };
            live.line(words.trim_end());
            live.advance();
            waiting.0 += 1;
        }
    }
}
