//! Who speaks: bearer tokens, and the keys they are checked with.

mod checked;
mod key;
mod key_set;

use std::{sync::Arc, time::Duration};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use offline_protocol::{Timestamp, UserId, WorkspaceId};
use serde_json::{Map, Value, json};

use crate::{Clock, KeyError, TokenError};

use self::{
    checked::{Checked, Memory},
    key::Key,
};

pub use self::key_set::KeySet;

/// The longest token that is looked at, in bytes; ours have about 250, those of sign-in services up to 2,000.
const MAX_TOKEN_BYTES: usize = 4096;

/// How far the clock of who issues tokens may be ahead of ours.
const ISSUER_AHEAD: Duration = Duration::from_secs(10);

/// The end of the year 9999 in seconds since 1970. What expires later was not meant so: most likely it counts milliseconds.
const LATEST_EXPIRY: u64 = 253_402_300_799;

/// Who speaks, as a valid token says. The only source of identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The workspace that the token was issued for. Whether the user still belongs to it is another question.
    pub workspace_id: WorkspaceId,
    /// The user.
    pub user_id: UserId,
}

/// Which tokens count, and where they say who speaks.
#[derive(Debug, Clone)]
pub struct TokenRules {
    /// The `iss` that a token must have.
    pub issuer: String,
    /// What `aud` must be, or hold.
    pub audience: String,
    /// The claim that names the user.
    pub user_claim: String,
    /// The claim that names the workspace.
    pub workspace_claim: String,
}

impl Default for TokenRules {
    fn default() -> Self {
        Self {
            issuer: "offline-server".into(),
            audience: "offline-client".into(),
            user_claim: "sub".into(),
            workspace_claim: "ws".into(),
        }
    }
}

/// Reads bearer tokens, JWT signed with one of the keys that it is given, and issues them when it has a secret.
#[derive(Clone)]
pub struct Tokens {
    rules: TokenRules,
    keys: Vec<Key>,
    key_set: Option<Arc<KeySet>>,
    signing: Option<EncodingKey>,
    clock: Arc<dyn Clock>,
    memory: Arc<Memory>,
}

impl Tokens {
    /// Signs and checks with this secret, of 32 bytes at least, by the default rules.
    pub fn new(secret: &[u8], clock: Arc<dyn Clock>) -> Self {
        Self::by(TokenRules::default(), clock).with_secret(secret)
    }

    /// Believes nobody yet.
    pub fn by(rules: TokenRules, clock: Arc<dyn Clock>) -> Self {
        Self { rules, keys: Vec::new(), key_set: None, signing: None, clock, memory: Arc::default() }
    }

    /// Also signs and checks with this secret, of 32 bytes at least: HS256.
    #[must_use]
    pub fn with_secret(mut self, secret: &[u8]) -> Self {
        self.keys.push(Key::secret(secret));
        self.signing = Some(EncodingKey::from_secret(secret));
        self.forgetting()
    }

    /// Also checks with this public key, the content of a PEM file: RS256, ES256 or EdDSA, as the key is.
    pub fn with_public_key(mut self, pem: &[u8]) -> Result<Self, KeyError> {
        self.keys.push(Key::public(pem)?);
        Ok(self.forgetting())
    }

    /// Also checks with the keys of this set.
    #[must_use]
    pub fn with_key_set(mut self, key_set: KeySet) -> Self {
        self.key_set = Some(Arc::new(key_set));
        self.forgetting()
    }

    /// With a memory of its own: what another one with other keys has checked says nothing here.
    fn forgetting(self) -> Self {
        Self { memory: Arc::default(), ..self }
    }

    /// Issues a token that is valid from now for `lifetime`, rounded up to seconds. Returns it with the moment at which it expires.
    pub fn issue(&self, identity: &Identity, lifetime: Duration) -> Result<(String, Timestamp), TokenError> {
        let signing = self.signing.as_ref().ok_or(TokenError::NoSecret)?;
        let now = self.clock.now();
        let exp = seconds(now.plus(lifetime).plus(Duration::from_millis(999)));
        let claims = json!({
            &self.rules.user_claim: identity.user_id,
            &self.rules.workspace_claim: identity.workspace_id,
            "iss": self.rules.issuer,
            "aud": self.rules.audience,
            "exp": exp,
            "iat": seconds(now),
        });
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, signing)
            .map_err(TokenError::Sign)?;
        Ok((token, Timestamp::EPOCH.plus(Duration::from_secs(exp))))
    }

    /// Reads a token; `None` when it is not one of ours, or not valid now. Does not say why. May wait for a key set to be read again.
    pub async fn verify(&self, token: &str) -> Option<Identity> {
        if token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let name = Memory::name(token);
        if let Some(known) = self.memory.get(&name) {
            if self.is_still_signed(&known).await {
                return known.now(self.clock.now());
            }
            self.memory.forget(&name);
        }
        let checked = self.check(token).await?;
        let identity = checked.now(self.clock.now())?;
        self.memory.put(name, checked);
        Some(identity)
    }

    /// Whether the key that it was signed with still counts. The keys of our own never change; a set is read again as if it were needed.
    async fn is_still_signed(&self, known: &Checked) -> bool {
        let (Some((keys, id)), Some(set)) = (&known.by, &self.key_set) else { return true };
        Arc::ptr_eq(keys, &set.keys(id.as_deref()).await)
    }

    async fn check(&self, token: &str) -> Option<Checked> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        // An extension that has to be understood (RFC 7515, 4.1.11): we understand none.
        if header.crit.is_some() {
            return None;
        }
        if let Some(claims) = self.keys.iter().find_map(|key| key.claims(token)) {
            return self.read(&claims, None);
        }
        let keys = self.key_set.as_ref()?.keys(header.kid.as_deref()).await;
        let claims = Self::claims_by(&keys, token, &header)?;
        self.read(&claims, Some((keys, header.kid)))
    }

    fn claims_by(keys: &[Key], token: &str, header: &Header) -> Option<Map<String, Value>> {
        let mut fitting = keys.iter().filter(|key| key.algorithm() == header.alg);
        if let Some(id) = header.kid.as_deref() {
            return fitting.filter(|key| key.id() == Some(id)).find_map(|key| key.claims(token));
        }
        // A token may leave the name out when there is no question which key it means.
        let only = fitting.next()?;
        if fitting.next().is_some() { None } else { only.claims(token) }
    }

    /// What signed claims say, checked against the rules.
    fn read(&self, claims: &Map<String, Value>, by: Option<(Arc<[Key]>, Option<String>)>) -> Option<Checked> {
        let text = |claim: &str| claims.get(claim)?.as_str();
        let for_us = match claims.get("aud")? {
            Value::Array(audiences) => audiences.iter().any(|of| of.as_str() == Some(&self.rules.audience)),
            audience => audience.as_str() == Some(&self.rules.audience),
        };
        if text("iss")? != self.rules.issuer || !for_us {
            return None;
        }
        // Whole numbers; anything else is not a time.
        let expires = claims.get("exp")?.as_u64().filter(|expires| *expires <= LATEST_EXPIRY)?;
        let begins = claims.get("nbf").map(|begins| begins.as_u64().ok_or(())).transpose().ok()?;
        let workspace_id = WorkspaceId::new(text(&self.rules.workspace_claim)?).ok()?;
        let user_id = UserId::new(text(&self.rules.user_claim)?).ok()?;
        Some(Checked { identity: Identity { workspace_id, user_id }, expires, begins, by })
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens")
    }
}

fn seconds(moment: Timestamp) -> u64 {
    moment.since(Timestamp::EPOCH).as_secs()
}
