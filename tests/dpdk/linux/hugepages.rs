//! Hugepages, reserved for as long as they are needed.

use std::fs;

use crate::linux::tally::Missing;

const FOLDER: &str = "/sys/kernel/mm/hugepages/hugepages-2048kB";
const TOTAL: &str = "nr_hugepages";

/// Releases on drop what was reserved.
pub(crate) struct Hugepages {
    reserved: u64,
}

impl Hugepages {
    /// Makes sure that this many are free.
    pub(crate) fn reserve(count: u64) -> Result<Self, Missing> {
        let mut hugepages = Self { reserved: 0 };
        let lacking = count.saturating_sub(read("free_hugepages")?);
        if lacking > 0 {
            let before = read(TOTAL)?;
            write(before + lacking)?;
            // There may not be room for all of them.
            hugepages.reserved = read(TOTAL)?.saturating_sub(before);
        }
        let free = read("free_hugepages")?;
        if free < count {
            return Err(Missing::Ability(format!("{free} hugepages of {count} that are needed")));
        }
        Ok(hugepages)
    }
}

impl Drop for Hugepages {
    fn drop(&mut self) {
        if self.reserved == 0 {
            return;
        }
        let back = read(TOTAL).and_then(|total| write(total.saturating_sub(self.reserved)));
        if let Err(error) = back {
            println!("{} hugepages are still reserved: {error:?}", self.reserved);
        }
    }
}

fn write(total: u64) -> Result<(), Missing> {
    let file = format!("{FOLDER}/{TOTAL}");
    let written = fs::write(&file, total.to_string());
    written.map_err(|error| Missing::Ability(format!("{file}: {error}")))
}

fn read(name: &str) -> Result<u64, Missing> {
    let file = format!("{FOLDER}/{name}");
    let text = fs::read_to_string(&file).map_err(|error| error.to_string());
    let number = text.and_then(|text| text.trim().parse().map_err(|error| format!("{error}")));
    number.map_err(|error| Missing::Ability(format!("{file}: {error}")))
}
