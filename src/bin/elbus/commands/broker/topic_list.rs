//! `elbus BUS broker topic.list`: what clients are subscribed to, and how many of them.

use serde::{Deserialize, Serialize};

use crate::context::{Context, decode};
use crate::failure::Failure;
use crate::table::{Align, Table};

/// The reply.
#[derive(Serialize, Deserialize)]
struct TopicList<'a> {
    /// Sorted by filter.
    #[serde(borrow)]
    topics: Vec<Topic<'a>>,
    /// There are more.
    #[serde(default)]
    truncated: bool,
}

#[derive(Serialize, Deserialize)]
struct Topic<'a> {
    filter: &'a str,
    subscribers: u64,
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reply_is_read_as_the_broker_writes_it() {
        let topic = b"\x82\xa6filter\xa3a/+\xabsubscribers\x02";
        for (reply, truncated) in [
            ([b"\x81\xa6topics\x91", &topic[..]].concat(), false),
            (
                [b"\x82\xa6topics\x91", &topic[..], b"\xa9truncated\xc3"].concat(),
                true,
            ),
        ] {
            let list: TopicList<'_> = rmp_serde::from_slice(&reply).expect("a list");
            assert_eq!(table(&list).tab_separated(), "a/+\t2");
            assert_eq!(list.truncated, truncated);
        }
    }
}
