//! Every rule of flushing, without I/O: what has happened goes in ([`Input`]), what to do next comes out ([`Step`]).
//!
//! One round of a flush is `Acquire -> Recover -> Probe -> Scan -> TakeOff -> Send -> Settle -> Scan ...` until nothing is due, then `Wait`.
//! - **Acquire/Renew**: without the lease nothing is sent. A lost lease starts the round again.
//! - **Recover**: after every acquisition, the flights of whoever held the lease before go back to PENDING.
//! - **Probe**: as long as our server has not answered, commands are not shown to whoever does: a captive portal gets a `hello`, no data. A server
//!   that has paused types is asked again when a wait has lasted its time: nothing else tells that it takes them now.
//! - **Wait**: until a signal, the next try, or the next command's time. A pause waits for a signal of its own kind.
//!
//! The runner performs steps and adds no rule.

use std::time::Duration;

use offline_protocol::{CommandId, CommandType, Limits, Outcome, Timestamp};

use crate::{
    Change, Failure, Fence, Lease, NetworkVerdict, OutboxCommand, PauseReason, Phase, RetryPolicy, Signal,
    StoreError, Takeover, Terms, TransportError,
    settle::{Sent, changes, failed_transiently, too_large},
};

/// How long the store is left alone after it failed.
const STORE_PAUSE: Duration = Duration::from_secs(30);
/// How often a leaseholder looks for commands that other processes enqueued without telling.
const IDLE_POLL: Duration = Duration::from_secs(30);
/// How long to wait when the store shows a command as due but does not let it take off.
const CONTRADICTION_PAUSE: Duration = Duration::from_secs(1);

/// Whether holding the lease needs a lock of the platform first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Election {
    /// The lease alone decides.
    Lease,
    /// Nothing is flushed before [`crate::Engine::promote`]; the lease then guards against frozen tabs.
    PlatformLock,
}

/// What the rules depend on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) limits: Limits,
    pub(crate) retry: RetryPolicy,
    pub(crate) lease_ttl: Duration,
    pub(crate) election: Election,
}

/// What the rules may look at, beside their own state.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) now: Timestamp,
    pub(crate) random: f64,
    pub(crate) verdict: NetworkVerdict,
}

/// What has happened.
#[derive(Debug)]
pub(crate) enum Input {
    Woken(Vec<Signal>),
    Promoted,
    Acquired(Option<Lease>),
    Renewed(Option<Lease>),
    Recovered,
    Probed(Result<Terms, TransportError>),
    Scanned { due: Vec<CommandId>, next_attempt_at: Option<Timestamp> },
    TookOff(Vec<OutboxCommand>),
    Sent(Vec<Sent>, Result<Vec<Outcome>, TransportError>),
    Settled,
    StoreFailed(StoreError),
}

/// What to do next.
#[derive(Debug)]
pub(crate) enum Step {
    Wait { until: Option<Timestamp>, phase: Phase },
    Acquire(Takeover),
    Renew(Lease),
    Recover(Fence),
    Probe,
    Scan { limits: Limits, ignore_waits: bool },
    TakeOff(Fence, Vec<CommandId>),
    Send(Vec<OutboxCommand>),
    Settle { fence: Fence, changes: Vec<(CommandId, Change)>, retry: Option<(Timestamp, &'static str)> },
    Stop,
}

#[derive(Debug, Clone, Copy)]
struct Wait {
    until: Timestamp,
    /// A wait that is longer than this comes from a clock that has jumped.
    span: Duration,
    /// Whether the server asked for it: then only a person ends it.
    demanded: bool,
}

/// The state of one engine's flushing.
#[derive(Debug)]
pub(crate) struct Planner {
    rules: Rules,
    lease: Option<Lease>,
    promoted: bool,
    takeover: Takeover,
    recovered: bool,
    pause: Option<PauseReason>,
    wait: Option<Wait>,
    failures: u32,
    /// What both sides take in one request.
    limits: Limits,
    batch_limit: u32,
    ignore_waits: bool,
    paused_types: Vec<CommandType>,
    /// Whether the server may have other terms by now.
    ask_terms: bool,
}

impl Planner {
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            rules,
            lease: None,
            promoted: false,
            takeover: Takeover::IfExpired,
            recovered: false,
            pause: None,
            wait: None,
            failures: 0,
            limits: rules.limits,
            batch_limit: rules.limits.max_items,
            ignore_waits: true,
            paused_types: Vec::new(),
            ask_terms: false,
        }
    }

