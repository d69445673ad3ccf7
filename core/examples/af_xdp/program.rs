//! The program that the kernel runs for each packet of the interface: those of this example go to the
//! socket, all others on to the network stack. Loaded with bpf(2), without a compiler or library.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use crate::error::{CallError, Result};
use crate::interface::Interface;
use crate::message::ETHER_TYPE;

// linux/bpf.h, linux/if_link.h
const BPF_MAP_CREATE: libc::c_int = 0;
const BPF_MAP_UPDATE_ELEM: libc::c_int = 2;
const BPF_PROG_LOAD: libc::c_int = 5;
const BPF_LINK_CREATE: libc::c_int = 28;
const BPF_MAP_TYPE_XSKMAP: u32 = 17;
const BPF_PROG_TYPE_XDP: u32 = 6;
const BPF_XDP: u32 = 37;
const BPF_FUNC_REDIRECT_MAP: i32 = 51;
const BPF_PSEUDO_MAP_FD: u8 = 1;
const XDP_PASS: i32 = 2;
const XDP_FLAGS_SKB_MODE: u32 = 2;
const XDP_FLAGS_DRV_MODE: u32 = 4;

/// Where in the kernel the program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Before the network stack, on what the driver made: with any driver.
    Generic,
    /// In the driver.
    Native,
}

/// An attached program; the kernel detaches it when this is dropped, or the process dies.
#[derive(Debug)]
pub(crate) struct Program {
    _link: OwnedFd,
}

impl Program {
    /// Passes packets of one queue of an interface to a socket that is bound to it.
    pub(crate) fn attach(
        socket: BorrowedFd<'_>,
        interface: &Interface,
        queue: u32,
        mode: Mode,
    ) -> Result<Self> {
        let sockets = create_map(queue + 1)?;
        insert(&sockets, queue, socket)?;
        let program = load(&sockets)?;
        let flags = match mode {
            Mode::Generic => XDP_FLAGS_SKB_MODE,
            Mode::Native => XDP_FLAGS_DRV_MODE,
        };
        let link = Link {
            program: program.as_raw_fd(),
            interface: interface.index,
            attach_type: BPF_XDP,
            flags,
        };
        // SAFETY: the command takes this structure, whose numbers refer to nothing in memory.
        let link = unsafe { bpf(BPF_LINK_CREATE, "bpf(BPF_LINK_CREATE)", &link) }?;
        // SAFETY: the command's result is a descriptor that nobody else has.
        Ok(Self { _link: unsafe { OwnedFd::from_raw_fd(link) } })
    }
}

/// The start of `union bpf_attr` for BPF_MAP_CREATE.
#[repr(C)]
struct Map {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
}

