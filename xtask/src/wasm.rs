//! The WebAssembly bundles: compile, bind, optimise, weigh.

use std::path::{Path, PathBuf};

use crate::clock::step;
use crate::failure::{Failure, Outcome, file_failure};
use crate::node;
use crate::process::Tool;
use crate::repository::Repository;
use crate::stamp::{Digest, Stamp};
use crate::wasm_order;
use crate::wasm_target::{TRIPLE, WasmTarget};

/// What a page may have to load of an engine, wasm and glue together, gzipped: 100 KB (docs/adr/0007).
const GZIP_LIMIT: u64 = 100 * 1024;

/// The same where the standard library's source is not to be had and its ready-made form goes in: 128 KB.
const GZIP_LIMIT_READY_MADE: u64 = 128 * 1024;

/// The crates that must compile for the browser because clients run them: (package, folder).
const CHECKED: [(&str, &str); 5] = [
    ("offline-protocol", "packages/offline-protocol"),
    ("offline-domain", "packages/offline-domain"),
    ("offline-core", "packages/offline-core"),
    ("offline-web", "packages/offline-web"),
    ("erp", "apps/erp"),
];

/// What every browser of the last years has, and what rustc uses.
const FEATURES: &str = "--enable-bulk-memory --enable-mutable-globals --enable-multivalue \
    --enable-nontrapping-float-to-int --enable-reference-types --enable-sign-ext";

/// What `wasm-opt` does. Only what is as short as a call goes in its place. Common expressions are left where they are, because gzip finds them better. Below 1,024 lies the end of the stack,
/// to which nothing points: a stack that comes this far overflows.
const WASM_OPT: &str = "--always-inline-max-function-size 3 --low-memory-unused --flatten --rereloop -Oz -Oz --skip-pass=local-cse --strip-target-features";

/// What loads a product; see there.
const ENTRY: &str = include_str!("wasm_entry.js");

/// Makes one file of all JavaScript; see there.
const BUNDLE: &str = include_str!("wasm_bundle.js");

/// A cdylib crate that becomes an ES module in `<dir>/pkg`.
pub(crate) struct Bundle {
    package: &'static str,
    dir: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Shipped: small before quick, and under the limit.
    Product,
    /// For tests alone: quick to build.
    Test,
}

/// A module as the compiler has made it.
struct Compiled {
    path: PathBuf,
    /// What it may come to.
    limit: u64,
}

/// The engine of the web app.
pub(crate) const ENGINE: Bundle =
    Bundle { package: "erp-engine", dir: "apps/web/engine", kind: Kind::Product };

/// The conformance suites of the browser adapters.
pub(crate) const CONFORMANCE: Bundle =
    Bundle { package: "offline-web-conformance", dir: "packages/offline-web/conformance", kind: Kind::Test };

impl Bundle {
    /// Brings `pkg` up to date and checks its size; cargo decides what is to be compiled, the rest is skipped when the
    /// compiled module is the one that `pkg` was made from.
    pub(crate) fn build(&self, repository: &Repository, target: &WasmTarget) -> Outcome {
        step(&format!("wasm bundle {}", self.package), || {
            self.must_exist(repository)?;
            let compiled = self.compile(repository, target)?;
            let pkg = repository.root.join(self.dir).join("pkg");
            let stamp = Stamp::new(pkg.join(".xtask-stamp"), self.inputs(repository, &compiled.path)?);
            if !stamp.is_fresh() || self.outputs().iter().any(|name| !pkg.join(name).is_file()) {
                self.bind(repository, target, &compiled.path, &pkg)?;
                stamp.set()?;
            }
            match self.kind {
                Kind::Product => self.weigh(repository, &pkg, compiled.limit),
                Kind::Test => Ok(()),
            }
        })
    }

    fn must_exist(&self, repository: &Repository) -> Outcome {
        if repository.has(&format!("{}/Cargo.toml", self.dir)) {
            return Ok(());
        }
        Err(Failure::new(
            format!("the crate {} is not in {}", self.package, self.dir),
            "Restore it, or change the bundles in xtask/src/wasm.rs.",
        ))
    }

