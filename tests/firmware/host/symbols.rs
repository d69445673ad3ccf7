//! What an executable's symbols say: which functions it has, which refer to which, and where statics lie.

use std::collections::{BTreeMap, BTreeSet};

use object::{Object, ObjectSection, ObjectSymbol, RelocationTarget, SectionKind, SymbolKind};

#[derive(Debug)]
pub(crate) struct Function {
    /// As in the sources, without the hash.
    pub(crate) name: String,
    pub(crate) size: u64,
    /// Start addresses of the functions that it calls or otherwise refers to.
    refers_to: BTreeSet<u64>,
}

#[derive(Debug)]
pub(crate) struct Static {
    pub(crate) size: u64,
    pub(crate) kind: SectionKind,
}

/// An executable linked with `--emit-relocs`: the relocations say which function refers to which.
#[derive(Debug)]
pub(crate) struct Program {
    /// By start address.
    functions: BTreeMap<u64, Function>,
    /// Start addresses, by name: identical functions may have been merged, each keeping its name.
    names: BTreeMap<String, u64>,
    statics: BTreeMap<String, Static>,
    /// Bytes that are copied from the file at start-up.
    pub(crate) data: u64,
}

impl Program {
    pub(crate) fn parse(bytes: &[u8]) -> object::Result<Self> {
        let file = object::File::parse(bytes)?;
        // The lowest bit of a Thumb function's symbol is not part of the address.
        let mask = if file.architecture() == object::Architecture::Arm { !1 } else { !0 };
        let mut functions = BTreeMap::new();
        let mut names = BTreeMap::new();
        let mut statics = BTreeMap::new();
        for symbol in file.symbols().filter(|symbol| symbol.size() > 0) {
            let (name, size) = (symbol.name()?, symbol.size());
            match symbol.kind() {
                SymbolKind::Text => {
                    let name = format!("{:#}", rustc_demangle::demangle(name));
                    let first = symbol.address() & mask;
                    names.insert(name.clone(), first);
                    functions.insert(first, Function { name, size, refers_to: BTreeSet::new() });
                }
                SymbolKind::Data => {
                    if let Some(section) = symbol.section_index() {
                        let kind = file.section_by_index(section)?.kind();
                        statics.insert(name.to_owned(), Static { size, kind });
                    }
                }
                _ => {}
            }
        }
        let is_data = |kind| matches!(kind, SectionKind::Data | SectionKind::ReadOnlyDataWithRel);
        let data = file
            .sections()
            .filter(|section| is_data(section.kind()))
            .map(|section| section.size())
            .sum();

        let mut program = Self { functions, names, statics, data };
        for section in file.sections().filter(|section| section.kind() == SectionKind::Text) {
            for (address, relocation) in section.relocations() {
                let RelocationTarget::Symbol(index) = relocation.target() else { continue };
                let symbol = file.symbol_by_index(index)?;
                // A section's symbol means its first byte, and the addend is the offset into it.
                let inside =
                    if symbol.kind() == SymbolKind::Section { relocation.addend() } else { 0 };
                let named = symbol.address().wrapping_add_signed(inside) & mask;
                let Some(target) = program.containing(named) else { continue };
                let Some(from) = program.containing(address) else { continue };
                if let Some(function) = program.functions.get_mut(&from).filter(|_| from != target)
                {
                    function.refers_to.insert(target);
                }
            }
        }
        Ok(program)
    }

    /// The start of the function that contains an address.
    fn containing(&self, address: u64) -> Option<u64> {
        let (&first, function) = self.functions.range(..=address).next_back()?;
        (address < first + function.size).then_some(first)
    }

    pub(crate) fn get_static(&self, name: &str) -> Option<&Static> {
        self.statics.get(name)
    }

    /// The start of a function.
    pub(crate) fn function(&self, name: &str) -> Option<u64> {
        self.names.get(name).copied()
    }

    /// The functions reachable from the named ones, including those. The functions that `stop` selects are
    /// included, but not followed.
    pub(crate) fn reached(
        &self,
        names: &[&str],
        stop: impl Fn(&Function) -> bool,
    ) -> BTreeMap<u64, &Function> {
        let mut left: Vec<u64> = names.iter().filter_map(|name| self.function(name)).collect();
        let mut reached = BTreeMap::new();
        while let Some(first) = left.pop() {
            let function = &self.functions[&first];
            if reached.insert(first, function).is_none() && !stop(function) {
                left.extend(&function.refers_to);
            }
        }
        reached
    }
}
