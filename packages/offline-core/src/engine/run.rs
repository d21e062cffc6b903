use std::{future::poll_fn, sync::atomic::Ordering, task::Poll};

use offline_protocol::{CommandId, Limits, Timestamp, TraceId};

use super::{Engine, Inner, look::Look, state::News, told::Told};
use crate::{
    BoxFuture, Change, EventKind, Flight, FlightId, JournalEntry, JournalOutcome, JournalQuery,
    NetworkVerdict, Notice, OutboxCommand, OutgoingBatch, PauseReason, Phase, Progress, Settlement, Signal,
    StoreError,
    plan::{Input, Moment, Planner, Rules, Step},
    platform::Exchange,
    settle::Sent,
};

impl Engine {
    /// Flushes until [`Engine::close`], or until the store is gone. Poll it on a task of its own; one at a time, a second call returns at once.
    ///
    /// Dropping it is like a crash: what was on the wire is sent again by whoever flushes next, under the same keys.
    pub async fn run(&self) {
        if self.0.running.swap(true, Ordering::AcqRel) {
            return;
        }
        let running = Running(&self.0);
        let runner = Runner::new(running.0);
        let mut drive: BoxFuture<'_, ()> = Box::pin(runner.drive());
        let mut publish: BoxFuture<'_, ()> = Box::pin(running.0.publish_counts());
        poll_fn(|context| match drive.as_mut().poll(context) {
            Poll::Pending => publish.as_mut().poll(context),
            ready => ready,
        })
        .await;
    }
}

/// Says that the runner is gone, also when its future is dropped.
struct Running<'a>(&'a Inner);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.store(false, Ordering::Release);
        self.0.update_status(&mut |status| status.leader = false);
        self.0.shared.round_ended();
    }
}

/// Performs the planner's steps. Writes to the store first, tells about it after.
struct Runner<'a> {
    inner: &'a Inner,
    planner: Planner,
    flight: Option<(FlightId, Vec<(CommandId, TraceId)>)>,
    /// The look through the outbox for the flight, whose commands were taken out of it; then the one for the next flight, made while this one is in
    /// the air.
    look: Option<Box<Look>>,
    settled: u64,
    to_prune: bool,
    told_pause: Option<PauseReason>,
}

impl<'a> Runner<'a> {
    fn new(inner: &'a Inner) -> Self {
        let config = &inner.config;
        let rules = Rules {
            limits: config.limits,
            retry: config.retry,
            lease_ttl: config.lease_ttl,
            election: config.election,
        };
        Self {
            inner,
            planner: Planner::new(rules),
            flight: None,
            look: None,
            settled: 0,
            to_prune: false,
            told_pause: None,
        }
    }

    async fn drive(mut self) {
        self.inner.remember_last_sync().await;
        let mut step = self.planner.start(self.moment());
        while !self.inner.shared.is_closed() {
            self.publish(&step);
            if matches!(step, Step::Stop) {
                break;
            }
            let input = match self.perform(step).await {
                Ok(input) => input,
                Err(error) => Input::StoreFailed(error),
            };
            step = self.planner.on(input, self.moment());
        }
        if let Some(lease) = self.planner.lease() {
            // It expires by itself when this fails.
            let _ = self.inner.ports.lease.release(lease).await;
        }
    }

    fn moment(&self) -> Moment {
        let ports = &self.inner.ports;
        Moment { now: ports.clock.now(), random: ports.ids.random(), verdict: self.inner.verdict() }
    }

