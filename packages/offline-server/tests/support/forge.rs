//! Tokens and keys of every kind, real and forged.

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    },
};
use jsonwebtoken::{Algorithm, EncodingKey, crypto::sign, jwk::Jwk};
use serde_json::{Value, json};

/// An hour after the start of the tests' clock.
const EXPIRY: i64 = super::START / 1000 + 3600;

/// What our own tokens say of ana of acme.
pub(crate) fn claims() -> Value {
    json!({ "sub": "ana", "ws": "acme", "iss": "offline-server", "aud": "offline-client", "exp": EXPIRY, "iat": EXPIRY - 3600 })
}

/// With one field changed; null takes it away.
pub(crate) fn with(mut value: Value, field: &str, to: Value) -> Value {
    if to.is_null() {
        value.as_object_mut().unwrap().remove(field);
    } else {
        value[field] = to;
    }
    value
}

/// Signs any header and claims with a secret, without asking whether they make sense.
pub(crate) fn forge(header: &Value, claims: &Value, secret: &[u8]) -> String {
    forge_by(header, claims, &EncodingKey::from_secret(secret), Algorithm::HS256)
}

pub(crate) fn forge_by(header: &Value, claims: &Value, key: &EncodingKey, algorithm: Algorithm) -> String {
    let encode = |value: &Value| base64url(value.to_string().as_bytes());
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature = sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

/// A pair of keys that was made for one test.
pub(crate) struct Pair {
    pub(crate) algorithm: Algorithm,
    private: EncodingKey,
    pub(crate) private_pem: String,
    pub(crate) public_pem: String,
}

impl Pair {
    pub(crate) fn rsa() -> Self {
        let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
        let private = pem("PRIVATE KEY", AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap().as_ref());
        let public = pair.public_key().as_der().unwrap();
        let signing = EncodingKey::from_rsa_pem(private.as_bytes()).unwrap();
        Self::new(Algorithm::RS256, signing, private, spki(&public))
    }

    pub(crate) fn ec() -> Self {
        let alg = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let der = EcdsaKeyPair::generate_pkcs8(alg, &SystemRandom::new()).unwrap();
        let public = EcdsaKeyPair::from_pkcs8(alg, der.as_ref()).unwrap().public_key().as_der().unwrap();
        let private = pem("PRIVATE KEY", der.as_ref());
        let signing = EncodingKey::from_ec_pem(private.as_bytes()).unwrap();
        Self::new(Algorithm::ES256, signing, private, spki(&public))
    }

    pub(crate) fn ed() -> Self {
        use aws_lc_rs::signature::Ed25519KeyPair;
        let der = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.as_ref()).unwrap();
        let public = pair.public_key().as_der().unwrap();
        let private = pem("PRIVATE KEY", der.as_ref());
        let signing = EncodingKey::from_ed_pem(private.as_bytes()).unwrap();
        Self::new(Algorithm::EdDSA, signing, private, spki(&public))
    }

    fn new(algorithm: Algorithm, private: EncodingKey, private_pem: String, public_pem: String) -> Self {
        Self { algorithm, private, private_pem, public_pem }
    }

    /// Signs with this key and its algorithm, whatever the header says.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        forge_by(header, claims, &self.private, self.algorithm)
    }

    /// A good token that names the key.
    pub(crate) fn token(&self, kid: &str) -> String {
        self.sign(&self.header(kid), &claims())
    }

    pub(crate) fn header(&self, kid: &str) -> Value {
        with(json!({ "typ": "JWT", "alg": self.algorithm }), "kid", Some(kid).into())
    }

    /// The public key as a member of a key set.
    pub(crate) fn jwk(&self, kid: &str) -> Value {
        let jwk = Jwk::from_encoding_key(&self.private, self.algorithm).unwrap();
        with(serde_json::to_value(jwk).unwrap(), "kid", kid.into())
    }
}

/// A public key of a curve that is not understood.
pub(crate) fn p384_pem() -> String {
    let alg = &ECDSA_P384_SHA384_FIXED_SIGNING;
    let der = EcdsaKeyPair::generate_pkcs8(alg, &SystemRandom::new()).unwrap();
    spki(&EcdsaKeyPair::from_pkcs8(alg, der.as_ref()).unwrap().public_key().as_der().unwrap())
}

fn spki(der: &PublicKeyX509Der<'_>) -> String {
    pem("PUBLIC KEY", der.as_ref())
}

fn pem(kind: &str, der: &[u8]) -> String {
    let text = base64url(der).replace('-', "+").replace('_', "/");
    let padding = "=".repeat((4 - text.len() % 4) % 4);
    let text = text + &padding;
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", lines.join("\n"))
}

pub(crate) fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().fold(0_u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            text.push(char::from(ALPHABET[(group >> (18 - 6 * place) & 63) as usize]));
        }
    }
    text
}
