//! One key that tokens are checked with. Its algorithm belongs to the key: what a token says about it decides nothing.

use jsonwebtoken::{
    Algorithm, DecodingKey, Validation,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

use crate::KeyError;

/// The most keys of one set; real ones have two or three.
const MAX_KEYS: usize = 100;

/// The bytes of an uncompressed point of the curve P-256.
const P256_POINT_BYTES: usize = 65;

/// A key that the signature of a token may be checked with.
#[derive(Clone)]
pub(crate) struct Key {
    /// Its name in a key set; a key of its own has none.
    id: Option<String>,
    decoding: DecodingKey,
    validation: Validation,
}

impl Key {
    /// A secret that both sides have: HS256.
    pub(crate) fn secret(secret: &[u8]) -> Self {
        Self::new(None, DecodingKey::from_secret(secret), Algorithm::HS256)
    }

    /// A public key as a PEM file holds it: RSA is RS256, an elliptic curve ES256, Ed25519 EdDSA.
    pub(crate) fn public(pem: &[u8]) -> Result<Self, KeyError> {
        if String::from_utf8_lossy(pem).contains("PRIVATE KEY") {
            return Err(KeyError::Private);
        }
        let rsa = || Some((DecodingKey::from_rsa_pem(pem).ok()?, Algorithm::RS256));
        let ec = || Some((DecodingKey::from_ec_pem(pem).ok()?, Algorithm::ES256));
        let ed = || Some((DecodingKey::from_ed_pem(pem).ok()?, Algorithm::EdDSA));
        let (decoding, algorithm) = rsa().or_else(ec).or_else(ed).ok_or(KeyError::Pem)?;
        if algorithm == Algorithm::ES256 && !is_p256(&decoding) {
            return Err(KeyError::Curve);
        }
        Ok(Self::new(None, decoding, algorithm))
    }

    fn new(id: Option<String>, decoding: DecodingKey, algorithm: Algorithm) -> Self {
        let mut validation = Validation::new(algorithm);
        // Who issued it, for whom and until when is checked by `Tokens`, strictly, and against the clock port.
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        Self { id, decoding, validation }
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        self.validation.algorithms[0]
    }

    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// What the token says, when this key has signed it.
    pub(crate) fn claims(&self, token: &str) -> Option<Map<String, Value>> {
        Some(jsonwebtoken::decode(token, &self.decoding, &self.validation).ok()?.claims)
    }
}

/// The usable keys of a JSON Web Key Set (RFC 7517); at least one. What else it holds is passed over: keys for encryption, of unknown kinds or
/// other algorithms, and secrets, which have no place in a set that others may read.
pub(crate) fn key_set(json: &[u8]) -> Result<Vec<Key>, KeyError> {
    #[derive(Deserialize)]
    struct Set<'a> {
        #[serde(borrow)]
        keys: Vec<&'a RawValue>,
    }
    let set: Set<'_> = serde_json::from_slice(json).map_err(|_| KeyError::Set)?;
    let jwks = set.keys.iter().take(MAX_KEYS).filter_map(|key| serde_json::from_str(key.get()).ok());
    let keys: Vec<_> = jwks.filter_map(|jwk| usable(&jwk)).collect();
    if keys.is_empty() { Err(KeyError::NoKey) } else { Ok(keys) }
}

fn usable(jwk: &Jwk) -> Option<Key> {
    let common = &jwk.common;
    let for_signatures = common.public_key_use.as_ref().is_none_or(|of| *of == PublicKeyUse::Signature)
        && common.key_operations.as_ref().is_none_or(|of| of.contains(&KeyOperations::Verify));
    let (algorithm, name) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        _ => return None,
    };
    if !for_signatures || common.key_algorithm.is_some_and(|of| of != name) {
        return None;
    }
    let decoding = DecodingKey::from_jwk(jwk).ok()?;
    if algorithm == Algorithm::ES256 && !is_p256(&decoding) {
        return None;
    }
    Some(Key::new(common.key_id.clone(), decoding, algorithm))
}

fn is_p256(key: &DecodingKey) -> bool {
    key.try_get_as_bytes().is_ok_and(|point| point.len() == P256_POINT_BYTES)
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({:?})", self.algorithm())
    }
}