    async fn perform(&mut self, step: Step) -> Result<Input, StoreError> {
        let inner = self.inner;
        let (ports, config) = (&inner.ports, &inner.config);
        if matches!(step, Step::Wait { .. } | Step::Acquire(_) | Step::Recover(_) | Step::Probe) {
            // What was found may have been flown by somebody else until there is a next flight.
            self.look = None;
        }
        Ok(match step {
            Step::Wait { until, .. } => self.wait(until).await?,
            Step::Acquire(takeover) => {
                let now = ports.clock.now();
                let lease = ports.lease.acquire(&config.holder, now, config.lease_ttl, takeover).await?;
                inner.update_status(&mut |status| status.leader = lease.is_some());
                Input::Acquired(lease)
            }
            Step::Renew(lease) => Input::Renewed(inner.renew(lease).await?),
            Step::Recover(fence) => {
                ports.outbox.recover(fence).await?;
                // Whoever flushed before may have died before he could tell: anything may have changed.
                inner.tell(Notice::Changed { command_ids: Vec::new() });
                Input::Recovered
            }
            Step::Probe => {
                let before = inner.verdict();
                let (mut exchange, mut result) = (ports.transport.hello(), None);
                self.with_heartbeat(&mut |context| keep(exchange.as_mut().poll(context), &mut result)).await;
                let result = result.expect("BUG: an exchange that is over has an answer");
                inner.observe(before, &result);
                Input::Probed(result)
            }
            Step::Scan { limits, ignore_waits } => self.scan(limits, ignore_waits).await?,
            Step::TakeOff(fence, commands) => {
                let flight_id = FlightId(ports.ids.uuid(ports.clock.now()));
                let flight = Flight { flight_id, fence, commands, at: ports.clock.now() };
                let commands = ports.outbox.take_off(flight).await?;
                let traces = commands.iter().map(|flown| (flown.command_id, flown.client_trace_id.clone()));
                self.flight = Some((flight_id, traces.collect()));
                inner.flush_started().await?;
                let flown: Vec<_> = commands.iter().map(|command| command.command_id).collect();
                inner.tell_changed(&flown);
                Input::TookOff(commands)
            }
            Step::Send(commands) => self.send(commands).await,
            Step::Settle { fence, changes, retry } => self.settle(fence, changes, retry).await?,
            Step::Stop => Input::Settled,
        })
    }

    /// Until a signal, a change of the network or `until`.
    async fn wait(&mut self, until: Option<Timestamp>) -> Result<Input, StoreError> {
        let ports = &self.inner.ports;
        // At the moment for which it was planned: the clock may be set back by days while the journal is pruned.
        let mut sleep = until.map(|until| ports.clock.sleep(until.since(ports.clock.now())));
        // Somebody who waits for a round does not wait for this as well.
        if self.to_prune && !self.inner.shared.is_asked() {
            self.to_prune = false;
            ports.outbox.prune_journal(self.inner.config.journal_keep).await?;
        }
        let (inner, planner) = (self.inner, &self.planner);
        let mut changed = ports.network.next_change(inner.verdict());
        let input = poll_fn(|context| {
            match inner.shared.news(context) {
                None => {}
                Some(News::Promoted) => return Poll::Ready(Input::Promoted),
                Some(News::Signals(signals))
                    if !inner.shared.is_closed() && planner.sleeps_through(&signals, inner.verdict()) => {}
                Some(News::Signals(signals)) => return Poll::Ready(Input::Woken(signals)),
            }
            if let Poll::Ready(verdict) = changed.as_mut().poll(context) {
                inner.publish_verdict(verdict);
                let hint = (verdict != NetworkVerdict::Offline).then_some(Signal::Hint);
                return Poll::Ready(Input::Woken(hint.into_iter().collect()));
            }
            match sleep.as_mut().map(|sleep| sleep.as_mut().poll(context)) {
                Some(Poll::Ready(())) => Poll::Ready(Input::Woken(Vec::new())),
                _ => Poll::Pending,
            }
        });
        Ok(input.await)
    }

    /// Looks through the outbox, from its head or from where the last look has ended, until a batch is full or nothing is left.
    async fn scan(&mut self, limits: Limits, ignore_waits: bool) -> Result<Input, StoreError> {
        let ahead = self.look.take().filter(|look| look.is_batch(limits));
        let mut look = match ahead {
            Some(look) => look,
            None => {
                let paused_types = self.planner.paused_types().to_vec();
                self.inner.look(Look::new(limits, ignore_waits, paused_types)).await?
            }
        };
        let due = std::mem::take(&mut look.due);
        let next_attempt_at = look.next_attempt_at;
        if due.is_empty() {
            self.flush_finished(next_attempt_at.is_none());
        }
        self.look = Some(look);
        Ok(Input::Scanned { due, next_attempt_at })
    }

    fn flush_finished(&mut self, all_settled: bool) {
        let now = self.inner.ports.clock.now();
        let settled = std::mem::take(&mut self.settled);
        if self.inner.shared.progress().is_some() {
            self.inner.tell_event(EventKind::FlushFinished { settled });
        }
        self.inner.update_status(&mut |status| {
            status.progress = None;
            if all_settled {
                status.last_synced_at = Some(now);
            }
        });
    }

