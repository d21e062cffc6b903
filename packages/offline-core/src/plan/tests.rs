use super::*;
use crate::test_commands::{command, id};

const START: Timestamp = Timestamp::from_millis(1_000_000_000);

fn moment(seconds: u64, verdict: NetworkVerdict) -> Moment {
    Moment { now: START.plus(Duration::from_secs(seconds)), random: 0.5, verdict }
}

fn planner(election: Election) -> Planner {
    let lease_ttl = Duration::from_secs(1000);
    Planner::new(Rules { limits: Limits::default(), retry: RetryPolicy::default(), lease_ttl, election })
}

fn lease() -> Lease {
    Lease { holder: "h".into(), fence: Fence(1), expires_at: START.plus(Duration::from_secs(1000)) }
}

/// A planner that holds the lease and has recovered.
fn leader() -> Planner {
    let mut planner = planner(Election::Lease);
    planner.on(Input::Acquired(Some(lease())), moment(0, NetworkVerdict::Unknown));
    planner.on(Input::Recovered, moment(0, NetworkVerdict::Unknown));
    planner
}

fn fail(planner: &mut Planner, error: TransportError, at: Moment) -> Step {
    let sent = vec![Sent { command_id: id(1), attempts: 3 }];
    planner.on(Input::Sent(sent, Err(error)), at)
}

fn hello() -> Terms {
    Terms { limits: Limits::default(), paused_types: Vec::new() }
}

fn changes_of(step: Step) -> usize {
    match step {
        Step::Settle { changes, .. } => changes.len(),
        other => panic!("not a settlement: {other:?}"),
    }
}

#[test]
fn a_round_goes_from_the_lease_to_the_first_flight() {
    let unknown = moment(0, NetworkVerdict::Unknown);
    let online = moment(0, NetworkVerdict::Online);
    let mut planner = planner(Election::Lease);
    assert!(matches!(planner.start(unknown), Step::Acquire(Takeover::IfExpired)));
    assert!(matches!(planner.on(Input::Acquired(Some(lease())), unknown), Step::Recover(Fence(1))));
    assert!(matches!(planner.on(Input::Recovered, unknown), Step::Probe));
    assert!(matches!(planner.on(Input::Woken(Vec::new()), online), Step::Scan { ignore_waits: true, .. }));
    let due = Input::Scanned { due: vec![id(1)], next_attempt_at: None };
    assert!(matches!(planner.on(due, online), Step::TakeOff(Fence(1), ids) if ids == [id(1)]));
    let flown = Input::TookOff(vec![command(1, &["a"])]);
    assert!(matches!(planner.on(flown, online), Step::Send(commands) if commands.len() == 1));
}

#[test]
fn with_a_lock_of_the_platform_nothing_is_taken_before_it_is_held() {
    let at = moment(0, NetworkVerdict::Unknown);
    let mut planner = planner(Election::PlatformLock);
    assert!(matches!(planner.start(at), Step::Wait { until: None, .. }));
    assert!(matches!(planner.on(Input::Promoted, at), Step::Acquire(Takeover::Always)));
}

#[test]
fn only_what_may_have_taken_effect_counts_as_an_attempt() {
    let at = moment(0, NetworkVerdict::Online);
    for (error, counted) in [
        (TransportError::Offline, 0),
        (TransportError::NotOurServer, 1),
        (TransportError::Unauthorized, 0),
        (TransportError::Incompatible, 0),
        (TransportError::Transient { retry_after: None }, 1),
    ] {
        assert_eq!(changes_of(fail(&mut leader(), error.clone(), at)), counted, "{error:?}");
    }
}

#[test]
fn an_enqueue_ends_a_wait_but_not_while_there_is_no_network_nor_against_the_servers_wish() {
    let enqueued = || Input::Woken(vec![Signal::Enqueued]);
    let waits = |step: &Step| matches!(step, Step::Wait { .. });

    let mut planner = leader();
    fail(&mut planner, TransportError::Transient { retry_after: None }, moment(0, NetworkVerdict::Online));
    assert!(!waits(&planner.on(enqueued(), moment(0, NetworkVerdict::ServerUnavailable))));

    let mut planner = leader();
    fail(&mut planner, TransportError::Offline, moment(0, NetworkVerdict::Online));
    assert!(waits(&planner.on(enqueued(), moment(0, NetworkVerdict::Offline))));

    let mut planner = leader();
    let asked = TransportError::Transient { retry_after: Some(Duration::from_secs(60)) };
    fail(&mut planner, asked, moment(0, NetworkVerdict::Online));
    assert!(waits(&planner.on(enqueued(), moment(30, NetworkVerdict::ServerUnavailable))));
    let now = Input::Woken(vec![Signal::SyncNow]);
    assert!(!waits(&planner.on(now, moment(30, NetworkVerdict::ServerUnavailable))));
}

