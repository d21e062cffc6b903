use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum, builder::BoolishValueParser};
use offline_protocol::{UserId, WorkspaceId};
use offline_server::{Role, StreamLimits};
use tracing::level_filters::LevelFilter;

/// The ERP's server: takes commands, keeps records, serves the web app.
#[derive(Parser)]
#[command(version, max_term_width = 110, args_conflicts_with_subcommands = false)]
pub(crate) struct Options {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub(crate) operation: Option<Operation>,

    /// Looks at the flags, the keys, the web app and the database, says what it found, and ends: nothing is made or changed.
    #[arg(long, env = "ERP_SERVER_CHECK_CONFIG", value_parser = BoolishValueParser::new())]
    pub(crate) check_config: bool,

    /// Where to listen; port 0 picks a free one.
    #[arg(long, env = "ERP_SERVER_LISTEN", default_value = "127.0.0.1:8787", value_name = "ADDRESS:PORT")]
    pub(crate) listen: SocketAddr,

    /// The folder that everything is kept in; made when it does not exist.
    #[arg(long, global = true, env = "ERP_SERVER_DATA", default_value = "./data", value_name = "FOLDER")]
    pub(crate) data: PathBuf,

    /// The PostgreSQL database that the records are kept in, postgres://user:password@host:5432/database; without it a SQLite file in the
    /// data folder. Not encrypted: by a Unix socket, on this machine, or through a network that is.
    #[arg(long, global = true, env = "ERP_SERVER_DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) database_url: Option<String>,

    /// The built web app to serve, a folder with an index.html; without it ./apps/web/dist when that is built.
    #[arg(long, env = "ERP_SERVER_WEB", value_name = "FOLDER")]
    pub(crate) web: Option<PathBuf>,

    /// Lets anybody sign in as ana, ben or cleo; only on a loopback address.
    #[arg(long, env = "ERP_SERVER_DEV", value_parser = BoolishValueParser::new())]
    pub(crate) dev: bool,

    /// How long a token of the development sign-in is valid: a number with s, m or h.
    #[arg(long, env = "ERP_SERVER_TOKEN_TTL", default_value = "12h", value_name = "TIME", value_parser = duration)]
    pub(crate) token_ttl: Duration,

    /// Makes a user a member of a workspace at the start, with this role, or as a plain "member"; can be repeated, separated by commas in
    /// the variable.
    #[arg(long, env = "ERP_SERVER_MEMBERS", value_delimiter = ',', value_name = "WORKSPACE/USER[:ROLE]", value_parser = member)]
    pub(crate) member: Vec<Member>,

    /// For how many days a client's place among the changes is remembered; one who was away longer gets everything anew.
    #[arg(long, env = "ERP_SERVER_CURSOR_DAYS", default_value_t = 400, value_name = "DAYS")]
    pub(crate) cursor_days: u32,

    /// How many requests, and commands in batches, a user of a workspace may send in a second, on average; beyond that the answer is 429.
    /// 0 is no limit. Without it 2000, with --dev no limit.
    #[arg(long, env = "ERP_SERVER_RATE_LIMIT", value_name = "PER SECOND")]
    pub(crate) rate_limit: Option<u32>,

    /// How many of them he may send at once after a quiet time.
    #[arg(long, env = "ERP_SERVER_RATE_BURST", default_value_t = 100_000, value_name = "NUMBER")]
    pub(crate) rate_burst: u32,

    /// How many event streams one user of a workspace may have open on this server; beyond that the answer is 429.
    #[arg(long, env = "ERP_SERVER_STREAMS_PER_USER", default_value_t = StreamLimits::default().per_user, value_name = "NUMBER")]
    pub(crate) streams_per_user: usize,

    /// How many all users of one workspace together; beyond that the answer is 429.
    #[arg(long, env = "ERP_SERVER_STREAMS_PER_WORKSPACE", default_value_t = StreamLimits::default().per_workspace, value_name = "NUMBER")]
    pub(crate) streams_per_workspace: usize,

    /// How many all together; beyond that the answer is 503. Each holds a connection, and so a file handle of the process.
    #[arg(long, env = "ERP_SERVER_STREAMS", default_value_t = StreamLimits::default().total, value_name = "NUMBER")]
    pub(crate) streams: usize,

    /// Where GET /metrics is answered, for Prometheus; also /healthz and /readyz. Without it nowhere (with --dev on the address of everything
    /// else): how much a business sells can be seen in it, so it is not for the public.
    #[arg(long, env = "ERP_SERVER_METRICS_LISTEN", value_name = "ADDRESS:PORT")]
    pub(crate) metrics_listen: Option<SocketAddr>,

    /// The address of a collector that takes traces by OTLP over HTTP, like http://127.0.0.1:4318. Without it none are made.
    #[cfg(feature = "otlp")]
    #[arg(long, env = "ERP_SERVER_OTLP_ENDPOINT", hide_env_values = true, value_name = "URL")]
    pub(crate) otlp_endpoint: Option<String>,

    #[command(flatten)]
    pub(crate) tokens: TokenOptions,

    /// How the log on stderr is written.
    #[arg(long, global = true, env = "ERP_SERVER_LOG", value_enum, default_value_t = LogFormat::Json)]
    pub(crate) log: LogFormat,

