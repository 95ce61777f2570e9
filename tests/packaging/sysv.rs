//! The BusyBox script, run for real, with the applets of BusyBox and with the programs of this
//! machine: against a program that notes how it is treated, and against the broker.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::OnceLock;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::tools::{self, find, printed, run, skip};
use crate::tree::{root, scratch, text};

/// What the script calls, besides what is built into every shell.
const APPLETS: [&str; 9] = [
    "cat",
    "chmod",
    "chown",
    "id",
    "ln",
    "mkdir",
    "sh",
    "sleep",
    "start-stop-daemon",
];

/// One device: its `/run`, its defaults, its programs.
struct Device {
    dir: PathBuf,
    /// Where the script finds its programs.
    path: String,
    program: PathBuf,
    user: String,
    group: String,
    /// For the defaults file.
    settings: Vec<String>,
    /// For the stand-in.
    environment: Vec<(&'static str, String)>,
}

impl Device {
    fn new(dir: PathBuf, path: String) -> Self {
        fs::create_dir_all(dir.join("run")).expect("a directory");
        Self {
            dir,
            path,
            program: stand_in(),
            user: run(Command::new("id").arg("-un")).trim().to_owned(),
            group: run(Command::new("id").arg("-gn")).trim().to_owned(),
            settings: Vec::new(),
            environment: Vec::new(),
        }
    }

    fn set(&mut self, setting: &str) {
        self.settings.push(setting.to_owned());
    }

    /// Runs the script; exit status and output.
    fn script(&self, action: &str) -> (i32, String) {
        let mut defaults = format!(
            "ELBUSD_PROGRAM={}\nELBUSD_RUN={}\nELBUSD_USER={}\nELBUSD_GROUP={}\n",
            self.program.display(),
            self.dir.join("run").display(),
            self.user,
            self.group
        );
        for setting in &self.settings {
            defaults += &format!("{setting}\n");
        }
        let file = self.dir.join("defaults");
        fs::write(&file, defaults).expect("a file of defaults");
        let output = Command::new(self.shell())
            .arg(root().join("init/sysv/S50elbus"))
            .arg(action)
            .env_clear()
            .env("PATH", &self.path)
            .env("ELBUSD_DEFAULTS", file)
            .env("DISABLE_SYSLOG", "1")
            .env("STAND_IN_LOG", self.dir.join("log"))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .output()
            .expect("a shell");
        (output.status.code().unwrap_or(-1), printed(&output))
    }

    fn shell(&self) -> PathBuf {
        std::env::split_paths(&self.path)
            .map(|dir| dir.join("sh"))
            .find(|shell| shell.exists())
            .expect("a shell")
    }

    #[track_caller]
    fn expect(&self, action: &str, status: i32, output: &str) {
        assert_eq!(self.script(action), (status, output.to_owned()), "{action}");
    }

    /// The arguments and signals that the stand-in noted since the last call.
    fn noted(&self) -> Vec<String> {
        let log = self.dir.join("log");
        let text = fs::read_to_string(&log).unwrap_or_default();
        // Emptied, not removed: the stand-in goes on writing to it.
        let _ = fs::write(log, "");
        text.lines().map(str::to_owned).collect()
    }

    fn pid_file(&self) -> PathBuf {
        self.dir.join("run/elbus/elbusd.pid")
    }