    pub(crate) fn paused_by(&self) -> Option<PauseReason> {
        self.pause
    }

    pub(crate) fn lease(&self) -> Option<&Lease> {
        self.lease.as_ref()
    }

    pub(crate) fn paused_types(&self) -> &[CommandType] {
        &self.paused_types
    }

    /// The leaseholder's heartbeat beside a long exchange.
    pub(crate) fn heartbeat(&mut self, renewed: Option<Lease>) {
        self.lease = renewed;
    }

    /// What to do first.
    pub(crate) fn start(&mut self, moment: Moment) -> Step {
        self.decide(moment)
    }

    /// What to do after something has happened.
    pub(crate) fn on(&mut self, input: Input, moment: Moment) -> Step {
        match input {
            Input::Woken(signals) => {
                self.ask_terms |= signals.is_empty() && !self.paused_types.is_empty();
                #[cfg(planted)]
                {
                    use offline_protocol::planted::{Bug, is};
                    self.ask_terms &= !is(Bug::TermsBelievedForEver);
                }
                signals.into_iter().for_each(|signal| self.signalled(signal, moment));
                self.decide(moment)
            }
            Input::Promoted => {
                (self.promoted, self.takeover) = (true, Takeover::Always);
                self.decide(moment)
            }
            Input::Acquired(lease) => self.acquired(lease, moment),
            Input::Renewed(lease) => {
                self.recovered &= lease.is_some();
                self.lease = lease;
                self.decide(moment)
            }
            Input::Recovered => {
                self.recovered = true;
                self.decide(moment)
            }
            Input::Probed(result) => self.probed(result, moment),
            Input::Scanned { due, next_attempt_at } => self.scanned(due, next_attempt_at, moment),
            Input::TookOff(commands) if commands.is_empty() => {
                self.wait_for(CONTRADICTION_PAUSE, false, moment);
                self.decide(moment)
            }
            Input::TookOff(commands) => Step::Send(commands),
            Input::Sent(sent, result) => self.sent(&sent, result, moment),
            Input::Settled => self.decide(moment),
            Input::StoreFailed(error) => self.store_failed(&error, moment),
        }
    }

    /// Whether a wait goes on as it is although these signals came: a till that sells without a network need not think it over at each sale.
    pub(crate) fn sleeps_through(&self, signals: &[Signal], verdict: NetworkVerdict) -> bool {
        #[cfg(planted)]
        if self.pause.is_some()
            && offline_protocol::planted::is(offline_protocol::planted::Bug::PauseWithoutEnd)
        {
            return true;
        }
        signals == [Signal::Enqueued]
            && match (self.pause, self.wait) {
                (Some(_), _) => true,
                (None, Some(wait)) => wait.demanded || verdict == NetworkVerdict::Offline,
                (None, None) => self.needs_lock(),
            }
    }

    /// Whether nothing can be done before the platform's lock is there.
    fn needs_lock(&self) -> bool {
        self.lease.is_none() && self.rules.election == Election::PlatformLock && !self.promoted
    }

    fn decide(&mut self, moment: Moment) -> Step {
        if let Some(reason) = self.pause {
            let retry = (reason == PauseReason::Storage).then_some(self.wait).flatten();
            match retry {
                Some(wait) if self.over(wait, moment) => (self.pause, self.wait) = (None, None),
                _ => return Step::Wait { until: retry.map(|wait| wait.until), phase: Phase::Paused },
            }
        }
        if let Some(wait) = self.wait {
            if !self.over(wait, moment) {
                return Step::Wait { until: Some(wait.until), phase: Phase::Waiting };
            }
            self.wait = None;
        }
        match &self.lease {
            None if self.needs_lock() => return Step::Wait { until: None, phase: Phase::Idle },
            None => return Step::Acquire(self.takeover),
            Some(lease) if self.is_doubtful(lease, moment) => {
                return Step::Renew(lease.clone());
            }
            Some(lease) if !self.recovered => return Step::Recover(lease.fence),
            Some(_) => {}
        }
        if moment.verdict != NetworkVerdict::Online || std::mem::take(&mut self.ask_terms) {
            return Step::Probe;
        }
        let limits = Limits { max_items: self.batch_limit, ..self.limits };
        Step::Scan { limits, ignore_waits: std::mem::take(&mut self.ignore_waits) }
    }

