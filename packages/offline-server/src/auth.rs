use std::{sync::Arc, time::Duration};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use offline_protocol::{Timestamp, UserId, WorkspaceId};
use serde::{Deserialize, Serialize};

use crate::{Clock, TokenError};

/// Who issues our tokens, and for whom: other tokens signed with the same secret are not ours.
const ISSUER: &str = "offline-server";
const AUDIENCE: &str = "offline-client";

/// The longest token that is looked at, in bytes; ours have about 250.
const MAX_TOKEN_BYTES: usize = 4096;

/// Who speaks, as a valid token says. The only source of identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The workspace that the token was issued for. Whether the user still belongs to it is another question.
    pub workspace_id: WorkspaceId,
    /// The user.
    pub user_id: UserId,
}

/// Issues and reads bearer tokens: JWT, HS256, one secret.
#[derive(Clone)]
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    clock: Arc<dyn Clock>,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: UserId,
    ws: WorkspaceId,
    iss: String,
    aud: String,
    /// Seconds since 1970, a whole number: anything else does not deserialize.
    exp: u64,
    iat: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<u64>,
}

impl Tokens {
    /// Signs and checks with this secret, of 32 bytes at least.
    pub fn new(secret: &[u8], clock: Arc<dyn Clock>) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // Expiry is checked below, against the clock port.
        validation.validate_exp = false;
        Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation,
            clock,
        }
    }

    /// Issues a token that is valid from now for `lifetime`, rounded up to seconds. Returns it with the moment at which it expires.
    pub fn issue(&self, identity: &Identity, lifetime: Duration) -> Result<(String, Timestamp), TokenError> {
        let now = self.clock.now();
        let exp = seconds(now.plus(lifetime).plus(Duration::from_millis(999)));
        let claims = Claims {
            sub: identity.user_id.clone(),
            ws: identity.workspace_id.clone(),
            iss: ISSUER.into(),
            aud: AUDIENCE.into(),
            exp,
            iat: seconds(now),
            nbf: None,
        };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
            .map_err(TokenError)?;
        Ok((token, Timestamp::EPOCH.plus(Duration::from_secs(exp))))
    }

    /// Reads a token; `None` when it is not one of ours, or not valid now. Does not say why.
    pub fn verify(&self, token: &str) -> Option<Identity> {
        if token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let claims = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation).ok()?.claims;
        let now = seconds(self.clock.now());
        let valid = now < claims.exp && claims.nbf.is_none_or(|nbf| nbf <= now);
        valid.then_some(Identity { workspace_id: claims.ws, user_id: claims.sub })
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
