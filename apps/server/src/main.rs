#![doc = include_str!("../README.md")]

mod cli;
mod data;
mod database;
mod dev;
mod error;
mod logs;
mod serve;
mod tokens;
mod web;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{cli::Options, error::StartError};

fn main() -> ExitCode {
    let options = Options::parse();
    logs::start(options.log, options.log_level);
    match run(options) {
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
    runtime.block_on(serve::serve(options))
}
