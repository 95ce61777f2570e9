//! `elbus BUS rpc`: calls and notifications, made and received.

mod call;
mod call0;
mod listen;
mod notify;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Failure;

/// Call methods of clients, notify them, or be called
#[derive(Subcommand, Debug)]
#[command(override_usage = "elbus <BUS> rpc [OPTIONS] <COMMAND>")]
pub enum Command {
    Call(call::Call),
    Call0(call0::Call0),
    Notify(notify::Notify),
    Listen(listen::Listen),
}

impl Command {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Call(command) => command.run(context).await,
            Self::Call0(command) => command.run(context).await,
            Self::Notify(command) => command.run(context).await,
            Self::Listen(command) => command.run(context).await,
        }
    }
}

/// What to call; the same for calls with and without a reply.
#[derive(clap::Args, Debug)]
struct Request {
    /// Name of the client
    target: String,

    /// Method of the client
    method: String,

    /// Parameters, or a single - to read them from standard input
    #[arg(value_name = "K=V")]
    params: Vec<String>,
}