    fn profile(&self) -> &'static str {
        match self.kind {
            Kind::Product => "wasm",
            Kind::Test => "wasm-dev",
        }
    }

    fn file_stem(&self) -> String {
        self.package.replace('-', "_")
    }

    /// The files of `pkg` that are loaded: the module, then the glue.
    fn outputs(&self) -> [String; 2] {
        let stem = self.file_stem();
        [format!("{stem}_bg.wasm"), format!("{stem}.js")]
    }

    fn compile(&self, repository: &Repository, target: &WasmTarget) -> Outcome<Compiled> {
        let for_size = match self.kind {
            Kind::Product => target.cargo_for_size(repository)?,
            Kind::Test => None,
        };
        let limit = if for_size.is_some() { GZIP_LIMIT } else { GZIP_LIMIT_READY_MADE };
        if self.kind == Kind::Product && for_size.is_none() {
            println!(
                "    the standard library's source is not here (rustup component add rust-src): the ready-made one"
            );
            println!("    goes in, which is larger; what is shipped should be built with the source");
        }
        let cargo = for_size.unwrap_or_else(|| target.cargo(repository)).args("build --target").arg(TRIPLE);
        cargo.args("--profile").arg(self.profile()).arg("--package").arg(self.package).run()?;
        let dir = target.target_dir.join(TRIPLE).join(self.profile());
        Ok(Compiled { path: dir.join(format!("{}.wasm", self.file_stem())), limit })
    }

    fn inputs(&self, repository: &Repository, compiled: &Path) -> Outcome<Digest> {
        let module = std::fs::read(compiled).map_err(|error| file_failure("read", compiled, &error))?;
        let digest =
            Digest::new().with(&module).with_file(&repository.root.join("xtask/bindgen/src/main.rs"));
        Ok(match self.kind {
            Kind::Product => {
                let optimiser = repository.root.join("node_modules/binaryen/package.json");
                let bundler = repository.root.join("node_modules/rolldown/package.json");
                digest
                    .with(WASM_OPT.as_bytes())
                    .with(include_bytes!("wasm_order.rs"))
                    .with_file(&optimiser)
                    .with(BUNDLE.as_bytes())
                    .with(ENTRY.as_bytes())
                    .with_file(&bundler)
            }
            Kind::Test => digest,
        })
    }

    /// Makes the new `pkg` in a scratch folder first, so that a failure leaves the old one in working order.
    fn bind(&self, repository: &Repository, target: &WasmTarget, compiled: &Path, pkg: &Path) -> Outcome {
        let scratch = target.target_dir.join("bundles").join(self.package);
        empty_dir(&scratch)?;
        println!("    wasm-bindgen");
        let bindgen = Tool::cargo(&repository.root).args("run --quiet --package xtask-bindgen --");
        bindgen.arg(compiled).arg(&scratch).arg(self.file_stem()).run()?;
        if self.kind == Kind::Product {
            println!("    wasm-opt");
            let module = scratch.join(&self.outputs()[0]);
            let optimiser = Tool::new(repository.root.join("node_modules/.bin/wasm-opt"), &repository.root);
            optimiser.args(WASM_OPT).args(FEATURES).arg(&module).arg("-o").arg(&module).run()?;
            wasm_order::order(repository, &module, FEATURES)?;
            let name = self.file_stem();
            let entry = ENTRY.replace("ENGINE", &name);
            let bundle = Tool::new("node", &repository.root).arg("-e").arg(BUNDLE);
            bundle.arg(&scratch).arg(&name).arg(&entry).run()?;
            remove_dir(&scratch.join("snippets"))?;
        }
        empty_dir(pkg)?;
        copy_tree(&scratch, pkg)
    }

    fn weigh(&self, repository: &Repository, pkg: &Path, limit: u64) -> Outcome {
        let mut total = 0;
        for name in self.outputs() {
            let path = pkg.join(&name);
            let raw = std::fs::metadata(&path).map_err(|error| file_failure("read", &path, &error))?.len();
            let gzipped = gzipped_size(repository, &path)?;
            println!("    {name}: {} KB, {} KB gzip", kilobytes(raw), kilobytes(gzipped));
            total += gzipped;
        }
        within_limit(self.package, total, limit)
    }
}

