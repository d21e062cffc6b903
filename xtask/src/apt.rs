//! Debian packages, for what a machine lacks.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::{Failure, Outcome};
use crate::process::{Tool, find_program};
use crate::repository::Repository;

static LISTS_ARE_FRESH: AtomicBool = AtomicBool::new(false);

/// Installs Debian packages, as root or through a sudo that asks no password; `purpose` completes "needed for ...".
pub(crate) fn install(repository: &Repository, packages: &[&str], purpose: &str) -> Outcome {
    let names = packages.join(" ");
    let by_hand = format!("Install {names} yourself (needed for {purpose}), then run this again.");
    if find_program("apt-get").is_none() {
        return Err(Failure::new(format!("{names} is missing, and this is not a Debian system"), by_hand));
    }
    let Some(prefix) = root_prefix(repository) else {
        let what = format!("{names} is missing, and installing it needs root or a sudo without password");
        return Err(Failure::new(what, format!("Run `sudo apt-get install {names}`, then run this again.")));
    };
    if !LISTS_ARE_FRESH.swap(true, Ordering::Relaxed) {
        println!("    setup: apt-get update");
        apt_get(repository, prefix).args("-q update").or_else_try(by_hand.clone()).run()?;
    }
    println!("    setup: apt-get install {names} (for {purpose})");
    let install = apt_get(repository, prefix).args("-q install -y --no-install-recommends");
    packages.iter().fold(install, Tool::arg).or_else_try(by_hand).run()
}

#[derive(Clone, Copy)]
enum Prefix {
    None,
    Sudo,
}

fn root_prefix(repository: &Repository) -> Option<Prefix> {
    let is_root = Tool::new("id", &repository.root).arg("-u").read().is_ok_and(|id| id == "0");
    if is_root {
        return Some(Prefix::None);
    }
    Tool::new("sudo", &repository.root).args("-n true").succeeds().then_some(Prefix::Sudo)
}

fn apt_get(repository: &Repository, prefix: Prefix) -> Tool {
    match prefix {
        Prefix::None => Tool::new("apt-get", &repository.root).env("DEBIAN_FRONTEND", "noninteractive"),
        Prefix::Sudo => Tool::new("sudo", &repository.root).args("-n DEBIAN_FRONTEND=noninteractive apt-get"),
    }
}
