//! File handles: each connection is one.

/// How many there should be beside those of the event streams: other requests, the database.
const OTHERS: u64 = 500;

/// Takes as many as the system lets this process have. It starts with few (1,024 mostly) for the sake of programs that cannot count further.
#[cfg(unix)]
pub(crate) fn raise_limit(streams: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Not every system takes the number that it names; then things stay as they are.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    let wanted = OTHERS.saturating_add(streams as u64);
    if let Some(limit) = getrlimit(Resource::Nofile).current.filter(|limit| *limit < wanted) {
        tracing::warn!(
            limit,
            wanted,
            "too few file handles for all event streams: raise ulimit -n, or lower --streams"
        );
    }
}

#[cfg(not(unix))]
pub(crate) fn raise_limit(_: usize) {}
