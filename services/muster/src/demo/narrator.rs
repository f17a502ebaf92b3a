//! What the demonstration says in the terminal: calm, short, no wider than a page, in colour only where somebody looks.

use std::{
    io::{self, Write},
    time::Duration,
};

use muster_domain::kernel::Timestamp;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::sleep,
};

use crate::cli::look::{Look, Tone};

/// The longest line.
pub const WIDTH: usize = 100;

/// Where what happened begins, right of its time.
const INDENT: usize = 13;

/// How long a line stands before the next, at least, at most, and for each letter of it.
const PACE: [Duration; 3] = [Duration::from_millis(250), Duration::from_millis(1100), Duration::from_millis(8)];

/// Something to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// What all of it is.
    Title(String),
    /// What comes now.
    Heading(String),
    /// What happened, and when.
    Event(Timestamp, String),
    /// Why, below what happened.
    Why(String),
    /// Anything else.
    Said(Tone, String),
}

impl Line {
    /// The line as text, wrapped; with a newline at the end of each line.
    pub fn render(&self, look: Look) -> String {
        match self {
            Self::Title(text) => format!("{}\n", look.paint(Tone::Strong, text)),
            Self::Heading(text) => format!("\n{}\n", look.paint(Tone::Strong, text)),
            Self::Event(at, text) => {
                let when = look.paint(Tone::Quiet, &format!("  {:<11}", clock(*at)));
                let lines = wrap(text, WIDTH - INDENT);
                let rest = lines.iter().skip(1).map(|line| format!("{:INDENT$}{line}\n", ""));
                let first = lines.first().map(String::as_str).unwrap_or_default();
                format!("{when}{first}\n{}", rest.collect::<String>())
            }
            Self::Why(text) => hanging(text, INDENT, "· ", |line| look.paint(Tone::Quiet, line)),
            Self::Said(tone, text) => hanging(text, 2, "", |line| look.paint(*tone, line)),
        }
    }

    fn letters(&self) -> usize {
        match self {
            Self::Title(text) | Self::Heading(text) | Self::Event(_, text) | Self::Why(text) | Self::Said(_, text) => {
                text.chars().count()
            }
        }
    }
}

/// A text with `mark` before its first line and as much room before the others.
fn hanging(text: &str, indent: usize, mark: &str, paint: impl Fn(&str) -> String) -> String {
    let room = mark.chars().count();
    let lines = wrap(text, WIDTH - indent - room);
    let marks = std::iter::once(mark.to_owned()).chain(std::iter::repeat(" ".repeat(room)));
    let lines =
        lines.iter().zip(marks).map(|(line, mark)| format!("{:indent$}{}\n", "", paint(&format!("{mark}{line}"))));
    lines.collect()
}

/// A text in lines of at most so many letters, cut between words; what fits in one line is left as it is.
fn wrap(text: &str, width: usize) -> Vec<String> {
    if text.chars().count() <= width {
        return vec![text.to_owned()];
    }
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A moment of the exercise as people say it: `Mon 20:03`.
pub fn clock(at: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(at.millis()) {
        Ok(at) => at.to_zoned(jiff::tz::TimeZone::UTC).strftime("%a %H:%M").to_string(),
        Err(_) => at.to_string(),
    }
}

enum Message {
    Say(Line),
    Caught(oneshot::Sender<()>),
}

/// Says lines in order. The story goes on while they are said: an offer that stands for three seconds does not wait for a reader.
pub struct Narrator {
    lines: mpsc::UnboundedSender<Message>,
    speaking: JoinHandle<()>,
}

impl Narrator {
    /// Speaks to stdout; `paced` leaves time to read.
    pub fn start(look: Look, paced: bool) -> Self {
        let (lines, mut messages) = mpsc::unbounded_channel();
        let speaking = tokio::spawn(async move {
            while let Some(message) = messages.recv().await {
                match message {
                    Message::Say(line) => {
                        say(&line.render(look));
                        if paced {
                            sleep(pause(&line)).await;
                        }
                    }
                    // Whoever waits for it may be gone.
                    Message::Caught(told) => drop(told.send(())),
                }
            }
        });
        Self { lines, speaking }
    }

    /// Something to say, after all that was to be said before.
    pub fn say(&self, line: Line) {
        // When nobody speaks any more, the process is ending.
        let _ = self.lines.send(Message::Say(line));
    }

    /// Waits until all is said.
    pub async fn caught_up(&self) {
        let (told, heard) = oneshot::channel();
        if self.lines.send(Message::Caught(told)).is_ok() {
            // An error: nobody speaks any more.
            let _ = heard.await;
        }
    }

    /// Says nothing more.
    pub fn stop(self) {
        self.speaking.abort();
    }
}

/// Whoever reads may close the pipe; the story is played to its end and checked all the same.
fn say(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn pause(line: &Line) -> Duration {
    let [least, most, letter] = PACE;
    letter.saturating_mul(u32::try_from(line.letters()).unwrap_or(u32::MAX)).clamp(least, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_millis(1_793_649_780_000);

    const PLAIN: Look = Look { now: AT, colour: false };

    fn every_kind(text: &str) -> [Line; 5] {
        let text = || text.to_owned();
        [
            Line::Title(text()),
            Line::Heading(text()),
            Line::Event(AT, text()),
            Line::Why(text()),
            Line::Said(Tone::Good, text()),
        ]
    }

    #[test]
    fn long_texts_are_wrapped_between_words() {
        let text = "Ünïcode wörds are counted by letters ".repeat(9);
        for line in every_kind(&text).into_iter().skip(2) {
            let rendered = line.render(PLAIN);
            assert!(rendered.lines().count() > 2 && rendered.ends_with('\n'), "{rendered}");
            assert!(rendered.lines().all(|line| line.chars().count() <= WIDTH), "{rendered}");
            assert_eq!(rendered.matches("wörds").count(), 9);
        }
    }

    #[test]
    fn an_event_stands_beside_its_time_and_its_reasons_below_it() {
        let event = Line::Event(AT, "the hospital asks".to_owned());
        assert_eq!(event.render(PLAIN), "  Mon 20:03  the hospital asks\n");
        let why = Line::Why("nobody else fits".to_owned());
        assert_eq!(why.render(PLAIN), "             · nobody else fits\n");
    }

    #[test]
    fn without_colour_no_letter_is_an_escape() {
        for line in every_kind("words") {
            assert!(!line.render(PLAIN).contains('\u{1b}'));
            assert!(line.render(Look { colour: true, ..PLAIN }).contains('\u{1b}'));
        }
    }

    #[tokio::test]
    async fn whoever_waits_goes_on_once_all_is_said() {
        let narrator = Narrator::start(PLAIN, false);
        narrator.say(Line::Title("said".to_owned()));
        narrator.caught_up().await;
        narrator.stop();
    }
}