    /// Whether the lease is half over, or longer than any lease is: then the clock was set back, and for all one knows others have had it since.
    fn is_doubtful(&self, lease: &Lease, moment: Moment) -> bool {
        let left = lease.expires_at.since(moment.now);
        left < self.rules.lease_ttl / 2 || left > self.rules.lease_ttl
    }

    fn over(&self, wait: Wait, moment: Moment) -> bool {
        let left = wait.until.since(moment.now);
        #[cfg(planted)]
        if offline_protocol::planted::is(offline_protocol::planted::Bug::ClockTrusted) {
            return left.is_zero();
        }
        left.is_zero() || left > wait.span
    }

    fn wait_for(&mut self, span: Duration, demanded: bool, moment: Moment) {
        self.wait = Some(Wait { until: moment.now.plus(span), span, demanded });
    }

    fn signalled(&mut self, signal: Signal, moment: Moment) {
        let ends_pause = match self.pause {
            None => false,
            Some(PauseReason::Login) => matches!(signal, Signal::SignedIn | Signal::SyncNow),
            Some(PauseReason::Incompatible) => signal == Signal::SyncNow,
            Some(PauseReason::Storage) => signal != Signal::Enqueued,
        };
        if ends_pause {
            (self.pause, self.wait) = (None, None);
        }
        let ends_wait = match signal {
            // While there is no network, a till that goes on selling must not try it at every sale.
            Signal::Enqueued => moment.verdict != NetworkVerdict::Offline,
            Signal::Resolved => false,
            Signal::Hint | Signal::SyncNow | Signal::SignedIn => true,
        };
        // The wait of a pause is what ends it: taken away alone, the pause would last for ever.
        if ends_wait
            && self.pause.is_none()
            && self.wait.is_some_and(|wait| !wait.demanded || signal == Signal::SyncNow)
        {
            self.wait = None;
        }
        if matches!(signal, Signal::Hint | Signal::SyncNow | Signal::SignedIn) {
            self.ignore_waits = true;
        }
    }

    fn acquired(&mut self, lease: Option<Lease>, moment: Moment) -> Step {
        self.recovered = false;
        #[cfg(planted)]
        {
            self.recovered =
                offline_protocol::planted::is(offline_protocol::planted::Bug::FlightNotRecovered);
        }
        self.takeover = Takeover::IfExpired;
        self.lease = lease;
        if self.lease.is_none() {
            let until = moment.now.plus(self.rules.lease_ttl);
            return Step::Wait { until: Some(until), phase: Phase::Idle };
        }
        self.decide(moment)
    }

    fn probed(&mut self, result: Result<Terms, TransportError>, moment: Moment) -> Step {
        match result {
            Ok(terms) => {
                let own = self.rules.limits;
                self.limits = Limits {
                    max_items: terms.limits.max_items.min(own.max_items).max(1),
                    max_body_bytes: terms.limits.max_body_bytes.min(own.max_body_bytes),
                    max_item_bytes: terms.limits.max_item_bytes.min(own.max_item_bytes),
                };
                self.batch_limit = self.batch_limit.min(self.limits.max_items);
                self.paused_types = terms.paused_types;
            }
            Err(error) => {
                self.exchange_failed(&error, Exchange::Probe, moment);
            }
        }
        self.decide(moment)
    }

    fn scanned(&mut self, due: Vec<CommandId>, next: Option<Timestamp>, moment: Moment) -> Step {
        match &self.lease {
            Some(lease) if !due.is_empty() => Step::TakeOff(lease.fence, due),
            _ => {
                let poll = moment.now.plus(IDLE_POLL);
                let until = next.map_or(poll, |next| next.min(poll));
                Step::Wait {
                    until: Some(until),
                    phase: if next.is_some() { Phase::Waiting } else { Phase::Idle },
                }
            }
        }
    }

