//! The transport against a server of the test on loopback, which says byte by byte what it is told.

use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use super::*;

/// Answers each connection with the next script; gives what was asked.
struct Server {
    address: String,
    asked: mpsc::Receiver<Vec<String>>,
}

/// What is written, and whether the connection then stays open without a word.
type Script = (String, bool);

fn server(scripts: Vec<Script>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (tell, asked) = mpsc::channel();
    thread::spawn(move || {
        let mut silent: Vec<TcpStream> = Vec::new();
        for (script, stays) in scripts {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = Vec::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if line.trim().is_empty() {
                    break;
                }
                lines.push(line.trim().to_ascii_lowercase());
            }
            let _ = tell.send(lines);
            let _ = stream.write_all(script.as_bytes());
            if stays {
                silent.push(stream);
            }
        }
        // Kept open until the test lets go of its end.
        let _ = tell.send(Vec::new());
        thread::park_timeout(Duration::from_secs(20));
        drop(silent);
    });
    Server { address, asked }
}

fn answer(status: &str, headers: &str, body: &str) -> Script {
    let length = body.len();
    (
        format!(
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}"
        ),
        false,
    )
}

fn http() -> Http {
    Http::new(Patience {
        connect: Duration::from_secs(5),
        read: Duration::from_millis(400),
        whole: Duration::from_secs(10),
    })
    .unwrap()
}

#[test]
fn what_did_not_change_is_not_sent_again() {
    let server = server(vec![
        answer(
            "200 OK",
            "ETag: \"one\"\r\nLast-Modified: Mon, 02 Mar 2026 09:00:00 GMT\r\n",
            "hello",
        ),
        answer("304 Not Modified", "", ""),
    ]);
    let mut body = Vec::new();
    let mut request = Request::new(format!("{}/kev.json", server.address));
    let first = http().get(&request, &mut body).unwrap();
    let Answer::Body {
        bytes,
        sha256,
        etag,
        last_modified,
    } = first
    else {
        panic!("{first:?}");
    };
    assert_eq!((bytes, body.as_slice()), (5, b"hello".as_slice()));
    // sha256sum of `hello`.
    assert!(checksum_agrees(
        b"2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824  kev.json\n",
        &sha256
    ));
    assert!(!checksum_agrees(b"", &sha256));
    (request.etag, request.last_modified) = (etag, last_modified);
    assert_eq!(
        http().get(&request, &mut body).unwrap(),
        Answer::NotModified
    );
    let _first = server.asked.recv().unwrap();
    let second = server.asked.recv().unwrap();
    assert!(
        second.contains(&"if-none-match: \"one\"".to_owned()),
        "{second:?}"
    );
    assert!(second.contains(&"if-modified-since: mon, 02 mar 2026 09:00:00 gmt".to_owned()));
}

#[test]
fn a_body_that_ends_early_is_no_document() {
    let cut =
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\nonly this".to_owned();
    let chunked =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n"
            .to_owned();
    let server = server(vec![(cut, false), (chunked, false)]);
    for _ in 0..2 {
        let error = http()
            .get(&Request::new(&server.address), &mut Vec::new())
            .unwrap_err();
        assert!(matches!(error, FetchError::Truncated { .. }), "{error}");
    }
}

#[test]
fn a_body_that_never_ends_is_given_up() {
    let slow = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this".to_owned();
    let server = server(vec![(slow, true)]);
    let error = http()
        .get(&Request::new(&server.address), &mut Vec::new())
        .unwrap_err();
    assert!(
        matches!(error, FetchError::Truncated { got: 9, .. }),
        "{error}"
    );
}

#[test]
fn too_many_bytes_are_not_taken() {
    let endless = format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}",
        "x".repeat(5000)
    );
    let server = server(vec![
        answer("200 OK", "", &"x".repeat(5000)),
        (endless, false),
    ]);
    for _ in 0..2 {
        let mut request = Request::new(&server.address);
        request.bytes_max = 4999;
        let mut body = Vec::new();
        let error = http().get(&request, &mut body).unwrap_err();
        assert!(
            matches!(
                error,
                FetchError::TooLarge {
                    bytes_max: 4999,
                    ..
                }
            ),
            "{error}"
        );
        assert!(body.len() <= 4999);
    }
}

