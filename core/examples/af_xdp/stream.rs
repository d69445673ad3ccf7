//! A stream of packets, each of which is accounted for.
//!
//! The sender asks the receiver, before and after the stream, how many packets and questions it has
//! received and how many the kernel dropped there, which may include questions.

use std::process;
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::interface::Interface;
use crate::message::{Kind, LENGTH, Message, Route};
use crate::options::Options;
use crate::socket::Socket;
use crate::stop;

/// After this long, a question is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(100);
/// After this long, nobody is there to answer, or a packet is lost.
const PATIENCE: Duration = Duration::from_secs(10);

/// Counts packets and answers questions, until told to end.
///
/// If it holds packets, it gives no block back until a millisecond has passed without a packet.
pub(crate) fn receive(socket: &mut Socket<'_>, interface: &Interface, holds: bool) -> Result<()> {
    println!("listening on {}", interface.address);
    let mut received = Received::default();
    let outcome = received.count(socket, interface, holds);
    let Received { packets, questions, damaged } = received;
    println!("received: {packets} packets, and {damaged} of other contents");
    println!("questions received: {questions}, before the packets and after them");
    println!("dropped for want of blocks: {}", socket.dropped()?);
    outcome
}

#[derive(Debug, Default)]
struct Received {
    packets: u64,
    questions: u64,
    damaged: u64,
}

impl Received {
    fn count(&mut self, socket: &mut Socket<'_>, interface: &Interface, holds: bool) -> Result<()> {
        let mut held = Vec::new();
        while !stop::is_requested() {
            socket.advance()?;
            let burst = socket.receive()?;
            if burst.is_empty() && socket.wait()? {
                held.drain(..).for_each(|frame| socket.give_back(frame));
            }
            for mut frame in burst {
                match Message::read(&frame) {
                    Some(question @ Message { kind: Kind::Question, .. }) => {
                        self.questions += 1;
                        let values = [self.packets, self.questions, socket.dropped()?];
                        let report = Message { kind: Kind::Report, values, ..question };
                        report.answer(&mut frame, interface.address);
                        socket.send(frame);
                    }
                    Some(Message { kind: Kind::Data, .. }) => {
                        self.packets += 1;
                        if holds { held.push(frame) } else { socket.give_back(frame) }
                    }
                    _ => {
                        self.damaged += 1;
                        socket.give_back(frame);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Sends packets as fast as possible, and finds out what became of them.
pub(crate) fn send(
    socket: &mut Socket<'_>,
    interface: &Interface,
    options: &Options,
) -> Result<()> {
    let route = Route { from: interface.address, to: options.to };
    let mut sender = Sender { socket, route, question: u64::from(process::id()) << 32 };
    let before =
        sender.ask(Instant::now() + PATIENCE)?.ok_or("no answer: is `receive` running?")?;
    let question_before = sender.question;

    let begin = Instant::now();
    sender.send_all(options.count)?;
    let rate = options.count as f64 / begin.elapsed().as_secs_f64();
    let rate_bits = rate * (LENGTH * 8) as f64 / 1e9;
    println!("sent: {} packets, {rate:.0} in a second, {rate_bits:.2} Gbit/s", options.count);

    let deadline = Instant::now() + PATIENCE;
    let mut missing = options.count;
    // Repeated only if packets overtake each other: then some are still on their way.
    while let Some(after) = sender.ask(deadline)? {
        let questions = sender.question - question_before;
        let sent = options.count + questions;
        let counts = after.since(&before);
        if counts.all() >= sent {
            let all = counts.all();
            println!("accounted for: {all} of {sent} packets, {questions} of them questions");
            counts.print();
            return if all == sent { Ok(()) } else { Err("more packets than were sent".into()) };
        }
        missing = sent - counts.all();
        thread::sleep(ASK_AGAIN);
    }
    Err(format!("{missing} packets are not accounted for").into())
}

/// What became of packets.
#[derive(Debug)]
struct Counts {
    received: u64,
    /// Of the questions, those that were received.
    questions: u64,
    /// Dropped by the receiver's kernel, for lack of blocks.
    dropped: u64,
    /// Dropped by the interface that was to send them.
    refused: u64,
}

// The contents of packets are not trusted: no sum or difference may overflow.
impl Counts {
    fn all(&self) -> u64 {
        [self.received, self.questions, self.dropped, self.refused]
            .into_iter()
            .fold(0, u64::saturating_add)
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            received: self.received.saturating_sub(before.received),
            questions: self.questions.saturating_sub(before.questions),
            dropped: self.dropped.saturating_sub(before.dropped),
            refused: self.refused.saturating_sub(before.refused),
        }
    }

    fn print(&self) {
        println!("received: {} packets", self.received);
        println!("questions received: {}", self.questions);
        println!("dropped for want of blocks: {}", self.dropped);
        println!("dropped by the interface: {}", self.refused);
    }
}

struct Sender<'s, 'u> {
    socket: &'s mut Socket<'u>,
    route: Route,
    /// The number of the last question. The first contains the process id, so answers to others do not
    /// match.
    question: u64,
}

impl Sender<'_, '_> {
    /// Returns when the kernel has sent the last packet.
    fn send_all(&mut self, count: u64) -> Result<()> {
        let mut sent = 0;
        while sent < count || self.socket.sending() > 0 {
            if stop::is_requested() {
                return Err(format!("interrupted: {sent} of {count} packets were sent").into());
            }
            let before = sent;
            while sent < count
                && let Some(mut frame) = self.socket.take()
            {
                Message::new(Kind::Data, sent).write(&mut frame, self.route)?;
                self.socket.send(frame);
                sent += 1;
            }
            self.socket.advance()?;
            if sent == before {
                self.socket.wait()?;
            }
        }
        Ok(())
    }

    /// Asks the receiver, again if need be, what became of all packets up to this question; `None` if
    /// there is no answer in time.
    fn ask(&mut self, deadline: Instant) -> Result<Option<Counts>> {
        while Instant::now() < deadline {
            let Some(mut frame) = self.socket.take() else {
                self.socket.advance()?;
                continue;
            };
            self.question += 1;
            Message::new(Kind::Question, self.question).write(&mut frame, self.route)?;
            self.socket.send(frame);
            if let Some([received, questions, dropped]) = self.answer(Instant::now() + ASK_AGAIN)? {
                let refused = self.socket.refused();
                return Ok(Some(Counts { received, questions, dropped, refused }));
            }
        }
        Ok(None)
    }

    /// The values of the answer to the last question. Answers to earlier ones do not cover packets
    /// that were sent since.
    fn answer(&mut self, deadline: Instant) -> Result<Option<[u64; 3]>> {
        while Instant::now() < deadline {
            if stop::is_requested() {
                return Err("interrupted".into());
            }
            self.socket.advance()?;
            let burst = self.socket.receive()?;
            if burst.is_empty() {
                self.socket.wait()?;
            }
            let mut last = None;
            for frame in burst {
                let report = Message::read(&frame).filter(|message| message.kind == Kind::Report);
                last = report.filter(|report| report.number == self.question).or(last);
                self.socket.give_back(frame);
            }
            if let Some(report) = last {
                return Ok(Some(report.values));
            }
        }
        Ok(None)
    }
}
