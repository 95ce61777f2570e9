//! A client that sends in every way there is: to one client, to many, to a topic.
//!
//! It is the partner of `client_listener`, which shows what arrives.
//!
//! ```sh
//! cargo run --example client_sender --features ipc -- /tmp/elbus.sock
//! ```

use elbus::client::AsyncClient;
use elbus::ipc::{Client, Config};
use elbus::{Error, OpConfirm, QoS};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("/tmp/elbus.sock");
    let mut client = Client::connect(&Config::new(address, "example.sender")).await?;

    // To one client, by its name. `Processed` asks for a confirmation: the broker answers when the
    // message is in the queue of the receiver.
    let payload = b"hello".as_slice().into();
    let sent = client.send("example.listener", payload, QoS::Processed);
    report("message to example.listener", sent.await).await;

    // To all clients whose names match a mask: here, all names that start with `example.`, ours
    // included.
    let payload = b"hello, everybody".as_slice().into();
    let sent = client.send_broadcast("example.*", payload, QoS::Processed);
    report("broadcast to example.*", sent.await).await;

    // To all clients that have subscribed to the topic. `RealtimeProcessed` is for what must not
    // wait to be joined by other frames in one write.
    let payload = b"hello, subscribers".as_slice().into();
    let sent = client.publish("example/greeting", payload, QoS::RealtimeProcessed);
    report("publication to example/greeting", sent.await).await;

    // Without a confirmation nobody tells; this is the cheapest way, for what is sent often. Such a
    // frame may still be on its way when the call returns: before a program ends, it waits for the
    // confirmation of something later, as this one does below.
    let payload = b"bye".as_slice().into();
    client.send("example.listener", payload, QoS::No).await?;
    println!("message to example.listener: sent, and not asked after");

    // The confirmation also tells what went wrong.
    let payload = b"hello?".as_slice().into();
    let sent = client.send("nobody", payload, QoS::Processed);
    report("message to nobody", sent.await).await;

    // Dropping the client disconnects it.
    Ok(())
}

/// Waits for the confirmation of an operation, if there is to be one, and shows it.
async fn report(what: &str, sent: Result<OpConfirm, Error>) {
    match confirmed(sent).await {
        Ok(()) => println!("{what}: done"),
        Err(e) => println!("{what}: {e}"),
    }
}

async fn confirmed(sent: Result<OpConfirm, Error>) -> Result<(), Error> {
    // An error here: the frame could not be sent.
    if let Some(confirmation) = sent? {
        // The first `?`: the client was dropped. The second: what the broker answered, or that it
        // did not answer within the timeout of the client.
        confirmation.await??;
    }
    Ok(())
}
