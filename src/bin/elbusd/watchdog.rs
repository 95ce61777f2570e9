//! Signs of life for the service manager. One is given only when each worker that has a thread has
//! just carried out a task: a broker of which one thread hangs, in a lock or an endless loop, is to
//! be started again.

use std::convert::Infallible;

use crate::manager::Manager;
use crate::runtime::Threads;

/// Gives a sign of life at half the time that the manager waits for it, for ever. Without a manager
/// that waits there is no timer.
pub async fn run(manager: &Manager, threads: &Threads) -> Infallible {
    let Some(limit) = manager.watchdog() else {
        return std::future::pending().await;
    };
    loop {
        tokio::time::sleep(limit / 2).await;
        all_work(threads).await;
        manager.tell("WATCHDOG=1");
    }
}

/// Waits until each of them has carried out a task; for ever if one never does.
async fn all_work(threads: &Threads) {
    for (number, worker) in threads.working() {
        let task = worker.spawn(async {});
        // It may just have given its thread up.
        if threads.wake(number).is_err() || task.await.is_err() {
            // It has ended, and so will the signs of life.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::Workers;
    use std::os::unix::net::UnixDatagram;
    use std::sync::mpsc;
    use std::time::Duration;

    /// Whether a sign of life has come.
    fn has_come(socket: &UnixDatagram) -> bool {
        let mut sign = [0; 64];
        socket.recv(&mut sign).is_ok_and(|length| {
            assert_eq!(&sign[..length], b"WATCHDOG=1");
            true
        })
    }

    async fn await_sign(socket: &UnixDatagram) {
        while !has_come(socket) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[test]
    fn one_worker_that_hangs_is_enough() {
        let path = std::env::temp_dir().join(format!("elbusd-watchdog-{}", std::process::id()));
        let socket = UnixDatagram::bind(&path).expect("a socket");
        socket.set_nonblocking(true).expect("a socket");
        let manager = Manager::at(&path, Duration::from_millis(20));
        let workers = Workers::prepare(3).expect("three workers");
        let (handles, threads) = (workers.handles(), workers.threads());
        let (release, hanging) = mpsc::channel::<()>();
        let test = async {
            await_sign(&socket).await;
            let (hangs, has_hung) = tokio::sync::oneshot::channel();
            handles[1].spawn(async move {
                let _ = hangs.send(());
                let _ = hanging.recv();
            });
            threads.wake(1).expect("a thread");
            has_hung.await.expect("a worker that hangs");
            // One may be on its way.
            tokio::time::sleep(Duration::from_millis(100)).await;
            while has_come(&socket) {}
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert!(!has_come(&socket));
            drop(release);
            await_sign(&socket).await;
        };
        workers.run(async {
            tokio::select! {
                () = test => {}
                never = run(&manager, &threads) => match never {},
            }
        });
        std::fs::remove_file(path).expect("the socket is removed");
    }
}
