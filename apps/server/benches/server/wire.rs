//! HTTP/1.1 by hand, on one connection that stays open: a client library costs as much as half of what it is to measure, on the same processors.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

/// Asks one after the other, and sees to it that each answer has the status, and the text where there is one; each request's time.
pub(crate) fn ask(address: &str, requests: &[Vec<u8>], status: &str, text: &str) -> Vec<Duration> {
    let mut stream = BufReader::new(TcpStream::connect(address).unwrap());
    stream.get_ref().set_nodelay(true).unwrap();
    let (mut head, mut body) = (String::new(), Vec::new());
    let mut times = Vec::with_capacity(requests.len());
    for request in requests {
        let since = Instant::now();
        stream.get_mut().write_all(request).unwrap();
        head.clear();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(stream.read_line(&mut head).unwrap(), 0, "the server has closed the connection");
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        body.resize(length.expect("an answer with a length"), 0);
        stream.read_exact(&mut body).unwrap();
        times.push(since.elapsed());
        let said = String::from_utf8_lossy(&body);
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")) && said.contains(text), "{head}{said}");
    }
    times
}

/// A request as it goes over the wire.
pub(crate) fn post(path: &str, token: &str, more: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         accept: */*\r\n{more}content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
