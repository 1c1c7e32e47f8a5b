//! Devices and patches as the query language sees them.
//!
//! What was not looked up or not loaded is unknown, never "none".

use domain::device::Device;
use domain::finding::{DatedFinding, Finding};
use domain::inventory::Inventory;
use domain::offer::System;
use jiff::Timestamp;

use crate::view::DeviceView;

/// A device as a subject of a query.
#[derive(Clone, Copy)]
pub struct DeviceSubject<'a> {
    /// The device.
    pub device: &'a Device,
    /// Its system; `None`: not reported or not loaded.
    pub system: Option<&'a System>,
    /// What is installed; `None`: not reported or not loaded.
    pub inventory: Option<&'a Inventory>,
    /// Where it stands with patches; `None`: not assessed or not loaded.
    pub findings: Option<&'a [DatedFinding]>,
}

impl<'a> DeviceSubject<'a> {
    /// The device of a view.
    pub fn of(view: &'a DeviceView) -> Self {
        Self {
            device: &view.device,
            system: view.facts.as_ref().map(|facts| &facts.system),
            inventory: view.inventory.as_ref(),
            findings: view.facts.is_some().then_some(view.findings.as_slice()),
        }
    }
}

/// A patch on a device as a subject of a query.
#[derive(Clone, Copy)]
pub struct PatchSubject<'a> {
    /// The finding.
    pub finding: &'a Finding,
    /// When the patch was first seen (on the device; in a list of patches: anywhere).
    pub first_seen: Option<Timestamp>,
}

impl<'a> PatchSubject<'a> {
    /// The patch of a dated finding.
    pub fn of(dated: &'a DatedFinding) -> Self {
        Self {
            finding: &dated.finding,
            first_seen: Some(dated.first_seen),
        }
    }
}
