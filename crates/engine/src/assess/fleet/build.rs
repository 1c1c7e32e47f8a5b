//! Many devices at once: read, given templates, and turned into bitmaps batch by batch.
//!
//! A batch is small enough that its rows stay near the processor and large enough that a bitmap is
//! met once per batch and not once per device: 800 million (device, row) pairs scattered one by one
//! take over a minute.

use std::collections::HashMap;

use super::devices::{DeviceRecord, NO_SHARD, pack_changes};
use super::package::Packages;
use super::shard::Shard;
use super::template::{MAJORITY_OF, Signature};
use super::{FleetIndex, UnknownNumber, in_parallel, pack};

/// Devices of a batch.
const BATCH_DEVICES: usize = 65_536;

/// Devices of one shard that wait for their templates.
#[derive(Debug, Default)]
struct Waiting {
    devices: Vec<u32>,
    packed: Vec<u8>,
    ends: Vec<usize>,
}

/// What a batch made of a shard's devices: device, template, packed changes.
type Placed = Vec<(u32, u32, Vec<u8>)>;

impl FleetIndex {
    /// Puts many new devices into the index, with so many threads. Counts nothing: call
    /// [`FleetIndex::assess`] afterwards.
    ///
    /// # Errors
    /// A list of packages that is broken or names a package the index does not know; the devices of
    /// the batches before are in.
    pub fn enrol<'a>(
        &mut self,
        records: impl IntoIterator<Item = DeviceRecord<'a>>,
        threads: usize,
    ) -> Result<(), UnknownNumber> {
        let mut waiting: HashMap<u16, Waiting> = HashMap::new();
        let mut count = 0;
        for record in records {
            let shard = self.shard(record.systems);
            let device = self.devices.put(&record, shard);
            let Some(packed) = record.packages.filter(|_| shard != NO_SHARD) else {
                continue;
            };
            let batch = waiting.entry(shard).or_default();
            batch.devices.push(device);
            batch.packed.extend_from_slice(packed);
            batch.ends.push(batch.packed.len());
            count += 1;
            if count == BATCH_DEVICES {
                self.place(&mut waiting, threads)?;
                count = 0;
            }
        }
        self.place(&mut waiting, threads)
    }

    fn place(
        &mut self,
        waiting: &mut HashMap<u16, Waiting>,
        threads: usize,
    ) -> Result<(), UnknownNumber> {
        let packages = &self.packages;
        let mut tasks: Vec<(&mut Shard, Waiting)> = Vec::new();
        for (at, shard) in self.shards.iter_mut().enumerate() {
            if let Some(batch) = waiting.remove(&(at as u16)) {
                tasks.push((shard, batch));
            }
        }
        // The largest first, so that no thread is left alone with it at the end.
        tasks.sort_by_key(|(_, batch)| std::cmp::Reverse(batch.packed.len()));
        let placed = in_parallel(threads, tasks, |(shard, batch)| {
            place(shard, packages, &batch)
        });
        for batch in placed {
            for (device, template, changes) in batch? {
                self.devices.template[device as usize] = template;
                self.devices.set_packed(device, &changes);
            }
        }
        Ok(())
    }
}

/// Gives every device of a batch its template and writes the bitmaps.
fn place(shard: &mut Shard, packages: &Packages, batch: &Waiting) -> Result<Placed, UnknownNumber> {
    let (rows, ends, signatures) = read(shard, packages, batch)?;
    let slice = |at: usize| {
        let begin = if at == 0 { 0 } else { ends[at - 1] };
        &rows[begin..ends[at]]
    };
    let mut chosen = Vec::with_capacity(batch.devices.len());
    let mut founded: HashMap<u32, Vec<usize>> = HashMap::new();
    for (at, signature) in signatures.iter().enumerate() {
        let own = slice(at);
        let template = match shard.templates.nearest(own, signature) {
            Some(template) => template,
            None => {
                let template = shard.templates.found(own, signature);
                founded.insert(template, Vec::new());
                template
            }
        };
        if let Some(first) = founded.get_mut(&template)
            && first.len() < MAJORITY_OF
        {
            first.push(at);
        }
        chosen.push(template);
    }
    let mut counts = vec![0_u8; shard.rows.len()];
    let mut founded: Vec<(u32, Vec<usize>)> = founded.into_iter().collect();
    founded.sort_unstable();
    for (template, first) in founded {
        if first.len() > 2 {
            let rows = majority(&first, &slice, &mut counts);
            shard.templates.register(template, &Signature::of(&rows));
            shard.templates.shape(template, rows);
        }
        for &row in shard.templates.rows(template) {
            shard.held_by[row as usize].push(template);
        }
    }
    Ok(write(shard, &batch.devices, &chosen, &slice))
}

