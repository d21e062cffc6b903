//! Commands that say what they are when they fail.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::{Failure, Outcome};

/// A command line in the making; it runs in the repository root unless [`Tool::dir`] says otherwise.
pub(crate) struct Tool {
    command: Command,
    root: PathBuf,
    next: String,
}

impl Tool {
    /// Starts a command line; `program` is a name to be found in PATH, or a path.
    pub(crate) fn new(program: impl AsRef<OsStr>, root: &Path) -> Self {
        let mut command = Command::new(program.as_ref());
        command.current_dir(root);
        for name in cargo_run_variables(std::env::vars_os().map(|(name, _)| name)) {
            command.env_remove(name);
        }
        Self { command, root: root.to_path_buf(), next: "Read the output above: it says why.".to_owned() }
    }

    /// The cargo that runs this program, so that the toolchain stays the same all the way down.
    pub(crate) fn cargo(root: &Path) -> Self {
        Self::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), root)
    }

    /// Adds one argument.
    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds arguments, split at blanks: for the constant ones.
    pub(crate) fn args(self, arguments: &str) -> Self {
        arguments.split_whitespace().fold(self, Self::arg)
    }

    /// Sets a variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs in another folder.
    pub(crate) fn dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// The sentence that tells what to do when this command fails.
    pub(crate) fn or_else_try(mut self, next: impl Into<String>) -> Self {
        self.next = next.into();
        self
    }

    /// Runs to the end with the output passing through; fails on any exit code but 0.
    pub(crate) fn run(mut self) -> Outcome {
        let status = self.command.status().map_err(|error| self.not_started(&error))?;
        if status.success() { Ok(()) } else { Err(self.failed(&status.to_string())) }
    }

    /// Runs to the end without its output; when it fails, the first `lines` of its complaints are shown.
    pub(crate) fn run_quietly(mut self, lines: usize) -> Outcome {
        let output = self.command.stdin(Stdio::null()).output().map_err(|error| self.not_started(&error))?;
        if output.status.success() {
            return Ok(());
        }
        for line in String::from_utf8_lossy(&output.stderr).lines().take(lines) {
            eprintln!("{line}");
        }
        Err(self.failed(&output.status.to_string()))
    }

    /// Runs silently; whether it ended with exit code 0. A program that is not there counts as a no.
    pub(crate) fn succeeds(mut self) -> bool {
        let quiet = self.command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        quiet.status().is_ok_and(|status| status.success())
    }

    /// Runs silently and returns what it wrote, without the space around it; complaints are shown only when it fails.
    pub(crate) fn read(mut self) -> Outcome<String> {
        let output = self.command.stdin(Stdio::null()).output().map_err(|error| self.not_started(&error))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        Err(self.failed(&output.status.to_string()))
    }

    /// Runs with the output passing through while `watch` sees each of its lines; the exit status comes back as a result
    /// of its own, because what was seen matters even when the command failed.
    pub(crate) fn watch(mut self, watch: impl FnMut(&str)) -> Outcome<Outcome> {
        let mut child =
            self.command.stdout(Stdio::piped()).spawn().map_err(|error| self.not_started(&error))?;
        let stdout = child.stdout.take().expect("BUG: stdout was asked for");
        let passed = pass_through(stdout, watch);
        let status = child.wait().map_err(|error| self.failed(&error.to_string()))?;
        passed.map_err(|error| self.failed(&error.to_string()))?;
        Ok(if status.success() { Ok(()) } else { Err(self.failed(&status.to_string())) })
    }

    /// Becomes the command: signals such as Ctrl-C reach it directly. Returns only when it could not be started.
    #[cfg(unix)]
    pub(crate) fn become_it(mut self) -> Outcome {
        use std::os::unix::process::CommandExt;
        let error = self.command.exec();
        Err(self.not_started(&error))
    }

    /// Runs the command to its end.
    #[cfg(not(unix))]
    pub(crate) fn become_it(self) -> Outcome {
        self.run()
    }

    /// The command line as one would type it in the repository root.
    fn shown(&self) -> String {
        let mut words = Vec::new();
        if let Some(dir) = self.command.get_current_dir().filter(|dir| *dir != self.root) {
            words.push(format!("cd {} &&", quoted(dir.as_os_str())));
        }
        for (name, value) in self.command.get_envs() {
            words.extend(value.map(|value| format!("{}={}", name.display(), quoted(value))));
        }
        let program = Path::new(self.command.get_program());
        let is_cargo = std::env::var_os("CARGO").is_some_and(|cargo| cargo == program.as_os_str());
        words.push(if is_cargo { "cargo".to_owned() } else { quoted(program.as_os_str()) });
        words.extend(self.command.get_args().map(quoted));
        words.join(" ")
    }

    fn not_started(&self, error: &std::io::Error) -> Failure {
        let program = self.command.get_program().to_string_lossy();
        Failure::new(format!("`{program}` could not be started: {error}"), self.next.clone())
            .of_command(self.shown())
    }

    fn failed(&self, status: &str) -> Failure {
        Failure::new(format!("a command failed ({status})"), self.next.clone()).of_command(self.shown())
    }
}

/// A word as a shell reads it back.
fn quoted(word: &OsStr) -> String {
    let text = word.to_string_lossy();
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_./=:,+@%".contains(character);
    if !text.is_empty() && text.chars().all(plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Where a program is, if it is in PATH.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|candidate| candidate.is_file())
}

/// `cargo run` describes xtask in variables that build scripts watch: passed on, they would rebuild crates at each change
/// between `cargo build` and `cargo xtask`.
fn cargo_run_variables(names: impl Iterator<Item = OsString>) -> Vec<OsString> {
    const PREFIXES: [&str; 4] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
    names.filter(|name| PREFIXES.iter().any(|prefix| name.to_string_lossy().starts_with(prefix))).collect()
}

fn pass_through(stdout: impl Read, mut watch: impl FnMut(&str)) -> std::io::Result<()> {
    let mut reader = BufReader::new(stdout);
    let mut line = Vec::new();
    let mut out = std::io::stdout();
    while reader.read_until(b'\n', &mut line)? > 0 {
        out.write_all(&line)?;
        out.flush()?;
        watch(String::from_utf8_lossy(&line).trim_end());
        line.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_the_surrounding_cargo_run_are_not_passed_on() {
        let names = ["CARGO", "CARGO_HOME", "CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "PATH"];
        let removed = cargo_run_variables(names.iter().map(OsString::from));
        assert_eq!(removed, ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR"]);
    }

    #[test]
    fn watching_sees_whole_lines_even_without_a_last_line_break() {
        let mut seen = Vec::new();
        pass_through("one\ntwo".as_bytes(), |line| seen.push(line.to_owned())).unwrap();
        assert_eq!(seen, ["one", "two"]);
    }

    #[test]
    fn a_failing_command_is_shown_as_one_would_type_it() {
        let tool =
            Tool::new("false", Path::new("/")).dir(Path::new("/tmp")).env("FLAGS", "-D it's").arg("a b");
        let failure = tool.run().unwrap_err().to_string();
        assert!(failure.contains(r"failed: cd /tmp && FLAGS='-D it'\''s' false 'a b'"), "{failure}");
    }
}
