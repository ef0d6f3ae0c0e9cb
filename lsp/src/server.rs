//! The loop: one thread that deals with what the editor sends, in its order.
//!
//! Requests are answered from the texts as they stood when the request came. What is wrong with programs is
//! published when nothing else waits, so that a burst of keystrokes is checked once. A fault of ours while one
//! request is answered is that request's answer, and the server goes on.

mod inbox;

use crate::client::Client;
use crate::convert;
use crate::requests::{self, Handler, Refusal};
use crate::stdio;
use crate::workspace::Workspace;
use inbox::{Event, Inbox};
use lsp_server::{Connection, ErrorCode, Message, Notification, Request, RequestId, Response, ResponseError};
use serde_json::Value;
use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// How a conversation came to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// The editor said so, after it had asked us to shut down.
    AsAgreed,
    /// The editor went away.
    Early,
}

/// Talks to an editor over standard input and output.
pub fn serve_stdio() -> std::io::Result<Ended> {
    let (connection, threads) = stdio::connect()?;
    let ended = serve(&connection, caches().as_deref());
    // The threads end with their channels.
    drop(connection);
    threads.join().map(|()| ended)
}

/// Where programs keep what they can make again (the XDG base directory specification).
fn caches() -> Option<PathBuf> {
    let told = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    told.or_else(|| Some(std::env::home_dir()?.join(".cache")))
}

/// Talks to an editor until it ends the conversation. `caches` is where programs keep what they can make again.
pub fn serve(connection: &Connection, caches: Option<&Path>) -> Ended {
    serve_with(connection, caches, requests::all())
}

fn serve_with(
    connection: &Connection,
    caches: Option<&Path>,
    handlers: BTreeMap<&'static str, Handler>,
) -> Ended {
    let Some((id, params)) = initialize(connection) else { return Ended::Early };
    let client = Client::new(&params);
    send(connection, Response::new_ok(id, convert::capabilities::initialized(&client)));
    let workspace = Workspace::new(client, caches);
    Server { connection, workspace, handlers, has_shut_down: false }.run(&mut Inbox::new(connection))
}

/// The request with which a conversation begins; none if it never does.
fn initialize(connection: &Connection) -> Option<(RequestId, Value)> {
    for message in &connection.receiver {
        match message {
            Message::Request(request) if request.method == "initialize" => {
                return Some((request.id, request.params));
            }
            Message::Request(request) => {
                let message = "the conversation begins with `initialize`".into();
                let code = ErrorCode::ServerNotInitialized as i32;
                send(connection, Response::new_err(request.id, code, message));
            }
            message if is_exit(&message) => return None,
            _ => {}
        }
    }
    None
}

fn is_exit(message: &Message) -> bool {
    matches!(message, Message::Notification(notification) if notification.method == "exit")
}

/// An editor that went away hears nothing, and the loop learns of it where it listens.
fn send(connection: &Connection, message: impl Into<Message>) {
    let _ = connection.sender.send(message.into());
}

struct Server<'c> {
    connection: &'c Connection,
    workspace: Workspace,
    handlers: BTreeMap<&'static str, Handler>,
    has_shut_down: bool,
}

