//! Protocol headers without copying the payload: headroom, prepend, trim.
//!
//! ```sh
//! cargo run -p blockpool-core --example headers
//! ```

use blockpool_core::{NoRoom, Pool};

static POOL: Pool<256, 8> = Pool::new();

const ETHERNET: usize = 14;
const IP: usize = 20;

fn main() -> Result<(), NoRoom> {
    let mut packet = POOL.get().expect("one of 8 is free");

    // Room in front for the headers, then the payload, which stays where it is.
    packet.reset(ETHERNET + IP)?;
    packet.append(b"payload")?;
    packet.prepend(&[4; IP])?;
    packet.prepend(&[2; ETHERNET])?;
    println!("sent: {packet:?}");
    assert_eq!((packet.headroom(), packet.len()), (0, ETHERNET + IP + 7));

    // The receiver takes the headers off one by one.
    packet.trim_front(ETHERNET)?;
    packet.trim_front(IP)?;
    assert_eq!(&packet[..], b"payload");
    println!("received: {packet:?}");

    // What does not fit is refused, and nothing changes.
    let refused = packet.append(&[0; 256]).expect_err("256 bytes and 7 are too many");
    println!("refused: {refused}");
    Ok(())
}
