//! A client that shows everything that is sent to it.
//!
//! It is the partner of `client_sender`: start it first, then the sender. It ends on Ctrl-C, and
//! when the broker stops.
//!
//! ```sh
//! cargo run --example client_listener --features ipc -- /tmp/elbus.sock
//! ```

use elbus::client::AsyncClient;
use elbus::ipc::{Client, Config};
use elbus::{FrameData, FrameKind, QoS};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("/tmp/elbus.sock");
    let mut interrupt = signal(SignalKind::interrupt())?;

    // A name is all it takes to receive messages and broadcasts. It is taken until we disconnect.
    let mut client = Client::connect(&Config::new(address, "example.listener")).await?;

    // Everything we receive comes out of one channel, in the order in which it was sent.
    let events = client.take_event_channel().ok_or("taken before")?;

    // Publications come to those who subscribe to their topics. `#` stands for all further levels.
    // `Processed` asks the broker for a confirmation; once it is there, nothing is missed any more.
    let confirmation = client.subscribe("example/#", QoS::Processed).await?;
    if let Some(confirmation) = confirmation {
        confirmation.await??;
    }
    println!("listening as {}", client.get_name());

    loop {
        tokio::select! {
            frame = events.recv() => match frame {
                Ok(frame) => show(&frame),
                // The channel ends with the connection.
                Err(_) => {
                    println!("the broker is gone");
                    return Ok(());
                }
            },
            _ = interrupt.recv() => {
                println!("interrupted");
                return Ok(());
            }
        }
    }
}

fn show(frame: &FrameData) {
    let sender = frame.sender();
    // A payload is bytes; whether they are text is between the sender and us. `{:?}` makes sure
    // that a peer cannot play tricks with our terminal.
    let payload = match std::str::from_utf8(frame.payload()) {
        Ok(text) => format!("{text:?}"),
        // So are the warnings of the broker, which come to everybody without being asked for.
        Err(_) => format!("{} bytes that are no text", frame.payload().len()),
    };
    match (frame.kind(), frame.topic()) {
        (FrameKind::Publish, Some(topic)) => println!("{sender} publishes to {topic}: {payload}"),
        (FrameKind::Broadcast, _) => println!("{sender} tells everybody: {payload}"),
        _ => println!("{sender} tells us: {payload}"),
    }
}
