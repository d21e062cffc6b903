//! The way between devices and the server: what is lost, doubled, late, cut, or answered by somebody else.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::{Either, select};
use offline_core::{
    BoxFuture, Clock as _, NetworkMonitor, NetworkVerdict, OutgoingBatch, Terms, Transport, TransportError,
    memory::ManualNetwork,
};
use offline_protocol::{Command, CommandBatch, CommandType, Hello, Outcome, Outcomes, Timestamp};
use offline_server::Identity;
use tokio::sync::oneshot;

use crate::{
    executor::Owner,
    model::Place,
    server::{Answer, Backend},
    shared::{Shared, locked},
};

/// When a client gives an exchange up.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a device is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Open,
    /// Nothing leaves the device.
    Cut,
    /// What leaves is never heard of again.
    Silent,
    /// Somebody else answers.
    Portal,
}

/// How a way behaves, in percent of the messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    pub(crate) way: Way,
    pub(crate) lost: usize,
    pub(crate) doubled: usize,
    /// Up to 20 seconds late.
    pub(crate) late: usize,
    /// Up to an hour late.
    pub(crate) hours: usize,
    /// Answers that belong to an earlier request.
    pub(crate) crossed: usize,
}

impl Weather {
    pub(crate) const FAIR: Self = Self { way: Way::Open, lost: 0, doubled: 0, late: 0, hours: 0, crossed: 0 };
}

/// What stands between the networks and the server.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Edge {
    /// How often in a hundred it answers that the server is overloaded, and what it asks to wait.
    pub(crate) storm: usize,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) max_bytes: Option<usize>,
    pub(crate) too_old: bool,
    /// The type that is to stay on the devices for now.
    pub(crate) paused: Option<&'static str>,
}

/// The login of a partition.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) identity: Identity,
    /// By the server's clock.
    pub(crate) expires_at: Timestamp,
}

pub(crate) struct Line {
    pub(crate) weather: Weather,
    pub(crate) session: Option<Session>,
    last_answer: Vec<u8>,
    /// What was sent when the last answer came.
    last_sent: Arc<Vec<u8>>,
}

impl Line {
    pub(crate) fn new(session: Session) -> Self {
        Self {
            weather: Weather::FAIR,
            session: Some(session),
            last_answer: Vec::new(),
            last_sent: Arc::default(),
        }
    }
}

pub(crate) struct Net {
    shared: Arc<Shared>,
    backend: Arc<Backend>,
    pub(crate) lines: Vec<Mutex<Line>>,
    pub(crate) edge: Mutex<Edge>,
    /// Every batch that came to the server, for I8.
    pub(crate) received: Mutex<Vec<(Identity, Arc<Vec<u8>>)>>,
}

#[derive(Clone)]
struct Request {
    place: Place,
    /// The batch with the login it came with; `None` is a hello.
    commands: Option<(Session, Arc<Vec<u8>>)>,
}

enum Reply {
    Refused,
    Answered(Answer),
}

impl Net {
    pub(crate) fn new(shared: &Arc<Shared>, backend: &Arc<Backend>, lines: Vec<Line>) -> Arc<Self> {
        Arc::new(Self {
            shared: Arc::clone(shared),
            backend: Arc::clone(backend),
            lines: lines.into_iter().map(Mutex::new).collect(),
            edge: Mutex::default(),
            received: Mutex::default(),
        })
    }

    async fn exchange(self: &Arc<Self>, request: Request) -> Result<Vec<u8>, TransportError> {
        let (shared, dice) = (&self.shared, &self.shared.dice);
        let weather = locked(&self.lines[request.place]).weather;
        shared.point("send: before the request leaves").await;
        match weather.way {
            Way::Open => {}
            Way::Cut => return Err(TransportError::Offline),
            Way::Silent => {
                shared.clock.sleep(PATIENCE).await;
                return Err(TransportError::Transient { retry_after: None });
            }
            Way::Portal => return Err(TransportError::NotOurServer),
        }
        if dice.percent(weather.doubled) {
            let (net, copy) = (Arc::clone(self), request.clone());
            shared.queue.spawn(Owner::Net, async move { net.deliver(copy, weather, None).await });
        }
        let (reply, replied) = oneshot::channel();
        let net = Arc::clone(self);
        shared.queue.spawn(Owner::Net, async move { net.deliver(request, weather, Some(reply)).await });
        let answer = match select(replied, shared.clock.sleep(PATIENCE)).await {
            Either::Left((Ok(Reply::Answered(answer)), _)) => answer,
            Either::Left((Ok(Reply::Refused), _)) => return Err(TransportError::Offline),
            Either::Left((Err(_), _)) | Either::Right(_) => {
                return Err(TransportError::Transient { retry_after: None });
            }
        };
        shared.point("send: after the answer, before settle").await;
        match answer.status {
            _ if !answer.ours => Err(TransportError::NotOurServer),
            200 => Ok(answer.body),
            401 => Err(TransportError::Unauthorized),
            413 => Err(TransportError::TooLarge),
            426 => Err(TransportError::Incompatible),
            _ => Err(TransportError::Transient { retry_after: answer.retry_after }),
        }
    }

    async fn deliver(
        self: Arc<Self>,
        request: Request,
        weather: Weather,
        reply: Option<oneshot::Sender<Reply>>,
    ) {
        self.travel(weather).await;
        if self.shared.dice.percent(weather.lost) {
            // The client waits in vain, and gives up before this ends.
            self.shared.clock.sleep(2 * PATIENCE).await;
            return;
        }
        let place = request.place;
        let sent = request.commands.as_ref().map(|(_, body)| Arc::clone(body));
        let Some(answer) = self.serve(request).await else { return };
        if self.shared.dice.percent(weather.lost) {
            self.shared.clock.sleep(2 * PATIENCE).await;
            return;
        }
        self.travel(weather).await;
        let answer = self.crossed(place, weather, answer, sent.unwrap_or_default());
        if let Some(reply) = reply {
            let _ = reply.send(answer);
        }
    }

