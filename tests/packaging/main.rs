//! The init files and the recipes of Yocto and Buildroot, each checked by the tool that will read
//! it, as far as that is possible without a build of a whole system; and what a release consists of,
//! but for the programs in it.
//!
//! A tool that is not there is named on stderr, and what it would have checked is skipped; with
//! `ELBUS_TESTS_NO_SKIP=1`, as in `.ci/run`, that is a failure. Used are `cross`, `shellcheck`, `busybox`,
//! `start-stop-daemon`, `systemd-analyze`, `systemd-sysusers`, `make`, `cc`, and Python packages
//! that the first test to need them installs below the target directory. `ELBUSD` names another
//! broker than the one that cargo built.

#![cfg(all(unix, feature = "server"))]

mod buildroot;
mod crates;
mod cross;
mod install;
#[path = "../common/missing.rs"]
mod missing;
mod programs;
mod promises;
mod recipes;
mod release;
mod scripts;
mod supervisors;
mod systemd;
mod sysv;
mod tools;
mod tree;
#[path = "../common/venv.rs"]
mod venv;
mod yocto;
