//! Forged tokens, and tokens of all the keys that can be configured.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::{Router, http::StatusCode, routing::get};
use offline_server::{KeyError, KeySet, TokenRules, Tokens};
use serde_json::{Value, json};

use crate::support::{
    SECRET, START, TestServer, assert_problem,
    forge::{Pair, base64url, claims, forge, p384_pem, with},
};

const PATH: &str = "/workspaces/acme/records/expense";

#[tokio::test]
async fn only_our_own_valid_tokens_are_believed() {
    let server = TestServer::start().await;
    let header = json!({ "typ": "JWT", "alg": "HS256" });
    let path = "/workspaces/acme/records/expense";
    let good = forge(&header, &claims(), SECRET);
    assert_eq!(server.get(&good, path).await.status(), 200, "the forge makes valid tokens");

    let unsigned = good.rsplit_once('.').unwrap().0.to_owned();
    let mut tokens = vec![
        String::new(),
        "x".into(),
        "a.b.c".into(),
        format!("{unsigned}."),
        unsigned,
        forge(&header, &claims(), b"another secret of thirty-two bytes"),
        forge(&header, &with(claims(), "pad", json!("x".repeat(5000))), SECRET),
    ];
    for (field, value) in [
        ("iss", json!("somebody")),
        ("iss", json!(null)),
        ("aud", json!("another")),
        ("aud", json!(null)),
        ("aud", json!([])),
        ("aud", json!(["another"])),
        ("aud", json!({ "offline-client": true })),
        ("iss", json!(["offline-server"])),
        ("exp", json!("1999999999")),
        ("exp", json!(null)),
        ("exp", json!(START / 1000)),
        ("exp", json!(-1)),
        ("exp", json!(1.9e9)),
        ("exp", json!(1e300)),
        ("exp", json!(u64::MAX)),
        ("exp", json!(START + 3_600_000)),
        ("exp", json!(true)),
        ("exp", json!([START / 1000 + 60])),
        ("sub", json!(null)),
        ("sub", json!("")),
        ("ws", json!(null)),
        ("ws", json!("ACME")),
        ("ws", json!(["acme"])),
        ("nbf", json!("0")),
        ("nbf", json!(START / 1000 + 30)),
    ] {
        tokens.push(forge(&header, &with(claims(), field, value), SECRET));
    }
    for (field, value) in [
        ("alg", json!("none")),
        ("alg", json!("HS512")),
        ("alg", json!("RS256")),
        ("alg", json!(null)),
        ("alg", json!("nOnE")),
        ("alg", json!("")),
        ("crit", json!(["b64"])),
    ] {
        tokens.push(forge(&with(header.clone(), field, value), &claims(), SECRET));
    }
    for token in tokens {
        assert_problem(server.get(&token, path).await, 401, "unauthorized").await;
    }
    // An array of audiences is the same (RFC 7519, 4.1.3), and an issuer's clock may be some seconds ahead.
    for (field, value) in [("aud", json!(["x", "offline-client"])), ("nbf", json!(START / 1000 + 9))] {
        let token = forge(&header, &with(claims(), field, value), SECRET);
        assert_eq!(server.get(&token, path).await.status(), 200, "{field}");
    }
    // A key that the token brings along is not looked at: the signature must still be ours.
    let own_key = json!({ "typ": "JWT", "alg": "HS256", "kid": "../../etc/passwd", "jku": "http://127.0.0.1:1/",
        "jwk": { "kty": "oct", "k": "YXR0YWNrZXI" } });
    assert_problem(server.get(&forge(&own_key, &claims(), b"attacker"), path).await, 401, "unauthorized")
        .await;
}

