//! One program for all targets, for it takes long to build: the variable `FUZZ_TARGET` says which, and libFuzzer's arguments are its own.
//!
//! A corpus is committed as lines of JSON strings, and libFuzzer wants a folder of files. `FUZZ_UNPACK=<lines>:<folder>` is done before the first run;
//! `FUZZ_PACK=<folder>:<lines>` is done in place of any.

#![no_main]

use std::{env, fs, io, path::Path, process::exit, str, sync::OnceLock};

use libfuzzer_sys::{Corpus, fuzz_target};

type Target = Box<dyn Fn(&str) + Send + Sync>;

static TARGET: OnceLock<Target> = OnceLock::new();

fuzz_target!(
    init: {
        if let Err(error) = prepare() {
            eprintln!("the corpus cannot be read or written: {error}");
            exit(2);
        }
        let name = env::var("FUZZ_TARGET").unwrap_or_default();
        let Some(target) = target(&name) else {
            eprintln!("FUZZ_TARGET={name:?} is none of the targets");
            exit(2);
        };
        let _ = TARGET.set(target);
    },
    |data: &[u8]| -> Corpus {
        let (Some(target), Ok(text)) = (TARGET.get(), str::from_utf8(data)) else { return Corpus::Reject };
        target(text);
        Corpus::Keep
    }
);

fn target(name: &str) -> Option<Target> {
    if name == "commands" {
        let registry = erp::registry();
        return Some(Box::new(move |text| offline_server::fuzzed::commands(&registry, text)));
    }
    let (wire, server) = (offline_protocol::fuzzed::TARGETS, offline_server::fuzzed::TARGETS);
    let (sqlite, web) = (offline_sqlite::fuzzed::TARGETS, offline_web::fuzzed::TARGETS);
    let mut all = wire.iter().chain(&server).chain(&sqlite).chain(&web);
    all.find(|(known, _)| *known == name).map(|(_, target)| Box::new(*target) as Target)
}

fn prepare() -> io::Result<()> {
    let places = |name| {
        env::var(name).ok().and_then(|value| {
            let (from, to) = value.split_once(':')?;
            Some((from.to_owned(), to.to_owned()))
        })
    };
    if let Some((lines, folder)) = places("FUZZ_UNPACK") {
        for (place, line) in fs::read_to_string(lines)?.lines().enumerate() {
            fs::write(Path::new(&folder).join(place.to_string()), serde_json::from_str::<String>(line)?)?;
        }
    }
    if let Some((folder, lines)) = places("FUZZ_PACK") {
        let mut inputs = Vec::new();
        for file in fs::read_dir(folder)? {
            // One that was cut to size may end within a character; no target reads it then.
            inputs.extend(String::from_utf8(fs::read(file?.path())?));
        }
        inputs.sort_by(|one, other| (one.len(), one).cmp(&(other.len(), other)));
        let packed: Result<String, _> =
            inputs.iter().map(|input| serde_json::to_string(input).map(|line| line + "\n")).collect();
        fs::write(lines, packed?)?;
        exit(0);
    }
    Ok(())
}
