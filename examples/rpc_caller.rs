//! A client that calls methods of another one.
//!
//! It is the partner of `rpc_handler`; start that first.
//!
//! ```sh
//! cargo run --example rpc_caller --features ipc,rpc -- /tmp/elbus.sock
//! ```

use std::time::Duration;

use elbus::ipc::{Client, Config};
use elbus::rpc::{Options, Rpc, RpcClient};
use elbus::{QoS, empty_payload};
use serde::Serialize;

const TARGET: &str = "example.handler";

#[derive(Serialize)]
struct AddParams {
    a: i64,
    b: i64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("/tmp/elbus.sock");
    let client = Client::connect(&Config::new(address, "example.caller")).await?;

    // `create0`: this client has no methods of its own. Every call ends within the timeout, at the
    // latest; unless set, that is the timeout of the client.
    let options = Options::new().timeout(Duration::from_secs(5));
    let rpc = RpcClient::create0(client, options);

    // A call: params out, result back. `Processed` lets it fail at once if there is no such client,
    // instead of after the timeout.
    let params = rmp_serde::to_vec_named(&AddParams { a: 2, b: 3 })?;
    let reply = rpc
        .call(TARGET, "add", params.into(), QoS::Processed)
        .await?;
    let sum: i64 = rmp_serde::from_slice(reply.payload())?;
    println!("2 + 3 = {sum}");

    // What the handler says is wrong comes back as an error, with a code for programs and a text
    // for humans.
    let params = rmp_serde::to_vec_named(&AddParams { a: i64::MAX, b: 1 })?;
    let refused = rpc.call(TARGET, "add", params.into(), QoS::Processed).await;
    if let Err(e) = refused {
        println!("too much: {e}");
    }

    // So do errors of the bus.
    let params = empty_payload!();
    let lost = rpc.call("nobody", "add", params, QoS::Processed).await;
    if let Err(e) = lost {
        println!("nobody: {e}");
    }

    // A call without an answer. The confirmation says that it has arrived, not what came of it.
    let params = empty_payload!();
    let confirmation = rpc.call0(TARGET, "beep", params, QoS::Processed).await?;
    if let Some(confirmation) = confirmation {
        confirmation.await??;
    }
    println!("beep: delivered");

    // A notification: something to know, nothing to do.
    let data = b"that is all".as_slice().into();
    let confirmation = rpc.notify(TARGET, data, QoS::Processed).await?;
    if let Some(confirmation) = confirmation {
        confirmation.await??;
    }
    println!("notification: delivered");
    Ok(())
}
