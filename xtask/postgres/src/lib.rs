//! Starts a private PostgreSQL on a Unix socket that only its owner reaches, and stops it when the process that wanted it has ended, however
//! that ended: a watcher of its own looks after both.

use std::{
    ffi::OsStr,
    fmt, fs,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

/// The account that PostgreSQL runs as when we are root, which it refuses to be.
const ACCOUNT: &str = "postgres";

/// The superuser inside.
const SUPERUSER: &str = "postgres";

/// Stops the server and removes the folder of its socket ($3) once the owner ($1) has ended; $2 and the rest stop the server. It polls,
/// because a process that becomes another program by `exec` must keep its database.
const WATCHER: &str = r#"owner=$1 folder=$2; shift 2
while kill -0 "$owner" 2>/dev/null; do sleep 0.2; done
"$@" >/dev/null 2>&1
rm -rf "$folder""#;

/// Where Debian keeps the programs of each version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// A PostgreSQL that runs as long as this process does.
pub struct PrivatePostgres {
    programs: Programs,
    data: PathBuf,
    socket: PathBuf,
}

/// Why it could not be started, in one sentence.
#[derive(Debug)]
pub struct StartError(String);

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

type Outcome<T> = Result<T, StartError>;

impl PrivatePostgres {
    /// Starts one with nothing in it, in a temporary folder that goes with it. Its files are not flushed to the disk: for tests, which do not
    /// outlive a power failure anyway. The first start makes a template beside the running program, the others copy it.
    pub fn temporary() -> Outcome<Self> {
        Self::start_temporary("-c fsync=off -c max_connections=200")
    }

    /// As [`temporary`](Self::temporary), but what it answered is on the disk: for benchmarks.
    pub fn temporary_on_disk() -> Outcome<Self> {
        Self::start_temporary("-c max_connections=200")
    }

    fn start_temporary(settings: &str) -> Outcome<Self> {
        let programs = Programs::find()?;
        let socket = programs.private_folder()?;
        let data = socket.join("data");
        let template = template(&programs, &socket)?;
        copy(&template, &data)?;
        programs.start(&data, &socket, settings)?;
        Ok(Self { programs, data, socket })
    }

    /// Starts the one whose data lie in this folder; makes it when the folder does not exist. What it answered survives a power failure.
    pub fn in_folder(data: &Path) -> Outcome<Self> {
        let programs = Programs::find()?;
        let socket = programs.private_folder()?;
        if !data.join("PG_VERSION").exists() {
            programs.init(data)?;
        }
        programs.start(data, &socket, "")?;
        Ok(Self { programs, data: data.to_owned(), socket })
    }

    /// Ends it at once, without letting anything finish or be written, and starts it again: it recovers as after a crash.
    pub fn crash_and_restart(&self) -> Outcome<()> {
        let (log, data) = (self.socket.join("log"), self.data.as_os_str());
        let flags = ["restart", "-w", "-m", "immediate", "-l"].map(OsStr::new);
        self.programs.run("pg_ctl", flags.into_iter().chain([log.as_os_str(), OsStr::new("-D"), data]))
    }

    /// The address of a database in it, for its superuser.
    pub fn url(&self, database: &str) -> String {
        let folder = self.socket.to_string_lossy().replace('%', "%25").replace('/', "%2F");
        format!("postgres://{SUPERUSER}@{folder}/{database}")
    }

    /// The id of its first process, the parent of all the others; `None` while it does not run.
    pub fn pid(&self) -> Option<u32> {
        let file = fs::read_to_string(self.data.join("postmaster.pid")).ok()?;
        file.lines().next()?.parse().ok()
    }

    /// Its Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.socket.join(".s.PGSQL.5432")
    }
}

/// Whether PostgreSQL's programs are on this machine.
pub fn is_installed() -> bool {
    Programs::find().is_ok()
}

/// PostgreSQL's programs, and the account to run them as.
struct Programs {
    folder: PathBuf,
    /// We are root, and give the account a folder of its own.
    as_account: bool,
}

impl Programs {
    fn find() -> Outcome<Self> {
        let mut versions: Vec<(u32, PathBuf)> = fs::read_dir(DEBIAN)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
            .collect();
        versions.sort();
        let newest_first = versions.into_iter().rev().map(|(_, folder)| folder);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let has_all = |folder: &PathBuf| {
            ["initdb", "pg_ctl", "postgres"].iter().all(|program| folder.join(program).is_file())
        };
        let folder = newest_first.chain(std::env::split_paths(&path)).find(has_all);
        let folder = folder.ok_or_else(|| {
            StartError(
                "PostgreSQL is not installed: `cargo xtask setup` does it, or `apt-get install postgresql`"
                    .into(),
            )
        })?;
        let id = Command::new("id").arg("-u").output();
        let as_account = id.is_ok_and(|id| String::from_utf8_lossy(&id.stdout).trim() == "0");
        Ok(Self { folder, as_account })
    }

