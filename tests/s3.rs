//! State in storage that speaks S3: of a server in this process, which knows as much of it as is needed.

#![cfg(all(feature = "s3", unix))]

mod support;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Child;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use support::{Folder, terminate};

const PROGRAM: &str = "\
source clicks: { user: string, n: int, at: timestamp }
  from file(\"clicks.csv\", follow: true) format csv
  time at

stream totals =
  from clicks
  window tumbling 1h
  group by user
  select user, sum(n) as n

sink out from totals to file(\"out.ndjson\") format json
";

/// Objects by `bucket/key`.
type Objects = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

struct Server {
    objects: Objects,
    port: u16,
    n_faults: Arc<AtomicUsize>,
}

/// What a request meets that is not answered as it should be.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    SlowDown,
    Internal,
    /// What it asks for is done, and nobody learns of it.
    AnswerLost,
}

impl Server {
    fn start() -> Server {
        Server::start_with(|_| None)
    }

    /// One whose requests, by their numbers, meet faults.
    fn start_with(fault: fn(usize) -> Option<Fault>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        let objects = Objects::default();
        let (n_requests, n_faults) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let (shared, counted) = (objects.clone(), n_faults.clone());
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (objects, n_requests, n_faults) = (shared.clone(), n_requests.clone(), counted.clone());
                let next = move || {
                    let fault = fault(n_requests.fetch_add(1, Ordering::Relaxed));
                    n_faults.fetch_add(fault.is_some() as usize, Ordering::Relaxed);
                    fault
                };
                std::thread::spawn(move || while answer(&connection, &objects, &next).is_some() {});
            }
        });
        Server { objects, port, n_faults }
    }

    fn names(&self) -> Vec<String> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    fn variables(&self) -> [(&'static str, String); 5] {
        [
            ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.port)),
            ("AWS_ALLOW_HTTP", "true".into()),
            ("AWS_REGION", "nowhere".into()),
            ("AWS_ACCESS_KEY_ID", "key".into()),
            ("AWS_SECRET_ACCESS_KEY", "secret".into()),
        ]
    }

    fn start_run(&self, folder: &Folder, line: &str) -> Child {
        folder.command(line).envs(self.variables()).spawn().expect("the command starts")
    }

    /// Waits for a checkpoint of so many records.
    fn wait_for_records(&self, n: usize) {
        let wanted = format!("\"records\":{n},");
        let has_it = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).contains(&wanted);
        while !self.objects.lock().unwrap_or_else(PoisonError::into_inner).values().any(has_it) {
            std::thread::yield_now();
        }
    }
}

/// Answers a request of a connection; none when there is no other.
fn answer(mut connection: &TcpStream, objects: &Objects, fault: &dyn Fn() -> Option<Fault>) -> Option<()> {
    let mut reader = BufReader::new(connection.try_clone().ok()?);
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|n| *n > 0)?;
    let (method, target) = first.split_once(' ')?;
    let target = target.split(' ').next()?;
    let (mut length, mut only_new) = (0, false);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
        let line = line.trim_end().to_ascii_lowercase();
        match line.split_once(": ") {
            Some(("content-length", n)) => length = n.parse().ok()?,
            Some(("if-none-match", "*")) => only_new = true,
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let name = path.trim_matches('/').to_string();
    let fault = fault();
    let mut objects = objects.lock().unwrap_or_else(PoisonError::into_inner);
    let (status, body) = match method {
        _ if fault == Some(Fault::SlowDown) => ("503 Slow Down", vec![]),
        _ if fault == Some(Fault::Internal) => ("500 Internal Server Error", vec![]),
        "PUT" if only_new && objects.contains_key(&name) => ("412 Precondition Failed", vec![]),
        "PUT" => {
            objects.insert(name, body);
            ("200 OK", vec![])
        }
        "DELETE" => {
            objects.remove(&name);
            ("204 No Content", vec![])
        }
        _ if query.contains("list-type=2") => ("200 OK", listed(&objects, &name, query).into_bytes()),
        _ => match objects.get(&name) {
            Some(bytes) => ("200 OK", bytes.clone()),
            None => ("404 Not Found", vec![]),
        },
    };
    if fault == Some(Fault::AnswerLost) {
        return None;
    }
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nETag: \"e\"\r\nLast-Modified: Wed, 01 May 2024 10:00:00 GMT\r\n\r\n",
        body.len()
    );
    connection.write_all(head.as_bytes()).ok()?;
    connection.write_all(&body).ok()
}

fn listed(objects: &BTreeMap<String, Vec<u8>>, bucket: &str, query: &str) -> String {
    let prefix = query.split('&').find_map(|part| part.strip_prefix("prefix=")).unwrap_or("");
    let prefix = format!("{bucket}/{}", prefix.replace("%2F", "/"));
    let found = objects.iter().filter(|(name, _)| name.starts_with(&prefix));
    let object = |(name, bytes): (&String, &Vec<u8>)| {
        let key = &name[bucket.len() + 1..];
        format!(
            "<Contents><Key>{key}</Key><LastModified>2024-05-01T10:00:00.000Z</LastModified>\
             <ETag>\"e\"</ETag><Size>{}</Size></Contents>",
            bytes.len()
        )
    };
    let all: String = found.map(object).collect();
    format!("<ListBucketResult><IsTruncated>false</IsTruncated>{all}</ListBucketResult>")
}

