//! Starts steps as processes that outlive the agent.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Child;

use super::Transactions;
use super::job::JobFolder;
use crate::platform;

/// Starts `patchloop-agent transaction FOLDER`.
#[derive(Debug)]
pub struct Processes {
    program: PathBuf,
    children: BTreeMap<JobFolder, Child>,
}

impl Processes {
    /// Uses this program, which is the agent itself.
    pub fn of(program: PathBuf) -> Self {
        Self {
            program,
            children: BTreeMap::new(),
        }
    }
}

impl Transactions for Processes {
    fn start(&mut self, folder: &JobFolder, name: &str) -> std::io::Result<()> {
        // Those that ended are waited for, so that none stays behind as a zombie.
        self.children
            .retain(|_, child| matches!(child.try_wait(), Ok(None)));
        if let Some(child) = platform::start_transaction(&self.program, folder.path(), name)? {
            self.children.insert(folder.clone(), child);
        }
        Ok(())
    }

    fn may_live(&mut self, folder: &JobFolder) -> bool {
        match self.children.get_mut(folder) {
            Some(child) => matches!(child.try_wait(), Ok(None)),
            // Started by a service manager: only time tells.
            None => true,
        }
    }
}