/// The rows of each device, one behind the other, where each ends, and the signatures.
type Read = (Vec<u32>, Vec<usize>, Vec<Signature>);

fn read(shard: &mut Shard, packages: &Packages, batch: &Waiting) -> Result<Read, UnknownNumber> {
    let (mut rows, mut ends, mut signatures) = (Vec::new(), Vec::new(), Vec::new());
    rows.reserve(batch.packed.len());
    let mut begin = 0;
    for &end in &batch.ends {
        let mut bytes = &batch.packed[begin..end];
        begin = end;
        let (mut package, mut signature) = (0_u32, Signature::new());
        while !bytes.is_empty() {
            package = pack::take(&mut bytes)
                .and_then(|step| package.checked_add(step))
                .filter(|&package| (package as usize) < packages.all().len())
                .ok_or(UnknownNumber { what: "package" })?;
            let row = match shard.row(package) {
                Some(row) => row,
                None => shard.intern(packages, package).0,
            };
            signature.add(row);
            rows.push(row);
        }
        ends.push(rows.len());
        signatures.push(signature);
    }
    Ok((rows, ends, signatures))
}

/// The rows that more than half of the first devices have.
fn majority<'a>(
    first: &[usize],
    slice: &impl Fn(usize) -> &'a [u32],
    counts: &mut [u8],
) -> Vec<u32> {
    let mut rows = Vec::new();
    for &at in first {
        for &row in slice(at) {
            counts[row as usize] += 1;
        }
    }
    for &at in first {
        for &row in slice(at) {
            if usize::from(counts[row as usize]) * 2 > first.len() {
                rows.push(row);
            }
            counts[row as usize] = 0;
        }
    }
    rows
}

/// Packs the changes of each device and puts them into the bitmaps of their rows.
fn write<'a>(
    shard: &mut Shard,
    devices: &[u32],
    chosen: &[u32],
    slice: &impl Fn(usize) -> &'a [u32],
) -> Placed {
    let mut scratch = Vec::new();
    let mut placed = Vec::with_capacity(devices.len());
    let (mut lacking, mut having) = (Vec::new(), Vec::new());
    let (mut less, mut more) = (Vec::new(), Vec::new());
    for (at, (&device, &template)) in devices.iter().zip(chosen).enumerate() {
        less.clear();
        more.clear();
        let lists = (&mut less, &mut more);
        shard
            .templates
            .difference(template, slice(at), &mut scratch, lists);
        let mut changes = Vec::with_capacity(2 + less.len() + more.len());
        pack_changes(&less, &more, &mut changes);
        lacking.extend(less.iter().map(|&row| (row, device)));
        having.extend(more.iter().map(|&row| (row, device)));
        shard.templates.members_mut(template).insert(device);
        placed.push((device, template, changes));
    }
    spread(lacking, shard.rows.len(), &mut shard.less);
    spread(having, shard.rows.len(), &mut shard.more);
    placed
}

/// Puts (row, device) pairs into the rows' bitmaps: sorted by row first, in two passes.
pub(super) fn spread(pairs: Vec<(u32, u32)>, rows: usize, bitmaps: &mut [roaring::RoaringBitmap]) {
    let mut ends = vec![0_usize; rows + 1];
    for (row, _) in &pairs {
        ends[*row as usize + 1] += 1;
    }
    for at in 1..ends.len() {
        ends[at] += ends[at - 1];
    }
    let mut places = ends.clone();
    let mut sorted = vec![0_u32; pairs.len()];
    for (row, device) in pairs {
        let place = &mut places[row as usize];
        sorted[*place] = device;
        *place += 1;
    }
    for (row, bitmap) in bitmaps.iter_mut().enumerate() {
        let own = &sorted[ends[row]..ends[row + 1]];
        // Numbers that were used before come out of order.
        if !own.is_empty() && bitmap.append(own.iter().copied()).is_err() {
            bitmap.extend(own.iter().copied());
        }
    }
}
