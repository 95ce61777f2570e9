//! `elbus BUS broker topic.list`: what clients are subscribed to, and how many of them.

use elbus::common::TopicList;

use crate::context::{Context, decode};
use crate::failure::Failure;
use crate::table::{Align, Table};

pub async fn run(context: &Context) -> Result<(), Failure> {
    let reply = context.call_broker("topic.list").await?;
    let list: TopicList<'_> = decode(&reply)?;
    context.out.table(&table(&list), &list)?;
    if list.truncated {
        context.note("there are more topics than the broker lists");
    }
    Ok(())
}

fn table(list: &TopicList<'_>) -> Table<2> {
    let mut table = Table::new([("filter", Align::Left), ("subscribers", Align::Right)]);
    for topic in &list.topics {
        table.row([topic.filter, &topic.subscribers.to_string()]);
    }
    table
}
