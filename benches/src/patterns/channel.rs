//! Channels from one thread to another.

use rtrb::{Consumer, Producer, RingBuffer};

use super::wait;
use crate::peers::{BURST, Burst};
use crate::queues::HandOff;

/// The sending end of a channel. Waits while there is no room.
pub(super) trait Sender<B>: Send {
    fn send(&mut self, buffer: B);
    /// Sends a full burst.
    fn send_burst(&mut self, burst: &mut Burst<B>);
}

/// The receiving end of a channel. Waits while there are no buffers.
pub(super) trait Receiver<B>: Send {
    fn receive(&mut self) -> B;
    /// Receives a full burst.
    fn receive_burst(&mut self, burst: &mut Burst<B>);
}

/// The most buffers on their way through the ring.
pub(super) const RING: usize = 256;

/// The same channel for every pool: a ring with one sender and one receiver.
pub(super) fn ring<B>() -> (Producer<B>, Consumer<B>) {
    RingBuffer::new(RING)
}

impl<B: Send> Sender<B> for Producer<B> {
    fn send(&mut self, buffer: B) {
        wait(|| (!self.is_full()).then_some(()));
        self.push(buffer).expect("seen");
    }

    fn send_burst(&mut self, burst: &mut Burst<B>) {
        wait(|| (self.cached_slots() >= BURST || self.slots() >= BURST).then_some(()));
        let room = self.write_chunk_uninit(BURST).expect("seen");
        room.fill_from_iter(burst.drain(..));
    }
}

impl<B: Send> Receiver<B> for Consumer<B> {
    fn receive(&mut self) -> B {
        wait(|| self.pop().ok())
    }

    fn receive_burst(&mut self, burst: &mut Burst<B>) {
        wait(|| (self.cached_slots() >= BURST || self.slots() >= BURST).then_some(()));
        let chunk = self.read_chunk(BURST).expect("seen");
        burst.extend(chunk);
    }
}

/// A channel through a queue.
#[derive(Debug)]
pub(super) struct Through<Q: 'static>(pub(super) &'static Q);

impl<B: Send, Q: HandOff<B>> Sender<B> for Through<Q> {
    fn send(&mut self, buffer: B) {
        self.0.push(buffer);
    }

    fn send_burst(&mut self, burst: &mut Burst<B>) {
        self.0.push_burst(burst);
    }
}

impl<B: Send, Q: HandOff<B>> Receiver<B> for Through<Q> {
    fn receive(&mut self) -> B {
        wait(|| self.0.pop())
    }

    fn receive_burst(&mut self, burst: &mut Burst<B>) {
        wait(|| {
            self.0.pop_burst(burst);
            burst.is_full().then_some(())
        });
    }
}
