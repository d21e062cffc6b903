use serde::{Deserialize, Serialize};

use crate::{ChangeTerms, CommandType, Timestamp};

/// The answer to `GET /sync/hello`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Hello {
    /// The server's clock.
    pub server_time: Timestamp,
    /// The protocol revision that the server speaks.
    pub protocol: u32,
    /// The oldest protocol revision that the server still understands.
    pub minimum_client: u32,
    /// What one request may hold.
    pub limits: Limits,
    /// How long the server remembers.
    pub retention: Retention,
    /// The command types that the server accepts, in the order of their names.
    pub accepted_types: Vec<CommandType>,
    /// Types that are to stay in the outbox for now.
    pub paused_types: Vec<CommandType>,
    /// How changes are told; absent when the server tells none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub changes: Option<ChangeTerms>,
}

/// What one request to the server may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Commands in a batch.
    pub max_items: u32,
    /// Bytes of a body, after decompression.
    pub max_body_bytes: u32,
    /// Bytes of one command.
    pub max_item_bytes: u32,
}

impl Default for Limits {
    /// What a server allows unless it says otherwise: 1,000 commands, 4 MiB, 256 KiB.
    fn default() -> Self {
        Self { max_items: 1000, max_body_bytes: 4 * 1024 * 1024, max_item_bytes: 256 * 1024 }
    }
}

/// How long the server recognises a retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Retention {
    /// Days for which a replay repeats the full answer.
    pub receipt_days: u32,
    /// Days for which a key and its verdict are remembered; an unknown key of an older command is refused, not executed.
    pub key_days: u32,
}

impl Default for Retention {
    /// 90 days and 400 days.
    fn default() -> Self {
        Self { receipt_days: 90, key_days: 400 }
    }
}