    fn pid(&self) -> i32 {
        let text = fs::read_to_string(self.pid_file()).expect("a pid file");
        text.trim().parse().expect("a pid")
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        if self.pid_file().exists() {
            let _ = kill(Pid::from_raw(self.pid()), Signal::SIGKILL);
        }
    }
}

/// Devices for a test: one with BusyBox, one with what this machine has.
fn devices(name: &str) -> Vec<Device> {
    let mut devices = Vec::new();
    if let Some(busybox) = find("busybox") {
        let dir = scratch(&format!("{name}-busybox"));
        let bin = dir.join("bin");
        fs::create_dir(&bin).expect("a directory");
        for applet in APPLETS {
            symlink(&busybox, bin.join(applet)).expect("a link");
        }
        let path = bin.to_str().expect("a path").to_owned();
        devices.push(Device::new(dir, path));
    }
    if find("start-stop-daemon").is_some() {
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        devices.push(Device::new(
            scratch(&format!("{name}-machine")),
            path.to_owned(),
        ));
    }
    devices
}

/// The program in place of elbusd, built by the first test.
fn stand_in() -> PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM
        .get_or_init(|| {
            let program = scratch("stand-in").join("elbusd");
            run(Command::new("cc")
                .args(["-Wall", "-Werror", "-o"])
                .arg(&program)
                .arg(root().join("tests/packaging/stand_in.c")));
            program
        })
        .clone()
}

#[test]
fn broker_is_started_reloaded_restarted_and_stopped() {
    for mut device in devices("life") {
        device.set("ELBUSD_OPTIONS=\"-B 127.0.0.1:7777 -w 1\"");
        device.expect("status", 3, "elbusd is not running\n");

        device.expect("start", 0, "Starting elbusd: OK\n");
        let run = device.dir.join("run");
        let expected = format!(
            "start -D -P {run}/elbus/elbusd.pid -B {run}/elbus/elbus.sock --user {user} \
             --group {group} --oom-score-adj -900 -B 127.0.0.1:7777 -w 1",
            run = run.display(),
            user = device.user,
            group = device.group,
        );
        assert_eq!(device.noted(), std::slice::from_ref(&expected));
        let link = fs::read_link(run.join("elbus.sock")).expect("a link");
        assert_eq!(link, Path::new("elbus/elbus.sock"));
        let mode = fs::metadata(run.join("elbus"))
            .expect("a directory")
            .permissions()
            .mode();
        assert_eq!(mode & 0o7777, 0o755);

        device.expect("start", 0, "Starting elbusd: already running\n");
        let pid = device.pid();
        device.expect("status", 0, &format!("elbusd is running, pid {pid}\n"));
        device.expect("reload", 0, "Reloading elbusd: OK\n");
        device.expect("restart", 0, "Stopping elbusd: OK\nStarting elbusd: OK\n");
        assert_ne!(device.pid(), pid);
        assert_eq!(
            device.noted(),
            ["HUP".to_owned(), "TERM".to_owned(), expected]
        );

        device.expect("stop", 0, "Stopping elbusd: OK\n");
        device.expect("stop", 0, "Stopping elbusd: not running\n");
        device.expect("status", 3, "elbusd is not running\n");
        device.expect("reload", 1, "Reloading elbusd: FAIL: not running\n");
        device.expect(
            "restart",
            0,
            "Stopping elbusd: not running\nStarting elbusd: OK\n",
        );
    }
}

#[test]
fn what_is_missing_is_named() {
    for mut device in devices("missing") {
        let user = std::mem::replace(&mut device.user, "no-such-user".to_owned());
        device.expect(
            "start",
            1,
            "Starting elbusd: FAIL: there is no user no-such-user\n",
        );
        device.user = user;
        device.program = "/nowhere/elbusd".into();
        device.expect(
            "start",
            1,
            "Starting elbusd: FAIL: /nowhere/elbusd is missing\n",
        );
        assert_eq!(device.noted(), [""; 0]);
    }
}

#[test]
fn a_broker_that_does_not_start_is_a_failure() {
    for mut device in devices("failure") {
        device.environment.push(("STAND_IN_STATUS", "3".to_owned()));
        device.expect(
            "start",
            1,
            "Starting elbusd: FAIL: elbusd ended with status 3\n",
        );
        device.expect("status", 3, "elbusd is not running\n");
    }
}

#[test]
fn a_broker_that_does_not_stop_is_told_again() {
    for mut device in devices("again") {
        device.set("ELBUSD_STOP_TIMEOUT=1");
        device.environment.push(("STAND_IN_TERMS", "2".to_owned()));
        device.expect("start", 0, "Starting elbusd: OK\n");
        let said = "Stopping elbusd: OK, after 1 s and with messages undelivered\n";
        device.expect("stop", 0, said);
        assert_eq!(device.noted()[1..], ["TERM", "TERM"]);
    }
}

