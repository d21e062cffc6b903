//! What went wrong and what to do about it: the only error of this program.

use std::fmt;

/// A failed task: one sentence on what happened, the command that failed if there was one, one sentence on what to do.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    command: Option<String>,
    next: String,
    exit_code: u8,
}

/// The result of every task.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// A task that could not be done; ends the program with exit code 1.
    pub(crate) fn new(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { what: what.into(), command: None, next: next.into(), exit_code: 1 }
    }

    /// A command line that makes no sense; ends the program with exit code 2.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        let next = "`cargo xtask --help` lists the tasks and their flags.";
        Self { what: what.into(), command: None, next: next.into(), exit_code: 2 }
    }

    /// Names the command line that failed.
    pub(crate) fn of_command(mut self, command: impl Into<String>) -> Self {
        self.command = Some(command.into());
        self
    }

    /// Replaces the advice, where the caller knows better than the one that noticed the failure.
    pub(crate) fn advise(mut self, next: impl Into<String>) -> Self {
        self.next = next.into();
        self
    }

    /// The exit code that this failure deserves.
    pub(crate) fn exit_code(&self) -> u8 {
        self.exit_code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "xtask: {}", self.what)?;
        if let Some(command) = &self.command {
            writeln!(out, "  failed: {command}")?;
        }
        write!(out, "  next:   {}", self.next)
    }
}

/// A failure to read or write a file of ours.
pub(crate) fn file_failure(action: &str, path: &std::path::Path, error: &std::io::Error) -> Failure {
    Failure::new(
        format!("cannot {action} {}: {error}", path.display()),
        "Check the rights of that path and the free space of its disk.",
    )
}
