//! The time that steps take.

use std::fmt;
use std::time::Instant;

/// Measures one step of a task.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    #[allow(
        clippy::disallowed_methods,
        reason = "a build tool tells how long its steps took; nothing depends on it"
    )]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }
}

impl fmt::Display for Stopwatch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.elapsed().as_secs_f64();
        if seconds < 60.0 {
            write!(out, "{seconds:.1} s")
        } else {
            let whole = seconds as u64;
            write!(out, "{} min {:02} s", whole / 60, whole % 60)
        }
    }
}

/// Runs one named step, saying its name before and its time after.
pub(crate) fn step<T>(
    name: &str,
    work: impl FnOnce() -> crate::failure::Outcome<T>,
) -> crate::failure::Outcome<T> {
    println!("==> {name}");
    let watch = Stopwatch::start();
    let done = work()?;
    println!("    {name}: {watch}");
    Ok(done)
}
