//! Which tokens are believed, as the options say.

use std::{path::Path, sync::Arc};

use offline_server::{Clock, KeyError, KeySet, TokenRules, Tokens};

use crate::{cli::Options, data::checked, error::StartError};

/// Reads the keys. The secret of the data folder counts only where nothing else does, and for the development sign-in.
pub(crate) async fn tokens(
    options: &Options,
    folders_secret: impl FnOnce() -> Result<String, StartError>,
    clock: Arc<dyn Clock>,
) -> Result<Tokens, StartError> {
    let of = &options.tokens;
    let rules = TokenRules {
        issuer: of.jwt_issuer.clone(),
        audience: of.jwt_audience.clone(),
        user_claim: of.jwt_user_claim.clone(),
        workspace_claim: of.jwt_workspace_claim.clone(),
    };
    let mut tokens = Tokens::by(rules, Arc::clone(&clock));
    if let Some(secret) = &of.jwt_secret {
        tokens = tokens.with_secret(checked(secret)?.as_bytes());
    } else if options.dev || (of.jwt_public_key.is_empty() && of.jwt_key_set.is_none()) {
        tokens = tokens.with_secret(folders_secret()?.as_bytes());
    }
    for file in &of.jwt_public_key {
        let pem = std::fs::read(file).map_err(|error| bad_key(file, KeyError::File(error)))?;
        tokens = tokens.with_public_key(&pem).map_err(|error| bad_key(file, error))?;
    }
    if let Some(place) = &of.jwt_key_set {
        let set = KeySet::open(place, clock).await.map_err(StartError::KeySet)?;
        tokens = tokens.with_key_set(set);
    }
    Ok(tokens)
}

fn bad_key(file: &Path, source: KeyError) -> StartError {
    StartError::Key { file: file.to_owned(), source }
}
