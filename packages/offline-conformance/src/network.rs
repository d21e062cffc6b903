use std::{pin::pin, sync::Arc};

use futures_util::{future::join, poll};
use offline_core::NetworkVerdict::{CaptivePortal, Offline, Online, ServerUnavailable, Unknown};

use crate::{
    NetworkCase, NetworkHarness, Proof,
    case::{cases, ensure, ensure_eq},
};

type Harness = Arc<dyn NetworkHarness>;

/// Every guarantee of [`offline_core::NetworkMonitor`].
pub fn network_monitor() -> Vec<NetworkCase> {
    cases![
        a_report_is_the_verdict,
        only_a_report_makes_it_online,
        a_hint_online_makes_offline_unknown,
        a_hint_online_leaves_other_verdicts_alone,
        a_hint_offline_makes_it_offline_at_once,
        the_latest_of_hint_and_report_wins,
        a_change_that_was_not_seen_resolves_at_once,
        every_waiter_is_told_of_a_change,
        the_same_verdict_again_is_no_change,
        a_dropped_waiter_loses_nothing,
    ]
}

async fn a_report_is_the_verdict(harness: Harness) -> Proof {
    let monitor = harness.monitor();
    for verdict in [Online, CaptivePortal, ServerUnavailable, Offline, Online, Unknown] {
        monitor.report(verdict);
        ensure_eq!(monitor.verdict(), verdict);
    }
    Ok(())
}

async fn only_a_report_makes_it_online(harness: Harness) -> Proof {
    let monitor = harness.monitor();
    ensure!(monitor.verdict() != Online, "a monitor that nobody told anything says online");
    harness.hint_online();
    ensure!(monitor.verdict() != Online, "a hint made it online");
    harness.hint_offline();
    harness.hint_online();
    ensure!(monitor.verdict() != Online, "a hint made it online");
    monitor.report(Online);
    ensure_eq!(monitor.verdict(), Online);
    Ok(())
}

async fn a_hint_online_makes_offline_unknown(harness: Harness) -> Proof {
    let monitor = harness.monitor();
    harness.hint_offline();
    harness.hint_online();
    ensure_eq!(monitor.verdict(), Unknown);
    monitor.report(Offline);
    harness.hint_online();
    ensure_eq!(monitor.verdict(), Unknown);
    Ok(())
}

async fn a_hint_online_leaves_other_verdicts_alone(harness: Harness) -> Proof {
    let monitor = harness.monitor();
    for verdict in [Online, CaptivePortal, ServerUnavailable] {
        monitor.report(verdict);
        harness.hint_online();
        ensure_eq!(monitor.verdict(), verdict);
    }
    Ok(())
}

async fn a_hint_offline_makes_it_offline_at_once(harness: Harness) -> Proof {
    let monitor = harness.monitor();
    for verdict in [Online, CaptivePortal, ServerUnavailable, Unknown] {
        monitor.report(verdict);
        harness.hint_offline();
        ensure_eq!(monitor.verdict(), Offline);
    }
    Ok(())
}

async fn the_latest_of_hint_and_report_wins(harness: Harness) -> Proof {
    let monitor = harness.monitor();
    monitor.report(Online);
    harness.hint_offline();
    ensure_eq!(monitor.verdict(), Offline);
    monitor.report(Online);
    ensure_eq!(monitor.verdict(), Online);
    Ok(())
}

async fn a_change_that_was_not_seen_resolves_at_once(harness: Harness) -> Proof {
    let monitor = harness.monitor();
    monitor.report(CaptivePortal);
    let mut change = pin!(monitor.next_change(Online));
    let polled = poll!(change.as_mut());
    let std::task::Poll::Ready(verdict) = polled else {
        return Err(crate::Failed::new("a waiter who had not seen the verdict had to wait"));
    };
    ensure_eq!(verdict, CaptivePortal);
    Ok(())
}

async fn every_waiter_is_told_of_a_change(harness: Harness) -> Proof {
    let monitor = harness.monitor();
    let seen = monitor.verdict();
    let (mut one, mut two) = (pin!(monitor.next_change(seen)), pin!(monitor.next_change(seen)));
    ensure!(poll!(one.as_mut()).is_pending(), "nothing has changed");
    ensure!(poll!(two.as_mut()).is_pending(), "nothing has changed");
    monitor.report(Online);
    let (one, two) = join(one, two).await;
    ensure_eq!((one, two), (Online, Online));
    let mut hint = pin!(monitor.next_change(Online));
    ensure!(poll!(hint.as_mut()).is_pending(), "nothing has changed");
    harness.hint_offline();
    ensure_eq!(hint.await, Offline);
    Ok(())
}

async fn the_same_verdict_again_is_no_change(harness: Harness) -> Proof {
    let monitor = harness.monitor();
    monitor.report(Online);
    let mut change = pin!(monitor.next_change(Online));
    ensure!(poll!(change.as_mut()).is_pending(), "nothing has changed");
    monitor.report(Online);
    harness.hint_online();
    ensure!(poll!(change.as_mut()).is_pending(), "nothing has changed");
    monitor.report(ServerUnavailable);
    ensure_eq!(change.await, ServerUnavailable);
    Ok(())
}

async fn a_dropped_waiter_loses_nothing(harness: Harness) -> Proof {
    let monitor = harness.monitor();
    monitor.report(Online);
    {
        let mut dropped = pin!(monitor.next_change(Online));
        ensure!(poll!(dropped.as_mut()).is_pending(), "nothing has changed");
    }
    monitor.report(Offline);
    ensure_eq!(monitor.next_change(Online).await, Offline);
    Ok(())
}