#[tokio::test]
async fn two_authorization_headers_are_none() {
    let server = TestServer::start().await;
    let ana = format!("Bearer {}", server.token("ana", "acme"));
    let get = server.client.get(format!("{}/workspaces/acme/records/expense", server.url));
    let twice = get.header("authorization", &ana).header("authorization", &ana).send().await.unwrap();
    assert_problem(twice, 401, "unauthorized").await;
    for value in ["", "Bearer", "Basic YTpi", "Token x"] {
        let get = server.client.get(format!("{}/workspaces/acme/records/expense", server.url));
        assert_problem(get.header("authorization", value).send().await.unwrap(), 401, "unauthorized").await;
    }
    // The scheme's case does not matter (RFC 9110, 11.1); a token in the address does not help.
    let lower = ana.replacen("Bearer", "bearer", 1);
    let get =
        |query: &str| server.client.get(format!("{}/workspaces/acme/records/expense{query}", server.url));
    assert_eq!(get("").header("authorization", lower).send().await.unwrap().status(), 200);
    let query = format!("?access_token={}", server.token("ana", "acme"));
    assert_problem(get(&query).send().await.unwrap(), 401, "unauthorized").await;
}

#[tokio::test]
async fn a_token_ends_with_its_lifetime() {
    let server = TestServer::start().await;
    let token = server.token("ana", "acme");
    server.advance(Duration::from_secs(3599));
    assert_eq!(server.get(&token, "/workspaces/acme/records/expense").await.status(), 200);
    server.advance(Duration::from_secs(1));
    assert_problem(server.get(&token, "/workspaces/acme/records/expense").await, 401, "unauthorized").await;
}

#[tokio::test]
async fn clocks_that_differ_by_seconds_or_hours_are_judged_by_the_servers_own() {
    let server = TestServer::start().await;
    let now = START / 1000;
    let hour = 3600;
    let cases = [
        // `exp` is to the second, and gets no time on top.
        ("exp", now - hour, 401),
        ("exp", now - 1, 401),
        ("exp", now, 401),
        ("exp", now + 1, 200),
        ("exp", now + 24 * hour, 200),
        // The clock of who issues tokens may be ten seconds ahead.
        ("nbf", now - 24 * hour, 200),
        ("nbf", now, 200),
        ("nbf", now + 10, 200),
        ("nbf", now + 11, 401),
        ("nbf", now + hour, 401),
        // When a token was issued says nothing about how long it is good (RFC 7519, 4.1.6).
        ("iat", now - 24 * hour, 200),
        ("iat", now + 24 * hour, 200),
    ];
    for (claim, seconds, expected) in cases {
        let token = forge(&json!({ "alg": "HS256" }), &with(claims(), claim, json!(seconds)), SECRET);
        assert_eq!(status(&server, &token).await, expected, "{claim}: {} s", seconds - now);
    }
    let fraction =
        forge(&json!({ "alg": "HS256" }), &with(claims(), "exp", json!(now as f64 + 60.5)), SECRET);
    assert_eq!(status(&server, &fraction).await, 401, "whole seconds");
}

/// A server that believes what `configure` says, and nothing else.
async fn server_with(configure: impl FnOnce(Tokens) -> Tokens) -> TestServer {
    TestServer::adapted(async |server| {
        server.tokens = configure(Tokens::by(TokenRules::default(), Arc::clone(&server.clock)));
    })
    .await
}

async fn status(server: &TestServer, token: &str) -> u16 {
    server.get(token, PATH).await.status().as_u16()
}

#[tokio::test]
async fn tokens_of_each_kind_of_public_key_are_believed_and_only_in_its_own_algorithm() {
    let pairs = [Pair::rsa(), Pair::ec(), Pair::ed()];
    let server = server_with(|tokens| {
        let with = |tokens: Tokens, pair: &Pair| tokens.with_public_key(pair.public_pem.as_bytes()).unwrap();
        pairs.iter().fold(tokens, with)
    })
    .await;
    for pair in &pairs {
        let named = pair.token("any name");
        let unnamed = pair.sign(&with(pair.header("x"), "kid", json!(null)), &claims());
        assert_eq!((status(&server, &named).await, status(&server, &unnamed).await), (200, 200));
        for alg in ["none", "HS256", "RS256", "ES256", "EdDSA", "PS256", "RS512", "ES384"] {
            if json!(alg) == json!(pair.algorithm) {
                continue;
            }
            let token = pair.sign(&json!({ "typ": "JWT", "alg": alg }), &claims());
            assert_eq!(status(&server, &token).await, 401, "{:?} said to be {alg}", pair.algorithm);
        }
        // The public key is no secret: who has it cannot sign with it.
        for secret in [pair.public_pem.as_bytes(), pair.public_pem.trim_end().as_bytes()] {
            for alg in [json!("HS256"), json!(pair.algorithm)] {
                let token = forge(&json!({ "typ": "JWT", "alg": alg }), &claims(), secret);
                assert_eq!(status(&server, &token).await, 401);
            }
        }
    }
    // Nor does a server that was given public keys believe the secret that development signs with.
    assert_eq!(status(&server, &forge(&json!({ "alg": "HS256" }), &claims(), SECRET)).await, 401);
    assert_eq!(status(&server, &Pair::rsa().token("x")).await, 401, "another pair of the same kind");
}

