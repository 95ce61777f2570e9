//! `elbus BUS rpc listen`: a client that answers every call and prints what it is told.

use async_channel::Sender;
use clap::Args;
use elbus::rpc::{Options, Rpc, RpcClient, RpcEvent, RpcHandlers, RpcResult};
use elbus::{Frame, async_trait};

use crate::background::{exit_on_interrupt, keep_alive};
use crate::context::Context;
use crate::event::Event;
use crate::failure::Failure;
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  elbus bus.sock -n test.callee rpc listen
  elbus bus.sock rpc listen -t 'sensors/#' --json

Ends with status 0 on Ctrl-C, with status 1 when the connection is lost.";

/// Print calls, notifications and frames; answer every call with an empty result
#[derive(Args, Debug)]
#[command(
    after_help = EXAMPLES,
    override_usage = "elbus <BUS> rpc listen [OPTIONS]",
)]
pub struct Listen {
    /// Topic to subscribe to, repeatable: + is any one level, # all further ones
    #[arg(short, long = "topic", value_name = "TOPIC")]
    topics: Vec<String>,
}

impl Listen {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut client = context.connect().await?;
        context.subscribe(&mut client, &self.topics).await?;
        let (sender, received) = async_channel::bounded(context.queue_size);
        // Each kind is printed in the order of its arrival.
        let options = Options::new()
            .blocking_notifications()
            .blocking_frames()
            .max_tasks(1);
        let rpc = RpcClient::create(client, Forward(sender), options);
        exit_on_interrupt();
        tokio::spawn(keep_alive(rpc.client(), context.timeout));
        context.note(format_args!("listening as {}", context.name()));
        // The RPC client drops its handlers, and the channel with them, when the connection is lost
        // and everything that has arrived before is handled.
        while let Ok(received) = received.recv().await {
            received.print(context.out)?;
        }
        Err(Failure::connection_closed())
    }
}

enum Received {
    Call(RpcEvent),
    Notification(RpcEvent),
    Frame(Frame),
}

impl Received {
    fn print(&self, out: Output) -> Result<(), Failure> {
        match self {
            Self::Call(event) => Event::call(event).print(out),
            Self::Notification(event) => Event::notification(event).print(out),
            Self::Frame(frame) => Event::frame(frame).print(out),
        }
    }
}

/// Hands everything to the command, which alone prints and alone decides when to end.
struct Forward(Sender<Received>);

impl Forward {
    async fn forward(&self, received: Received) {
        // The other side is gone only when the program ends.
        let _ = self.0.send(received).await;
    }
}

#[async_trait]
impl RpcHandlers for Forward {
    async fn handle_call(&self, event: RpcEvent) -> RpcResult {
        self.forward(Received::Call(event)).await;
        Ok(None)
    }

    async fn handle_notification(&self, event: RpcEvent) {
        self.forward(Received::Notification(event)).await;
    }

    async fn handle_frame(&self, frame: Frame) {
        self.forward(Received::Frame(frame)).await;
    }
}
