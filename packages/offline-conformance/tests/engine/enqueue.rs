//! Into the outbox.

use std::{
    sync::{Arc, atomic::Ordering},
    task::Poll,
    time::Duration,
};

use futures_util::{
    future::join_all,
    poll,
    stream::{FuturesUnordered, StreamExt},
};
use offline_core::{Clock, EngineError, EnqueueRequest};
use offline_protocol::CommandId;
use serde_json::{Value, json};

use crate::rig::{Fault, Rig, acme, thing_bump, thing_create, thing_update, version};

#[test]
fn concurrent_enqueues_share_transactions_and_keep_the_order_of_the_calls() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    let all = (0..1000).map(|index| {
        let name = format!("t{index}");
        tab.engine.enqueue(EnqueueRequest::new("THING_CREATE_V1", thing_create(&name, &name)))
    });
    let enqueued = rig.world.run(join_all(all));
    let seqs: Vec<u64> = enqueued.into_iter().map(|result| result.unwrap().seq.get()).collect();
    assert_eq!(seqs, (1..=1000).collect::<Vec<_>>());
    assert!(tab.appends.load(Ordering::Relaxed) <= 2, "the first alone, all others together");
    rig.sync(&tab);
    assert_eq!(rig.server.effects(&acme()).len(), 1000);
}

#[test]
fn an_enqueue_that_is_dropped_under_way_harms_no_other() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    let request = |name: &str| EnqueueRequest::new("THING_CREATE_V1", thing_create(name, name));
    let engine = tab.engine.clone();
    rig.world.run(async move {
        let mut dropped = Box::pin(engine.enqueue(request("dropped")));
        let others = join_all((0..20).map(|index| {
            let engine = engine.clone();
            async move { engine.enqueue(request(&format!("t{index}"))).await }
        }));
        // The first gets the turn to write for all, and goes away at its first pause.
        let _ = futures_util::poll!(&mut dropped);
        let mut others = Box::pin(others);
        let _ = futures_util::poll!(&mut others);
        drop(dropped);
        assert!(others.await.iter().all(Result::is_ok));
    });
    let stored = rig.outbox(&tab).len() + rig.journal(&tab).len();
    assert!((20..=21).contains(&stored), "{stored}");
}

#[test]
fn a_transaction_of_several_goes_on_in_its_order_when_the_one_who_writes_it_goes_away() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    let engine = tab.engine.clone();
    let seqs = rig.world.run(async move {
        let enqueue = |name: &str| {
            Box::pin(engine.enqueue(EnqueueRequest::new("THING_CREATE_V1", thing_create(name, name))))
        };
        let (mut alone, mut writer) = (enqueue("alone"), enqueue("writer"));
        let (mut second, mut third) = (enqueue("second"), enqueue("third"));
        for call in [&mut alone, &mut writer, &mut second, &mut third] {
            assert!(futures_util::poll!(call).is_pending());
        }
        alone.await.unwrap();
        // The next one writes for all, and goes away before it is done.
        assert!(futures_util::poll!(&mut writer).is_pending());
        drop(writer);
        let last_first = join_all([enqueue("fourth"), third, second]).await;
        last_first.into_iter().rev().map(|enqueued| enqueued.unwrap().seq.get()).collect::<Vec<_>>()
    });
    assert!(seqs.is_sorted(), "{seqs:?}");
    assert_eq!(tab.appends.load(Ordering::Relaxed), 3, "nothing is written twice");
}

#[test]
fn who_comes_when_a_transaction_is_over_begins_the_next_one() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    let (engine, clock) = (tab.engine.clone(), rig.world.clock().clone());
    let appends = Arc::clone(&tab.appends);
    let seqs = rig.world.run(async move {
        let enqueue = |name: &str| {
            Box::pin(engine.enqueue(EnqueueRequest::new("THING_CREATE_V1", thing_create(name, name))))
        };
        let (mut first, mut second, mut third) = (enqueue("first"), enqueue("second"), enqueue("third"));
        assert!(poll!(&mut first).is_pending() && poll!(&mut second).is_pending());
        clock.sleep(Duration::from_millis(2)).await;
        assert_eq!(appends.load(Ordering::Relaxed), 1, "nobody has looked");
        assert!(poll!(&mut third).is_pending());
        assert_eq!(appends.load(Ordering::Relaxed), 2, "the second and the third");
        let Poll::Ready(first) = poll!(&mut first) else { panic!("the first has its answer") };
        let all = [first, second.await, third.await];
        all.map(|enqueued| enqueued.unwrap().seq.get())
    });
    assert_eq!(seqs, [1, 2, 3]);
    assert_eq!(tab.appends.load(Ordering::Relaxed), 2);
}

#[test]
fn who_looks_after_a_transaction_and_goes_away_leaves_it_to_another() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    let engine = tab.engine.clone();
    let stored = rig.world.run(async move {
        let enqueue = |name: &str| {
            let request = EnqueueRequest::new("THING_CREATE_V1", thing_create(name, name));
            let engine = engine.clone();
            async move { engine.enqueue(request).await }
        };
        // Whoever is not woken is not polled again.
        let mut stay: FuturesUnordered<_> = ["first", "second", "third"].map(enqueue).into_iter().collect();
        let mut goes = Box::pin(enqueue("fourth"));
        assert!(poll!(stay.next()).is_pending() && poll!(&mut goes).is_pending());
        drop(goes);
        let mut stored = 0;
        while let Some(enqueued) = stay.next().await {
            enqueued.unwrap();
            stored += 1;
        }
        stored
    });
    assert_eq!(stored, 3);
}

