//! `elbus BUS broker client.list`: who is connected, from where, and how much they say.

use clap::Args;
use elbus::common::ClientList;
use serde::Serialize;

use crate::context::{Context, decode};
use crate::failure::Failure;
use crate::table::{Align, Table};

/// Show the clients of the broker, without this one
#[derive(Args, Debug)]
#[command(override_usage = "elbus <BUS> broker client.list [OPTIONS]")]
pub struct List {
    /// Only those whose name this regular expression is found in
    #[arg(long, value_name = "REGEX")]
    filter: Option<String>,
}

/// The parameters of the method.
#[derive(Serialize)]
struct Params<'a> {
    filter: &'a str,
}

impl List {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let reply = match &self.filter {
            Some(filter) => {
                context
                    .call_broker_with("client.list", &Params { filter })
                    .await?
            }
            None => context.call_broker("client.list").await?,
        };
        let mut list: ClientList<'_> = decode(&reply)?;
        list.clients.retain(|client| client.name != context.name());
        let mut table = Table::new([
            ("name", Align::Left),
            ("type", Align::Left),
            ("source", Align::Left),
            ("port", Align::Left),
            ("r_frames", Align::Right),
            ("r_bytes", Align::Right),
            ("w_frames", Align::Right),
            ("w_bytes", Align::Right),
            ("queue", Align::Right),
            ("ins", Align::Right),
        ]);
        for client in &list.clients {
            table.row([
                client.name,
                client.kind,
                client.source.unwrap_or_default(),
                client.port.unwrap_or_default(),
                &client.r_frames.to_string(),
                &client.r_bytes.to_string(),
                &client.w_frames.to_string(),
                &client.w_bytes.to_string(),
                &client.queue.to_string(),
                &client.instances.to_string(),
            ]);
        }
        context.out.table(&table, &list)
    }
}
