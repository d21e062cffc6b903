use offline_domain::{
    CommandHandler, ConflictPolicy, Context, Effect, Form, Records, Rejection, Touch, Write, form, read_form,
};
use offline_protocol::{FieldError, RecordId};
use serde_json::Value;

use crate::check::{Checks, key, present};

/// The kind of the records of settings. Their ids are the settings' names.
pub const SETTING: &str = "setting";

/// The most characters of a setting's name.
const MAX_NAME: usize = 64;

/// The most characters of a setting's value.
const MAX_VALUE: usize = 4000;

form! {
    /// A setting as the server stores it.
    #[derive(Debug, Clone, PartialEq, Eq)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub struct SettingData {
        /// What it is set to.
        pub value as "value": String,
    }
}

form! {
    /// The payload of `SETTING_SET_V1`.
    #[derive(Debug, Clone)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub closed struct SettingSetV1 {
        /// The setting's name, 1 to 64 characters of a-z, 0-9, `.`, `-` and `_`.
        pub name as "name": RecordId,
        /// What it is set to, at most 4,000 characters, whose meaning is that of the application; null clears it.
        #[serde(deserialize_with = "present")]
        #[cfg_attr(feature = "typescript", ts(type = "string | null"))]
        pub value as "value": Option<Option<String>>,
    }
}

/// Sets or clears a setting of the workspace. The later one stands.
pub struct SettingSet;

impl CommandHandler for SettingSet {
    type Payload = SettingSetV1;
    const TYPE: &'static str = "SETTING_SET_V1";
    const POLICY: ConflictPolicy = ConflictPolicy::LastWriteWins;

    fn read(&self, payload: &Value) -> Result<SettingSetV1, Vec<FieldError>> {
        read_form(payload)
    }

    fn check(&self, payload: &SettingSetV1) -> Vec<FieldError> {
        let mut checks = Checks::new();
        let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
        let name = payload.name.as_str();
        if name.len() > MAX_NAME || !name.bytes().all(plain) {
            checks.fail("/name", "invalid-name", "must be 1 to 64 characters of a-z, 0-9, ., - and _");
        }
        match &payload.value {
            None => checks.missing("/value"),
            Some(Some(value)) if value.chars().count() > MAX_VALUE => {
                checks.fail("/value", "too-long", format!("must have at most {MAX_VALUE} characters"));
            }
            Some(_) => {}
        }
        checks.finish()
    }

    fn touches(&self, payload: &SettingSetV1) -> Vec<Touch> {
        vec![Touch::upsert(key(SETTING, &payload.name))]
    }

    fn handle(&self, _: &Context, _: &Records, payload: SettingSetV1) -> Result<Effect, Rejection> {
        let data = payload.value.flatten().map(|value| SettingData { value }.to_json());
        let write = Write { key: key(SETTING, &payload.name), data };
        Ok(Effect { writes: vec![write], result: Value::Null })
    }
}
