use offline_domain::CommandError;

use crate::{corpus, world::context};

const SENT_BY_THE_WEB_APP: [&str; 5] = [
    "EXPENSE_CREATE_V1",
    "EXPENSE_SUBMIT_V1",
    "EXPENSE_UPDATE_V1",
    "INVOICE_DRAFT_CREATE_V1",
    "INVOICE_DRAFT_UPDATE_V1",
];

#[test]
fn the_web_app_knows_what_it_sends_and_refuses_the_rest() {
    let web = erp::web_registry();
    let accepted: Vec<_> = web.accepted().iter().map(ToString::to_string).collect();
    assert_eq!(accepted, SENT_BY_THE_WEB_APP);
    for sample in corpus::samples() {
        let name = sample.command_type.as_str();
        match web.prepare_named(name, &sample.payload) {
            Ok(_) => assert!(SENT_BY_THE_WEB_APP.contains(&name)),
            Err(CommandError::UnknownType(refused)) => assert_eq!(refused.as_str(), name),
            Err(other) => panic!("{name}: {other}"),
        }
    }
}

#[test]
fn what_the_web_app_shows_is_what_the_server_does() {
    for name in SENT_BY_THE_WEB_APP {
        let sample = corpus::sample(name);
        let effect = |registry: &offline_domain::Registry| {
            let (_, prepared) = registry.prepare_named(name, &sample.payload).unwrap();
            let effect = prepared.handle(&context("ana"), &sample.records()).unwrap();
            (prepared.touches().to_vec(), effect.writes, effect.result)
        };
        assert!(effect(&erp::web_registry()) == effect(&erp::registry()), "{name}");
    }
}
