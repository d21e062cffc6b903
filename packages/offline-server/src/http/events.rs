use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{
        IntoResponse as _, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{
    future::{Either, select},
    stream,
};
use offline_protocol::{ChangeSeq, ChangedUpTo, KindChanged, Problem, ProblemCode, RecordKind};
use serde::{Deserialize, Serialize};
use tokio::{sync::mpsc, time::MissedTickBehavior};

use crate::{
    Extent, Identity, Live, Membership, Server, StoreError,
    changes::{At, Listener, Place},
    envelope::invalid_request,
    metrics::Counted,
    seats::{Permit, Seats, TooMany},
};

use super::{
    ProblemResponse,
    changes::read_kinds,
    identity::{own_membership, still_member},
};

/// How far behind a stream may be taken up again; further behind it is not worth it to find out which kinds changed.
const FAR_BEHIND: u64 = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    kinds: Option<String>,
}

/// What the route needs.
#[derive(Clone)]
pub(crate) struct Events {
    pub(crate) server: Arc<Server>,
    pub(crate) live: Arc<Live>,
    pub(crate) seats: Arc<Seats>,
}

/// `GET /sync/events?kinds=`
pub(crate) async fn get(
    State(events): State<Events>,
    params: Result<Query<Params>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, ProblemResponse> {
    let (identity, membership) = own_membership(&events.server, &headers).await?;
    let Ok(Query(params)) = params else {
        return Err(invalid_request("The one parameter is kinds").into());
    };
    let kinds = read_kinds(params.kinds.as_deref())?;
    let log = &events.live.log;
    if *log.hub().closed().borrow() {
        return Err(StoreError::Closed.into());
    }
    let permit = events
        .seats
        .take(membership.workspace_id(), membership.user_id())
        .map_err(|too_many| refused(&too_many))?;
    let announced = log.hub().announce(log, membership.workspace_id());
    let extent = log.extent(membership.workspace_id()).await?;
    let last = headers.get("last-event-id").map(|id| id.to_str().unwrap_or_default());
    let mut stream = Stream {
        listener: log.hub().listen(announced, extent.head),
        speaker: Speaker { identity, headers: authorization(&headers) },
        events: events.clone(),
        membership,
        kinds,
        extent,
        told: extent.head,
        _permit: permit,
        _counted: events.server.metrics.event_stream(),
    };
    let first = stream.begin(last).await?;
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(stream.run(first, sender));
    let body = stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|event| (Ok::<_, Infallible>(event), receiver))
    });
    let heartbeat = KeepAlive::new().interval(events.live.streams.heartbeat);
    let mut response = Sse::new(body).keep_alive(heartbeat).into_response();
    // For a proxy that would collect the answer before it passes it on.
    response
        .headers_mut()
        .insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

fn refused(too_many: &TooMany) -> ProblemResponse {
    let (status, title) = match too_many {
        TooMany::OfCaller => (429, "Too many event streams of this user or workspace are open"),
        TooMany::OfServer => (503, "Too many event streams are open"),
    };
    Problem::new(ProblemCode::TooManyStreams, status, title).into()
}

/// The one header that says who speaks.
fn authorization(headers: &HeaderMap) -> HeaderMap {
    let values = headers.get_all(header::AUTHORIZATION).iter();
    values.map(|value| (header::AUTHORIZATION, value.clone())).collect()
}

/// Whose stream it is, and how he proved it.
struct Speaker {
    identity: Identity,
    headers: HeaderMap,
}

/// One open stream. What it has to say is never stored: it knows how far it has told, and asks what is known behind that.
struct Stream {
    listener: Listener,
    speaker: Speaker,
    events: Events,
    membership: Membership,
    kinds: Vec<RecordKind>,
    extent: Extent,
    told: ChangeSeq,
    _permit: Permit,
    _counted: Counted,
}

