//! Hugepages, reserved for as long as they are needed.

use std::fs;

use crate::network::Missing;

const FOLDER: &str = "/sys/kernel/mm/hugepages/hugepages-2048kB";

/// Gives back what it reserved when it is dropped.
pub(crate) struct Hugepages {
    reserved: u64,
}

impl Hugepages {
    /// So many are free after that.
    pub(crate) fn reserve(count: u64) -> Result<Self, Missing> {
        let lacking = count.saturating_sub(read("free_hugepages")?);
        let hugepages = Self { reserved: lacking };
        hugepages.change(|total| total + lacking)?;
        let free = read("free_hugepages")?;
        if free < count {
            return Err(Missing::Ability(format!("{free} hugepages of {count} that are needed")));
        }
        Ok(hugepages)
    }

    fn change(&self, total: impl Fn(u64) -> u64) -> Result<(), Missing> {
        if self.reserved == 0 {
            return Ok(());
        }
        let total = total(read("nr_hugepages")?);
        let file = format!("{FOLDER}/nr_hugepages");
        fs::write(&file, total.to_string())
            .map_err(|error| Missing::Ability(format!("{file}: {error}")))
    }
}

impl Drop for Hugepages {
    fn drop(&mut self) {
        if let Err(error) = self.change(|total| total.saturating_sub(self.reserved)) {
            println!("hugepages are still reserved: {error:?}");
        }
    }
}

fn read(name: &str) -> Result<u64, Missing> {
    let file = format!("{FOLDER}/{name}");
    let text = fs::read_to_string(&file).map_err(|error| error.to_string());
    let number = text.and_then(|text| text.trim().parse().map_err(|error| format!("{error}")));
    number.map_err(|error| Missing::Ability(format!("{file}: {error}")))
}
