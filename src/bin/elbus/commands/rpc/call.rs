//! `elbus BUS rpc call`: calls a method and prints the reply.

use clap::Args;
use elbus::QoS;
use elbus::rpc::Rpc;

use super::Request;
use crate::context::Context;
use crate::failure::Failure;
use crate::input;

const EXAMPLES: &str = "\
Examples:
  elbus bus.sock rpc call .broker stats
  elbus bus.sock rpc call plant.line1 set speed=1.5 on=true note='night shift'
  elbus bus.sock rpc call plant.line1 configure - < settings.msgpack
  elbus bus.sock rpc call plant.line1 state --json | jq .speed

Parameters are sent as a MessagePack map, in which true, false and numbers are what they look like
and everything else is text. A single - sends standard input as it is.";

/// Call a method and print its reply
#[derive(Args, Debug)]
#[command(
    after_help = EXAMPLES,
    override_usage = "elbus <BUS> rpc call [OPTIONS] <TARGET> <METHOD> [K=V]...",
)]
pub struct Call {
    #[command(flatten)]
    request: Request,
}

impl Call {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let Request {
            target,
            method,
            params,
        } = self.request;
        let params = input::params(&params)?;
        let rpc = context.connect_rpc().await?;
        let call = rpc.call(&target, &method, params.into(), QoS::Processed);
        let reply = call.await?;
        context.out.payload(reply.payload())
    }
}
