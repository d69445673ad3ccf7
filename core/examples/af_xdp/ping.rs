//! Pings and their answers.

use std::time::{Duration, Instant};

use crate::error::Result;
use crate::interface::Interface;
use crate::message::{Kind, Message, Route};
use crate::options::Options;
use crate::socket::Socket;
use crate::stop;

/// For so long no answer came: there is nobody to give one.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends every ping back in its own block, until it is told to end.
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
    /// Packets that were no pings.
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

/// Pings, some at a time, and prints how long their answers took.
pub(crate) fn measure(
    socket: &mut Socket<'_>,
    interface: &Interface,
    options: &Options,
) -> Result<()> {
    let route = Route { from: interface.address, to: options.to };
    let begin = Instant::now();
    let now_ns = || begin.elapsed().as_nanos() as u64;
    let mut pings = Pings::default();
    let mut last_answer = Instant::now();
    while (pings.round_trips_ns.len() as u64) < options.count {
        if stop::is_requested() {
            return Err(pings.missing("interrupted").into());
        }
        while pings.sent < options.count
            && pings.in_flight.len() < options.in_flight
            && let Some(mut frame) = socket.take()
        {
            let values = [now_ns(), 0, 0];
            Message { values, ..Message::new(Kind::Ping, pings.sent) }.write(&mut frame, route)?;
            socket.send(frame);
            pings.in_flight.push(pings.sent);
            pings.sent += 1;
        }
        socket.advance()?;
        let burst = socket.receive()?;
        if !burst.is_empty() {
            last_answer = Instant::now();
        } else if last_answer.elapsed() > PATIENCE {
            return Err(pings.missing("no answer any more").into());
        } else {
            socket.wait()?;
        }
        for frame in burst {
            let answer = Message::read(&frame);
            socket.give_back(frame);
            pings.count(answer, now_ns())?;
        }
    }
    let elapsed = begin.elapsed();
    pings.print(elapsed);
    Ok(())
}

#[derive(Debug, Default)]
struct Pings {
    sent: u64,
    /// The numbers of those without an answer.
    in_flight: Vec<u64>,
    round_trips_ns: Vec<u64>,
}

impl Pings {
    /// Counts an answer, if it is one: `None` is a packet with other contents than anyone sent.
    fn count(&mut self, answer: Option<Message>, now_ns: u64) -> Result<()> {
        let answer = answer.ok_or("an answer has other contents than what was sent")?;
        let place = self.in_flight.iter().position(|&number| number == answer.number);
        let (Kind::Pong, Some(place)) = (answer.kind, place) else {
            return Err(format!("{answer:?} answers no ping that had none").into());
        };
        self.in_flight.swap_remove(place);
        self.round_trips_ns.push(now_ns.saturating_sub(answer.values[0]));
        Ok(())
    }

    fn missing(&self, why: &str) -> String {
        let missing = self.in_flight.len();
        format!("{why}: {missing} of {} pings have no answer; is `pong` running?", self.sent)
    }

    fn print(mut self, elapsed: Duration) {
        let round_trips = self.round_trips_ns.len();
        let rate = round_trips as f64 / elapsed.as_secs_f64();
        println!("answered: {round_trips} of {} pings, {rate:.0} in a second", self.sent);
        self.round_trips_ns.sort_unstable();
        // The smallest that so much of all are not above.
        let quantile = |part: f64| {
            let place = (round_trips as f64 * part).ceil() as usize;
            self.round_trips_ns[place.clamp(1, round_trips) - 1] as f64 / 1000.0
        };
        let [p50, p99, most] = [0.5, 0.99, 1.0].map(quantile);
        println!("round trip: p50 {p50:.1} µs, p99 {p99:.1} µs, at most {most:.1} µs");
    }
}
