//! A compiler for wasm32-unknown-unknown.
//!
//! Three ways, in this order: the toolchain has the target's standard library; rustup can add it; else (machines that
//! reach package registries but not rustup's servers) Debian's compiler, whose packages carry the standard library's
//! source, and a sysroot built from it once.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::clock::step;
use crate::failure::{Failure, Outcome, file_failure};
use crate::process::{Tool, find_program};
use crate::repository::Repository;
use crate::stamp::Digest;

/// The target's name, for rustc and in the paths of its output.
pub(crate) const TRIPLE: &str = "wasm32-unknown-unknown";

const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

/// The standard library compiled along, for size.
const OWN_STD: &str = "-Z build-std=std,panic_abort -Z build-std-features=optimize_for_size";

/// A panic is a trap in a browser, with or without these; its message, which goes nowhere there, and the formatting for `Debug` are not made.
const WITHOUT_MESSAGES: &str =
    "-Zunstable-options -Cpanic=immediate-abort -Zlocation-detail=none -Zfmt-debug=none";

/// How to compile for the browser on this machine.
pub(crate) struct WasmTarget {
    /// Another compiler than the toolchain's own.
    rustc: Option<PathBuf>,
    /// A target folder of its own: cargo does not notice when a sysroot changes under it.
    pub(crate) target_dir: PathBuf,
}

impl WasmTarget {
    /// Finds or makes the target; quick when it is there.
    pub(crate) fn ensure(repository: &Repository) -> Outcome<Self> {
        if has_std(repository)? {
            return Self::of_toolchain(repository);
        }
        let known = debian_identity(repository).map(|identity| sysroot_dir(repository, &identity));
        if let Some(sysroot) = known.filter(|sysroot| sysroot.join("bin/rustc").is_file()) {
            return Self::of_sysroot(repository, &sysroot);
        }
        if find_program("rustup").is_some() {
            println!("    setup: rustup target add {TRIPLE}");
            let added = Tool::new("rustup", &repository.root).args("target add").arg(TRIPLE).succeeds();
            if added && has_std(repository)? {
                return Self::of_toolchain(repository);
            }
            println!("    setup: that did not bring it; using Debian's compiler for {TRIPLE}");
        }
        let sysroot = debian_sysroot(repository)?;
        Self::of_sysroot(repository, &sysroot)
    }

    /// A cargo that compiles for this target when its arguments say `--target`.
    pub(crate) fn cargo(&self, repository: &Repository) -> Tool {
        let cargo = Tool::cargo(&repository.root).env("CARGO_TARGET_DIR", &self.target_dir);
        match &self.rustc {
            Some(rustc) => cargo.env("RUSTC", rustc),
            None => cargo,
        }
    }

    /// The same for what is shipped: it compiles the standard library along, for size and without the messages of panics. `None` where the
    /// library's source is not to be had.
    ///
    /// The flags are unstable ones of a stable compiler, which is told to take them; a compiler that knows them no longer says so and stops.
    pub(crate) fn cargo_for_size(&self, repository: &Repository) -> Outcome<Option<Tool>> {
        let cargo = match &self.rustc {
            // The distribution's cargo knows where its standard library's dependencies are.
            Some(rustc) => Tool::new(DEBIAN_CARGO, &repository.root).env("RUSTC", rustc),
            None if ensure_std_source(repository)? => Tool::cargo(&repository.root),
            None => return Ok(None),
        };
        let cargo = cargo.env("CARGO_TARGET_DIR", &self.target_dir).env("RUSTC_BOOTSTRAP", "1");
        Ok(Some(cargo.env("RUSTFLAGS", WITHOUT_MESSAGES).args(OWN_STD)))
    }

    fn of_toolchain(repository: &Repository) -> Outcome<Self> {
        Ok(Self { rustc: None, target_dir: repository.target_dir("wasm")? })
    }

    fn of_sysroot(repository: &Repository, sysroot: &Path) -> Outcome<Self> {
        let key = sysroot.file_name().unwrap_or_default().to_string_lossy();
        Ok(Self {
            rustc: Some(sysroot.join("bin/rustc")),
            target_dir: repository.target_dir(&format!("wasm-{key}"))?,
        })
    }
}

/// Whether the toolchain's compiler has the standard library; it names the folder even when that is not there.
fn has_std(repository: &Repository) -> Outcome<bool> {
    let dir = rustc(repository).args("--print target-libdir --target").arg(TRIPLE).read()?;
    let Ok(files) = std::fs::read_dir(dir) else { return Ok(false) };
    Ok(files.flatten().any(|file| {
        let name = file.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libstd-") && name.ends_with(".rlib")
    }))
}

/// Whether the toolchain has the standard library's source, after asking rustup for it.
fn ensure_std_source(repository: &Repository) -> Outcome<bool> {
    let sysroot = PathBuf::from(rustc(repository).args("--print sysroot").read()?);
    let there = || sysroot.join("lib/rustlib/src/rust/library/Cargo.lock").is_file();
    if there() || find_program("rustup").is_none() {
        return Ok(there());
    }
    println!("    setup: rustup component add rust-src");
    let added = Tool::new("rustup", &repository.root).args("component add rust-src").succeeds();
    Ok(added && there())
}

fn rustc(repository: &Repository) -> Tool {
    Tool::new("rustc", &repository.root).or_else_try("Install Rust with rustup (rustup.rs).")
}

fn debian_identity(repository: &Repository) -> Option<String> {
    let there = Path::new(DEBIAN_RUSTC).is_file();
    there.then(|| Tool::new(DEBIAN_RUSTC, &repository.root).arg("-vV").read().ok()).flatten()
}

