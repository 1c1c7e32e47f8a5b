//! What this machine can do at most: signatures checked by one core, durable writes of one file.

use std::hint::black_box;
use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::Result;
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};

const MEASURED: Duration = Duration::from_millis(700);
/// About the size of an unchanged check-in as it is signed.
const MESSAGE_BYTES: usize = 180;
const BLOCK_BYTES: usize = 4096;

/// Measures both, one after the other.
pub fn measure() -> Result<Value> {
    Ok(json!({
        "verify_per_second": verify()?,
        "fdatasync_per_second": fdatasync()?,
    }))
}

fn verify() -> Result<f64> {
    let key = SigningKey::from_bytes(&[7; 32]);
    let message = [b'x'; MESSAGE_BYTES];
    let signature = key.sign(&message);
    let public = key.verifying_key();
    let start = Instant::now();
    let mut done = 0_u32;
    while start.elapsed() < MEASURED {
        for _ in 0..100 {
            black_box(&public).verify_strict(black_box(&message), &signature)?;
        }
        done += 100;
    }
    Ok(f64::from(done) / start.elapsed().as_secs_f64())
}

/// Appends blocks to a file in the present folder, which stands on the same disk as the server's.
fn fdatasync() -> Result<f64> {
    let mut file = tempfile::tempfile_in(".")?;
    let start = Instant::now();
    let mut done = 0_u32;
    while start.elapsed() < MEASURED {
        file.write_all(&[1; BLOCK_BYTES])?;
        file.sync_data()?;
        done += 1;
    }
    Ok(f64::from(done) / start.elapsed().as_secs_f64())
}
