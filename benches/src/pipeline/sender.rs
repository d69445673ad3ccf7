//! The sending side: packets over UDP, each sent when it is due.

use std::io;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::error::RunError;

/// When packets are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Pattern {
    /// One packet after the other, evenly spaced.
    Steady,
    /// The same number, but all packets of each 10 ms at once.
    Bursty,
}

/// Packets and when each is due.
#[derive(Debug)]
pub struct Traffic {
    /// The packets, sent repeatedly.
    pub packets: Vec<Vec<u8>>,
    /// When they are sent.
    pub schedule: Schedule,
}

/// When the packets of a [`Traffic`] are due.
#[derive(Debug)]
pub enum Schedule {
    /// A fixed number per second.
    Rate {
        /// Packets per second, at least 1.
        rate: u64,
        /// Evenly or in bursts.
        pattern: Pattern,
    },
    /// As recorded: for each packet, its time since the first one; repeated after the last one.
    Recorded(Vec<Duration>),
}

/// What a sender did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// Packets that were sent.
    pub packets: u64,
    /// Why there were no more.
    pub ended: Ended,
}

/// Why a sender sent no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The time was up, with packets still due.
    TimeUp,
    /// The next packet is due this long after the time was up.
    NothingDue(Duration),
    /// It was told to stop.
    Stopped,
}

const BURSTS_A_SECOND: u64 = 100;

impl Traffic {
    /// When packet `number`, counted from 0, is due.
    fn due(&self, number: u64) -> Duration {
        match &self.schedule {
            Schedule::Rate { rate, pattern } => {
                let burst = match pattern {
                    Pattern::Steady => 1,
                    Pattern::Bursty => rate.div_ceil(BURSTS_A_SECOND),
                };
                let first = number / burst * burst;
                Duration::from_secs(first / rate)
                    + Duration::from_nanos(first % rate * 1_000_000_000 / rate)
            }
            Schedule::Recorded(offsets) => {
                let (round, index) = (number / offsets.len() as u64, number % offsets.len() as u64);
                let last = *offsets.last().expect("a recording has packets");
                // The gap between the last packet and the first one of the next round is the average gap
                // between packets.
                let span = last + last / u32::try_from(offsets.len()).unwrap_or(u32::MAX);
                span.max(Duration::from_micros(1)) * u32::try_from(round).unwrap_or(u32::MAX)
                    + offsets[index as usize]
            }
        }
    }

    /// Sends until `duration` has passed or `stop` returns true. Packets that are late are sent at once.
    ///
    /// # Errors
    ///
    /// What the socket reports, except for a receiver that is not there yet or full buffers.
    pub(super) fn send(
        &self,
        socket: &UdpSocket,
        duration: Duration,
        stop: impl Fn() -> bool,
    ) -> Result<Sent, RunError> {
        let begin = Instant::now();
        let packets = self.packets.iter().enumerate().cycle();
        let mut sent = Sent { packets: 0, ended: Ended::TimeUp };
        for (number, (index, packet)) in (0..).zip(packets) {
            let due = self.due(number);
            if due >= duration {
                sent.ended = Ended::NothingDue(due - duration);
                break;
            }
            // The time may be up before everything that was due in it is sent.
            if begin.elapsed() >= duration {
                break;
            }
            loop {
                if stop() {
                    sent.ended = Ended::Stopped;
                    return Ok(sent);
                }
                let Some(early) = due.checked_sub(begin.elapsed()).filter(|early| !early.is_zero())
                else {
                    break;
                };
                // In steps, so that `stop` is noticed.
                std::thread::sleep(early.min(Duration::from_millis(50)));
            }
            match socket.send(packet) {
                Ok(_) => sent.packets += 1,
                Err(error) => match error.kind() {
                    io::ErrorKind::ConnectionRefused
                    | io::ErrorKind::WouldBlock
                    | io::ErrorKind::Interrupted => {}
                    _ => {
                        let (number, bytes) = (index + 1, packet.len());
                        let attempt = format!("send packet {number} of the input, {bytes} bytes");
                        return Err(RunError::system(attempt)(error));
                    }
                },
            }
        }
        // Nothing more is due, but the other stages work until the time is up.
        while begin.elapsed() < duration && !stop() {
            let left = duration.saturating_sub(begin.elapsed());
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
        Ok(sent)
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Pattern, Schedule, Traffic};

    fn due(schedule: Schedule, numbers: &[u64]) -> Vec<u64> {
        let traffic = Traffic { packets: vec![vec![]; 3], schedule };
        numbers.iter().map(|&number| traffic.due(number).as_micros() as u64).collect()
    }

    #[test]
    fn a_steady_rate_is_evenly_spaced() {
        let steady = |rate| Schedule::Rate { rate, pattern: Pattern::Steady };
        assert_eq!(due(steady(1000), &[0, 1, 2, 5000]), [0, 1000, 2000, 5_000_000]);
        assert_eq!(due(steady(3), &[1, 2, 3]), [333_333, 666_666, 1_000_000]);
    }

    #[test]
    fn bursts_carry_ten_milliseconds_each() {
        let bursty = |rate| Schedule::Rate { rate, pattern: Pattern::Bursty };
        assert_eq!(due(bursty(1000), &[0, 9, 10, 19, 20]), [0, 0, 10_000, 10_000, 20_000]);
        assert_eq!(due(bursty(1), &[0, 1]), [0, 1_000_000]);
    }

    #[test]
    fn a_recording_repeats_after_an_average_gap() {
        let offsets = [0, 100, 300].map(Duration::from_micros).to_vec();
        assert_eq!(due(Schedule::Recorded(offsets), &[0, 1, 2, 3, 4]), [0, 100, 300, 400, 500]);
        let at_once = vec![Duration::ZERO; 3];
        assert_eq!(due(Schedule::Recorded(at_once), &[2, 3, 6]), [0, 1, 2]);
    }
}