    /// What is logged: off, error, warn, info, debug or trace.
    #[arg(long, global = true, env = "ERP_SERVER_LOG_LEVEL", default_value = "info", value_name = "LEVEL")]
    pub(crate) log_level: LevelFilter,
}

impl Options {
    /// The folder of the web app: what the flag says, else where the repository builds it.
    pub(crate) fn web_folder(&self) -> Option<PathBuf> {
        let built = PathBuf::from("apps/web/dist");
        self.web.clone().or_else(|| built.join("index.html").is_file().then_some(built))
    }
}

/// What an operator does besides serving.
#[derive(Subcommand)]
pub(crate) enum Operation {
    /// Writes a copy of the SQLite database to a new file, also while a server uses it.
    Backup {
        /// Where to; must not exist.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Puts a backup into an empty data folder. Clients then get everything anew, and send what the backup does not know.
    Restore {
        /// A file that "backup" wrote.
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
    },
    /// Makes every client get everything anew: after a database was put back by other means, like pg_restore.
    RotateLineage,
}

/// Which tokens are believed.
#[derive(Args)]
#[command(next_help_heading = "Tokens (JWT)")]
pub(crate) struct TokenOptions {
    /// A secret that tokens are signed with (HS256), at least 32 bytes. Without it and without another key the data folder keeps one.
    #[arg(long, env = "ERP_SERVER_JWT_SECRET", hide_env_values = true, value_name = "SECRET")]
    pub(crate) jwt_secret: Option<String>,

    /// A file with a public key in PEM that tokens are checked with: RSA (RS256), P-256 (ES256) or Ed25519 (EdDSA); can be repeated,
    /// separated by commas in the variable.
    #[arg(long, env = "ERP_SERVER_JWT_PUBLIC_KEYS", value_delimiter = ',', value_name = "FILE")]
    pub(crate) jwt_public_key: Vec<PathBuf>,

    /// A JSON Web Key Set that tokens are checked with: an address that begins with https:// (http:// on this machine), or a file. Read
    /// again every five minutes, and earlier when a token names a new key.
    #[arg(long, env = "ERP_SERVER_JWT_KEY_SET", hide_env_values = true, value_name = "URL or FILE")]
    pub(crate) jwt_key_set: Option<String>,

    /// The issuer (claim iss) that a token must have.
    #[arg(long, env = "ERP_SERVER_JWT_ISSUER", default_value = "offline-server", value_name = "TEXT")]
    pub(crate) jwt_issuer: String,

    /// The audience (claim aud) that a token must be for.
    #[arg(long, env = "ERP_SERVER_JWT_AUDIENCE", default_value = "offline-client", value_name = "TEXT")]
    pub(crate) jwt_audience: String,

    /// The claim that names the user.
    #[arg(long, env = "ERP_SERVER_JWT_USER_CLAIM", default_value = "sub", value_name = "NAME")]
    pub(crate) jwt_user_claim: String,

    /// The claim that names the workspace.
    #[arg(long, env = "ERP_SERVER_JWT_WORKSPACE_CLAIM", default_value = "ws", value_name = "NAME")]
    pub(crate) jwt_workspace_claim: String,
}

/// How the log is written.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Coloured text for people.
    Pretty,
}

fn duration(text: &str) -> Result<Duration, String> {
    let rule = || "must be a number with s, m or h, like 12h".to_owned();
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3600,
        _ => return Err(rule()),
    };
    let number: u32 = text[..text.len() - 1].parse().map_err(|_| rule())?;
    Ok(Duration::from_secs(u64::from(number) * unit))
}

/// One who is to be a member, of what, and as what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) workspace: WorkspaceId,
    pub(crate) user: UserId,
    pub(crate) role: Role,
}

fn member(text: &str) -> Result<Member, String> {
    let (workspace, user) = text.split_once('/').ok_or("must be workspace/user or workspace/user:role")?;
    let (user, role) = user.split_once(':').map_or((user, None), |(user, role)| (user, Some(role)));
    Ok(Member {
        workspace: WorkspaceId::new(workspace).map_err(|error| error.to_string())?,
        user: UserId::new(user).map_err(|error| error.to_string())?,
        role: role.map_or_else(|| Ok(Role::member()), Role::new).map_err(|error| error.to_string())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_are_well_formed_and_each_has_a_variable() {
        use clap::CommandFactory as _;
        let command = Options::command();
        command.clone().debug_assert();
        for flag in command.get_arguments() {
            assert!(flag.get_env().is_some(), "--{} has no variable", flag.get_id());
            assert!(flag.get_help().is_some(), "--{} is not explained", flag.get_id());
        }
    }

    #[test]
    fn a_member_is_read_with_his_role() {
        let read = |text| member(text).map(|member| member.role.as_str().to_owned());
        assert_eq!(read("acme/ana"), Ok("member".into()));
        assert_eq!(read("acme/ana:manager"), Ok("manager".into()));
        for text in ["", "acme", "acme/", "/ana", "acme/ana:", "acme/ana:Chief", "acme/ana:a:b", "ACME/ana"] {
            assert!(member(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn times_are_read_with_their_unit() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        for text in ["", "h", "12", "1.5h", "-1s", "1d", "9999999999h", "ü"] {
            assert!(duration(text).is_err(), "{text:?} was accepted");
        }
    }
}
