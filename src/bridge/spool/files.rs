//! The directory of a spool and the files in it: all that touches the file system. In tests each
//! operation can be made to fail ([`Faults`]).

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use super::faults::Faults;

const SUFFIX: &str = ".spool";

/// Files with greater numbers are none of ours.
const MAX_NUMBER: u64 = 1 << 62;

/// A directory that nobody else uses as long as this value exists.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    handle: Flock<File>,
    faults: Faults,
}

/// A segment as it was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) number: u64,
    pub(super) bytes: u64,
}

/// An open segment.
#[derive(Debug)]
pub(super) struct SegmentFile {
    file: File,
    faults: Faults,
}

impl Directory {
    /// Makes the directory if it is missing, and locks it.
    pub(super) fn open(path: &Path, faults: Faults) -> io::Result<Self> {
        faults.check()?;
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let file = File::open(path)?;
        let handle =
            Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(
                |(_, error)| match error {
                    nix::Error::EWOULDBLOCK => io::Error::other("another program uses it"),
                    _ => error.into(),
                },
            )?;
        Ok(Self {
            path: path.to_owned(),
            handle,
            faults,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the path still leads to the directory that was opened.
    pub(super) fn is_in_place(&self) -> bool {
        match (fs::metadata(&self.path), self.handle.metadata()) {
            (Ok(path), Ok(handle)) => (path.dev(), path.ino()) == (handle.dev(), handle.ino()),
            _ => false,
        }
    }

    /// The segments that are there, oldest first. Other files are left alone.
    pub(super) fn segments(&self) -> io::Result<Vec<Found>> {
        self.faults.check()?;
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(number) = name.to_str().and_then(number_of) else {
                continue;
            };
            let metadata = entry.metadata()?;
            if metadata.is_file() {
                found.push(Found {
                    number,
                    bytes: metadata.len(),
                });
            }
        }
        found.sort_unstable_by_key(|found| found.number);
        Ok(found)
    }

    pub(super) fn create(&self, number: u64) -> io::Result<SegmentFile> {
        self.faults.check()?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        self.segment(options.open(self.file_of(number))?)
    }

    pub(super) fn open_segment(&self, number: u64) -> io::Result<SegmentFile> {
        self.faults.check()?;
        self.segment(File::open(self.file_of(number))?)
    }

    pub(super) fn truncate(&self, number: u64, bytes: u64) -> io::Result<()> {
        self.faults.check()?;
        let file = OpenOptions::new().write(true).open(self.file_of(number))?;
        file.set_len(bytes)
    }

    /// Deletes a segment. It is no error if somebody else has done that.
    pub(super) fn remove(&self, number: u64) -> io::Result<()> {
        self.faults.check()?;
        match fs::remove_file(self.file_of(number)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Waits until names of new files are on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.faults.check()?;
        self.handle.sync_all()
    }

    fn segment(&self, file: File) -> io::Result<SegmentFile> {
        Ok(SegmentFile {
            file,
            faults: self.faults.clone(),
        })
    }

    fn file_of(&self, number: u64) -> PathBuf {
        self.path.join(format!("{number:016x}{SUFFIX}"))
    }
}

impl SegmentFile {
    /// Reads as much as there is, up to the length of `buffer`.
    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.faults.check()?;
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, offset + filled as u64) {
                Ok(0) => break,
                Ok(bytes) => filled += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    pub(super) fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if let Err(error) = self.faults.check() {
            // A disk that becomes full takes a part.
            let (part, _) = bytes.split_at(bytes.len() / 2);
            self.file.write_all_at(part, offset)?;
            return Err(error);
        }
        self.file.write_all_at(bytes, offset)
    }

    /// Waits until what was written is on the disk. A file without a name would be lost with this
    /// process: that is an error.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.faults.check()?;
        self.file.sync_data()?;
        match self.file.metadata()?.nlink() {
            0 => Err(io::Error::other("somebody has removed the file")),
            _ => Ok(()),
        }
    }
}

fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    let plain = digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = u64::from_str_radix(digits, 16).ok()?;
    (plain && number < MAX_NUMBER).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_segments() {
        assert_eq!(number_of("00000000000000ff.spool"), Some(255));
        for other in [
            "ff.spool",
            "00000000000000ff",
            "+0000000000000ff.spool",
            "ffffffffffffffff.spool",
            "lock",
            ".spool",
        ] {
            assert_eq!(number_of(other), None, "{other}");
        }
    }
}
