//! Signs of life for the service manager. One is given only when each worker has just carried out a
//! task: a broker of which one thread hangs, in a lock or an endless loop, is to be started again.

use std::convert::Infallible;

use tokio::runtime::Handle;

use crate::manager::Manager;

/// Gives a sign of life at half the time that the manager waits for it, for ever. Without a manager
/// that waits there is no timer.
pub async fn run(manager: &Manager, workers: &[Handle]) -> Infallible {
    let Some(limit) = manager.watchdog() else {
        return std::future::pending().await;
    };
    loop {
        tokio::time::sleep(limit / 2).await;
        all_work(workers).await;
        manager.tell("WATCHDOG=1");
    }
}

/// Waits until each worker has carried out a task; for ever if one never does.
async fn all_work(workers: &[Handle]) {
    for worker in workers {
        if worker.spawn(async {}).await.is_err() {
            // It has ended, and so will the signs of life.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::Workers;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn one_worker_that_hangs_is_enough() {
        let workers = Workers::start(3).expect("three workers");
        let handles = workers.handles();
        let (release, hanging) = mpsc::channel::<()>();
        workers.run(async move {
            all_work(&handles).await;
            let (hangs, has_hung) = tokio::sync::oneshot::channel();
            handles[2].spawn(async move {
                let _ = hangs.send(());
                let _ = hanging.recv();
            });
            has_hung.await.expect("a worker that hangs");
            let signs = tokio::time::timeout(Duration::from_millis(100), all_work(&handles));
            assert!(signs.await.is_err());
            drop(release);
            all_work(&handles).await;
        });
    }
}
