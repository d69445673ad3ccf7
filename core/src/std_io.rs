//! The traits of `std::io` on a block: reading takes data off its front, writing adds to its end.

use std::io::{self, BufRead, Read, Write};

use crate::block::Block;
use crate::storage::PoolType;

/// Copies from the front of the data, which becomes headroom; returns 0 at the end of the data.
impl<P: PoolType> Read for Block<'_, P> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        Ok(self.take_front(bytes))
    }
}

/// Consumed data becomes headroom.
///
/// # Panics
///
/// `consume` panics if there is less data.
impl<P: PoolType> BufRead for Block<'_, P> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self)
    }

    fn consume(&mut self, count: usize) {
        self.trim_front(count).expect("no more is consumed than there is");
    }
}

/// Appends as much as fits, as writing to a slice does: 0 bytes if there is no tailroom.
/// ([`Block::append`] adds all or nothing.)
impl<P: PoolType> Write for Block<'_, P> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.append_some(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, ErrorKind, Read, Write};
    use std::string::String;

    use crate::Pool;

    #[test]
    fn what_was_written_is_read_in_pieces() {
        let pool = Pool::<8, 1>::new();
        let mut block = pool.get().unwrap();
        block.write_all(b"012345").unwrap();
        assert_eq!(block.write(b"6789").unwrap(), 2);
        assert_eq!(block.write(b"89").unwrap(), 0);
        assert_eq!(block.write_all(b"8").unwrap_err().kind(), ErrorKind::WriteZero);
        block.flush().unwrap();

        let mut bytes = [0; 3];
        block.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"012");
        assert_eq!(block.fill_buf().unwrap(), b"34567");
        block.consume(3);
        let mut rest = String::new();
        assert_eq!(block.read_to_string(&mut rest).unwrap(), 2);
        assert_eq!((rest.as_str(), block.headroom()), ("67", 8));
        assert_eq!(block.read(&mut bytes).unwrap(), 0);
    }

    #[test]
    fn formatted_text_stops_at_the_end_of_the_block() {
        let pool = Pool::<4, 1>::new();
        let mut block = pool.get().unwrap();
        assert!(Write::write_fmt(&mut block, format_args!("{}-{}", 12, 345)).is_err());
        assert_eq!(&block[..], b"12-3");
    }

    #[test]
    #[should_panic(expected = "no more is consumed than there is")]
    fn consuming_more_than_there_is_panics() {
        let pool = Pool::<4, 1>::new();
        BufRead::consume(&mut pool.get().unwrap(), 1);
    }
}