#[test]
fn a_failing_server_is_told_by_its_status_and_may_answer_later() {
    let server = server(vec![
        answer("500 Internal Server Error", "", "sorry"),
        answer("404 Not Found", "", ""),
        answer("200 OK", "", "hello"),
    ]);
    let request = Request::new(&server.address);
    let error = http().get(&request, &mut Vec::new()).unwrap_err();
    assert!(
        matches!(error, FetchError::Status { status: 500, .. }),
        "{error}"
    );
    assert!(!error.is_absent());
    assert!(
        http()
            .get(&request, &mut Vec::new())
            .unwrap_err()
            .is_absent()
    );
    assert!(http().get(&request, &mut Vec::new()).is_ok());
}

#[test]
fn redirects_are_followed_a_few_times_and_never_out_of_https() {
    let once = server(vec![
        answer("302 Found", "Location: /there\r\n", ""),
        answer("200 OK", "", "hello"),
    ]);
    assert!(
        http()
            .get(&Request::new(&once.address), &mut Vec::new())
            .is_ok()
    );
    let away = server(vec![answer(
        "301 Moved Permanently",
        "Location: http://feeds.example/\r\n",
        "",
    )]);
    let error = http()
        .get(&Request::new(&away.address), &mut Vec::new())
        .unwrap_err();
    assert!(error.to_string().contains("plain HTTP"), "{error}");
    let round = answer("302 Found", "Location: /again\r\n", "");
    let circle = server(vec![round; REDIRECTS_MAX as usize + 1]);
    let error = http()
        .get(&Request::new(&circle.address), &mut Vec::new())
        .unwrap_err();
    assert!(error.to_string().contains("more than 5 times"), "{error}");

    let answer = |to: &str| {
        let built = ureq::http::Response::builder()
            .status(302)
            .header("Location", to);
        built.body(Body::builder().data(Vec::new())).unwrap()
    };
    for to in [
        "http://feeds.example/x",
        "http://127.0.0.1/x",
        "https://127.0.0.1/x",
        "file:///etc/passwd",
        "https://user@feeds.example/",
    ] {
        let refused = redirected("https://feeds.example/a", &answer(to));
        assert!(matches!(refused, Err(FetchError::Address { .. })), "{to}");
    }
    assert_eq!(
        redirected("https://feeds.example/a", &answer("/b")).unwrap(),
        "https://feeds.example/b"
    );
}

#[test]
fn only_https_this_computer_and_files_are_asked() {
    for address in [
        "http://feeds.example/",
        "ftp://feeds.example/",
        "feeds.example",
        "",
        "https://user@feeds.example/",
    ] {
        let error = http()
            .get(&Request::new(address), &mut Vec::new())
            .unwrap_err();
        assert!(
            matches!(error, FetchError::Address { .. }),
            "{address}: {error}"
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kev.json");
    std::fs::write(&file, "hello").unwrap();
    let mut request = Request::new(file.display().to_string());
    let mut body = Vec::new();
    let Answer::Body { etag, .. } = http().get(&request, &mut body).unwrap() else {
        panic!("no body");
    };
    assert_eq!(body, b"hello");
    request.etag = etag;
    assert_eq!(
        http().get(&request, &mut Vec::new()).unwrap(),
        Answer::NotModified
    );
    let absent = Request::new(folder.path().join("no.json").display().to_string());
    assert!(
        http()
            .get(&absent, &mut Vec::new())
            .unwrap_err()
            .is_absent()
    );
    let error = http().get(
        &Request::new(folder.path().display().to_string()),
        &mut Vec::new(),
    );
    assert!(matches!(error, Err(FetchError::Address { .. })));
}

#[test]
fn a_server_that_is_not_there_does_not_answer() {
    // Port 1 of this computer: bound by nobody, refused at once.
    let error = http()
        .get(&Request::new("http://127.0.0.1:1/"), &mut Vec::new())
        .unwrap_err();
    assert!(matches!(error, FetchError::Unreachable { .. }), "{error}");
}
