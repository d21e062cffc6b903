use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{CommandType, Expected};

/// What a command says, in 32 bytes: SHA-256 over the canonical JSON (RFC 8785) of its type, payload and expected version.
///
/// Ids, times and trace ids are not in it: a retry that differs only in these is the same request. Nor is what it touches, which a later
/// release derives from the same payload in its own way: a retry after a deploy is the same request too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

#[derive(Serialize)]
struct Content<'a> {
    #[serde(rename = "type")]
    command_type: &'a CommandType,
    payload: &'a serde_json::Value,
    expected: Option<&'a Expected>,
}

impl Fingerprint {
    /// The fingerprint of a command.
    pub fn of(command_type: &CommandType, payload: &serde_json::Value, expected: Option<&Expected>) -> Self {
        let content = Content { command_type, payload, expected };
        let canonical = serde_json_canonicalizer::to_vec(&content)
            .expect("BUG: JSON values and texts always have a canonical form");
        Self(Sha256::digest(&canonical).into())
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
