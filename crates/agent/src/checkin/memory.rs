//! What the network half remembers: counters that never go back, and what the server acknowledged.

use domain::device::Mode;
use domain::inventory::{Digest, Inventory};
use jiff::Timestamp;
use protocol::sync::Counters;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::files;
use crate::folder::StateFolder;

/// The network half's memory, one file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// The last counter that was used; durable before it is sent.
    pub counter: u64,
    /// The highest counter whose answer was heard.
    pub answered: u64,
    /// The mark of the facts that the server acknowledged.
    pub facts: Option<String>,
    /// The digest of the inventory that it acknowledged.
    pub inventory: Option<Digest>,
    /// When it last answered.
    pub contact_at: Option<Timestamp>,
    /// What may be done to this device, as it last said.
    pub mode: Option<Mode>,
    /// When the package lists were last fetched by this agent.
    pub refreshed_at: Option<Timestamp>,
}

impl Memory {
    /// Reads it; a new one when there is none.
    pub fn load(folder: &StateFolder) -> Result<Self, Failure> {
        Ok(files::read_json(&folder.link())?.unwrap_or_default())
    }

    /// Writes it, durable.
    pub fn save(&self, folder: &StateFolder) -> Result<(), Failure> {
        Ok(files::write_json(&folder.link(), self)?)
    }

    /// Takes the next counter. It is durable when this returns, so it is never used again.
    pub fn next_counters(
        &mut self,
        folder: &StateFolder,
        sequence: u64,
    ) -> Result<Counters, Failure> {
        self.counter = self.counter.saturating_add(1);
        self.save(folder)?;
        Ok(Counters(self.counter, self.answered, sequence))
    }

    /// The inventory that the server acknowledged; `None` when it is gone or damaged: then the server
    /// gets everything.
    pub fn base(&self, folder: &StateFolder) -> Option<Inventory> {
        let bytes = files::read(&folder.base()).ok()??;
        let inventory = Inventory::from_text(std::str::from_utf8(&bytes).ok()?).ok()?;
        (Some(inventory.digest()) == self.inventory).then_some(inventory)
    }

    /// Takes down what the server acknowledged.
    pub fn acknowledge(
        &mut self,
        folder: &StateFolder,
        inventory: &Inventory,
    ) -> Result<(), Failure> {
        let digest = inventory.digest();
        if self.inventory != Some(digest) || !folder.base().exists() {
            // First the file, then the digest that vouches for it.
            files::write(&folder.base(), inventory.to_text().as_bytes())?;
            self.inventory = Some(digest);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_on_disk_before_anybody_can_send_it() {
        let folder = tempfile::tempdir().unwrap();
        let folder = StateFolder::at(folder.path());
        folder.make().unwrap();
        let mut last = 0;
        // Each round is an agent that was killed right after it took a counter.
        for _ in 0..5 {
            let Counters(counter, _, _) = Memory::load(&folder)
                .unwrap()
                .next_counters(&folder, 0)
                .unwrap();
            assert!(counter > last);
            last = counter;
        }
        assert_eq!(Memory::load(&folder).unwrap().counter, 5);
    }

    #[test]
    fn a_damaged_base_is_no_base() {
        let folder = tempfile::tempdir().unwrap();
        let folder = StateFolder::at(folder.path());
        folder.make().unwrap();
        let inventory =
            Inventory::from_text("deb\tbash\tamd64\t5.2\tinstalled\t-\t-\t-\n").unwrap();
        let mut memory = Memory::default();
        memory.acknowledge(&folder, &inventory).unwrap();
        assert_eq!(memory.base(&folder), Some(inventory));
        files::write(
            &folder.base(),
            b"deb\tbash\tamd64\t5.3\tinstalled\t-\t-\t-\n",
        )
        .unwrap();
        assert_eq!(memory.base(&folder), None);
    }
}