/// The same for BPF_MAP_UPDATE_ELEM.
#[repr(C)]
struct Element {
    map: RawFd,
    _padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

/// The same for BPF_PROG_LOAD.
#[repr(C)]
struct Load {
    program_type: u32,
    instruction_count: u32,
    instructions: u64,
    license: u64,
}

/// The same for BPF_LINK_CREATE.
#[repr(C)]
struct Link {
    program: RawFd,
    interface: u32,
    attach_type: u32,
    flags: u32,
}

/// # Safety
///
/// The command takes this structure, and the memory at its addresses is valid for what the command
/// does with it.
unsafe fn bpf<T>(command: libc::c_int, name: &'static str, attributes: &T) -> Result<RawFd> {
    let size = size_of::<T>();
    let attributes: *const T = attributes;
    // SAFETY: the structure is valid for reads of its size; by the caller's promise, so is the rest.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, attributes, size) };
    if result < 0 {
        return Err(CallError::last(name).into());
    }
    Ok(result as RawFd)
}

/// A map from a queue's number to its socket.
fn create_map(max_entries: u32) -> Result<OwnedFd> {
    let map = Map { map_type: BPF_MAP_TYPE_XSKMAP, key_size: 4, value_size: 4, max_entries };
    // SAFETY: the command takes this structure, whose numbers refer to nothing in memory.
    let map = unsafe { bpf(BPF_MAP_CREATE, "bpf(BPF_MAP_CREATE)", &map) }?;
    // SAFETY: the command's result is a descriptor that nobody else has.
    Ok(unsafe { OwnedFd::from_raw_fd(map) })
}

fn insert(sockets: &OwnedFd, queue: u32, socket: BorrowedFd<'_>) -> Result<()> {
    let socket = socket.as_raw_fd();
    let element = Element {
        map: sockets.as_raw_fd(),
        _padding: 0,
        key: (&raw const queue).expose_provenance() as u64,
        value: (&raw const socket).expose_provenance() as u64,
        flags: 0,
    };
    // SAFETY: the command takes this structure, and reads four bytes each from key and value, which
    // outlive it.
    unsafe { bpf(BPF_MAP_UPDATE_ELEM, "bpf(BPF_MAP_UPDATE_ELEM)", &element) }?;
    Ok(())
}

fn load(sockets: &OwnedFd) -> Result<OwnedFd> {
    let instructions = instructions(sockets.as_fd());
    let license = c"MIT";
    let load = Load {
        program_type: BPF_PROG_TYPE_XDP,
        instruction_count: instructions.len() as u32,
        instructions: instructions.as_ptr().expose_provenance() as u64,
        license: license.as_ptr().expose_provenance() as u64,
    };
    // SAFETY: the command takes this structure, and reads as many instructions as it says and a
    // zero-terminated text, which outlive it.
    let program = unsafe { bpf(BPF_PROG_LOAD, "bpf(BPF_PROG_LOAD)", &load) }?;
    // SAFETY: the command's result is a descriptor that nobody else has.
    Ok(unsafe { OwnedFd::from_raw_fd(program) })
}

/// `struct bpf_insn`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
struct Instruction {
    code: u8,
    registers: u8,
    offset: i16,
    immediate: i32,
}

impl Instruction {
    const fn new(code: u8, target: u8, source: u8, offset: i16, immediate: i32) -> Self {
        // They are bit fields, which a C compiler lays out in the order of bytes.
        let (low, high) =
            if cfg!(target_endian = "little") { (target, source) } else { (source, target) };
        Self { code, registers: low | high << 4, offset, immediate }
    }
}

/// What a compiler would make of
///
/// ```c
/// if (ctx->data + 14 > ctx->data_end || ethernet->type != ETHER_TYPE) return XDP_PASS;
/// return bpf_redirect_map(&sockets, ctx->rx_queue_index, XDP_PASS);
/// ```
///
/// A packet of a queue without a socket also goes on to the network stack.
fn instructions(sockets: BorrowedFd<'_>) -> [Instruction; 14] {
    const LOAD_32: u8 = 0x61;
    const LOAD_16: u8 = 0x69;
    const LOAD_IMMEDIATE_64: u8 = 0x18;
    const MOVE: u8 = 0xbf;
    const MOVE_IMMEDIATE: u8 = 0xb7;
    const ADD_IMMEDIATE: u8 = 0x07;
    const JUMP_IF_GREATER: u8 = 0x2d;
    const JUMP_IF_NOT_IMMEDIATE: u8 = 0x55;
    const CALL: u8 = 0x85;
    const EXIT: u8 = 0x95;

    // Offsets in `struct xdp_md`, which is the first argument, in register 1.
    const DATA: i16 = 0;
    const DATA_END: i16 = 4;
    const RX_QUEUE_INDEX: i16 = 16;

    let ether_type = i32::from(ETHER_TYPE.to_be());
    [
        Instruction::new(MOVE_IMMEDIATE, 0, 0, 0, XDP_PASS),
        Instruction::new(LOAD_32, 2, 1, DATA, 0),
        Instruction::new(LOAD_32, 3, 1, DATA_END, 0),
        Instruction::new(MOVE, 4, 2, 0, 0),
        Instruction::new(ADD_IMMEDIATE, 4, 0, 0, 14),
        Instruction::new(JUMP_IF_GREATER, 4, 3, 7, 0), // to the exit
        Instruction::new(LOAD_16, 4, 2, 12, 0),
        Instruction::new(JUMP_IF_NOT_IMMEDIATE, 4, 0, 5, ether_type), // to the exit
        Instruction::new(LOAD_32, 2, 1, RX_QUEUE_INDEX, 0),
        Instruction::new(LOAD_IMMEDIATE_64, 1, BPF_PSEUDO_MAP_FD, 0, sockets.as_raw_fd()),
        Instruction::new(0, 0, 0, 0, 0), // the upper half of it
        Instruction::new(MOVE_IMMEDIATE, 3, 0, 0, XDP_PASS),
        Instruction::new(CALL, 0, 0, 0, BPF_FUNC_REDIRECT_MAP),
        Instruction::new(EXIT, 0, 0, 0, 0),
    ]
}
