use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use crate::{
    ValueError,
    text::{number_type, slug, text_type, visible_ascii},
};

/// Names one command for ever, on every device and on the server. Made by the client, a UUIDv7.
///
/// Any UUID is accepted in its hyphenated form; nothing is read from its bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(type = "string"))]
pub struct CommandId(Uuid);

impl CommandId {
    /// Wraps a UUID that an `Ids` port made.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// Reads the hyphenated form, 36 characters.
    pub fn new(text: impl AsRef<str>) -> Result<Self, ValueError> {
        Self::of(text.as_ref()).ok_or(ValueError::Uuid { what: "a command id" })
    }

    /// The same where nobody asks what is wrong.
    pub fn of(text: &str) -> Option<Self> {
        hyphenated(text).map(Self)
    }

    /// The UUID.
    pub const fn as_uuid(&self) -> &Uuid {
        &self.0
    }
}

/// The one form that is read; the library's reader of all forms is several times as large.
fn hyphenated(text: &str) -> Option<Uuid> {
    let mut bytes = [0; 16];
    let mut digits = 0;
    for (place, letter) in text.bytes().enumerate() {
        if matches!(place, 8 | 13 | 18 | 23) {
            if letter != b'-' {
                return None;
            }
            continue;
        }
        let digit = char::from(letter).to_digit(16)?;
        let byte: &mut u8 = bytes.get_mut(digits / 2)?;
        *byte = *byte << 4 | digit as u8;
        digits += 1;
    }
    (digits == 32).then(|| Uuid::from_bytes(bytes))
}

impl std::fmt::Display for CommandId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for CommandId {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl<'de> Deserialize<'de> for CommandId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::new(text).map_err(serde::de::Error::custom)
    }
}

text_type!(
    /// The tenant; the only isolation boundary. Leads every key of every store.
    WorkspaceId, "a workspace id", "1 to 64 characters of a-z, 0-9, - and _", |text| slug(text, 64)
);

text_type!(
    /// A person, as the token names him.
    UserId, "a user id", "1 to 128 visible ASCII characters", |text| visible_ascii(text, 128)
);

text_type!(
    /// One installation of a partition on one device. Made once by the client and kept in the partition's database.
    DeviceId, "a device id", "1 to 64 visible ASCII characters", |text| visible_ascii(text, 64)
);

text_type!(
    /// What the server recognises a retry by, within (workspace, user).
    IdempotencyKey, "an idempotency key", "1 to 128 visible ASCII characters", |text| visible_ascii(text, 128)
);

text_type!(
    /// Ties a command to what the client logged about it. Opaque to the server.
    TraceId, "a client trace id", "1 to 128 visible ASCII characters", |text| visible_ascii(text, 128)
);

number_type!(
    /// The gap-free place of a command in its partition's outbox, from 1.
    Seq, "a sequence number", 1
);
