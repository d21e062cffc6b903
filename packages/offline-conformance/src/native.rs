//! Runs suites as tests of a native program: one test a case, in a test target with `harness = false`.

use std::{sync::Arc, time::Duration};

use libtest_mimic::{Arguments, Trial};

use crate::Case;

/// A case that takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// One test for each case of a suite. `harness` makes a fresh one for every case; it is called on the thread that runs the case.
pub fn trials<H: ?Sized + 'static>(
    suite: &str,
    cases: Vec<Case<H>>,
    harness: impl Fn() -> Arc<H> + Clone + Send + 'static,
) -> Vec<Trial> {
    let trial = |case: Case<H>| {
        let harness = harness.clone();
        Trial::test(format!("{suite}::{}", case.name), move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
            let proof = async { tokio::time::timeout(PATIENCE, (case.run)(harness())).await };
            match runtime.block_on(proof) {
                Ok(Ok(())) => Ok(()),
                Ok(Err(failed)) => Err(failed.to_string().into()),
                Err(_) => Err(format!("still not finished after {PATIENCE:?}").into()),
            }
        })
    };
    cases.into_iter().map(trial).collect()
}

/// The `main` of such a test target: runs the trials as the command line says and ends the program.
pub fn main(trials: Vec<Trial>) -> ! {
    libtest_mimic::run(&Arguments::from_args(), trials).exit()
}
