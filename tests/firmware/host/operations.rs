//! The operations by themselves: how much code and memory they need, where their statics lie, and whether
//! they can panic.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use object::SectionKind;

use crate::build;
use crate::image::Image;
use crate::symbols::{Function, Program};
use crate::tally::Failure;
use crate::toolchain::Toolchains;

pub(crate) const PACKAGE: &str = "firmware-operations";

/// Prefixes of the names of functions, for a pool and for a region.
pub(crate) const POOLS: [&str; 2] = ["operation_", "operation_region_"];

/// The operations, by the type they belong to: the rest of the names of functions. `BufRead::consume` is not
/// among them: it panics, as documented.
pub(crate) const OPERATIONS: [(&str, &[&str]); 4] = [
    (
        "pool",
        &[
            "get",
            "give_back",
            "into_raw",
            "from_raw",
            "into_raw_ptr",
            "from_raw_ptr",
            "from_raw_ptr_burst",
            "index_of",
            "address_of",
            "available",
        ],
    ),
    (
        "block",
        &[
            "bytes",
            "bytes_mut",
            "clear",
            "reset",
            "write_slice",
            "append",
            "prepend",
            "trim_front",
            "trim_back",
            "resize",
            "set_len",
            "tailroom_mut",
            "write_str",
            "read",
            "fill_buf",
            "write",
        ],
    ),
    (
        "local",
        &[
            "get",
            "put",
            "get_burst",
            "put_burst",
            "get_raw_ptr_burst",
            "put_raw_ptr_burst",
            "get_raw_ptr_burst_unchecked",
            "put_raw_ptr_burst_unchecked",
            "get_raw_ptr",
            "put_raw_ptr",
            "get_bulk",
            "get_raw_ptr_bulk",
            "flush",
        ],
    ),
    (
        "queue",
        &[
            "push",
            "pop",
            "push_burst",
            "pop_burst",
            "push_raw_ptr_burst",
            "pop_raw_ptr_burst",
            "push_raw_ptr",
            "pop_raw_ptr",
            "is_full",
            "len",
        ],
    ),
];

/// Each kind with its prefix, and the names of its functions.
fn functions() -> impl Iterator<Item = (String, Vec<String>)> {
    let of = |begin| {
        OPERATIONS.into_iter().map(move |(kind, operations)| {
            let kind = format!("{begin}{kind}");
            let names = operations.iter().map(|operation| format!("{kind}_{operation}")).collect();
            (kind, names)
        })
    };
    POOLS.into_iter().flat_map(of)
}

/// Must lie in memory that is zeroed, not copied, when a program starts.
const STATICS: [&str; 6] = ["POOL", "QUEUE", "LOCAL", "REGION", "BOOKKEEPING", "PAGES_OF_REGION"];

/// In bytes, as in the firmware.
const BLOCK_SIZE: u64 = 256;

pub(crate) struct Measured {
    /// Bytes of code, by kind.
    pub(crate) code: BTreeMap<String, u64>,
    /// Bytes of memory.
    pub(crate) memory: BTreeMap<String, f64>,
}

impl Measured {
    pub(crate) fn summary(&self) -> String {
        let code = |kind| self.code[&format!("{}{kind}", POOLS[0])];
        format!(
            "pool {} B, local pool {} B, queue {} B of code; statics in .bss; no panic linked",
            code("pool"),
            code("local"),
            code("queue")
        )
    }
}

pub(crate) fn name(image: &Image) -> String {
    format!("{}/operations", image.name)
}

pub(crate) fn run(
    image: &Image,
    toolchains: &Toolchains,
    folder: &Path,
) -> Result<Measured, Failure> {
    let compiler = toolchains.for_target(image.target)?;
    let read = |features: &[&str], suffix: &str| {
        let name = format!("{}-operations{suffix}", image.name);
        let path =
            build::package(PACKAGE, PACKAGE, features, image.target, &name, compiler, folder)?;
        let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Program::parse(&bytes).map_err(|error| format!("{}: {error}", path.display()))
    };
    let check = || {
        let program = read(image.atomics, "")?;
        statics_are_zeroed_not_copied(&program)?;
        let measured = measure(&program)?;
        no_panic_is_linked(&program)?;

        // The check above detects what it is there for.
        let planted = read(&[image.atomics, &["planted"]].concat(), "-planted")?;
        match no_panic_is_linked(&planted) {
            Err(error)
                if POOLS.iter().all(|begin| error.contains(&format!("{begin}pool_from_raw "))) =>
            {
                Ok(measured)
            }
            _ => Err("a panic was planted, and not found".to_owned()),
        }
    };
    check().map_err(Failure::Failed)
}

