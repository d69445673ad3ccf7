//! Sends packets between two hosts with AF_XDP, past the kernel's network stack, in the blocks of a
//! [`Region`](blockpool_core::Region): its memory is the UMEM, and a frame's address is the index of a
//! block times the block size.
//!
//! Needs Linux 5.9 or newer, and root or CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF. To try it without a
//! network card, join two network namespaces with a cable:
//!
//! ```sh
//! cargo build --release -p blockpool-core --example af_xdp
//! PATH=$PATH:$PWD/target/release/examples
//!
//! ip netns add left
//! ip netns add right
//! ip link add cable netns left type veth peer name cable netns right
//! ip -n left link set cable up
//! ip -n right link set cable up
//!
//! ip netns exec right af_xdp pong cable &
//! sleep 1
//! ip netns exec left af_xdp ping cable --count 100000
//! kill $! && wait
//!
//! ip netns exec right af_xdp receive cable --frames 16 --hold &  # packets are dropped
//! ip netns exec left af_xdp send cable --count 1000000           # and counted, to the last one
//! kill $! && wait
//!
//! ip netns delete left
//! ip netns delete right
//! ```
//!
//! Packets of other programs still go to the network stack: only those of the example's own Ethernet
//! type come here. A listener ends on Ctrl-C, or when its interface is gone. `ping` continues when a
//! ping is lost; it ends when nobody answers. `send` and `receive` print the same counts of packets,
//! and count separately the questions with which `send` learns what came. `--help` lists the options
//! and exit statuses.
//!
//! What to copy: `memory`, `calls`, `ring`, `socket` and `program` are all that AF_XDP takes, with no
//! crate but `libc`. The rest is an application.

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod calls;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod error;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod interface;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod memory;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod message;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod options;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod ping;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod program;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod ring;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod run;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod socket;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod stop;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod stream;

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
fn main() -> std::process::ExitCode {
    run::main()
}

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
fn main() -> std::process::ExitCode {
    eprintln!("af_xdp: needs 64-bit Linux");
    std::process::ExitCode::FAILURE
}