impl Server<'_> {
    fn run(mut self, inbox: &mut Inbox) -> Ended {
        loop {
            match inbox.next() {
                Event::Request(request) => {
                    let id = request.id.clone();
                    let response_result = self.answer(request).map_err(Refusal::into_response);
                    send(self.connection, Response { id, response_result });
                }
                Event::Cancelled(id) => {
                    let message = "cancelled".to_string();
                    send(self.connection, Response::new_err(id, ErrorCode::RequestCanceled as i32, message));
                }
                Event::Notification(notification) if notification.method == "exit" => {
                    return if self.has_shut_down { Ended::AsAgreed } else { Ended::Early };
                }
                Event::Notification(notification) => self.note(notification),
                Event::Quiet => self.publish(),
                Event::Closed => return Ended::Early,
            }
        }
    }

    fn answer(&mut self, request: Request) -> Result<Value, Refusal> {
        if self.has_shut_down {
            return Err(Refusal::new(ErrorCode::InvalidRequest, "the server has been shut down"));
        }
        if request.method == "initialize" {
            return Err(Refusal::new(ErrorCode::InvalidRequest, "the conversation has begun already"));
        }
        if request.method == "shutdown" {
            self.has_shut_down = true;
            return Ok(Value::Null);
        }
        let Some(handler) = self.handlers.get(request.method.as_str()) else {
            let message = format!("there is no method `{}`", request.method);
            return Err(Refusal::new(ErrorCode::MethodNotFound, message));
        };
        let answer = AssertUnwindSafe(|| handler(&mut self.workspace, request.params));
        catch_unwind(answer).unwrap_or_else(|panic| {
            let fault =
                format!("a fault in Millstream while it answered {}: {}", request.method, words_of(&*panic));
            self.log(&fault);
            Err(Refusal::new(ErrorCode::InternalError, fault))
        })
    }

    /// What the editor tells and expects no answer to. What we do not know of is no fault.
    fn note(&mut self, notification: Notification) {
        let method = notification.method.clone();
        if method == "initialized" {
            if let Some(registration) = convert::capabilities::watch_files(&self.workspace.client) {
                send(self.connection, registration);
            }
            return;
        }
        if let Err(problem) = requests::synchronize::note(&mut self.workspace, notification) {
            self.log(&format!("{method}: {problem}"));
        }
    }

    /// Publishes what is wrong with the programs that have changed.
    fn publish(&mut self) {
        if self.has_shut_down {
            return;
        }
        self.workspace.clear();
        for fault in self.workspace.check() {
            self.log(&fault);
        }
        for published in requests::diagnostics::changed(&mut self.workspace) {
            send(self.connection, published);
        }
    }

    /// For the editor's log.
    fn log(&self, message: &str) {
        send(self.connection, convert::log_message(message));
    }
}

/// What a panic says.
pub fn words_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked")
}

impl Refusal {
    fn into_response(self) -> ResponseError {
        ResponseError { code: self.code as i32, message: self.message, data: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// What is answered and logged to some requests, if this handler is one of the server's.
    fn conversation(method: &'static str, handler: Handler, requests: &[&str]) -> String {
        let (editor, server) = Connection::memory();
        let start = Request::new(0.into(), "initialize".into(), json!({ "capabilities": {} }));
        let asked = requests.iter().zip(1..).map(|(m, id)| Request::new(id.into(), m.to_string(), json!({})));
        let last = [Request::new(99.into(), "shutdown".into(), Value::Null)];
        [start].into_iter().chain(asked).chain(last).for_each(|request| send(&editor, request));
        send(&editor, Notification::new("exit".into(), Value::Null));
        let mut handlers = requests::all();
        handlers.insert(method, handler);
        assert_eq!(serve_with(&server, None, handlers), Ended::AsAgreed);
        drop(server);
        let lines = editor.receiver.iter().skip(1).map(|message| match message {
            Message::Response(Response { id, response_result: Ok(answer) }) => format!("{id}: {answer}"),
            Message::Response(Response { id, response_result: Err(e) }) => {
                format!("{id}: {} {}", e.code, e.message)
            }
            Message::Notification(notification) => format!("log: {}", notification.params["message"]),
            Message::Request(request) => request.method,
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_fault_of_ours_is_an_answer_and_the_server_goes_on() {
        let handler: Handler = Box::new(|_, _| panic!("a value was promised"));
        let told =
            conversation("test/fault", handler, &["test/fault", "test/nothing", "initialize", "test/fault"]);
        insta::assert_snapshot!(told, @r#"
        log: "a fault in Millstream while it answered test/fault: a value was promised"
        1: -32603 a fault in Millstream while it answered test/fault: a value was promised
        2: -32601 there is no method `test/nothing`
        3: -32600 the conversation has begun already
        log: "a fault in Millstream while it answered test/fault: a value was promised"
        4: -32603 a fault in Millstream while it answered test/fault: a value was promised
        99: null
        "#);
    }
}