fn statics_are_zeroed_not_copied(program: &Program) -> Result<(), String> {
    for name in STATICS {
        let found = program.get_static(name).ok_or_else(|| format!("no static {name}"))?;
        if found.kind != SectionKind::UninitializedData {
            return Err(format!("{name} lies in a section of kind {:?}", found.kind));
        }
    }
    if program.data != 0 {
        return Err(format!("{} bytes are copied from the file when it starts", program.data));
    }
    Ok(())
}

/// Where panics enter the core library.
const PANICS: [&str; 6] = [
    "core::cell::panic_",
    "core::option::expect_failed",
    "core::option::unwrap_failed",
    "core::panicking::",
    "core::result::unwrap_failed",
    "core::slice::index::slice_",
];

fn is_panic(function: &Function) -> bool {
    PANICS.iter().any(|begin| function.name.starts_with(begin))
        || function.name.ends_with("rust_begin_unwind")
}

/// Copies, division and so on, which a program contains anyway.
fn is_routine(function: &Function) -> bool {
    let name = &function.name;
    name.starts_with("__") || name.starts_with("compiler_builtins::") || name.starts_with("mem")
}

fn measure(program: &Program) -> Result<Measured, String> {
    let others = |function: &Function| is_panic(function) || is_routine(function);
    let code_of = |names: &[&str]| {
        let reached = program.reached(names, others);
        reached
            .values()
            .filter(|function| !others(function))
            .map(|function| function.size)
            .sum::<u64>()
    };
    // Everything is reachable from the start of the program, or the references mean nothing.
    let all = program.reached(&["start"], |_| false);
    let mut code = BTreeMap::new();
    for (kind, functions) in functions() {
        let functions: Vec<&str> = functions.iter().map(String::as_str).collect();
        for &function in &functions {
            let first = program.function(function).ok_or_else(|| format!("no {function}"))?;
            if !all.contains_key(&first) {
                return Err(format!("nothing refers to {function}"));
            }
        }
        code.insert(kind, code_of(&functions));
    }
    Ok(Measured { code, memory: memory(program)? })
}

/// No operation can reach a panic, as far as the linker knows.
fn no_panic_is_linked(program: &Program) -> Result<(), String> {
    let panic_of = |function: String| {
        let reached = program.reached(&[&function], is_panic);
        let panic = reached.values().find(|function| is_panic(function))?;
        Some(format!("{function} is linked with a panic: {}", panic.name))
    };
    let panics: Vec<String> =
        functions().flat_map(|(_, functions)| functions).filter_map(panic_of).collect();
    if panics.is_empty() { Ok(()) } else { Err(panics.join("; ")) }
}

fn memory(program: &Program) -> Result<BTreeMap<String, f64>, String> {
    let size = |name: &str| {
        let found = program
            .get_static(&format!("SIZE_{name}"))
            .ok_or_else(|| format!("no static SIZE_{name}"))?;
        Ok::<_, String>(found.size as f64)
    };
    let mut memory = BTreeMap::new();
    for count in [16, 64, 1000] {
        let beyond = size(&format!("POOL_{count}"))? - (count * BLOCK_SIZE) as f64;
        memory.insert(
            format!("pool of {count:>4} blocks, beyond them, for each"),
            beyond / count as f64,
        );
        memory.insert(
            format!("queue for {count:>4} blocks, for each"),
            size(&format!("QUEUE_{count}"))? / count as f64,
        );
    }
    memory.insert("local pool with a stock of 4".to_owned(), size("LOCAL_4")?);
    memory.insert("local pool with a stock of 64".to_owned(), size("LOCAL_64")?);
    memory.insert(
        "bookkeeping of a region, for a word's worth of blocks".to_owned(),
        size("BOOKKEEPING")?,
    );
    memory.insert("handle of a block".to_owned(), size("BLOCK")?);
    Ok(memory)
}