    fn sent(&mut self, sent: &[Sent], result: Result<Vec<Outcome>, TransportError>, moment: Moment) -> Step {
        let Some(lease) = &self.lease else {
            return self.decide(moment);
        };
        let fence = lease.fence;
        #[cfg(planted)]
        let result = planted_answer(sent, result);
        let result = result.and_then(|outcomes| {
            changes(sent, outcomes, &self.rules.retry, moment)
                .ok_or(TransportError::Transient { retry_after: None })
        });
        let (changes, retry) = match result {
            Ok(changes) => {
                self.failures = 0;
                self.batch_limit = (self.batch_limit * 2).min(self.limits.max_items);
                (changes, None)
            }
            Err(TransportError::TooLarge) => {
                self.batch_limit = u32::try_from(sent.len() / 2).unwrap_or(1).max(1);
                (if sent.len() == 1 { too_large(sent, moment.now) } else { Vec::new() }, None)
            }
            Err(error) => {
                let code = self.exchange_failed(&error, Exchange::Commands, moment);
                // Whoever answers in the server's place may have handed the request on before: a gateway that lost patience, for example.
                let counted =
                    matches!(error, TransportError::NotOurServer | TransportError::Transient { .. });
                #[cfg(planted)]
                let counted = counted
                    || offline_protocol::planted::is(offline_protocol::planted::Bug::AttemptsCountedOffline);
                let changes = if counted { failed_transiently(sent, moment.now) } else { Vec::new() };
                #[cfg(planted)]
                let changes = if offline_protocol::planted::is(offline_protocol::planted::Bug::TroubleParks) {
                    too_large(sent, moment.now)
                } else {
                    changes
                };
                (changes, self.wait.map(|wait| (wait.until, code)))
            }
        };
        Step::Settle { fence, changes, retry }
    }

    fn exchange_failed(&mut self, error: &TransportError, what: Exchange, moment: Moment) -> &'static str {
        self.failures = self.failures.saturating_add(1);
        let retry = self.rules.retry;
        let own = match what {
            Exchange::Commands => retry.delay(self.failures, moment.random),
            Exchange::Probe => retry.probe_delay(self.failures, moment.random),
        };
        match error {
            TransportError::Unauthorized => self.pause = Some(PauseReason::Login),
            TransportError::Incompatible => self.pause = Some(PauseReason::Incompatible),
            TransportError::Transient { retry_after: Some(asked) } => {
                self.wait_for((*asked).min(retry.cap).max(own), true, moment);
            }
            TransportError::Offline
            | TransportError::NotOurServer
            | TransportError::Transient { retry_after: None }
            | TransportError::TooLarge => self.wait_for(own, false, moment),
        }
        code(error)
    }

    fn store_failed(&mut self, error: &StoreError, moment: Moment) -> Step {
        // Whatever was under way, its flight may still stand in the store.
        self.recovered = false;
        match error {
            StoreError::Closed => return Step::Stop,
            StoreError::Fenced => self.lease = None,
            _ => {
                self.pause = Some(PauseReason::Storage);
                self.wait_for(STORE_PAUSE, false, moment);
            }
        }
        self.decide(moment)
    }
}

#[derive(Debug, Clone, Copy)]
enum Exchange {
    Probe,
    Commands,
}

/// What an error says about the way to the server; `None` when nothing new.
pub(crate) fn observed(error: &TransportError) -> Option<NetworkVerdict> {
    match error {
        TransportError::Offline => Some(NetworkVerdict::Offline),
        TransportError::NotOurServer => Some(NetworkVerdict::CaptivePortal),
        TransportError::Transient { .. } => Some(NetworkVerdict::ServerUnavailable),
        TransportError::TooLarge | TransportError::Incompatible => Some(NetworkVerdict::Online),
        // Without a token nothing was sent, so nothing was learnt.
        TransportError::Unauthorized => None,
    }
}

/// Believes whoever has answered.
#[cfg(planted)]
fn planted_answer(
    sent: &[Sent],
    result: Result<Vec<Outcome>, TransportError>,
) -> Result<Vec<Outcome>, TransportError> {
    if !offline_protocol::planted::is(offline_protocol::planted::Bug::PortalAccepted)
        || !matches!(result, Err(TransportError::NotOurServer))
    {
        return result;
    }
    let applied = || offline_protocol::Verdict::Applied {
        versions: Vec::new(),
        result: serde_json::Value::Null,
        replayed: false,
        change_seq: offline_protocol::ChangeSeq::FIRST,
    };
    Ok(sent.iter().map(|sent| Outcome { command_id: Some(sent.command_id), verdict: applied() }).collect())
}

fn code(error: &TransportError) -> &'static str {
    match error {
        TransportError::Offline => "offline",
        TransportError::NotOurServer => "not-our-server",
        TransportError::Transient { .. } => "transient",
        TransportError::Unauthorized => "unauthorized",
        TransportError::TooLarge => "request-too-large",
        TransportError::Incompatible => "client-too-old",
    }
}

/// Why a command was put back, without the server's word on it.
pub(crate) fn engine_failure(code: &str, title: &str, at: Timestamp) -> Failure {
    Failure { code: code.to_owned(), title: title.to_owned(), problem: None, at }
}

#[cfg(test)]
mod tests;
