//! The command line's own description, for manual pages and shells: there is no second list of its words.

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
};

use clap::{Args, Command};
use clap_complete::{Shell, generate};

use crate::exit::{Ended, of_output, of_system};

/// Let a shell complete muster's words: write what this prints to where the shell looks for it
#[derive(Args, Clone, Debug)]
pub struct Completions {
    /// Which shell
    shell: Shell,
}

/// Write muster's manual pages, one for each command
#[derive(Args, Clone, Debug)]
pub struct Man {
    /// Into which directory, e.g. /usr/local/share/man/man1
    dir: PathBuf,
}

impl Completions {
    /// Prints them.
    pub fn run(self, mut command: Command) -> Result<(), Ended> {
        let mut script = Vec::new();
        generate(self.shell, &mut command, "muster", &mut script);
        let written = io::stdout().write_all(&script);
        written.map_err(|error| Ended { exit: of_output(&error), says: error.to_string() })
    }
}

impl Man {
    /// Writes them.
    pub fn run(self, command: Command) -> Result<(), Ended> {
        let written = fs::create_dir_all(&self.dir).and_then(|()| clap_mangen::generate_to(command, &self.dir));
        written.map_err(|error| Ended {
            exit: of_system(&error),
            says: format!("the pages cannot be written to {}: {error}", self.dir.display()),
        })
    }
}
