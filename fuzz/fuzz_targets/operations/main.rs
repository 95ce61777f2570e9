//! Sequences of operations of several clients, in the broker's process and on sockets, with and
//! without access rules, against a broker that runs for real.
//!
//! - Every client sees exactly what the model says: the same frames and acks in the same order, the
//!   same codes, the same announcements, and nothing else.
//! - Where two clients send at the same time, that is so for what comes from each of them.
//! - The broker counts what the model counts.
//!
//! | file | job |
//! |---|---|
//! | `plan` | what may be done, made from the bytes of the fuzzer |
//! | `model` | what must come of it |
//! | `event` | what a client sees |
//! | `bus` | the real broker, and the clients' ends |
//! | `request` | one operation: made from the plan, encoded, performed |
//! | `scene` | the plan, carried out by the broker and the model side by side |

#![no_main]

mod bus;
mod event;
mod model;
mod plan;
mod request;
mod rights;
mod scene;

use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;

use plan::{ACCOUNTS, CAST, MAX_STEPS, Plan};
use scene::Scene;

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
}

fuzz_target!(|plan: Plan| {
    RUNTIME.with(|runtime| LocalSet::new().block_on(runtime, carry_out(&plan)));
});

async fn carry_out(plan: &Plan) {
    let mut scene = Scene::start(&plan.setup).await;
    for (account, rights) in ACCOUNTS.iter().zip(&plan.rights) {
        scene.grant(account, rights.as_ref());
    }
    for (seat, role) in plan.cast.iter().enumerate() {
        if let Some(role) = role {
            scene.join(seat, CAST[seat], role.transport).await;
            scene.subscribe(seat, role.subscription.text()).await;
        }
    }
    for step in plan.steps.iter().take(MAX_STEPS) {
        scene.carry_out(step).await;
    }
    scene.finish().await;
}
