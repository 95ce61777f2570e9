//! The pid file: names the running process to init scripts, for as long as it runs.
//!
//! The file is locked while its process lives. So a file that was left by a process that was killed
//! is told from the file of another running broker, whatever has become of the number in it: after
//! a reboot it may belong to anybody. It appears at its path complete, in one step.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};

/// Anybody may read it, whatever the umask.
const MODE: u32 = 0o644;

/// Longest content that can be a process id, in bytes: 10 digits and a line end.
const MAX_BYTES: u64 = 12;

/// The pid file of this process. Removed with this value, unless somebody else has replaced it; if
/// that is not allowed (any more), it is emptied: an old number may belong to anybody.
pub struct PidFile {
    path: PathBuf,
    file: Flock<File>,
}

impl PidFile {
    /// Writes the id of this process, in plain digits.
    ///
    /// # Errors
    ///
    /// A message for humans: when the file belongs to a running process, when what is there is not a
    /// pid file and so must not be replaced, or when it cannot be written.
    pub fn create(path: &Path) -> Result<Self, String> {
        Self::replace(path)
            .map_err(|why| format!("cannot write the pid file {}: {why}", path.display()))
    }

    fn replace(path: &Path) -> Result<Self, String> {
        // Held until the new file is in place.
        let _stale = open_stale(path)?;
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(format!(".{}", std::process::id()));
        let temporary = PathBuf::from(temporary);
        let placed = write_locked(&temporary).and_then(|lock| {
            fs::rename(&temporary, path)?;
            Ok(lock)
        });
        match placed {
            Ok(lock) => Ok(Self {
                path: path.to_owned(),
                file: lock,
            }),
            Err(error) => {
                let _ = fs::remove_file(&temporary);
                Err(error.to_string())
            }
        }
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        match open(&self.path).and_then(read) {
            Ok(content) if content == std::process::id().to_string() => {
                if let Err(error) = fs::remove_file(&self.path) {
                    self.empty(&error);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => self.empty(&error),
            _ => {}
        }
    }
}

impl PidFile {
    /// Takes the number away at least. The file is open since before the privileges went.
    fn empty(&self, why: &io::Error) {
        let path = self.path.display();
        match self.file.set_len(0) {
            Ok(()) => log::debug!("the pid file {path} is emptied, not removed: {why}"),
            Err(_) => log::warn!("cannot remove the pid file {path}: {why}"),
        }
    }
}

/// Takes over the file that is at the path already, if one is.
fn open_stale(path: &Path) -> Result<Option<Flock<File>>, String> {
    let file = match open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.raw_os_error() == Some(Errno::ELOOP as i32) => {
            return Err("it is a symbolic link".into());
        }
        Err(error) => return Err(error.to_string()),
    };
    let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
    let content = if is_file { read(&file).ok() } else { None };
    let pid = content
        .as_deref()
        .map(str::trim_ascii_end)
        .filter(|pid| pid.bytes().all(|byte| byte.is_ascii_digit()))
        .ok_or("what is there is not a pid file")?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, Errno::EWOULDBLOCK)) => Err(format!("process {pid} is running")),
        Err((_, error)) => Err(error.to_string()),
    }
}

/// Opens for reading. Neither follows a symbolic link nor waits for a writer, if that is a fifo.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits())
        .open(path)
}

/// The content of a file, as far as it can be a process id.
fn read(file: impl Read) -> io::Result<String> {
    let mut content = String::new();
    file.take(MAX_BYTES + 1).read_to_string(&mut content)?;
    if content.len() as u64 > MAX_BYTES {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(content)
}

fn write_locked(path: &Path) -> io::Result<Flock<File>> {
    // In a container the id is the same at every start, so a crash may have left the very file.
    let _ = fs::remove_file(path);
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(path)?;
    let mut file =
        Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| error)?;
    file.set_permissions(fs::Permissions::from_mode(MODE))?;
    write!(*file, "{}", std::process::id())?;
    Ok(file)
}
