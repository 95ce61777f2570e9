//! `elbus BUS rpc call0`: calls a method whose reply nobody wants.

use clap::Args;
use elbus::QoS;
use elbus::rpc::Rpc;

use super::Request;
use crate::context::Context;
use crate::failure::Failure;
use crate::input;

const EXAMPLES: &str = "\
Examples:
  elbus bus.sock rpc call0 plant.line1 stop reason=maintenance

Parameters are those of `rpc call`. The command succeeds when the broker has taken the call for its
target; whether the target has the method, and what came of it, stays unknown.";

/// Call a method without waiting for a reply
#[derive(Args, Debug)]
#[command(
    after_help = EXAMPLES,
    override_usage = "elbus <BUS> rpc call0 [OPTIONS] <TARGET> <METHOD> [K=V]...",
)]
pub struct Call0 {
    #[command(flatten)]
    request: Request,
}

impl Call0 {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let Request {
            target,
            method,
            params,
        } = self.request;
        let params = input::params(&params)?;
        let rpc = context.connect_rpc().await?;
        let operation = rpc.call0(&target, &method, params.into(), QoS::Processed);
        context
            .confirm(format_args!("cannot call {target}"), operation)
            .await?;
        context.out.ok()
    }
}
