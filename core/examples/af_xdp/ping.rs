//! Pings and their answers.

use std::collections::VecDeque;
use std::process;
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::interface::Interface;
use crate::message::{Kind, Message, Route};
use crate::options::Options;
use crate::socket::Socket;
use crate::stop;

/// A ping that is not answered for this long is lost.
const IN_TIME: Duration = Duration::from_secs(1);
/// After this long without any answer, nobody is there to give one.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends every ping back in its own block, until told to end.
pub(crate) fn answer(socket: &mut Socket<'_>, interface: &Interface) -> Result<()> {
    println!("listening on {}", interface.address);
    let mut answers = Answers::default();
    let outcome = answers.give(socket, interface);
    println!("answered: {} pings, {} packets were none", answers.given, answers.others);
    outcome
}

#[derive(Debug, Default)]
struct Answers {
    given: u64,
    /// Packets that were not pings.
    others: u64,
}

impl Answers {
    fn give(&mut self, socket: &mut Socket<'_>, interface: &Interface) -> Result<()> {
        while !stop::is_requested() {
            socket.advance()?;
            let burst = socket.receive()?;
            if burst.is_empty() {
                socket.wait()?;
            }
            for mut frame in burst {
                match Message::read(&frame) {
                    Some(ping @ Message { kind: Kind::Ping, .. }) => {
                        Message { kind: Kind::Pong, ..ping }.answer(&mut frame, interface.address);
                        socket.send(frame);
                        self.given += 1;
                    }
                    _ => {
                        socket.give_back(frame);
                        self.others += 1;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Sends pings, some at a time, and prints how long their answers took.
pub(crate) fn measure(
    socket: &mut Socket<'_>,
    interface: &Interface,
    options: &Options,
) -> Result<()> {
    let route = Route { from: interface.address, to: options.to };
    let mut pings = Pings::new();
    let outcome = pings.exchange(socket, route, options);
    pings.print();
    outcome
}

/// What became of pings. A lost ping loses no block: the kernel returns a block once it is sent.
#[derive(Debug)]
struct Pings {
    begin: Instant,
    sent: u64,
    /// Those that can still be answered in time, the oldest first.
    in_flight: VecDeque<Message>,
    /// Those that were not answered in time, nor since.
    overdue: VecDeque<Message>,
    round_trips_ns: Vec<u64>,
    /// How many answers came too late.
    late: u64,
    /// Packets that answered none of them.
    others: u64,
    last_answer_ns: u64,
}

impl Pings {
    fn new() -> Self {
        Self {
            begin: Instant::now(),
            sent: 0,
            in_flight: VecDeque::new(),
            overdue: VecDeque::new(),
            round_trips_ns: Vec::new(),
            late: 0,
            others: 0,
            last_answer_ns: 0,
        }
    }

    /// Returns when every ping is answered or lost.
    fn exchange(&mut self, socket: &mut Socket<'_>, route: Route, options: &Options) -> Result<()> {
        while self.sent < options.count || !self.in_flight.is_empty() {
            if stop::is_requested() {
                return Err("interrupted".into());
            }
            self.send(socket, route, options)?;
            socket.advance()?;
            let burst = socket.receive()?;
            if burst.is_empty() {
                self.give_up()?;
                socket.wait()?;
            }
            for frame in burst {
                let packet = Message::read(&frame);
                socket.give_back(frame);
                self.count(packet);
            }
        }
        if self.round_trips_ns.is_empty() {
            return Err("no answer in time: is `pong` running, on this queue?".into());
        }
        Ok(())
    }

    fn send(&mut self, socket: &mut Socket<'_>, route: Route, options: &Options) -> Result<()> {
        while self.sent < options.count
            && self.in_flight.len() < options.in_flight
            && let Some(mut frame) = socket.take()
        {
            let values = [self.now_ns(), u64::from(process::id()), 0];
            let ping = Message { kind: Kind::Ping, number: self.sent, values };
            ping.write(&mut frame, route)?;
            socket.send(frame);
            self.in_flight.push_back(ping);
            self.sent += 1;
        }
        Ok(())
    }

    /// Call this when all packets that have come are counted.
    fn give_up(&mut self) -> Result<()> {
        let now_ns = self.now_ns();
        let since = |then_ns| Duration::from_nanos(now_ns - then_ns);
        let overdue = self.in_flight.partition_point(|ping| since(ping.values[0]) > IN_TIME);
        self.overdue.extend(self.in_flight.drain(..overdue));
        if since(self.last_answer_ns) > PATIENCE {
            let seconds = PATIENCE.as_secs();
            return Err(format!(
                "no answer for {seconds} seconds: is `pong` running, on this queue?"
            )
            .into());
        }
        Ok(())
    }

    /// Counts a packet that has come; `None` is one with other contents.
    fn count(&mut self, packet: Option<Message>) {
        let now_ns = self.now_ns();
        if let Some(ping) = remove_answered(&mut self.in_flight, packet) {
            self.round_trips_ns.push(now_ns - ping.values[0]);
        } else if remove_answered(&mut self.overdue, packet).is_some() {
            self.late += 1;
        } else {
            self.others += 1;
            return;
        }
        self.last_answer_ns = now_ns;
    }

    fn now_ns(&self) -> u64 {
        self.begin.elapsed().as_nanos() as u64
    }

    fn print(mut self) {
        let Self { sent, late, others, .. } = self;
        let answered = self.round_trips_ns.len();
        let rate = answered as f64 / self.begin.elapsed().as_secs_f64();
        println!("answered: {answered} of {sent} pings, {rate:.0} in a second");
        println!("lost: {} pings, {late} of them answered too late", sent - answered as u64);
        println!("other packets: {others}");
        if answered == 0 {
            return;
        }
        self.round_trips_ns.sort_unstable();
        // The smallest value that this part of all values does not exceed.
        let quantile = |part: f64| {
            let place = (answered as f64 * part).ceil() as usize;
            self.round_trips_ns[place.clamp(1, answered) - 1] as f64 / 1000.0
        };
        let [p50, p99, most] = [0.5, 0.99, 1.0].map(quantile);
        println!("round trip: p50 {p50:.1} µs, p99 {p99:.1} µs, at most {most:.1} µs");
    }
}

/// Removes the ping that a packet answers.
fn remove_answered(pings: &mut VecDeque<Message>, packet: Option<Message>) -> Option<Message> {
    let is_answered = |ping: &Message| packet == Some(Message { kind: Kind::Pong, ..*ping });
    let place = pings.iter().position(is_answered)?;
    pings.remove(place)
}