    async fn send(&mut self, commands: Vec<OutboxCommand>) -> Input {
        let sent: Vec<Sent> = commands
            .iter()
            .map(|command| Sent { command_id: command.command_id, attempts: command.attempts })
            .collect();
        let look = self.look.take().and_then(|look| look.behind(self.inner.ports.clock.now()));
        let mut ahead = look.map(|look| self.inner.look(look));
        let inner = self.inner;
        let before = inner.verdict();
        let (mut commands, mut exchange, mut result, mut found) = (Some(commands), None, None, None);
        self.with_heartbeat(&mut |context| {
            // First, so that the store is at work meanwhile.
            if let Some(Poll::Ready(look)) = ahead.as_mut().map(|look| look.as_mut().poll(context)) {
                // A store that fails now fails again at the next step; there it is dealt with.
                (ahead, found) = (None, look.ok());
            }
            if let Some(commands) = commands.take() {
                exchange = Some(inner.ports.transport.send(OutgoingBatch::of(&commands)));
            }
            let is_over = result.is_some()
                || exchange
                    .as_mut()
                    .is_some_and(|exchange| keep(exchange.as_mut().poll(context), &mut result));
            // The store does one thing at a time: a settlement would have to wait for the look.
            is_over && ahead.is_none()
        })
        .await;
        let result = result.expect("BUG: an exchange that is over has an answer");
        self.inner.observe(before, &result);
        self.look = found;
        Input::Sent(sent, result)
    }

    /// An exchange may last longer than the lease: renews it meanwhile, until `exchange` says that it is over.
    fn with_heartbeat<'b>(&'b mut self, exchange: &'b mut Exchange<'_>) -> BoxFuture<'b, ()> {
        Box::pin(async move {
            loop {
                let mut pause = self.inner.ports.clock.sleep(self.inner.config.lease_ttl / 3);
                let over = poll_fn(|context| {
                    if exchange(context) {
                        return Poll::Ready(true);
                    }
                    pause.as_mut().poll(context).map(|()| false)
                });
                if over.await {
                    return;
                }
                if let Some(lease) = self.planner.lease().cloned() {
                    // A store that fails now fails again when the exchange is settled; there it is dealt with.
                    if let Ok(renewed) = self.inner.renew(lease).await {
                        self.planner.heartbeat(renewed);
                    }
                }
            }
        })
    }

    async fn settle(
        &mut self,
        fence: crate::Fence,
        changes: Vec<(CommandId, Change)>,
        retry: Option<(Timestamp, &'static str)>,
    ) -> Result<Input, StoreError> {
        let inner = self.inner;
        let Some((flight_id, traces)) = self.flight.take() else {
            return Ok(Input::Settled);
        };
        let at = inner.ports.clock.now();
        let applied = changes.iter().filter(|(_, change)| matches!(change, Change::Applied(_)));
        let is_refused = applied.count() < traces.len();
        #[cfg(planted)]
        let is_refused =
            is_refused && !offline_protocol::planted::is(offline_protocol::planted::Bug::AheadOfARefusal);
        if is_refused {
            // It was looked ahead as if all would be applied.
            self.look = None;
        }
        let told: Vec<Told> = changes.iter().map(|(id, change)| Told::new(*id, change)).collect();
        inner.ports.outbox.settle(Settlement { flight_id, fence, at, changes }).await?;

        let final_ones = told.iter().filter(|told| told.is_final()).count() as u64;
        self.settled += final_ones;
        self.to_prune |= final_ones > 0;
        let command_ids: Vec<CommandId> = traces.iter().map(|(id, _)| *id).collect();
        let mut last = 0;
        for told in told {
            // Answers mostly have the order of the flight.
            let (before, behind) = traces.split_at(last);
            let found = behind.iter().chain(before).position(|(id, _)| *id == told.id);
            if let Some(steps) = found {
                last = (last + steps) % traces.len();
                inner.tell_event(told.event(traces[last].1.clone()));
            }
        }
        if let Some((next_attempt_at, code)) = retry {
            let code = code.to_owned();
            inner.tell_event(EventKind::RetryScheduled {
                command_ids: command_ids.clone(),
                next_attempt_at,
                code,
            });
        }
        inner.tell_ids(&command_ids);
        self.publish_progress(final_ones, at);
        Ok(Input::Settled)
    }

    fn publish_progress(&self, final_ones: u64, at: Timestamp) {
        if final_ones == 0 {
            return;
        }
        let settled = self.settled;
        let mut total = settled;
        self.inner.update_status(&mut |status| {
            total = status.progress.map_or(settled, |progress| progress.total.max(settled));
            status.progress = Some(Progress { settled, total });
            status.last_synced_at = Some(at);
        });
        self.inner.tell_event(EventKind::FlushProgress { settled, total });
    }

    fn publish(&mut self, step: &Step) {
        if self.planner.paused_by().is_none() {
            self.tell_pause();
        }
        let (phase, next_attempt_at) = match step {
            Step::Wait { until, phase } => (*phase, until.filter(|_| *phase == Phase::Waiting)),
            Step::TakeOff(..) | Step::Send(_) | Step::Settle { .. } => (Phase::Syncing, None),
            _ => return,
        };
        let waits = matches!(step, Step::Wait { .. });
        if waits {
            // Also for what a tab has stored that died before it could tell.
            self.inner.shared.mark_counts();
        }
        let paused_by = self.planner.paused_by();
        if waits && paused_by.is_none() && self.planner.lease().is_none() && phase == Phase::Idle {
            // Somebody else flushes: what he tells is the status. Until he has spoken there is nothing to tell.
            self.inner.update_status(&mut |status| {
                if status.phase == Phase::Starting {
                    status.phase = Phase::Idle;
                }
            });
            return;
        }
        if waits && phase != Phase::Idle {
            self.flush_finished(false);
        }
        self.inner.update_status(&mut |status| {
            status.phase = phase;
            status.paused_by = paused_by;
            status.next_attempt_at = next_attempt_at;
        });
        if waits {
            self.tell_pause();
            // Who has asked meanwhile has the next one.
            if !self.inner.shared.is_asked() {
                self.inner.shared.round_ended();
            }
        }
    }

    /// Says that a pause has begun or ended, once the store and the status are what they are to be meanwhile.
    fn tell_pause(&mut self) {
        let now = self.planner.paused_by();
        if std::mem::replace(&mut self.told_pause, now) == now {
            return;
        }
        self.inner.update_status(&mut |status| status.paused_by = now);
        match now {
            None => self.inner.tell_event(EventKind::Resumed),
            Some(reason) => {
                self.inner.tell_event(EventKind::Paused { reason });
                if reason == PauseReason::Login {
                    self.inner.tell_event(EventKind::LoginNeeded);
                }
            }
        }
    }
}

