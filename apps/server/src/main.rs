#![doc = include_str!("../README.md")]

mod check;
mod cli;
mod data;
mod database;
mod dev;
mod error;
mod handles;
mod logs;
mod openapi;
mod operate;
mod serve;
mod tokens;
#[cfg(feature = "otlp")]
mod traces;
mod web;

use std::process::ExitCode;

use clap::Parser as _;
use tokio::runtime::Runtime;

use crate::{
    cli::{Operation, Options},
    error::StartError,
};

/// A request makes thousands of small values that end with it, on threads that come and go.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run(Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("erp-server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> Result<(), StartError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(StartError::Runtime)?;
    #[cfg(feature = "otlp")]
    let (export, spans) = traces::start(options.otlp_endpoint.as_deref(), runtime.handle())?.unzip();
    #[cfg(not(feature = "otlp"))]
    let spans = None;
    // Dropped last, when nobody has anything to say any more.
    let _log = logs::start(options.log, options.log_level, spans);
    let done = operate(&runtime, options);
    // The last ones go out while there are threads yet to send them.
    #[cfg(feature = "otlp")]
    drop(export);
    done
}

fn operate(runtime: &Runtime, options: Options) -> Result<(), StartError> {
    match options.operation {
        _ if options.check_config => runtime.block_on(check::check(&options)),
        Some(Operation::Backup { to }) => operate::backup(options.database_url.is_some(), &options.data, &to),
        Some(Operation::Restore { from }) => {
            operate::restore(options.database_url.is_some(), &options.data, &from)
        }
        Some(Operation::RotateLineage) => {
            runtime.block_on(operate::rotate_lineage(options.database_url.as_deref(), &options.data))
        }
        None => runtime.block_on(serve::serve(options)),
    }
}
