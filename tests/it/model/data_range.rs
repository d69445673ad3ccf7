//! A block's data range: what each operation on it should do, and whether it does.

use std::fmt::Write;

use arbitrary::Arbitrary;
use blockpool_core::storage::Storage;
use blockpool_core::{Block, BlockPool, NoRoom};

/// An operation on a block. Byte counts are taken modulo a little more than the block's size, and the bytes
/// themselves count up from a first one.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) enum Edit {
    Reset(u8),
    Clear,
    Append(u8, u8),
    Prepend(u8, u8),
    WriteSlice(u8, u8),
    Format(u8),
    TrimFront(u8),
    TrimBack(u8),
    Resize(u8, u8),
    Overwrite(u8, u8),
    /// Through `tailroom_mut` and `set_len`.
    FillTail(u8, u8),
    /// Through `as_mut_ptr` and `set_len`.
    FillThroughPointer(u8, u8),
    /// Without adding bytes: cuts the data, or is refused.
    SetLen(u8),
}

/// What a block should hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Content {
    pub(crate) headroom: usize,
    pub(crate) data: Vec<u8>,
}

impl Content {
    pub(crate) fn of<S: Storage>(block: &Block<'_, BlockPool<S>>) -> Self {
        Self { headroom: block.headroom(), data: block.to_vec() }
    }
}

fn bytes(count: usize, first: u8) -> Vec<u8> {
    (0..count).map(|offset| first.wrapping_add(offset as u8)).collect()
}

/// Applies `edit` to `block`, which holds `content`, and to `content`.
pub(crate) fn edit<S: Storage>(
    block: &mut Block<'_, BlockPool<S>>,
    content: &mut Content,
    edit: Edit,
) {
    let size = block.capacity();
    let count = |count: u8| usize::from(count) % (size + 3);
    let Content { headroom, data } = content.clone();
    let tailroom = size - headroom - data.len();
    let behind = data.len() + tailroom;
    // The expected result, how much was wanted, the room for it, and the actual result.
    let (after, wanted, room, result) = match edit {
        Edit::Reset(n) => (Some((count(n), vec![])), count(n), size, block.reset(count(n))),
        Edit::Clear => {
            block.clear();
            (Some((headroom, vec![])), 0, 0, Ok(()))
        }
        Edit::Append(n, first) => {
            let more = bytes(count(n), first);
            let after = (headroom, [&data[..], &more].concat());
            (Some(after), more.len(), tailroom, block.append(&more))
        }
        Edit::Prepend(n, first) => {
            let more = bytes(count(n), first);
            let after = headroom
                .checked_sub(more.len())
                .map(|headroom| (headroom, [&more[..], &data].concat()));
            (after, more.len(), headroom, block.prepend(&more))
        }
        Edit::WriteSlice(n, first) => {
            let new = bytes(count(n), first);
            (Some((headroom, new.clone())), new.len(), behind, block.write_slice(&new))
        }
        Edit::Format(n) => {
            let text = "ä".repeat(count(n) / 2);
            let after = (headroom, [&data[..], text.as_bytes()].concat());
            // `fmt::Error` has no details, so the numbers are filled in here.
            let refused = NoRoom { wanted: text.len(), room: tailroom };
            (Some(after), text.len(), tailroom, block.write_str(&text).map_err(|_| refused))
        }
        Edit::TrimFront(n) => {
            let after = data.get(count(n)..).map(|rest| (headroom + count(n), rest.to_vec()));
            (after, count(n), data.len(), block.trim_front(count(n)))
        }
        Edit::TrimBack(n) => {
            let rest = data.len().checked_sub(count(n));
            let after = rest.map(|rest| (headroom, data[..rest].to_vec()));
            (after, count(n), data.len(), block.trim_back(count(n)))
        }
        Edit::Resize(n, value) => {
            let mut new = data.clone();
            new.resize(count(n), value);
            (Some((headroom, new)), count(n), behind, block.resize(count(n), value))
        }
        Edit::Overwrite(at, value) => {
            let mut new = data.clone();
            if !data.is_empty() {
                let at = usize::from(at) % data.len();
                new[at] = value;
                block.as_mut()[at] = value;
            }
            (Some((headroom, new)), 0, 0, Ok(()))
        }
        Edit::FillTail(n, first) => {
            let more = bytes(count(n).min(tailroom), first);
            let tail = block.tailroom_mut();
            assert_eq!(tail.len(), tailroom);
            for (target, &byte) in tail.iter_mut().zip(&more) {
                target.write(byte);
            }
            let after = [&data[..], &more].concat();
            // SAFETY: the bytes added were just written.
            let result = unsafe { block.set_len(after.len()) };
            (Some((headroom, after)), 0, 0, result)
        }
        Edit::FillThroughPointer(n, first) => {
            let new = bytes(count(n).min(behind), first);
            // SAFETY: data and tailroom have that many bytes from this pointer on.
            unsafe { block.as_mut_ptr().copy_from_nonoverlapping(new.as_ptr(), new.len()) };
            // SAFETY: the bytes were just written.
            let result = unsafe { block.set_len(new.len()) };
            (Some((headroom, new)), 0, 0, result)
        }
        Edit::SetLen(n) if count(n) <= data.len() || count(n) > behind => {
            let after = data.get(..count(n)).map(|data| (headroom, data.to_vec()));
            // SAFETY: no bytes are added, or it is refused.
            (after, count(n), behind, unsafe { block.set_len(count(n)) })
        }
        Edit::SetLen(_) => return,
    };
    if wanted <= room {
        result.expect("there is room");
        let (headroom, data) = after.expect("what fits has a result");
        *content = Content { headroom, data };
    } else {
        assert_eq!(result, Err(NoRoom { wanted, room }));
    }
    check(block, content);
}

/// The block holds what it should, and all of its methods say so.
pub(crate) fn check<S: Storage>(block: &Block<'_, BlockPool<S>>, content: &Content) {
    let Content { headroom, data } = content;
    assert_eq!(&Content::of(block), content);
    assert_eq!((block.len(), block.is_empty()), (data.len(), data.is_empty()));
    assert_eq!(block.tailroom(), block.capacity() - headroom - data.len());
    assert_eq!((block.as_ref(), block.as_ptr()), (&block[..], block[..].as_ptr()));
}