#[test]
fn a_broker_that_never_stops_is_a_failure() {
    for mut device in devices("never") {
        device.set("ELBUSD_STOP_TIMEOUT=1");
        device.environment.push(("STAND_IN_TERMS", "3".to_owned()));
        device.expect("start", 0, "Starting elbusd: OK\n");
        device.expect(
            "stop",
            1,
            "Stopping elbusd: FAIL: still running after 3 s\n",
        );
        // Its successor must not be started beside it.
        device.expect("start", 0, "Starting elbusd: already running\n");
    }
}

/// The broker's user can write to the pid file; root does not signal whatever it names.
#[test]
fn another_process_in_the_pid_file_is_left_alone() {
    struct Killed(Child);
    impl Drop for Killed {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
    for device in devices("other") {
        let mut other = Killed(Command::new("sleep").arg("600").spawn().expect("a process"));
        fs::create_dir_all(device.dir.join("run/elbus")).expect("a directory");
        fs::write(device.pid_file(), format!("{}\n", other.0.id())).expect("a pid file");
        device.expect("status", 3, "elbusd is not running\n");
        device.expect("stop", 0, "Stopping elbusd: not running\n");
        assert!(device.script("reload").0 != 0);
        assert!(other.0.try_wait().expect("a process").is_none());
        fs::remove_file(device.pid_file()).expect("the pid file");
    }
}

#[test]
fn usage_is_shown() {
    for device in devices("usage") {
        let (status, printed) = device.script("begin");
        assert_eq!(status, 2);
        assert!(
            printed.contains("{start|stop|restart|reload|status}"),
            "{printed}"
        );
    }
}

/// The list of applets is what a device has to have.
#[test]
fn script_names_no_program_beyond_the_applets() {
    let script = text("init/sysv/S50elbus");
    for program in [
        "pgrep", "pidof", "killall", "usleep", "install", "seq", "grep", "awk", "sed",
    ] {
        assert!(
            !script.split_whitespace().any(|word| word == program),
            "{program}"
        );
    }
}

#[test]
fn the_real_broker_serves_under_its_user() {
    let help = run(Command::new(tools::broker()).arg("--help"));
    if !help.contains("--oom-score-adj") {
        skip("this elbusd has no --user and no --oom-score-adj");
        return;
    }
    for mut device in devices("real") {
        // The broker has to get to its directory when it is nobody.
        let dir = std::env::temp_dir().join(format!("elbus-init-{}", std::process::id()));
        fs::create_dir_all(dir.join("run")).expect("a directory");
        device.dir = dir.clone();
        device.program = tools::broker();
        // Only root may lower it.
        device.set("ELBUSD_OOM_SCORE=100");
        if nix::unistd::geteuid().is_root() {
            device.user = "nobody".to_owned();
            device.group = run(Command::new("id").args(["-gn", "nobody"]))
                .trim()
                .to_owned();
        }
        // Without a system log, what the broker says goes to stderr.
        let (status, printed) = device.script("start");
        assert_eq!(status, 0, "{printed}");
        assert!(printed.starts_with("Starting elbusd: OK\n"), "{printed}");
        UnixStream::connect(dir.join("run/elbus.sock")).expect("a connection");
        let owner = fs::metadata(format!("/proc/{}", device.pid()))
            .expect("a process")
            .uid();
        let user = run(Command::new("id").args(["-u", &device.user]));
        assert_eq!(owner.to_string(), user.trim());
        device.expect("reload", 0, "Reloading elbusd: OK\n");
        device.expect("stop", 0, "Stopping elbusd: OK\n");
        assert!(
            !dir.join("run/elbus/elbus.sock").exists(),
            "the socket was left"
        );
        fs::remove_dir_all(dir).expect("the directory");
    }
}