/// Compiles the crates that clients run for the browser, without making anything. Warnings count: clippy sees the code as
/// the native target has it, and does not know what the browser's build leaves unused.
pub(crate) fn check(repository: &Repository, target: &WasmTarget) -> Outcome {
    let mut cargo = target.cargo(repository).args("check --quiet --target").arg(TRIPLE);
    for (package, dir) in CHECKED {
        if !repository.has(&format!("{dir}/Cargo.toml")) {
            let next = "Restore it, or change CHECKED in xtask/src/wasm.rs.";
            return Err(Failure::new(format!("the crate {package} is not in {dir}"), next));
        }
        cargo = cargo.arg("--package").arg(package);
    }
    let cargo = cargo.env("RUSTFLAGS", "-D warnings");
    cargo.or_else_try("These crates run in browsers: keep native-only code out of them.").run()
}

/// `cargo xtask wasm`: the engine, with all that it takes.
pub(crate) fn engine(repository: &Repository) -> Outcome {
    node::ensure_packages(repository)?;
    ENGINE.build(repository, &WasmTarget::ensure(repository)?)
}

fn within_limit(package: &str, gzipped: u64, limit: u64) -> Outcome {
    println!("    together {} KB gzip of {} KB allowed", kilobytes(gzipped), kilobytes(limit));
    if gzipped <= limit {
        return Ok(());
    }
    let what = format!("{package} is {gzipped} bytes gzipped; the limit is {limit}");
    Err(Failure::new(what, "Look for a new dependency or generic code that is instantiated often."))
}

pub(crate) fn gzipped_size(repository: &Repository, path: &Path) -> Outcome<u64> {
    const SCRIPT: &str = "const [file] = process.argv.slice(1); \
        console.log(require('zlib').gzipSync(require('fs').readFileSync(file), { level: 9 }).length)";
    let text = Tool::new("node", &repository.root).arg("-e").arg(SCRIPT).arg(path).read()?;
    text.parse().map_err(|_| {
        let what = format!("node gave `{text}` for the size of {}", path.display());
        Failure::new(what, "Check that `node` in PATH is Node.")
    })
}

/// Bytes as KB (1,024) with one decimal.
fn kilobytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1024.0)
}

fn remove_dir(dir: &Path) -> Outcome {
    if dir.exists() {
        std::fs::remove_dir_all(dir).map_err(|error| file_failure("remove", dir, &error))?;
    }
    Ok(())
}

fn empty_dir(dir: &Path) -> Outcome {
    remove_dir(dir)?;
    std::fs::create_dir_all(dir).map_err(|error| file_failure("create", dir, &error))
}

fn copy_tree(from: &Path, to: &Path) -> Outcome {
    std::fs::create_dir_all(to).map_err(|error| file_failure("create", to, &error))?;
    for entry in std::fs::read_dir(from).map_err(|error| file_failure("read", from, &error))?.flatten() {
        let copy = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &copy)?;
        } else {
            std::fs::copy(entry.path(), &copy).map_err(|error| file_failure("write", &copy, &error))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_itself_is_allowed_and_one_byte_more_is_not() {
        assert!(within_limit("engine", GZIP_LIMIT, GZIP_LIMIT).is_ok());
        let failure = within_limit("engine", GZIP_LIMIT + 1, GZIP_LIMIT).unwrap_err().to_string();
        assert!(failure.contains(&format!("{} bytes", GZIP_LIMIT + 1)), "{failure}");
    }

    #[test]
    fn the_names_of_a_bundle_are_those_that_wasm_bindgen_gives() {
        assert_eq!(ENGINE.outputs(), ["erp_engine_bg.wasm", "erp_engine.js"]);
    }
}