#[tokio::test]
async fn a_key_that_a_token_brings_along_or_points_to_is_not_looked_at() {
    let (ours, theirs) = (Pair::ec(), Pair::ec());
    let (addresses, asked) = key_server(&json!({ "keys": [theirs.jwk("k")] })).await;
    let server = server_with(|tokens| tokens.with_public_key(ours.public_pem.as_bytes()).unwrap()).await;
    let der = theirs.public_pem.lines().filter(|line| !line.starts_with('-')).collect::<String>();
    for (field, value) in [
        ("jwk", theirs.jwk("k")),
        ("jku", json!(addresses.url)),
        ("x5u", json!(addresses.url)),
        ("x5c", json!([der])),
        ("kid", json!(addresses.url)),
    ] {
        let token = theirs.sign(&with(theirs.header("k"), field, value), &claims());
        assert_eq!(status(&server, &token).await, 401, "{field}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0, "nothing that a token names is fetched");
}

#[tokio::test]
async fn issuer_audience_and_claims_are_what_was_configured() {
    let rules = TokenRules {
        issuer: "https://sign-in.example".into(),
        audience: "erp".into(),
        user_claim: "email".into(),
        workspace_claim: "https://example/tenant".into(),
    };
    let server = TestServer::adapted(async |server| {
        server.tokens = Tokens::by(rules, Arc::clone(&server.clock)).with_secret(SECRET);
    })
    .await;
    let header = json!({ "alg": "HS256" });
    let theirs = json!({ "iss": "https://sign-in.example", "aud": ["other", "erp"], "exp": START / 1000 + 60,
        "sub": "auth0|17", "email": "ana", "https://example/tenant": "acme" });
    assert_eq!(status(&server, &forge(&header, &theirs, SECRET)).await, 200);
    assert_eq!(status(&server, &forge(&header, &claims(), SECRET)).await, 401, "our own default rules");
    for (field, value) in [
        ("iss", json!("https://sign-in.example/")),
        ("aud", json!("erp2")),
        ("email", json!(null)),
        ("email", json!("ana\nben")),
        ("https://example/tenant", json!("globex/../acme")),
        ("https://example/tenant", json!(7)),
    ] {
        let token = forge(&header, &with(theirs.clone(), field, value), SECRET);
        assert_eq!(status(&server, &token).await, 401, "{field}");
    }
}

#[tokio::test]
async fn what_is_no_public_key_is_said_at_the_start() {
    let clock: Arc<dyn offline_server::Clock> = Arc::new(offline_server::SystemClock);
    let refused = |pem: &str| {
        let tokens = Tokens::by(TokenRules::default(), Arc::clone(&clock));
        tokens.with_public_key(pem.as_bytes()).err().map(|error| error.to_string())
    };
    let garbage = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
    for pem in ["", "a secret", garbage, &Pair::ec().public_pem[..80]] {
        assert_eq!(refused(pem), Some(KeyError::Pem.to_string()), "{pem:?}");
    }
    assert_eq!(refused(&p384_pem()), Some(KeyError::Curve.to_string()));
    for pair in [Pair::rsa(), Pair::ec(), Pair::ed()] {
        assert_eq!(refused(&pair.private_pem), Some(KeyError::Private.to_string()));
        assert_eq!(refused(&pair.public_pem), None);
    }
}

/// Where key sets are served, and what is served there now.
struct KeyServer {
    url: String,
    answer: Arc<Mutex<(StatusCode, String)>>,
}

impl KeyServer {
    fn answers(&self, status: u16, body: impl ToString) {
        *self.answer.lock().unwrap() = (StatusCode::from_u16(status).unwrap(), body.to_string());
    }
}

async fn key_server(set: &Value) -> (KeyServer, Arc<AtomicU32>) {
    let answer = Arc::new(Mutex::new((StatusCode::OK, set.to_string())));
    let asked = Arc::new(AtomicU32::new(0));
    let (answering, asking) = (Arc::clone(&answer), Arc::clone(&asked));
    let serve = move || {
        asking.fetch_add(1, Ordering::SeqCst);
        let (status, body) = answering.lock().unwrap().clone();
        async move { (status, [("location", "/elsewhere")], body) }
    };
    let elsewhere = set.to_string();
    let router =
        Router::new().route("/keys", get(serve)).route("/elsewhere", get(move || async move { elsewhere }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (KeyServer { url, answer }, asked)
}

/// A server that believes the keys of the set at `place`.
async fn server_with_set(place: &str) -> TestServer {
    TestServer::adapted(async |server| {
        let set = KeySet::open(place, Arc::clone(&server.clock)).await.unwrap();
        server.tokens = Tokens::by(TokenRules::default(), Arc::clone(&server.clock)).with_key_set(set);
    })
    .await
}

#[tokio::test]
async fn a_key_set_is_read_again_for_a_new_key_and_when_it_is_old() {
    let (old, new) = (Pair::rsa(), Pair::ec());
    let (keys, asked) = key_server(&json!({ "keys": [old.jwk("old")] })).await;
    let server = server_with_set(&keys.url).await;
    assert_eq!(status(&server, &old.token("old")).await, 200);
    assert_eq!(status(&server, &new.token("new")).await, 401);
    assert_eq!(asked.load(Ordering::SeqCst), 1, "not within 15 seconds of the last time");

    // Rotation: both keys count while both are published.
    keys.answers(200, json!({ "keys": [old.jwk("old"), new.jwk("new")] }));
    server.advance(Duration::from_secs(15));
    assert_eq!(status(&server, &new.token("new")).await, 200);
    assert_eq!(status(&server, &old.token("old")).await, 200);
    assert_eq!(asked.load(Ordering::SeqCst), 2);

    // A key that was withdrawn is out when the set has become five minutes old.
    keys.answers(200, json!({ "keys": [new.jwk("new")] }));
    server.advance(Duration::from_secs(299));
    assert_eq!(status(&server, &old.token("old")).await, 200);
    server.advance(Duration::from_secs(1));
    assert_eq!(status(&server, &old.token("old")).await, 401);
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_token_that_was_believed_once_ends_with_its_time_its_key_and_its_membership() {
    let (secret, withdrawn) = (Pair::ed(), Pair::ec());
    let (keys, _) = key_server(&json!({ "keys": [withdrawn.jwk("k")] })).await;
    let server = TestServer::adapted(async |server| {
        let set = KeySet::open(&keys.url, Arc::clone(&server.clock)).await.unwrap();
        let tokens = Tokens::by(TokenRules::default(), Arc::clone(&server.clock)).with_key_set(set);
        server.tokens = tokens.with_public_key(secret.public_pem.as_bytes()).unwrap();
    })
    .await;
    let soon = with(claims(), "exp", json!(START / 1000 + 60));
    let (own, ending) = (secret.token("x"), secret.sign(&secret.header("x"), &soon));
    let of_set = withdrawn.token("k");
    for _ in 0..3 {
        for token in [&own, &ending, &of_set] {
            assert_eq!(status(&server, token).await, 200);
        }
    }
    // Whoever changes one character of it is a stranger.
    for token in [&own, &of_set] {
        let place = token.rfind('.').unwrap() + 5;
        let other = if token.as_bytes()[place] == b'A' { "B" } else { "A" };
        let changed = format!("{}{other}{}", &token[..place], &token[place + 1..]);
        assert_eq!(status(&server, &changed).await, 401);
    }
    server.advance(Duration::from_secs(60));
    assert_eq!((status(&server, &own).await, status(&server, &ending).await), (200, 401));
    keys.answers(200, json!({ "keys": [Pair::ec().jwk("k")] }));
    server.advance(Duration::from_secs(239));
    assert_eq!(status(&server, &of_set).await, 200);
    server.advance(Duration::from_secs(1));
    assert_eq!((status(&server, &of_set).await, status(&server, &own).await), (401, 200));
    let (acme, ana) = ("acme".parse().unwrap(), "ana".parse().unwrap());
    server.members.remove_member(&acme, &ana).await.unwrap();
    assert_eq!(status(&server, &own).await, 404);
}

#[tokio::test]
async fn what_tokens_with_one_key_believe_their_clones_with_another_do_not() {
    let clock: Arc<dyn offline_server::Clock> = Arc::new(|| offline_protocol::Timestamp::from_millis(START));
    let (one, other) = (Pair::ed(), Pair::ed());
    let none = Tokens::by(TokenRules::default(), clock);
    let of_one = none.clone().with_public_key(one.public_pem.as_bytes()).unwrap();
    let of_other = none.clone().with_public_key(other.public_pem.as_bytes()).unwrap();
    let token = one.token("x");
    for _ in 0..2 {
        assert!(of_one.verify(&token).await.is_some());
        assert!(of_other.verify(&token).await.is_none() && none.verify(&token).await.is_none());
    }
}

#[tokio::test]
async fn strangers_with_made_up_key_ids_do_not_make_the_server_ask() {
    let pair = Pair::ed();
    let (keys, asked) = key_server(&json!({ "keys": [pair.jwk("k")] })).await;
    let server = server_with_set(&keys.url).await;
    server.advance(Duration::from_secs(15));
    for kid in
        ["../../etc/passwd", "'; DROP TABLE member; --", "\0", "K", "k ", "", &keys.url, &"k".repeat(2500)]
    {
        assert_eq!(status(&server, &pair.token(kid)).await, 401, "{kid:?}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 2, "once for all of them");
    assert_eq!(status(&server, &pair.token("k")).await, 200);
    // Many at once, when it may be read again: one reads, the others wait for it.
    server.advance(Duration::from_secs(15));
    let made_up: Vec<_> = (0..20).map(|number| pair.token(&format!("made-up-{number}"))).collect();
    let all = futures_util::future::join_all(made_up.iter().map(|token| status(&server, token))).await;
    assert_eq!((all, asked.load(Ordering::SeqCst)), (vec![401; 20], 3));
}

#[tokio::test]
async fn a_set_that_cannot_be_read_again_counts_on_as_it_was() {
    let pair = Pair::ec();
    let set = json!({ "keys": [pair.jwk("k")] });
    let (keys, asked) = key_server(&set).await;
    let server = server_with_set(&keys.url).await;
    let too_large = json!({ "keys": [pair.jwk("k")], "pad": "x".repeat(300_000) });
    let answers = [
        (500, String::new()),
        (404, set.to_string()),
        (302, String::new()),
        (200, String::new()),
        (200, "<html>sign in</html>".into()),
        (200, json!({ "keys": [] }).to_string()),
        (200, json!({ "keys": {} }).to_string()),
        (200, too_large.to_string()),
    ];
    for (round, (code, body)) in (2..).zip(answers) {
        keys.answers(code, body);
        server.advance(Duration::from_secs(300));
        assert_eq!(status(&server, &pair.token("k")).await, 200, "after {code}");
        assert_eq!(asked.load(Ordering::SeqCst), round);
    }
}

#[tokio::test]
async fn of_a_set_only_what_can_check_signatures_is_used() {
    let (rsa, ec) = (Pair::rsa(), Pair::ec());
    let secret = json!({ "kty": "oct", "kid": "secret", "alg": "HS256", "k": base64url(SECRET) });
    let (keys, _) = key_server(&json!({ "keys": [
        secret,
        { "kty": "oct", "k": base64url(SECRET) },
        { "kty": "AKP", "kid": "of the future", "alg": "ML-DSA-44", "pub": "AAAA" },
        17,
        null,
        {},
        with(rsa.jwk("for encryption"), "use", json!("enc")),
        with(rsa.jwk("for signing only"), "key_ops", json!(["sign"])),
        with(rsa.jwk("of another algorithm"), "alg", json!("PS256")),
        with(ec.jwk("of another algorithm"), "alg", json!("RS256")),
        with(ec.jwk("cut off"), "x", json!("AAAA")),
        with(ec.jwk("without algorithm"), "alg", json!(null)),
    ] }))
    .await;
    let server = server_with_set(&keys.url).await;
    assert_eq!(status(&server, &ec.token("without algorithm")).await, 200);
    let by_secret = |kid: &str| forge(&json!({ "alg": "HS256", "kid": kid }), &claims(), SECRET);
    assert_eq!(status(&server, &by_secret("secret")).await, 401);
    assert_eq!(status(&server, &forge(&json!({ "alg": "HS256" }), &claims(), SECRET)).await, 401);
    for token in [
        rsa.token("for encryption"),
        rsa.token("for signing only"),
        rsa.token("of another algorithm"),
        ec.token("of another algorithm"),
        ec.token("cut off"),
    ] {
        assert_eq!(status(&server, &token).await, 401);
    }
    // Without a name, when only one key can be meant; not when two can.
    let unnamed = |pair: &Pair| pair.sign(&json!({ "alg": pair.algorithm }), &claims());
    assert_eq!(status(&server, &unnamed(&ec)).await, 200);
    let more = [ec.jwk("1"), Pair::ec().jwk("2")];
    let (keys, _) = key_server(&json!({ "keys": more })).await;
    assert_eq!(status(&server_with_set(&keys.url).await, &unnamed(&ec)).await, 401);
}

#[tokio::test]
async fn a_key_set_in_a_file_is_read_again_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    let (old, new) = (Pair::ed(), Pair::ed());
    let write = |set: Value| std::fs::write(&file, set.to_string()).unwrap();
    write(json!({ "keys": [old.jwk("old")] }));
    let server = server_with_set(file.to_str().unwrap()).await;
    assert_eq!(status(&server, &old.token("old")).await, 200);
    write(json!({ "keys": [new.jwk("new")] }));
    server.advance(Duration::from_secs(15));
    assert_eq!(status(&server, &new.token("new")).await, 200);
    assert_eq!(status(&server, &old.token("old")).await, 401);
    std::fs::remove_file(&file).unwrap();
    server.advance(Duration::from_secs(300));
    assert_eq!(status(&server, &new.token("new")).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_key_set_whose_server_says_nothing_is_given_up_after_five_seconds() {
    // It takes connections, and nobody reads them. Time passes when nothing else happens.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", silent.local_addr().unwrap());
    let begun = tokio::time::Instant::now();
    let clock: Arc<dyn offline_server::Clock> = Arc::new(offline_server::SystemClock);
    let given_up = KeySet::open(&url, clock).await.unwrap_err();
    let KeyError::Fetch(error) = &given_up else { panic!("{given_up:?}") };
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!(begun.elapsed().as_secs(), 5);
}

#[tokio::test]
async fn a_set_is_not_fetched_from_where_others_could_change_it() {
    let clock: Arc<dyn offline_server::Clock> = Arc::new(offline_server::SystemClock);
    for place in [
        "http://sign-in.example/keys",
        "http://127.0.0.1.example/keys",
        "http://localhost.example/keys",
        "http://192.168.1.1/keys",
        "https://user:password@sign-in.example/keys",
        "ftp://127.0.0.1/keys",
        "file:///etc/passwd",
        "HTTP://sign-in.example/keys",
        "http://",
    ] {
        let refused = KeySet::open(place, Arc::clone(&clock)).await.unwrap_err();
        assert!(matches!(refused, KeyError::Address), "{place}: {refused:?}");
    }
    for place in ["/nowhere/keys.json", ""] {
        let refused = KeySet::open(place, Arc::clone(&clock)).await.unwrap_err();
        assert!(matches!(refused, KeyError::File(_)), "{place}: {refused:?}");
    }
    let nobody = KeySet::open("http://127.0.0.1:1/keys?secret=1", clock).await.unwrap_err();
    assert!(matches!(nobody, KeyError::Fetch(_)), "{nobody:?}");
    assert!(!format!("{nobody:?}").contains("secret"), "the address may hold a key: {nobody:?}");
}