impl Stream {
    /// What is to be said first: what was missed since the last event that the client has seen, then where the workspace is.
    async fn begin(&mut self, last: Option<&str>) -> Result<Vec<Event>, StoreError> {
        let mut first = match last {
            None => Vec::new(),
            Some(last) => match self.resumed(last) {
                Some(after) if after == self.extent.head => Vec::new(),
                Some(after) => {
                    let found =
                        self.events.live.log.kinds_since(self.membership.workspace_id(), after).await?;
                    self.told = found.head.max(self.told);
                    self.changed(found.kinds)
                }
                None => vec![self.event("pull", self.told, &ChangedUpTo { change_seq: self.told })],
            },
        };
        first.push(self.event("ready", self.told, &ChangedUpTo { change_seq: self.told }));
        Ok(first)
    }

    /// Where the stream that ended with this event was, when it is worth it to go on from there.
    fn resumed(&self, last: &str) -> Option<ChangeSeq> {
        let workspace = self.membership.workspace_id();
        let place = self.events.live.log.cursors().read(workspace, &self.kinds, last)?;
        let At::Event { after } = place.at else { return None };
        let near = after <= self.extent.head
            && after >= self.extent.pruned
            && self.extent.head.get() - after.get() <= FAR_BEHIND;
        (near && place.lineage == self.extent.lineage).then_some(after)
    }

    /// One event for each kind that the client wants to hear of, in the order of their places: whichever comes last, its id covers it and
    /// those before it.
    fn changed(&self, mut kinds: Vec<(RecordKind, ChangeSeq)>) -> Vec<Event> {
        kinds.retain(|(kind, _)| self.kinds.is_empty() || self.kinds.contains(kind));
        kinds.sort_by_key(|(_, place)| *place);
        let event = |(kind, change_seq)| self.event("changed", change_seq, &KindChanged { kind, change_seq });
        kinds.into_iter().map(event).collect()
    }

    fn event(&self, name: &str, after: ChangeSeq, data: &impl Serialize) -> Event {
        let place = Place { lineage: self.extent.lineage, at: At::Event { after } };
        let id = self.events.live.log.cursors().sign(self.membership.workspace_id(), &self.kinds, place);
        let data = serde_json::to_string(data).expect("BUG: names and numbers always serialize");
        Event::default().event(name).id(id.as_str()).data(data)
    }

    /// Tells what happens until the client leaves, takes nothing any more, or must not listen any longer.
    async fn run(mut self, first: Vec<Event>, sender: mpsc::Sender<Event>) {
        let patience = self.events.live.streams.patience;
        let send = async |events: Vec<Event>| {
            for event in events {
                if !matches!(tokio::time::timeout(patience, sender.send(event)).await, Ok(Ok(()))) {
                    return false;
                }
            }
            true
        };
        let mut closed = self.events.live.log.hub().closed();
        let mut recheck = tokio::time::interval(self.events.live.streams.recheck);
        recheck.set_missed_tick_behavior(MissedTickBehavior::Delay);
        recheck.tick().await;
        if !send(first).await {
            return;
        }
        loop {
            let ended = async {
                let over = std::pin::pin!(closed.wait_for(|closed| *closed));
                select(over, std::pin::pin!(sender.closed())).await;
            };
            let news = async {
                let tick = std::pin::pin!(recheck.tick());
                let changed = std::pin::pin!(self.listener.changed(self.told));
                match select(tick, changed).await {
                    Either::Left(_) => None,
                    Either::Right((changed, _)) => Some(changed),
                }
            };
            let news = match select(std::pin::pin!(ended), std::pin::pin!(news)).await {
                Either::Left(_) => return,
                Either::Right((news, _)) => news,
            };
            match news {
                None if self.speaker.may_listen(&self.events.server).await => {}
                None => return,
                Some((kinds, head)) => {
                    let events = self.changed(kinds);
                    self.told = head;
                    if !send(events).await {
                        return;
                    }
                }
            }
        }
    }
}

impl Speaker {
    /// Whether the token is valid still and its user a member. Trouble with finding out is no reason to end a stream that says so little.
    async fn may_listen(&self, server: &Server) -> bool {
        match still_member(server, &self.headers).await {
            Ok((identity, _)) => identity == self.identity,
            Err(problem) => problem.is_passing(),
        }
    }
}
