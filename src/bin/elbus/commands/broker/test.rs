//! `elbus BUS broker test`: does the broker answer?

use crate::context::Context;
use crate::failure::Failure;

pub async fn run(context: &Context) -> Result<(), Failure> {
    let reply = context.call_broker("test").await?;
    context.out.payload(reply.payload())
}
