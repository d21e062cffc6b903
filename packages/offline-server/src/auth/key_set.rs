//! A key set that somebody else keeps: where it lies, what it held last, and when it is read again.

use std::{
    net::IpAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use offline_protocol::Timestamp;
use reqwest::{Client, Url, redirect::Policy};
use tokio::sync::Mutex as AsyncMutex;

use crate::{Clock, KeyError};

use super::key::{Key, key_set};

/// How old a set may become before it is read again: how long a key that was withdrawn still counts.
const FRESH: Duration = Duration::from_secs(300);

/// The least time between two readings, whatever key ids come along; strangers can make up as many as they like.
const BETWEEN: Duration = Duration::from_secs(15);

/// How long fetching a set may take. A request may be waiting for it.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// The largest set; real ones have a few kilobytes.
const MAX_BYTES: usize = 256 * 1024;

/// A JSON Web Key Set at an address or in a file. It is read again when it is five minutes old or when a token names a key that it does not
/// hold, at most once in 15 seconds; when that fails, what it held before goes on to count.
pub struct KeySet {
    place: Place,
    clock: Arc<dyn Clock>,
    held: Mutex<Held>,
    reading: AsyncMutex<()>,
}

enum Place {
    File(PathBuf),
    Address(Client, Url),
}

struct Held {
    keys: Arc<[Key]>,
    /// When it was last read, and when somebody last tried to.
    read: Timestamp,
    tried: Timestamp,
}

impl KeySet {
    /// Reads a set for the first time, from an address that begins with `https://` (or `http://` on this machine), else from a file.
    pub async fn open(place: &str, clock: Arc<dyn Clock>) -> Result<Self, KeyError> {
        let place = Place::new(place)?;
        let now = clock.now();
        let held = Held { keys: place.read().await?.into(), read: now, tried: now };
        Ok(Self { place, clock, held: Mutex::new(held), reading: AsyncMutex::default() })
    }

    /// The keys, read again when it is time to or when they lack the one that is asked for.
    pub(crate) async fn keys(&self, id: Option<&str>) -> Arc<[Key]> {
        let holds = |keys: &[Key]| id.is_none_or(|id| keys.iter().any(|key| key.id() == Some(id)));
        let (keys, due, fresh) = self.state();
        let known = holds(&keys);
        if !due || (known && fresh) {
            return keys;
        }
        let _reading = match (self.reading.try_lock(), known) {
            (Ok(reading), _) => reading,
            // Somebody is at it already, and this token can be judged without.
            (Err(_), true) => return keys,
            (Err(_), false) => self.reading.lock().await,
        };
        let (keys, due, _) = self.state();
        if !due {
            return keys;
        }
        self.read_again().await
    }

    /// What is held, whether it may be read again now, and whether it is fresh.
    fn state(&self) -> (Arc<[Key]>, bool, bool) {
        let now = self.clock.now();
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let past = |moment: Timestamp, span| now < moment || now.since(moment) >= span;
        (Arc::clone(&held.keys), past(held.tried, BETWEEN), !past(held.read, FRESH))
    }

    async fn read_again(&self) -> Arc<[Key]> {
        let now = self.clock.now();
        self.held.lock().unwrap_or_else(PoisonError::into_inner).tried = now;
        let read = self.place.read().await;
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(keys) => {
                held.keys = keys.into();
                held.read = now;
            }
            Err(error) => {
                tracing::warn!(%error, "the key set could not be read again: the old one counts on")
            }
        }
        Arc::clone(&held.keys)
    }
}

impl Place {
    fn new(place: &str) -> Result<Self, KeyError> {
        let Some((scheme, _)) = place.split_once("://") else { return Ok(Self::File(place.into())) };
        let url = Url::parse(place).map_err(|_| KeyError::Address)?;
        let safe = match scheme {
            "https" => true,
            "http" => url.host_str().is_some_and(is_this_machine),
            _ => false,
        };
        if !safe || !url.username().is_empty() || url.password().is_some() {
            return Err(KeyError::Address);
        }
        // Where a redirect leads is not what the operator wrote down.
        let client = Client::builder().redirect(Policy::none()).timeout(FETCH_TIMEOUT).build();
        Ok(Self::Address(client.map_err(|error| KeyError::Fetch(error.without_url()))?, url))
    }

    async fn read(&self) -> Result<Vec<Key>, KeyError> {
        match self {
            Self::File(file) => {
                let read = |file: PathBuf| {
                    let size = std::fs::metadata(&file)?.len();
                    if size > MAX_BYTES as u64 { Ok(None) } else { std::fs::read(file).map(Some) }
                };
                let file = file.clone();
                let read = tokio::task::spawn_blocking(move || read(file)).await;
                let bytes = read.unwrap_or(Ok(None)).map_err(KeyError::File)?;
                key_set(&bytes.ok_or(KeyError::Set)?)
            }
            Self::Address(client, url) => {
                let failed = |error: reqwest::Error| KeyError::Fetch(error.without_url());
                let mut response = client.get(url.clone()).send().await.map_err(failed)?;
                if response.status() != reqwest::StatusCode::OK {
                    return Err(KeyError::Answer(response.status().as_u16()));
                }
                let mut bytes = Vec::new();
                while let Some(chunk) = response.chunk().await.map_err(failed)? {
                    bytes.extend_from_slice(&chunk);
                    if bytes.len() > MAX_BYTES {
                        return Err(KeyError::Set);
                    }
                }
                key_set(&bytes)
            }
        }
    }
}

fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl std::fmt::Debug for KeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeySet")
    }
}
