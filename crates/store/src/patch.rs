//! Patches over all devices: distinct patches of the findings, with how many devices stand where.

use std::collections::BTreeMap;

use domain::access::ClientScope;
use domain::finding::{Finding, FindingState};
use domain::page::{Page, PageRequest};
use domain::patch::PatchId;

use crate::connection::{Tx, page_limit};
use crate::error::StoreError;
use crate::statement::{in_scope, statements};
use crate::value::binds;

statements! {
    PATCH_PAGE = "patch.page", Scoped,
        concat!("SELECT DISTINCT r.patch FROM finding_count n JOIN finding_row r ON r.id = n.finding
            WHERE r.patch > $3 AND ", in_scope!("n.client"), " ORDER BY r.patch LIMIT $4");
    PATCH_ROWS = "patch.rows", Scoped,
        concat!("SELECT r.body, CAST(SUM(n.devices) AS BIGINT) AS devices
            FROM finding_count n JOIN finding_row r ON r.id = n.finding
            WHERE r.patch >= $3 AND r.patch <= $4 AND ", in_scope!("n.client"),
            " GROUP BY r.id, r.patch, r.body ORDER BY r.patch, r.id DESC");
}

/// A patch over all devices in scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchSummary {
    /// The patch.
    pub patch: PatchId,
    /// The finding of it that was written last, for severity, CVEs and classification.
    pub newest: Finding,
    /// Devices by state; states without a device are left out.
    pub devices: BTreeMap<FindingState, u32>,
}

impl Tx<'_> {
    /// Lists patches by id.
    pub fn patch_list(
        &mut self,
        scope: &ClientScope,
        request: &PageRequest,
    ) -> Result<Page<PatchSummary>, StoreError> {
        let (limit, after) = (page_limit(request), request.cursor.as_deref().unwrap_or(""));
        let rows = self.scoped_rows(&PATCH_PAGE, scope, binds![after, limit + 1])?;
        let mut patches = rows
            .into_iter()
            .map(|row| row.columns("patch").text())
            .collect::<Result<Vec<_>, _>>()?;
        let more = patches.len() > limit as usize;
        patches.truncate(limit as usize);
        let (Some(first), Some(last)) = (patches.first(), patches.last()) else {
            return Ok(Page {
                items: Vec::new(),
                next: None,
            });
        };
        Ok(Page {
            items: self.patch_between(scope, first, last)?,
            next: more.then(|| last.clone()),
        })
    }

    /// Reads one patch over all devices in scope.
    pub fn patch_get(
        &mut self,
        scope: &ClientScope,
        patch: &PatchId,
    ) -> Result<Option<PatchSummary>, StoreError> {
        let text = patch.to_string();
        Ok(self.patch_between(scope, &text, &text)?.pop())
    }

    fn patch_between(
        &mut self,
        scope: &ClientScope,
        first: &str,
        last: &str,
    ) -> Result<Vec<PatchSummary>, StoreError> {
        let mut summaries: Vec<PatchSummary> = Vec::new();
        for row in self.scoped_rows(&PATCH_ROWS, scope, binds![first, last])? {
            let mut c = row.columns("patch");
            let (finding, devices): (Finding, u32) = (c.json()?, c.number()?);
            let known = summaries
                .last_mut()
                .filter(|summary| summary.patch == finding.patch);
            match known {
                Some(summary) => *summary.devices.entry(finding.state).or_default() += devices,
                None => summaries.push(PatchSummary {
                    patch: finding.patch.clone(),
                    devices: BTreeMap::from([(finding.state, devices)]),
                    newest: finding,
                }),
            }
        }
        Ok(summaries)
    }
}
