//! The description of the API, as it is committed: made from the Rust types, see `apps/erp/tests/openapi.rs`.

use axum::{Router, http::header, routing::get};
use offline_server::guarded;

const DOCUMENT: &str = include_str!("../../../docs/openapi.json");

/// The route `/openapi.json`, public.
pub(crate) fn routes() -> Router {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    guarded(Router::new().route("/openapi.json", get(move || async move { (kind, DOCUMENT) })))
}
