//! `--user`: what is opened as root is served as somebody else.

use std::ffi::CString;
use std::path::Path;

use nix::sys::prctl::set_no_new_privs;
use nix::unistd::{
    Gid, ResGid, ResUid, Uid, getegid, geteuid, getresgid, getresuid, initgroups, setgroups,
    setresgid, setresuid,
};

use crate::options::ProcessOptions;

/// Whom the process is going to be.
pub struct Target {
    pub uid: u32,
    pub gid: u32,
    /// Whose other groups it gets.
    name: Option<CString>,
}

impl Target {
    /// Whom the command line asks for; `None` if that is who the process is already.
    ///
    /// From here on no program that the process might start gets more rights than it has itself. To
    /// be called before there are threads, each of which inherits this.
    ///
    /// # Errors
    ///
    /// A message for humans: when the group is not known, or the change is not allowed.
    pub fn choose(process: &ProcessOptions) -> Result<Option<Self>, String> {
        let Some(account) = &process.user else {
            return Ok(None);
        };
        let (name, group) = match &account.entry {
            Some((name, group)) => (Some(name.clone()), Some(*group)),
            None => (None, None),
        };
        let uid = account.uid;
        let gid = process.group.or(group).ok_or_else(|| {
            format!("user {uid} is not known to this system, so --group is needed with --user")
        })?;
        set_no_new_privs().map_err(|error| format!("cannot set no_new_privs: {error}"))?;
        if geteuid().is_root() {
            return Ok(Some(Self { uid, gid, name }));
        }
        let (users, groups) = identities()?;
        if users == [uid; 3] && groups == [gid; 3] {
            return Ok(None);
        }
        let (now, own) = (geteuid(), getegid());
        Err(format!(
            "cannot run as user {uid}, group {gid} (--user): that takes root, and this is user \
             {now}, group {own}"
        ))
    }

    /// Becomes that user, with all threads, for good.
    ///
    /// # Errors
    ///
    /// A message for humans; the process may be half way then, and must end.
    pub fn become_it(self) -> Result<(), String> {
        let (user, group) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        // In this order: with each step there is less that is allowed.
        match &self.name {
            Some(name) => initgroups(name, group),
            None => setgroups(&[group]),
        }
        .and_then(|()| setresgid(group, group, group))
        .and_then(|()| setresuid(user, user, user))
        .map_err(|error| {
            format!(
                "cannot become user {}, group {} (--user): {error}",
                self.uid, self.gid
            )
        })?;
        let is_it = identities()? == ([self.uid; 3], [self.gid; 3]);
        let root = Uid::from_raw(0);
        if !is_it || user != root && setresuid(root, root, root).is_ok() {
            return Err("root could be regained after --user".into());
        }
        Ok(())
    }
}

/// Users and groups of the process: real, effective, saved.
fn identities() -> Result<([u32; 3], [u32; 3]), String> {
    let explain = |error| format!("cannot find out whose process this is: {error}");
    let users: ResUid = getresuid().map_err(explain)?;
    let groups: ResGid = getresgid().map_err(explain)?;
    Ok((
        [users.real, users.effective, users.saved].map(Uid::as_raw),
        [groups.real, groups.effective, groups.saved].map(Gid::as_raw),
    ))
}

/// Says if the user that the process has become cannot read a file that SIGHUP is about. `what` is in
/// it.
pub fn check_reload(file: &Path, what: &str) {
    if let Err(error) = std::fs::File::open(file) {
        let file = file.display();
        log::warn!("{file}: {error} for the user of --user, so SIGHUP will not change {what}");
    }
}
