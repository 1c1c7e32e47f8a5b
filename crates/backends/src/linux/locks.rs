//! Who holds a lock on a file.
//!
//! First the kernel is asked (fcntl(2), `F_GETLK`); where the file may not be opened, `/proc/locks` is
//! read, which everybody may. Closing the file gives up locks that this very process holds on it: this
//! must not be called by a process that holds one.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::process::{Flock, FlockType, fcntl_getlk};

use crate::backend::Holder;

/// Finds the holder of the first of these files that is locked.
pub(crate) fn holder(files: &[std::path::PathBuf], proc: &Path) -> Option<Holder> {
    let table = std::fs::read_to_string(proc.join("locks")).unwrap_or_default();
    files.iter().find_map(|file| {
        let pid = asked(file).or_else(|| listed(file, &table))?;
        Some(Holder {
            name: name_of(proc, pid),
            pid,
        })
    })
}

fn asked(file: &Path) -> Option<u32> {
    let file = std::fs::File::open(file).ok()?;
    let found = fcntl_getlk(&file, &Flock::from(FlockType::WriteLock)).ok()??;
    // No id: the holder lives in a namespace that we cannot see.
    Some(found.pid.map_or(0, |pid| {
        u32::try_from(pid.as_raw_nonzero().get()).unwrap_or(0)
    }))
}

/// Reads `1: POSIX  ADVISORY  WRITE 1234 fe:00:10012001 0 EOF`.
fn listed(file: &Path, table: &str) -> Option<u32> {
    let inode = std::fs::metadata(file).ok()?.ino().to_string();
    table.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let kind = words.nth(1)?;
        let mode = words.nth(1)?;
        let pid = words.next()?;
        let place = words.next()?;
        let same = place.rsplit(':').next() == Some(inode.as_str());
        (kind == "POSIX" && mode == "WRITE" && same).then(|| pid.parse().unwrap_or(0))
    })
}

fn name_of(proc: &Path, pid: u32) -> String {
    let name = std::fs::read_to_string(proc.join(format!("{pid}/comm"))).unwrap_or_default();
    match name.trim() {
        "" => "another program".to_owned(),
        name => name
            .chars()
            .filter(|&c| domain::name::printable(c))
            .take(64)
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_locks_is_read_by_inode() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lock-frontend");
        std::fs::write(&file, "").unwrap();
        let inode = std::fs::metadata(&file).unwrap().ino();
        let table = format!(
            "1: FLOCK  ADVISORY  WRITE 3899 fe:00:{inode} 0 EOF\n2: POSIX  ADVISORY  READ 5 fe:00:{inode} 0 EOF\n3: POSIX  ADVISORY  WRITE 77 fe:00:{inode}1 0 EOF\n4: POSIX  ADVISORY  WRITE 4242 fe:00:{inode} 0 EOF\n"
        );
        assert_eq!(listed(&file, &table), Some(4242));
        assert_eq!(listed(&file, ""), None);
    }

    #[test]
    fn nobody_holds_a_free_lock() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lock");
        std::fs::write(&file, "").unwrap();
        assert_eq!(
            holder(&[file, folder.path().join("none")], Path::new("/proc")),
            None
        );
    }

    /// Another program (perl, which every Debian has) takes the lock as apt does.
    #[test]
    fn the_holder_is_named_with_its_process() {
        use std::io::{BufRead, BufReader};
        if !Path::new("/usr/bin/perl").exists() {
            eprintln!("SKIPPED: no perl here to hold a lock");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lock");
        std::fs::write(&file, "").unwrap();
        let script = "use Fcntl; open(my $f, '+<', $ARGV[0]) or die; my $l = pack('s s l! l! i', F_WRLCK, 0, 0, 0, 0); fcntl($f, F_SETLK, $l) or die; $| = 1; print qq(held\\n); <STDIN>;";
        let mut child = std::process::Command::new("/usr/bin/perl")
            .args(["-e", script])
            .arg(&file)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let found = holder(std::slice::from_ref(&file), Path::new("/proc"));
        let id = child.id();
        drop(child.stdin.take());
        child.wait().unwrap();
        assert_eq!(
            found,
            Some(Holder {
                name: "perl".to_owned(),
                pid: id
            })
        );
        assert_eq!(found.unwrap().to_string(), format!("perl (pid {id})"));
    }
}
