//! `elbus BUS broker client.kick`: disconnects a client.

use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;

const NOTES: &str = "\
The client may connect again. On a UNIX socket, brokers without access rules let root and the user
they run as do this, and nobody else.";

/// Disconnect a client
#[derive(Args, Debug)]
#[command(
    after_help = NOTES,
    override_usage = "elbus <BUS> broker client.kick [OPTIONS] <NAME>",
)]
pub struct Kick {
    /// Name of the client
    #[arg(id = "client", value_name = "NAME")]
    name: String,
}

/// The parameters of the method.
#[derive(Serialize)]
struct Params<'a> {
    name: &'a str,
}

impl Kick {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let params = Params { name: &self.name };
        context.call_broker_with("client.kick", &params).await?;
        context.out.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_is_named_in_a_map() {
        let params = rmp_serde::to_vec_named(&Params { name: "pump" });
        assert_eq!(params.expect("MessagePack"), b"\x81\xa4name\xa4pump");
    }
}
