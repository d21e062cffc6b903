//! PostgreSQL alone: pgbench with the statement that a batch of 100 is written by, without look-ups, Rust or a pool.

use std::{path::Path, process::Command};

use private_postgres::PrivatePostgres;

use crate::median;

/// What the server tells each of its connections.
const SESSION: &str = "-c role=offline_app -c plan_cache_mode=force_custom_plan -c enable_bitmapscan=off";

/// As many batches from as many clients as the others send, in a database with the schema.
pub(crate) fn batches(postgres: &PrivatePostgres, database: &str, rounds: u64, many: u64) {
    for (name, workspaces) in [("200 workspaces", 200), ("one hot workspace", 1)] {
        let rates: Option<Vec<f64>> =
            (0..=rounds).map(|_| once(postgres, database, many, workspaces)).collect();
        match rates {
            // The first warms up.
            Some(rates) => println!(
                "  pgbench, the same statement, batches of 100, 16 clients, {name}: {:.0}/s",
                median(rates[1..].iter().copied())
            ),
            None => println!("  pgbench is not installed"),
        }
    }
}

/// Commands a second; `None` where there is no pgbench.
fn once(postgres: &PrivatePostgres, database: &str, many: u64, workspaces: u64) -> Option<f64> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/server/pgbench.sql");
    let socket = postgres.socket();
    let mut command = Command::new("pgbench");
    command.args(["-n", "-M", "prepared", "-c", "16", "-j", "2", "-t", &many.to_string(), "-U", "postgres"]);
    command.arg("-D").arg(format!("workspaces={workspaces}")).arg("-f").arg(script);
    command.arg("-h").arg(socket.parent().unwrap()).arg(database).env("PGOPTIONS", SESSION);
    let output = command.output().ok()?;
    let said = String::from_utf8(output.stdout).unwrap();
    let tps =
        said.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse::<f64>().ok());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(tps.unwrap() * 100.0)
}