#[test]
fn a_pause_for_login_ends_with_a_login_and_not_with_time() {
    let mut planner = leader();
    fail(&mut planner, TransportError::Unauthorized, moment(0, NetworkVerdict::Online));
    assert_eq!(planner.paused_by(), Some(PauseReason::Login));
    for signal in [Signal::Enqueued, Signal::Hint, Signal::Resolved] {
        let step = planner.on(Input::Woken(vec![signal]), moment(500, NetworkVerdict::Online));
        assert!(matches!(step, Step::Wait { until: None, phase: Phase::Paused }), "{signal:?}");
    }
    let step = planner.on(Input::Woken(vec![Signal::SignedIn]), moment(400, NetworkVerdict::Online));
    assert!(matches!(step, Step::Scan { .. }));
}

#[test]
fn a_batch_that_is_too_large_is_halved_and_a_single_command_parked() {
    let at = moment(0, NetworkVerdict::Online);
    let mut planner = leader();
    let sent = (1..=10).map(|seq| Sent { command_id: id(seq), attempts: 0 }).collect();
    assert_eq!(changes_of(planner.on(Input::Sent(sent, Err(TransportError::TooLarge)), at)), 0);
    assert!(matches!(planner.on(Input::Settled, at), Step::Scan { limits, .. } if limits.max_items == 5));
    assert_eq!(changes_of(fail(&mut planner, TransportError::TooLarge, at)), 1);
}

#[test]
fn a_store_that_fails_is_left_alone_and_its_flight_recovered_later() {
    let mut planner = leader();
    let step = planner.on(Input::StoreFailed(StoreError::Full), moment(0, NetworkVerdict::Online));
    assert!(matches!(step, Step::Wait { until: Some(_), phase: Phase::Paused }));
    let step = planner.on(Input::Woken(Vec::new()), moment(31, NetworkVerdict::Online));
    assert!(matches!(step, Step::Recover(Fence(1))));
}

#[test]
fn an_enqueue_leaves_the_end_of_a_pause_for_the_store_where_it_is() {
    let mut planner = leader();
    planner.on(Input::StoreFailed(StoreError::Full), moment(0, NetworkVerdict::Online));
    let enqueued = Input::Woken(vec![Signal::Enqueued]);
    let step = planner.on(enqueued, moment(1, NetworkVerdict::Online));
    assert!(matches!(step, Step::Wait { until: Some(_), phase: Phase::Paused }), "{step:?}");
    let step = planner.on(Input::Woken(Vec::new()), moment(31, NetworkVerdict::Online));
    assert!(matches!(step, Step::Recover(Fence(1))), "{step:?}");
}

#[test]
fn a_server_that_has_paused_types_is_asked_again_when_a_wait_has_lasted_its_time_and_not_at_each_sale() {
    let at = moment(0, NetworkVerdict::Online);
    let woken = |signals: &[Signal]| Input::Woken(signals.to_vec());
    let mut planner = leader();
    assert!(matches!(planner.on(woken(&[]), at), Step::Scan { .. }), "no type is paused");
    let mut hello = hello();
    hello.paused_types = vec![CommandType::new("THING_BUMP_V1").unwrap()];
    assert!(matches!(planner.on(Input::Probed(Ok(hello)), at), Step::Scan { .. }));
    assert!(matches!(planner.on(woken(&[Signal::Enqueued]), at), Step::Scan { .. }));
    assert!(matches!(planner.on(woken(&[]), at), Step::Probe));
    assert!(matches!(planner.on(Input::Probed(Ok(self::hello())), at), Step::Scan { .. }));
    assert_eq!(planner.paused_types(), []);
    assert!(matches!(planner.on(woken(&[]), at), Step::Scan { .. }), "none is paused any more");
}

#[test]
fn a_clock_that_jumps_back_does_not_prolong_a_wait() {
    let mut planner = leader();
    fail(&mut planner, TransportError::Offline, moment(100, NetworkVerdict::Online));
    let step = planner.on(Input::Woken(Vec::new()), moment(0, NetworkVerdict::Offline));
    assert!(matches!(step, Step::Probe), "{step:?}");
}

#[test]
fn an_answer_that_does_not_fit_settles_nothing() {
    let at = moment(0, NetworkVerdict::Online);
    let sent = vec![Sent { command_id: id(1), attempts: 0 }];
    let stranger =
        Outcome { command_id: Some(id(2)), verdict: offline_protocol::Verdict::Held { by: id(3) } };
    let Step::Settle { changes, retry, .. } = leader().on(Input::Sent(sent, Ok(vec![stranger])), at) else {
        panic!("the flight was not ended");
    };
    assert!(retry.is_some());
    assert!(matches!(changes[..], [(_, Change::Requeue { attempts: 1, .. })]));
}

#[test]
fn a_lease_that_a_clock_set_back_makes_endless_is_asked_for_again() {
    let before = Moment { now: Timestamp::from_millis(1_000_000), ..moment(0, NetworkVerdict::Online) };
    let mut planner = leader();
    assert!(
        matches!(planner.on(Input::Woken(Vec::new()), before), Step::Renew(lease) if lease.fence == Fence(1))
    );
    // Somebody else has had it since.
    assert!(matches!(planner.on(Input::Renewed(None), before), Step::Acquire(Takeover::IfExpired)));
}