    /// A command line that runs one of the programs.
    fn words(&self, program: &str) -> Vec<std::ffi::OsString> {
        let account = ["runuser", "-u", ACCOUNT, "--"].map(Into::into);
        let prefix = if self.as_account { account.to_vec() } else { Vec::new() };
        prefix.into_iter().chain([self.folder.join(program).into()]).collect()
    }

    fn run<A: AsRef<OsStr>>(&self, program: &str, arguments: impl IntoIterator<Item = A>) -> Outcome<()> {
        let words = self.words(program);
        let mut command = Command::new(&words[0]);
        // The account may not be allowed into the folder where we are. What the server inherits must not keep a pipe of ours open.
        command.args(&words[1..]).args(arguments).current_dir("/").stdin(Stdio::null());
        run(command.stdout(Stdio::null()))
    }

    /// A new folder that only the account enters.
    fn private_folder(&self) -> Outcome<PathBuf> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("private-postgres-{}-{number}", std::process::id()));
        // One that a process with our id has left behind.
        let _ = fs::remove_dir_all(&folder);
        self.make_private(&folder)?;
        Ok(folder)
    }

    fn make_private(&self, folder: &Path) -> Outcome<()> {
        use std::os::unix::fs::DirBuilderExt as _;
        let failed = |error| StartError(format!("cannot make the folder {}: {error}", folder.display()));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        if self.as_account {
            run(Command::new("chown").arg(format!("{ACCOUNT}:")).arg(folder))?;
        }
        Ok(())
    }

    fn init(&self, data: &Path) -> Outcome<()> {
        self.make_private(data)?;
        let data = data.canonicalize().map_err(|error| StartError(error.to_string()))?;
        let flags =
            ["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "-U", SUPERUSER, "-D"];
        self.run("initdb", flags.iter().map(OsStr::new).chain([data.as_os_str()]))
    }

    /// Starts the server, and what stops it when this process has ended.
    fn start(&self, data: &Path, socket: &Path, settings: &str) -> Outcome<()> {
        let data = data.canonicalize().map_err(|error| StartError(error.to_string()))?;
        let options = format!("-k {} -c listen_addresses='' {settings}", socket.display());
        let flags = ["start", "-w", "-l", "log", "-o", &options, "-D"];
        let log = socket.join("log");
        let flags = flags.map(|flag| if flag == "log" { log.as_os_str() } else { OsStr::new(flag) });
        self.run("pg_ctl", flags.into_iter().chain([data.as_os_str()]))?;
        let mut watcher = Command::new("sh");
        watcher.args(["-c", WATCHER, "sh", &std::process::id().to_string()]).arg(socket);
        watcher.args(self.words("pg_ctl")).args(["stop", "-m", "fast", "-D"]).arg(&data);
        // A group of its own: Ctrl-C is for the owner, and ends this through him.
        watcher.current_dir("/").process_group(0);
        watcher.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        watcher.spawn().map(drop).map_err(|error| StartError(format!("cannot start sh: {error}")))
    }
}

/// A fresh cluster beside the running program, made when it is not there.
fn template(programs: &Programs, private: &Path) -> Outcome<PathBuf> {
    let program = std::env::current_exe().map_err(|error| StartError(error.to_string()))?;
    let version = programs.folder.to_string_lossy().replace('/', "-");
    let template = program.with_file_name(format!("postgres-template{version}"));
    if !template.exists() {
        let fresh = private.join("template");
        programs.init(&fresh)?;
        let aside = template.with_extension(format!("new-{}", std::process::id()));
        copy(&fresh, &aside)?;
        // Another process may have been quicker; its template is as good.
        if fs::rename(&aside, &template).is_err() {
            let _ = fs::remove_dir_all(&aside);
        }
    }
    Ok(template)
}

fn copy(from: &Path, to: &Path) -> Outcome<()> {
    run(Command::new("cp").arg("-a").arg(from).arg(to))
}

fn run(command: &mut Command) -> Outcome<()> {
    let shown = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| StartError(format!("cannot start {shown}: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let arguments: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
    Err(StartError(format!("{shown} {} failed: {}", arguments.join(" "), said.trim())))
}
