use std::sync::Arc;

use axum::{Json, extract::State};
use offline_protocol::{Hello, PROTOCOL};

use crate::Server;

use super::MINIMUM_CLIENT;

/// `GET /sync/hello`
pub(crate) async fn get(State(server): State<Arc<Server>>) -> Json<Hello> {
    Json(Hello {
        server_time: server.clock.now(),
        protocol: PROTOCOL,
        minimum_client: MINIMUM_CLIENT,
        limits: server.limits,
        retention: server.retention,
        accepted_types: server.registry.accepted(),
        paused_types: Vec::new(),
        changes: server.live.as_ref().map(|live| live.terms),
    })
}
