//! The text of a file, whole and bounded. Anything short of that is an error: a part of a file must
//! not pass for the whole.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;

/// Reads a regular file of UTF-8 text of at most `max_bytes`.
///
/// # Errors
///
/// A message for humans, without the path.
pub fn read(path: &Path, max_bytes: usize) -> Result<String, String> {
    let file = open(path).map_err(|error| format!("cannot be opened: {error}"))?;
    let metadata = file.metadata();
    if !metadata.is_ok_and(|metadata| metadata.is_file()) {
        return Err("is not a regular file".into());
    }
    let mut bytes = Vec::new();
    let limit = max_bytes as u64 + 1;
    file.take(limit)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() > max_bytes {
        return Err(format!("is longer than {max_bytes} bytes"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("is not UTF-8 text (byte {at})")
    })
}

/// A fifo in place of the file must not keep the program waiting.
fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open(path)
}