fn sysroot_dir(repository: &Repository, identity: &str) -> PathBuf {
    repository.target.join("wasm-sysroot").join(Digest::new().with(identity.as_bytes()).hex())
}

fn debian_sysroot(repository: &Repository) -> Outcome<PathBuf> {
    let complete = Path::new(DEBIAN_CARGO).is_file() && Path::new("/usr/lib/rustlib/src").exists();
    if !complete || debian_identity(repository).is_none() {
        crate::apt::install(
            repository,
            &DEBIAN_PACKAGES,
            "compiling to WebAssembly without rustup's target",
        )?;
    }
    let identity = debian_identity(repository).ok_or_else(|| {
        let next = format!("Reinstall the Debian packages {}.", DEBIAN_PACKAGES.join(" "));
        Failure::new(format!("{DEBIAN_RUSTC} does not tell its version"), next)
    })?;
    let host = host_of(&identity).ok_or_else(|| {
        Failure::new(
            format!("{DEBIAN_RUSTC} -vV names no host"),
            "Report this with the output of that command.",
        )
    })?;
    let sysroot = sysroot_dir(repository, &identity);
    step("build the standard library for wasm32 (once, about a minute)", || {
        build_sysroot(repository, &sysroot, host)
    })?;
    Ok(sysroot)
}

/// The `host:` line of `rustc -vV`.
fn host_of(identity: &str) -> Option<&str> {
    identity.lines().find_map(|line| line.strip_prefix("host: "))
}

fn build_sysroot(repository: &Repository, sysroot: &Path, host: &str) -> Outcome {
    let scratch = sysroot.with_extension("build");
    // What an interrupted run left behind is worth nothing.
    for leftover in [sysroot, scratch.as_path()] {
        if leftover.exists() {
            std::fs::remove_dir_all(leftover).map_err(|error| file_failure("remove", leftover, &error))?;
        }
    }
    build_std(repository, &scratch)?;
    let libraries = sysroot.join("lib/rustlib").join(TRIPLE).join("lib");
    create_dir(&libraries)?;
    copy_rlibs(&scratch.join("target").join(TRIPLE).join("release/deps"), &libraries)?;

    let own = sysroot.join("lib/rustlib");
    let system = Path::new("/usr/lib/rustlib");
    create_dir(&own.join(host).join("bin"))?;
    link(&system.join(host).join("lib"), &own.join(host).join("lib"))?;
    link(&system.join("src"), &own.join("src"))?;
    let toolchain = PathBuf::from(rustc(repository).args("--print sysroot").read()?);
    let linker = Path::new("lib/rustlib").join(host).join("bin/rust-lld");
    link(&toolchain.join(&linker), &sysroot.join(&linker))?;

    // Last, because its presence says that the sysroot is complete. A symbolic link would find the wrong sysroot.
    create_dir(&sysroot.join("bin"))?;
    write_script(
        &sysroot.join("bin/rustc"),
        &format!("#!/bin/sh\nexec {DEBIAN_RUSTC} --sysroot '{}' \"$@\"\n", sysroot.display()),
    )?;
    std::fs::remove_dir_all(&scratch).map_err(|error| file_failure("remove", &scratch, &error))
}

/// Compiles the standard library as a dependency of an empty crate.
fn build_std(repository: &Repository, scratch: &Path) -> Outcome {
    create_dir(&scratch.join("src"))?;
    write(
        &scratch.join("Cargo.toml"),
        "[workspace]\n[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2024\"\n",
    )?;
    write(&scratch.join("src/lib.rs"), "#![no_std]\n")?;
    Tool::new(DEBIAN_CARGO, &repository.root)
        .dir(scratch)
        .env("RUSTC", DEBIAN_RUSTC)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Cembed-bitcode=yes")
        .env("CARGO_TARGET_DIR", scratch.join("target"))
        .args("build --quiet --release --target")
        .arg(TRIPLE)
        .args("-Z build-std=std,panic_abort,test -Z build-std-features=optimize_for_size")
        .or_else_try(format!("`rustup target add {TRIPLE}` makes this step unnecessary where it works."))
        .run()
}

fn copy_rlibs(from: &Path, to: &Path) -> Outcome {
    let files = std::fs::read_dir(from).map_err(|error| file_failure("read", from, &error))?;
    for file in files.flatten() {
        let name = file.file_name();
        let name = name.to_string_lossy();
        if name.ends_with(".rlib") && !name.starts_with("libempty-") {
            let copy = to.join(&*name);
            std::fs::copy(file.path(), &copy).map_err(|error| file_failure("write", &copy, &error))?;
        }
    }
    Ok(())
}

fn create_dir(path: &Path) -> Outcome {
    std::fs::create_dir_all(path).map_err(|error| file_failure("create", path, &error))
}

fn write(path: &Path, content: &str) -> Outcome {
    std::fs::write(path, content).map_err(|error| file_failure("write", path, &error))
}

fn write_script(path: &Path, content: &str) -> Outcome {
    write(path, content)?;
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, executable).map_err(|error| file_failure("make executable", path, &error))
}

fn link(original: &Path, path: &Path) -> Outcome {
    symlink(original, path).map_err(|error| file_failure("link", path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_read_from_the_verbose_version() {
        let identity = "rustc 1.96.0\nbinary: rustc\nhost: x86_64-unknown-linux-gnu\nrelease: 1.96.0";
        assert_eq!(host_of(identity), Some("x86_64-unknown-linux-gnu"));
        assert_eq!(host_of("rustc 1.96.0"), None);
    }
}
