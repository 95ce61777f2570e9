//! `elbus BUS broker stats`: for how long the broker runs, and its counters.

use elbus::common::BrokerStats;

use crate::context::{Context, decode};
use crate::failure::Failure;
use crate::table::{Align, Table};

pub async fn run(context: &Context) -> Result<(), Failure> {
    let reply = context.call_broker("stats").await?;
    let stats: BrokerStats = decode(&reply)?;
    let mut table = Table::new([("field", Align::Left), ("value", Align::Right)]);
    // The time is in seconds.
    table.row(["uptime", &stats.uptime.to_string()]);
    table.row(["r_frames", &stats.r_frames.to_string()]);
    table.row(["r_bytes", &stats.r_bytes.to_string()]);
    table.row(["w_frames", &stats.w_frames.to_string()]);
    table.row(["w_bytes", &stats.w_bytes.to_string()]);
    context.out.table(&table, &stats)
}