#[test]
fn a_command_that_nobody_waits_for_any_more_is_sent_and_counted() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    rig.sync(&tab);
    rig.server.always(Some(Fault::Offline));
    let engine = tab.engine.clone();
    rig.world.run(async move {
        let request = EnqueueRequest::new("THING_CREATE_V1", thing_create("given-up", "given up"));
        let mut given_up = Box::pin(engine.enqueue(request));
        assert!(poll!(&mut given_up).is_pending());
    });
    rig.advance(1);
    assert_eq!(tab.engine.status().counts.pending, 1, "it is stored");
    rig.server.always(None);
    rig.advance(60);
    assert_eq!(tab.engine.status().counts.pending, 0);
    assert_eq!(rig.server.effects(&acme()).len(), 1);
}

#[test]
fn nonsense_is_refused_with_a_code_and_nothing_is_stored() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    let deep = (0..200).fold(json!(1), |inner, _| json!([inner]));
    let nobody = CommandId::new("01890a5d-ac96-774b-bcce-b302099a8057").unwrap();
    let cases: Vec<(EnqueueRequest, &str)> = vec![
        (EnqueueRequest::new("", json!({})), "invalid-command-type"),
        (EnqueueRequest::new("THING_CREATE", thing_create("a", "a")), "invalid-command-type"),
        (EnqueueRequest::new("THING_PAINT_V1", json!({})), "unknown-command-type"),
        (EnqueueRequest::new("THING_CREATE_V1", Value::Null), "invalid-payload"),
        (EnqueueRequest::new("THING_CREATE_V1", json!([])), "invalid-payload"),
        (EnqueueRequest::new("THING_CREATE_V1", json!({ "thingId": "a" })), "invalid-payload"),
        (EnqueueRequest::new("THING_CREATE_V1", json!({ "thingId": "a", "name": 7 })), "invalid-payload"),
        (
            EnqueueRequest::new("THING_CREATE_V1", json!({ "thingId": "a", "name": "a", "x": 1 })),
            "invalid-payload",
        ),
        (EnqueueRequest::new("THING_CREATE_V1", json!({ "thingId": "a", "name": deep })), "invalid-payload"),
        (EnqueueRequest::new("THING_BUMP_V1", json!({ "thingId": "a", "by": f64::NAN })), "invalid-payload"),
        (EnqueueRequest::new("THING_BUMP_V1", json!({ "thingId": "a", "by": 1.5 })), "invalid-payload"),
        (
            EnqueueRequest::new("THING_CREATE_V1", thing_create("a", &"x".repeat(10_000_000))),
            "command-too-large",
        ),
        (EnqueueRequest::new("THING_UPDATE_V1", thing_update("a", "b")), "version-required"),
        (EnqueueRequest::new("THING_BUMP_V1", thing_bump("a", 1)).depending_on(nobody), "unknown-dependency"),
        (
            (0..101).fold(EnqueueRequest::new("THING_BUMP_V1", thing_bump("a", 1)), |request, _| {
                request.depending_on(nobody)
            }),
            "too-many-dependencies",
        ),
        (EnqueueRequest::new("THING_CREATE_V1", thing_create("..", "a")), "invalid-payload"),
    ];
    for (request, code) in cases {
        let name = request.command_type.clone();
        let error = rig.world.run(tab.engine.enqueue(request)).unwrap_err();
        assert_eq!(error.code(), code, "{name}: {error}");
        assert!(!error.to_string().contains("xxxx"), "user data in a message");
    }
    assert_eq!(rig.outbox(&tab), []);
}

#[test]
fn a_closed_engine_takes_nothing() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    tab.engine.close();
    rig.advance(1);
    assert!(!tab.engine.is_running());
    let refused =
        rig.world.run(tab.engine.enqueue(EnqueueRequest::new("THING_CREATE_V1", thing_create("a", "a"))));
    assert!(matches!(refused, Err(EngineError::Closed)));
    assert!(matches!(rig.world.run(tab.engine.sync_now()), Err(EngineError::Closed)));
}

#[test]
fn a_dependency_that_was_discarded_is_refused() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    rig.server.always(Some(Fault::Offline));
    let gone = rig.create(&tab, "a");
    rig.world.run(tab.engine.discard(gone, None)).unwrap();
    let request = EnqueueRequest::new("THING_CREATE_V1", thing_create("b", "b")).depending_on(gone);
    assert_eq!(rig.world.run(tab.engine.enqueue(request)).unwrap_err().code(), "unknown-dependency");
    let after = EnqueueRequest::new("THING_UPDATE_V1", thing_update("a", "x")).expecting(version(1));
    rig.world.run(tab.engine.enqueue(after)).unwrap();
    rig.world.advance(Duration::from_secs(1));
}
