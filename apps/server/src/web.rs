//! The built web app: its files, and its page for every address that is the app's own.

use std::{path::Path, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{Html, IntoResponse as _, Response},
    routing::any,
};
use offline_protocol::PROTOCOL_HEADER;
use offline_server::not_found;
use tower::ServiceExt as _;
use tower_http::services::{ServeDir, ServeFile};

use crate::error::StartError;

/// Paths that belong to programs: what does not exist there is a problem in JSON, never the app's page.
const API: [&str; 7] = ["sync", "workspaces", "dev", "metrics", "healthz", "readyz", "openapi.json"];

/// The app loads nothing from elsewhere, and runs WebAssembly.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; frame-ancestors 'none'";

const NOT_BUILT: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>erp-server</title>\
    <body style='font:1rem/1.6 system-ui;max-width:40rem;margin:4rem auto;padding:0 1rem'>\
    <h1>The server is running</h1><p>It was started without the web app. <code>cargo xtask run</code> builds both and \
    starts them together; or build the app and start the server with <code>--web apps/web/dist</code>.</p></body></html>";

struct Web {
    files: ServeDir,
    page: ServeFile,
}

/// Answers every path that no route knows. The folder must hold an `index.html`.
pub(crate) fn fallback(folder: Option<&Path>) -> Result<Router, StartError> {
    let Some(folder) = folder else { return Ok(Router::new().fallback(any(not_built))) };
    let index = folder.join("index.html");
    if !index.is_file() {
        return Err(StartError::NoWebApp(folder.to_owned()));
    }
    let web = Web { files: ServeDir::new(folder), page: ServeFile::new(index) };
    Ok(Router::new().fallback(any(serve)).with_state(Arc::new(web)))
}

async fn not_built(request: Request) -> Response {
    if request.uri().path() == "/" && request.method() == Method::GET {
        Html(NOT_BUILT).into_response()
    } else {
        not_found().await.into_response()
    }
}

async fn serve(State(web): State<Arc<Web>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    if ![Method::GET, Method::HEAD].contains(request.method()) || is_api(&path) {
        return nothing().await;
    }
    let page = head_of(&request);
    let Ok(response) = web.files.clone().oneshot(request).await;
    if response.status() != StatusCode::NOT_FOUND {
        return finish(response.map(Body::new), cache_of(&path));
    }
    // A missing file is missing; any other address is one of the app's, for whoever reads pages.
    if asks_for_data(page.headers()) || path.rsplit('/').next().is_some_and(|last| last.contains('.')) {
        return nothing().await;
    }
    let Ok(response) = web.page.clone().oneshot(page).await;
    finish(response.map(Body::new), "no-cache")
}

/// Not kept by anybody: at the same address others may find a page, or a file soon.
async fn nothing() -> Response {
    ([(header::CACHE_CONTROL, "no-store")], not_found().await).into_response()
}

/// A base address that ends in a slash puts two of them before a path.
fn is_api(path: &str) -> bool {
    path.split('/').find(|part| !part.is_empty()).is_some_and(|first| API.contains(&first))
}

/// Browsers name HTML whenever they open an address, with whatever a proxy adds.
fn asks_for_data(headers: &HeaderMap) -> bool {
    let names = |what: &str| {
        let mut accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        accepted.any(|value| value.to_ascii_lowercase().contains(what))
    };
    let of_api = headers.contains_key(header::AUTHORIZATION) || headers.contains_key(PROTOCOL_HEADER);
    !names("html") && (of_api || names("json"))
}

/// The same request for the page, without its body.
fn head_of(request: &Request) -> axum::http::Request<Body> {
    let mut head = axum::http::Request::new(Body::empty());
    *head.method_mut() = request.method().clone();
    *head.headers_mut() = request.headers().clone();
    head
}

/// Vite puts a hash of the content into the names of what lies in `assets`; everything else is asked for anew, with its date.
fn cache_of(path: &str) -> &'static str {
    if path.starts_with("/assets/") { "public, max-age=31536000, immutable" } else { "no-cache" }
}

fn finish(mut response: Response, cache: &'static str) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    if is_html(headers) {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    }
    response
}

fn is_html(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
}