/// Keeps an answer; says whether it is there.
fn keep<T>(polled: Poll<T>, answer: &mut Option<T>) -> bool {
    if let Poll::Ready(ready) = polled {
        *answer = Some(ready);
    }
    answer.is_some()
}

impl Inner {
    /// After a restart the status still says when the server last settled something.
    async fn remember_last_sync(&self) {
        let latest = self.ports.outbox.journal(JournalQuery::Latest { limit: 1 }).await;
        // A store that cannot be read shows itself at the first step.
        let settled = latest.ok().and_then(|mut latest| latest.pop());
        if let Some(JournalEntry { outcome: JournalOutcome::Applied { .. }, settled_at, .. }) = settled {
            self.update_status(&mut |status| status.last_synced_at = Some(settled_at));
        }
    }

    async fn flush_started(&self) -> Result<(), StoreError> {
        if self.shared.progress().is_some() {
            return Ok(());
        }
        let counts = self.ports.outbox.counts().await?;
        let total = counts.pending + counts.in_flight;
        self.update_status(&mut |status| {
            status.counts = counts;
            status.progress = Some(Progress { settled: 0, total });
        });
        self.tell_event(EventKind::FlushStarted { total });
        Ok(())
    }

    /// In a box, so that it is compiled once and not with each of its callers.
    fn renew(&self, lease: crate::Lease) -> BoxFuture<'_, Result<Option<crate::Lease>, StoreError>> {
        let (now, ttl) = (self.ports.clock.now(), self.config.lease_ttl);
        Box::pin(async move {
            let current = self.ports.lease.renew(&lease, now, ttl).await?;
            Ok(current.then(|| crate::Lease { expires_at: now.plus(ttl), ..lease }))
        })
    }
}
