//! What the editor has sent and the server has not dealt with, without what was cancelled meanwhile.

use lsp_server::{Connection, Message, Notification, Request, RequestId};
use std::collections::VecDeque;
use std::time::Duration;

/// How long nothing has to come for it to be quiet.
const PAUSE: Duration = Duration::from_micros(500);

/// What is to be done next.
pub enum Event {
    Request(Request),
    Notification(Notification),
    /// A request that nobody waits for any more.
    Cancelled(RequestId),
    /// Nothing has come; asking again waits until something does.
    Quiet,
    /// The editor went away.
    Closed,
}

/// Messages in the order in which they came.
pub struct Inbox<'c> {
    connection: &'c Connection,
    waiting: VecDeque<Event>,
    was_quiet: bool,
}

impl Inbox<'_> {
    pub fn new(connection: &Connection) -> Inbox<'_> {
        Inbox { connection, waiting: VecDeque::new(), was_quiet: false }
    }

    pub fn next(&mut self) -> Event {
        while let Ok(message) = self.connection.receiver.try_recv() {
            self.add(message);
        }
        loop {
            if let Some(event) = self.waiting.pop_front() {
                self.was_quiet = false;
                return event;
            }
            if !self.was_quiet {
                // What is asked about a change comes directly behind it.
                match self.connection.receiver.recv_timeout(PAUSE) {
                    Ok(message) => {
                        self.add(message);
                        continue;
                    }
                    Err(_) => {
                        self.was_quiet = true;
                        return Event::Quiet;
                    }
                }
            }
            match self.connection.receiver.recv() {
                Ok(message) => self.add(message),
                Err(_) => return Event::Closed,
            }
        }
    }

    fn add(&mut self, message: Message) {
        match message {
            Message::Request(request) => self.waiting.push_back(Event::Request(request)),
            Message::Notification(notification) if notification.method == "$/cancelRequest" => {
                let id = notification.params.get("id").cloned();
                if let Some(id) = id.and_then(|id| serde_json::from_value(id).ok()) {
                    self.cancel(&id);
                }
            }
            Message::Notification(notification) => self.waiting.push_back(Event::Notification(notification)),
            // Answers to what we ask for tell us nothing.
            Message::Response(_) => {}
        }
    }

    /// A request that is no longer waiting has been answered.
    fn cancel(&mut self, id: &RequestId) {
        let is_it = |event: &Event| matches!(event, Event::Request(request) if request.id == *id);
        if let Some(at) = self.waiting.iter().position(is_it) {
            self.waiting[at] = Event::Cancelled(id.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// What becomes of these messages if they have all come before the first is dealt with.
    fn events(messages: Vec<Message>) -> String {
        let (editor, server) = Connection::memory();
        messages.into_iter().for_each(|m| editor.sender.send(m).expect("it is received"));
        drop(editor);
        let mut inbox = Inbox::new(&server);
        let mut events = vec![];
        loop {
            events.push(match inbox.next() {
                Event::Request(request) => format!("request {}", request.id),
                Event::Notification(notification) => notification.method,
                Event::Cancelled(id) => format!("cancelled {id}"),
                Event::Quiet => "quiet".into(),
                Event::Closed => return events.join(", "),
            });
        }
    }

    fn request(id: i32) -> Message {
        Request::new(id.into(), "textDocument/hover".into(), json!({})).into()
    }

    fn cancel(id: serde_json::Value) -> Message {
        Notification::new("$/cancelRequest".into(), json!({ "id": id })).into()
    }

    fn change() -> Message {
        Notification::new("textDocument/didChange".into(), json!({})).into()
    }

    #[test]
    fn requests_that_wait_can_be_cancelled() {
        assert_eq!(
            events(vec![request(1), change(), request(2), cancel(json!(1)), request(3)]),
            "cancelled 1, textDocument/didChange, request 2, request 3, quiet"
        );
    }

    #[test]
    fn what_cannot_be_cancelled_is_let_be() {
        let messages =
            vec![cancel(json!(1)), request(1), cancel(json!("1")), cancel(json!(null)), cancel(json!([]))];
        assert_eq!(events(messages), "request 1, quiet");
    }

    #[test]
    fn it_is_quiet_once_between_messages() {
        assert_eq!(events(vec![]), "quiet");
        assert_eq!(events(vec![change()]), "textDocument/didChange, quiet");
    }
}
