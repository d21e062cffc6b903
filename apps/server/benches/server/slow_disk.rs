//! A slower disk, for the server and for what stands beside it alike: what a flush takes decides what group commit is worth.

use std::{env, os::unix::process::CommandExt, path::Path, process::Command};

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/server/slow_disk.c");
/// The loader puts these libraries before the C library.
const PRELOAD: &str = "LD_PRELOAD";

/// With `FLUSH_MS` set, begins this program anew on such a disk.
pub(crate) fn begin_anew_if_asked() {
    if env::var_os("FLUSH_MS").is_none() || env::var_os(PRELOAD).is_some() {
        return;
    }
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("slow_disk.so");
    let compiled = Command::new("cc").args(["-O2", "-shared", "-fPIC", SOURCE, "-o"]).arg(&library).status();
    assert!(compiled.is_ok_and(|status| status.success()), "FLUSH_MS needs a C compiler, cc");
    let failed =
        Command::new(env::current_exe().unwrap()).args(env::args_os().skip(1)).env(PRELOAD, library).exec();
    panic!("the benchmark did not begin anew: {failed}");
}