    async fn travel(&self, weather: Weather) {
        let dice = &self.shared.dice;
        let span = if dice.percent(weather.hours) {
            dice.millis(60_000, 3_600_000)
        } else if dice.percent(weather.late) {
            dice.millis(200, 20_000)
        } else {
            dice.millis(1, 60)
        };
        self.shared.clock.sleep(span).await;
    }

    /// The server's side of an exchange; `None` when the connection breaks.
    async fn serve(self: &Arc<Self>, request: Request) -> Option<Reply> {
        if !self.backend.is_up() {
            return Some(Reply::Refused);
        }
        let edge = *locked(&self.edge);
        if self.shared.dice.percent(edge.storm) {
            let ours = self.shared.dice.percent(70);
            let answer = Answer { ours, ..Answer::status(503, edge.retry_after) };
            return Some(Reply::Answered(answer));
        }
        if edge.too_old {
            return Some(Reply::Answered(Answer::status(426, None)));
        }
        let Some((session, body)) = request.commands else {
            let paused = edge.paused.and_then(|name| CommandType::new(name).ok());
            return Some(Reply::Answered(self.backend.hello(paused.into_iter().collect())));
        };
        if edge.max_bytes.is_some_and(|max| body.len() > max) {
            return Some(Reply::Answered(Answer::status(413, None)));
        }
        locked(&self.received).push((session.identity.clone(), Arc::clone(&body)));
        let (done, answer) = oneshot::channel();
        let backend = Arc::clone(&self.backend);
        self.shared.queue.spawn(Owner::Server, async move {
            let answer = backend.commands(&session.identity, session.expires_at, &body).await;
            let _ = done.send(answer);
        });
        answer.await.ok().map(Reply::Answered)
    }

    /// Checks what goes to a device (I6), and at times gives it another answer than its own.
    fn crossed(&self, place: Place, weather: Weather, reply: Reply, sent: Arc<Vec<u8>>) -> Reply {
        let Reply::Answered(mut answer) = reply else { return reply };
        let workspace = self.shared.model().places[place].workspace.clone();
        let text = String::from_utf8_lossy(&answer.body);
        let own = format!("canary:{workspace}:");
        let foreign = text.match_indices("canary:").any(|(at, _)| !text[at..].starts_with(&own));
        self.shared
            .check(!foreign, || format!("I6: p{place} of {workspace} is sent another workspace's data"));
        let mut line = locked(&self.lines[place]);
        if answer.status == 200 && answer.ours {
            let crossed = self.shared.dice.percent(weather.crossed) && !line.last_answer.is_empty();
            if crossed && !renewed(&line.last_sent, &sent) {
                std::mem::swap(&mut answer.body, &mut line.last_answer);
            } else {
                line.last_answer.clone_from(&answer.body);
            }
            line.last_sent = sent;
        }
        Reply::Answered(answer)
    }
}

/// Whether a command stands in both under different keys. Nothing in an answer tells which of the two it is about: see docs/guarantees.md,
/// what is not promised.
fn renewed(one: &[u8], other: &[u8]) -> bool {
    let commands =
        |body| serde_json::from_slice::<CommandBatch>(body).map(|batch| batch.commands).unwrap_or_default();
    let one = commands(one);
    let same = |command: &Command| one.iter().find(|known| known.command_id == command.command_id);
    commands(other)
        .iter()
        .any(|command| same(command).is_some_and(|known| known.idempotency_key != command.idempotency_key))
}

/// A tab's way to the server. Unlike a real one it does not compare the ids of an answer with those of the request: the engine must not
/// depend on that.
pub(crate) struct Wire {
    pub(crate) net: Arc<Net>,
    pub(crate) place: Place,
    pub(crate) network: Arc<ManualNetwork>,
}

fn unreadable(_: serde_json::Error) -> TransportError {
    TransportError::Transient { retry_after: None }
}

impl Transport for Wire {
    fn send(&self, batch: OutgoingBatch) -> BoxFuture<'_, Result<Vec<Outcome>, TransportError>> {
        Box::pin(async move {
            let shared = &self.net.shared;
            let session = locked(&self.net.lines[self.place]).session.clone();
            let session = session.ok_or(TransportError::Unauthorized)?;
            let portal = self.network.verdict() == NetworkVerdict::CaptivePortal;
            shared
                .check(!portal, || "I6: commands are shown to a captive portal that is known as one".into());
            let way = locked(&self.net.lines[self.place]).weather.way;
            if way != Way::Cut {
                shared.model().left(self.place, batch.command_ids.iter().copied());
            }
            shared.trace(|| format!("p{} sends {:?} ({way:?})", self.place, batch.command_ids));
            let commands = Some((session, Arc::new(batch.body.into_bytes())));
            let answer = self.net.exchange(Request { place: self.place, commands }).await;
            if let Err(error) = &answer {
                shared.trace(|| format!("p{} hears: {error}", self.place));
            }
            let Outcomes { outcomes } = serde_json::from_slice(&answer?).map_err(unreadable)?;
            Ok(outcomes)
        })
    }

    fn hello(&self) -> BoxFuture<'_, Result<Terms, TransportError>> {
        Box::pin(async move {
            let answer = self.net.exchange(Request { place: self.place, commands: None }).await?;
            serde_json::from_slice::<Hello>(&answer).map(Terms::from).map_err(unreadable)
        })
    }
}
