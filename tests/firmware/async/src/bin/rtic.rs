//! A task that waits for packets, with RTIC: the timer's interrupt plays the device that receives
//! them.

#![no_std]
#![no_main]

// For its `panic-handler`.
use semihosting as _;

#[rtic::app(device = lm3s6965, dispatchers = [UART0])]
mod app {
    use atomic_waker::AtomicWaker;
    use blockpool_core::{Pool, Queue};
    use cortex_m::peripheral::syst::SystClkSource;
    use firmware_async::wait;
    use semihosting::{println, process};

    type Packets = Pool<64, 4>;

    static POOL: Packets = Pool::new();
    static RECEIVED: Queue<'static, Packets> = Queue::new(&POOL);
    /// Something is in `RECEIVED`.
    static ARRIVED: AtomicWaker = AtomicWaker::new();

    #[shared]
    struct Shared {}

    #[local]
    struct Local {
        tick: u32,
    }

    #[init]
    fn init(context: init::Context) -> (Shared, Local) {
        let mut timer = context.core.SYST;
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(999);
        timer.clear_current();
        timer.enable_counter();
        timer.enable_interrupt();
        consume::spawn().expect("not yet running");
        (Shared {}, Local { tick: 0 })
    }

    #[task(binds = SysTick, local = [tick], priority = 2)]
    fn receive(context: receive::Context) {
        *context.local.tick += 1;
        if let Some(mut packet) = POOL.get() {
            packet.append(&context.local.tick.to_le_bytes()).expect("4 of 64 bytes");
            RECEIVED.push(packet).expect("a block of this pool");
            ARRIVED.wake();
        }
    }

    #[task(priority = 1)]
    async fn consume(_: consume::Context) {
        let mut last = 0;
        for _ in 0..200 {
            let packet = wait(&ARRIVED, || RECEIVED.pop()).await;
            let number = u32::from_le_bytes(packet[..].try_into().expect("4 bytes"));
            assert!(number > last, "in order");
            last = number;
        }
        println!("passed example-rtic: 200 packets");
        println!("RESULT PASS");
        process::exit(0)
    }
}
