//! What the demonstration says in the terminal: calm, short, no wider than a page, in colour only where somebody looks.

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use muster_domain::kernel::Timestamp;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::sleep,
};

/// The longest line.
pub const WIDTH: usize = 96;

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
    /// Something that went well, in its own line.
    Good(String),
    /// Something that did not.
    Bad(String),
    /// Words, or a line of a table, as they are.
    Plain(String),
    /// A line of a table that explains the others.
    Faint(String),
}

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Without colour.
    Plain,
    /// With colour.
    Colour,
}

impl Look {
    /// Colour if a person looks at it and did not say no (<https://no-color.org>).
    pub fn of_stdout() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if io::stdout().is_terminal() && !unwanted { Self::Colour } else { Self::Plain }
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Colour => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }
}

const BOLD: &str = "1";
const FAINT: &str = "2";
const GREEN: &str = "32";
const RED: &str = "31";
const CYAN: &str = "36";

impl Line {
    /// The line as text, wrapped; with a newline at the end of each line.
    pub fn render(&self, look: Look) -> String {
        match self {
            Self::Title(text) => format!("{}\n", look.paint(BOLD, text)),
            Self::Heading(text) => format!("\n{}\n", look.paint("1;36", text)),
            Self::Event(at, text) => {
                let when = look.paint(CYAN, &format!("  {:<11}", clock(*at)));
                let lines = wrap(text, WIDTH - INDENT);
                let rest = lines.iter().skip(1).map(|line| format!("{:INDENT$}{line}\n", ""));
                let first = lines.first().map(String::as_str).unwrap_or_default();
                format!("{when}{first}\n{}", rest.collect::<String>())
            }
            Self::Why(text) => hanging(text, INDENT, "· ", |line| look.paint(FAINT, line)),
            Self::Good(text) => hanging(text, 2, "", |line| look.paint(GREEN, line)),
            Self::Bad(text) => hanging(text, 2, "", |line| look.paint(RED, line)),
            Self::Plain(text) => hanging(text, 2, "", str::to_owned),
            Self::Faint(text) => hanging(text, 2, "", |line| look.paint(FAINT, line)),
        }
    }

    fn letters(&self) -> usize {
        match self {
            Self::Title(text)
            | Self::Heading(text)
            | Self::Event(_, text)
            | Self::Why(text)
            | Self::Good(text)
            | Self::Bad(text)
            | Self::Plain(text)
            | Self::Faint(text) => text.chars().count(),
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

    fn every_kind(text: &str) -> [Line; 8] {
        let text = || text.to_owned();
        [
            Line::Title(text()),
            Line::Heading(text()),
            Line::Event(AT, text()),
            Line::Why(text()),
            Line::Good(text()),
            Line::Bad(text()),
            Line::Plain(text()),
            Line::Faint(text()),
        ]
    }

    #[test]
    fn long_texts_are_wrapped_between_words() {
        let text = "Ünïcode wörds are counted by letters ".repeat(9);
        for line in every_kind(&text).into_iter().skip(2) {
            let rendered = line.render(Look::Plain);
            assert!(rendered.lines().count() > 2 && rendered.ends_with('\n'), "{rendered}");
            assert!(rendered.lines().all(|line| line.chars().count() <= WIDTH), "{rendered}");
            assert_eq!(rendered.matches("wörds").count(), 9);
        }
    }

    #[test]
    fn an_event_stands_beside_its_time_and_its_reasons_below_it() {
        let event = Line::Event(AT, "the hospital asks".to_owned());
        assert_eq!(event.render(Look::Plain), "  Mon 20:03  the hospital asks\n");
        let why = Line::Why("nobody else fits".to_owned());
        assert_eq!(why.render(Look::Plain), "             · nobody else fits\n");
    }

    #[test]
    fn without_colour_no_letter_is_an_escape() {
        for line in every_kind("words") {
            assert!(!line.render(Look::Plain).contains('\u{1b}'));
        }
        assert!(Line::Good("words".to_owned()).render(Look::Colour).contains('\u{1b}'));
    }

    #[tokio::test]
    async fn whoever_waits_goes_on_once_all_is_said() {
        let narrator = Narrator::start(Look::Plain, false);
        narrator.say(Line::Plain("said".to_owned()));
        narrator.caught_up().await;
        narrator.stop();
    }
}
