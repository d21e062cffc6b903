//! Row 31 of the decision table on a file system that is really full: a small one in memory, which this program mounts for itself alone in
//! namespaces of its own. Where that is not allowed the test counts as ignored, and says so; `killed.rs` has the same with a limit on the size
//! of files, which works everywhere.
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "a test ends with its first surprise")]

mod support;

use std::{
    fs::{self, File},
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use libtest_mimic::{Arguments, Failed, Trial};

use support::{ServerProcess, books::Books, load::Load};

const NAME: &str =
    "row_31_while_the_file_system_is_full_under_load_reads_go_on_and_nothing_is_lost_or_doubled";

/// Names the folder of the small file system, within the namespaces.
const MOUNTED: &str = "FULL_DISK_MOUNTED";

const MOUNT: &str = r#"mount -t tmpfs -o size=32m tmpfs "$1" && shift && exec "$@""#;

/// A command within namespaces of its own, with the small file system on a folder.
fn within(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", MOUNT, "sh"]).arg(folder).args(words);
    command
}

fn main() -> ExitCode {
    if let Some(folder) = std::env::var_os(MOUNTED) {
        run(&PathBuf::from(folder));
        return ExitCode::SUCCESS;
    }
    let folder = tempfile::tempdir().unwrap();
    let refused = match within(folder.path(), &["true"]).output() {
        Ok(tried) if tried.status.success() => None,
        Ok(tried) => Some(String::from_utf8_lossy(&tried.stderr).trim().to_owned()),
        Err(error) => Some(format!("unshare: {error}")),
    };
    if let Some(why) = &refused {
        eprintln!(
            "\nNOT TESTED on this machine: a full file system. No mount in namespaces of our own: {why}\n"
        );
    }
    let trial = Trial::test(NAME, in_namespaces).with_ignored_flag(refused.is_some());
    libtest_mimic::run(&Arguments::from_args(), vec![trial]).exit_code()
}

fn in_namespaces() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let program = std::env::current_exe()?;
    let program = program.to_str().ok_or("the program's path is no text")?;
    let ran = within(folder.path(), &[program]).env(MOUNTED, folder.path()).output()?;
    if ran.status.success() {
        return Ok(());
    }
    let said = [ran.stdout, ran.stderr].concat();
    Err(format!("{}\n{}", ran.status, String::from_utf8_lossy(&said)).into())
}

/// Takes all that is left.
fn fill(ballast: &Path) {
    let mut file = File::create(ballast).unwrap();
    for bytes in [1 << 20, 4096, 1] {
        loop {
            match file.write(&vec![7; bytes]) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn run(folder: &Path) {
    let (data, ballast) = (folder.join("data"), folder.join("ballast"));
    let file = data.join("server.sqlite");
    let server = ServerProcess::start(&data, &["--rate-limit", "0"]);
    let load = Load::new(&server, 6).await;
    let token = server.sign_in("ana", "acme").await;
    // A reader that stays keeps SQLite from beginning its log anew, in the room that the log has already: each write needs more of the disk.
    let reader = rusqlite::Connection::open(&file).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM record").unwrap();
    let disk = async {
        for time in 1..=3 {
            load.until(time * load.all() / 4).await;
            fill(&ballast);
            load.until_refused(16).await;
            let page = server.client.get(format!("{}/workspaces/acme/records/product", server.url));
            let page = page.bearer_auth(&token).send().await.unwrap();
            assert_eq!(support::body(page).await["records"].as_array().unwrap().len(), 3);
            assert_eq!(server.get("/readyz").await.status(), 200);
            load.check(async || Books::on_sqlite(&file)).await;
            fs::remove_file(&ballast).unwrap();
        }
    };
    futures_util::join!(load.run(), disk);
    load.check_all(&Books::on_sqlite(&file));
    drop(reader);
    assert!(server.terminate().success(), "the server has lived through it");
}
