//! `elbus BUS broker info`: who made the broker, and its version.

use elbus::common::BrokerInfo;

use crate::context::{Context, decode};
use crate::failure::Failure;
use crate::table::{Align, Table};

pub async fn run(context: &Context) -> Result<(), Failure> {
    let reply = context.call_broker("info").await?;
    let info: BrokerInfo<'_> = decode(&reply)?;
    let mut table = Table::new([("field", Align::Left), ("value", Align::Left)]);
    table.row(["author", info.author]);
    table.row(["version", info.version]);
    context.out.table(&table, &info)
}
