//! A proxy between the store and PostgreSQL that loses the answer to a commit.
#![allow(dead_code, reason = "the tests of the program use another part")]

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UnixStream, tcp, unix::OwnedReadHalf},
};

#[derive(Default)]
struct Faults {
    lose_commit: AtomicBool,
    and_close: AtomicBool,
    closed: AtomicBool,
    /// While it is set, commits get lost by chance.
    chance: AtomicBool,
    commits: AtomicU32,
    lost_before: AtomicU32,
    lost_after: AtomicU32,
}

/// What becomes of a commit.
enum Fate {
    Answered,
    /// It is carried out, and the connection is lost instead of the answer.
    AnswerLost,
    /// The connection is lost before it.
    Lost,
}

impl Faults {
    fn fate(&self) -> Fate {
        if self.lose_commit.swap(false, Ordering::SeqCst) {
            return Fate::AnswerLost;
        }
        if !self.chance.load(Ordering::SeqCst) {
            return Fate::Answered;
        }
        // The numbers of the commits, scattered: the same shares in each run, at places that nobody has chosen.
        let scattered = self.commits.fetch_add(1, Ordering::SeqCst).wrapping_mul(0x9E37_79B9).rotate_left(7);
        match scattered % 5 {
            0 | 1 => {
                self.lost_after.fetch_add(1, Ordering::SeqCst);
                Fate::AnswerLost
            }
            2 => {
                self.lost_before.fetch_add(1, Ordering::SeqCst);
                Fate::Lost
            }
            _ => Fate::Answered,
        }
    }
}

pub(crate) struct Proxy {
    pub(crate) url: String,
    faults: Arc<Faults>,
}

impl Proxy {
    pub(crate) async fn start(socket: PathBuf, database: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let faults = Arc::new(Faults::default());
        let proxy_faults = Arc::clone(&faults);
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                if !proxy_faults.closed.load(Ordering::SeqCst) {
                    let server = UnixStream::connect(&socket).await.unwrap();
                    tokio::spawn(pass(client, server, Arc::clone(&proxy_faults)));
                }
            }
        });
        Self { url: format!("postgres://postgres@127.0.0.1:{port}/{database}"), faults }
    }

    /// The next commit is carried out, and the connection is lost instead of its answer.
    pub(crate) fn lose_the_next_commit(&self) {
        self.faults.lose_commit.store(true, Ordering::SeqCst);
    }

    /// The same; and from then on there is no connection any more.
    pub(crate) fn lose_the_next_commit_and_close(&self) {
        self.faults.and_close.store(true, Ordering::SeqCst);
        self.lose_the_next_commit();
    }

    /// From now on, or no longer, commits get lost by chance: of five the answers of two, and one before it arrives.
    pub(crate) fn lose_commits(&self, lose: bool) {
        self.faults.chance.store(lose, Ordering::SeqCst);
    }

    /// How many were lost by chance: before they arrived, and after they had been carried out.
    pub(crate) fn lost_commits(&self) -> (u32, u32) {
        (self.faults.lost_before.load(Ordering::SeqCst), self.faults.lost_after.load(Ordering::SeqCst))
    }

    pub(crate) fn close(&self) {
        self.faults.closed.store(true, Ordering::SeqCst);
    }

    pub(crate) fn open(&self) {
        self.faults.closed.store(false, Ordering::SeqCst);
    }

    pub(crate) fn has_lost_a_commit(&self) -> bool {
        !self.faults.lose_commit.load(Ordering::SeqCst)
    }
}

async fn pass(client: TcpStream, server: UnixStream, faults: Arc<Faults>) {
    let (mut from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let losing = Arc::new(AtomicBool::new(false));
    let answers = tokio::spawn(pass_answers(from_server, to_client, Arc::clone(&losing)));
    let mut chunk = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from_client.read(&mut chunk).await {
        let sent = &chunk[..read];
        // A transaction of a batch sends its commit in a later round trip than its beginning.
        let commits = has(sent, b"COMMIT\0") && !has(sent, b"BEGIN");
        match if commits { faults.fate() } else { Fate::Answered } {
            Fate::Answered => {}
            Fate::Lost => break,
            Fate::AnswerLost => {
                faults.closed.fetch_or(faults.and_close.load(Ordering::SeqCst), Ordering::SeqCst);
                losing.store(true, Ordering::SeqCst);
                to_server.write_all(sent).await.unwrap();
                answers.await.unwrap();
                return;
            }
        }
        // Once the proxy is closed nothing gets through on old connections either.
        if faults.closed.load(Ordering::SeqCst) || to_server.write_all(sent).await.is_err() {
            break;
        }
    }
    answers.abort();
}

/// Passes on what the server says; when the answer to a commit is to be lost, ends when it has come.
async fn pass_answers(mut server: OwnedReadHalf, mut client: tcp::OwnedWriteHalf, losing: Arc<AtomicBool>) {
    let mut chunk = vec![0; 64 * 1024];
    let mut lost = Vec::new();
    while let Ok(read @ 1..) = server.read(&mut chunk).await {
        if losing.load(Ordering::SeqCst) {
            lost.extend_from_slice(&chunk[..read]);
            if has(&lost, b"COMMIT\0") {
                return;
            }
        } else if client.write_all(&chunk[..read]).await.is_err() {
            return;
        }
    }
}

fn has(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}
