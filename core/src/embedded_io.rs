//! The traits of `embedded-io` on a block: reading takes data off its front, writing adds to its end.

use embedded_io::{BufRead, Error, ErrorKind, ErrorType, Read, ReadReady, Write, WriteReady};

use crate::block::Block;
use crate::error::NoRoom;
use crate::storage::PoolType;

/// As for a full slice.
impl Error for NoRoom {
    fn kind(&self) -> ErrorKind {
        ErrorKind::WriteZero
    }
}

/// Reading never fails.
impl<P: PoolType> ErrorType for Block<'_, P> {
    type Error = NoRoom;
}

/// Copies from the front of the data, which becomes headroom; returns 0 at the end of the data.
impl<P: PoolType> Read for Block<'_, P> {
    fn read(&mut self, bytes: &mut [u8]) -> Result<usize, NoRoom> {
        Ok(self.take_front(bytes))
    }
}

impl<P: PoolType> ReadReady for Block<'_, P> {
    fn read_ready(&mut self) -> Result<bool, NoRoom> {
        Ok(true)
    }
}

/// Consumed data becomes headroom.
///
/// # Panics
///
/// `consume` panics if there is less data.
impl<P: PoolType> BufRead for Block<'_, P> {
    fn fill_buf(&mut self) -> Result<&[u8], NoRoom> {
        Ok(self)
    }

    fn consume(&mut self, count: usize) {
        self.trim_front(count).expect("no more is consumed than there is");
    }
}

/// Appends as much as fits; an error if nothing does. ([`Block::append`] adds all or nothing.)
impl<P: PoolType> Write for Block<'_, P> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, NoRoom> {
        match self.append_some(bytes) {
            0 if !bytes.is_empty() => Err(NoRoom { wanted: bytes.len(), room: 0 }),
            count => Ok(count),
        }
    }

    fn flush(&mut self) -> Result<(), NoRoom> {
        Ok(())
    }
}

impl<P: PoolType> WriteReady for Block<'_, P> {
    fn write_ready(&mut self) -> Result<bool, NoRoom> {
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use embedded_io::{
        BufRead, Error, ErrorKind, Read, ReadExactError, ReadReady, Write, WriteReady,
    };

    use crate::{NoRoom, Pool};

    #[test]
    fn what_was_written_is_read_in_pieces() {
        let pool = Pool::<8, 1>::new();
        let mut block = pool.get().unwrap();
        assert_eq!((block.read_ready(), block.write_ready()), (Ok(true), Ok(true)));
        assert_eq!(block.write(b"").unwrap(), 0);
        block.write_all(b"012345").unwrap();
        assert_eq!(block.write(b"6789").unwrap(), 2);
        assert_eq!(block.write(b""), Ok(0));
        let full = block.write(b"89").unwrap_err();
        assert_eq!((full, full.kind()), (NoRoom { wanted: 2, room: 0 }, ErrorKind::WriteZero));
        assert_eq!(block.flush(), Ok(()));

        let mut bytes = [0; 3];
        block.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"012");
        assert_eq!(block.fill_buf().unwrap(), b"34567");
        block.consume(3);
        assert_eq!((&block[..], block.headroom()), (&b"67"[..], 6));
        assert_eq!(block.read_exact(&mut bytes), Err(ReadExactError::UnexpectedEof));
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
        pool.get().unwrap().consume(1);
    }
}