fn clicks(hour: usize) -> String {
    (0..60).map(|minute| format!("ann,{minute},2024-05-01T{hour:02}:{minute:02}:00Z\n")).collect()
}

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("followed.stream", PROGRAM);
    folder.write("p.stream", PROGRAM.replace(", follow: true", ""));
    folder.write("clicks.csv", format!("user,n,at\n{}", clicks(1)));
    folder
}

const STATE: &str = "--state s3://bucket/of/run --checkpoint-every 10ms";

#[test]
fn a_run_goes_on_from_what_is_kept_there() {
    let (server, folder) = (Server::start(), folder());
    let run = server.start_run(&folder, &format!("run followed.stream {STATE}"));
    server.wait_for_records(60);
    terminate(run.id());
    let ended = run.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
    let names = server.names();
    assert!(
        !names.is_empty() && names.iter().all(|name| name.starts_with("bucket/of/run/checkpoint-")),
        "{names:?}"
    );
    folder.write("clicks.csv", format!("user,n,at\n{}{}", clicks(1), clicks(2)));
    let variables = server.variables();
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, &**value)).collect();
    let told = folder.run_in("state s3://bucket/of/run", "", &variables).code(0).stdout;
    assert!(told.contains("60 records to byte 1,680"), "{told}");
    let kept = folder.run_in("check p.stream --against s3://bucket/of/run", "", &variables).code(0).stdout;
    assert!(kept.contains("kept      `window_agg` of `totals`"), "{kept}");
    let ran = folder.run_in(&format!("run p.stream {STATE}"), "", &variables).code(0);
    assert!(ran.stderr.contains("60 rows  from clicks"), "{}", ran.stderr);
    assert_eq!(folder.read("out.ndjson"), "{\"user\":\"ann\",\"n\":1770}\n".repeat(2));
    // The last three are kept, and no more.
    assert!(server.names().len() <= 3, "{:?}", server.names());
}

#[test]
fn what_is_refused_now_and_then_or_not_answered_is_asked_again() {
    let fault = |number: usize| match number % 7 {
        2 => Some(Fault::SlowDown),
        4 => Some(Fault::Internal),
        6 => Some(Fault::AnswerLost),
        _ => None,
    };
    let (server, folder) = (Server::start_with(fault), folder());
    let run = server.start_run(&folder, &format!("run followed.stream {STATE}"));
    server.wait_for_records(60);
    terminate(run.id());
    let ended = run.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(0), "{said}");
    // Its own checkpoint, of which no answer came, is not taken for another run's.
    assert!(!said.contains("in use") && !said.contains("cannot write"), "{said}");
    folder.write("clicks.csv", format!("user,n,at\n{}{}", clicks(1), clicks(2)));
    let ended =
        server.start_run(&folder, &format!("run p.stream {STATE}")).wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(folder.read("out.ndjson"), "{\"user\":\"ann\",\"n\":1770}\n".repeat(2));
    assert!(server.names().len() <= 3, "{:?}", server.names());
    assert!(server.n_faults.load(Ordering::Relaxed) > 3);
}

#[test]
fn of_two_runs_at_one_place_one_ends() {
    let (server, folder) = (Server::start(), folder());
    let mut first = server.start_run(&folder, &format!("run followed.stream {STATE}"));
    server.wait_for_records(60);
    let mut second = server.start_run(&folder, &format!("run followed.stream {STATE}"));
    let clicks = File::options().append(true).open(folder.path().join("clicks.csv"));
    let mut clicks = clicks.expect("the file is there");
    // The one that comes second to the next checkpoint, of which there is none unless rows arrive. Each is on
    // the disk before the next: they come no faster than they can be read.
    let has_ended = |run: &mut Child| run.try_wait().expect("it can be asked").is_some();
    let (ended, other) = loop {
        if has_ended(&mut first) {
            break (first, second);
        }
        if has_ended(&mut second) {
            break (second, first);
        }
        clicks.write_all(b"ann,1,2024-05-01T02:00:00Z\n").expect("a row is written");
        clicks.sync_data().expect("it comes to the disk");
    };
    terminate(other.id());
    other.wait_with_output().expect("it ends");
    let ended = ended.wait_with_output().expect("it has ended");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("`s3://bucket/of/run` is in use by another run"), "{said}");
    assert_eq!(ended.status.code(), Some(1));
}

#[test]
fn what_nobody_answers_is_told() {
    let folder = folder();
    let nobody =
        TcpListener::bind("127.0.0.1:0").expect("a port is free").local_addr().expect("an address").port();
    let endpoint = format!("http://127.0.0.1:{nobody}");
    let variables = [
        ("AWS_ENDPOINT_URL", &*endpoint),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];
    let ran = folder.run_in("run p.stream --state s3://bucket/of/run", "", &variables).code(1);
    ran.stderr_has("error[E0802]: cannot read the state in `s3://bucket/of/run`");
    folder.run_in("run p.stream --state s3://", "", &variables).code(1).stderr_has("it names no bucket");
}
