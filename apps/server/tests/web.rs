//! The web app beside the API: its files, its pages, and what is neither.
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "a test ends with its first surprise")]

mod support;

use std::{fs, process::Stdio};

use support::{ServerProcess, binary, body};

#[tokio::test]
async fn the_web_app_is_served_with_its_pages_and_its_caching() {
    let folder = tempfile::tempdir().unwrap();
    let web = folder.path().join("dist");
    fs::create_dir_all(web.join("assets")).unwrap();
    for (file, content) in [
        ("index.html", "<!doctype html><title>ERP</title>"),
        ("sw.js", "self.addEventListener"),
        ("assets/app-1a2b3c.js", "export {}"),
        ("assets/engine-1a2b3c.wasm", "\0asm"),
        ("manifest.webmanifest", "{}"),
    ] {
        fs::write(web.join(file), content).unwrap();
    }
    fs::write(folder.path().join("secret.txt"), "outside").unwrap();
    let server = ServerProcess::start(&folder.path().join("data"), &["--web", web.to_str().unwrap()]);
    let immutable = "public, max-age=31536000, immutable";
    for (path, kind, cache) in [
        ("/", "text/html", "no-cache"),
        ("/expenses", "text/html", "no-cache"),
        ("/expenses/0193/edit", "text/html", "no-cache"),
        ("/devices", "text/html", "no-cache"),
        ("/sw.js", "text/javascript", "no-cache"),
        ("/manifest.webmanifest", "application/manifest+json", "no-cache"),
        ("/assets/app-1a2b3c.js", "text/javascript", immutable),
        ("/assets/engine-1a2b3c.wasm", "application/wasm", immutable),
    ] {
        let response = server.get(path).await;
        assert_eq!(response.status(), 200, "{path}");
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert!(header("content-type").starts_with(kind), "{path}: {}", header("content-type"));
        assert_eq!((header("cache-control"), header("sync-protocol")), (cache.into(), "1".into()), "{path}");
        assert_eq!(response.headers().contains_key("content-security-policy"), kind == "text/html");
    }
    for path in [
        "/assets/app-old.js",
        "/nothing.png",
        "/sync/nothing",
        "/workspaces",
        "/%2e%2e/secret.txt",
        "/../secret.txt",
    ] {
        let response = server.get(path).await;
        let (status, text) = (response.status().as_u16(), response.text().await.unwrap());
        assert!(!text.contains("outside"), "{path} leads out of the folder");
        if !path.contains("secret") {
            assert_eq!(status, 404, "{path}");
            assert!(text.contains("not-found"), "{path}: {text}");
        }
    }
}

#[tokio::test]
async fn beside_the_web_app_what_the_api_does_not_know_is_a_problem_and_no_page() {
    const NAVIGATION: (&str, &str) =
        ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
    const APP: (&str, &str) = ("accept", "application/json, application/problem+json");
    const LIBRARY: (&str, &str) = ("accept", "application/json, text/plain, */*");
    const TOKEN: (&str, &str) = ("authorization", "Bearer x");
    const PROTOCOL: (&str, &str) = ("sync-protocol", "1");
    let folder = tempfile::tempdir().unwrap();
    let web = folder.path().join("dist");
    fs::create_dir(&web).unwrap();
    fs::write(web.join("index.html"), "<!doctype html><title>ERP</title>").unwrap();
    let data = folder.path().join("data");
    let server = ServerProcess::spawn(binary(&data, &["--web", web.to_str().unwrap()]).stderr(Stdio::null()));
    let get = async |path: &str, headers: &[(&str, &str)]| {
        let request = server.client.get(format!("{}{path}", server.url));
        headers
            .iter()
            .fold(request, |request, (name, value)| request.header(*name, *value))
            .send()
            .await
            .unwrap()
    };
    let problems: [(&str, &[_]); 17] = [
        ("/metrics", &[NAVIGATION]),
        ("/metrics/", &[]),
        ("/healthz/deep", &[]),
        ("/readyz/", &[]),
        ("/openapi.json/", &[]),
        ("/dev/accounts", &[NAVIGATION]),
        ("/sync", &[]),
        ("/sync/nonsense", &[NAVIGATION]),
        ("//sync/hello", &[]),
        ("/workspaces/acme/nonsense", &[NAVIGATION]),
        ("//workspaces/acme/records/expense", &[]),
        ("/workspace/acme/records/expense", &[TOKEN]),
        ("/api/sync/hello", &[PROTOCOL]),
        ("/api/v1", &[APP]),
        ("/api/v1", &[LIBRARY]),
        ("/w/acme/expenses", &[APP]),
        ("/w/acme/expenses", &[LIBRARY, TOKEN]),
    ];
    for (path, headers) in problems {
        let response = get(path, headers).await;
        assert_eq!(response.status(), 404, "{path} {headers:?}");
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{path}");
        assert_eq!(response.headers()["cache-control"], "no-store", "{path}");
        assert_eq!(body(response).await["code"], "not-found", "{path}");
    }
    for path in [
        "/",
        "/w/acme",
        "/w/acme/expenses",
        "/w/acme/invoices/i1",
        "/w/acme/sync",
        "/w/acme/sync/0193",
        "/nonsense",
    ] {
        // What opens pages, some of it behind a proxy that signs in; and what says nothing of itself.
        for headers in [&[NAVIGATION][..], &[NAVIGATION, TOKEN], &[]] {
            let response = get(path, headers).await;
            assert_eq!(response.status(), 200, "{path} {headers:?}");
            assert!(response.text().await.unwrap().contains("<title>ERP"), "{path} {headers:?}");
        }
    }
}
