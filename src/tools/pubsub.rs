//! Hands publications to channels by topic, so that each part of an application reads its own.
//!
//! ```
//! use std::sync::Arc;
//!
//! use elbus::tools::pubsub::TopicBroker;
//! use elbus::{FrameData, FrameKind};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), elbus::Error> {
//! let mut topics = TopicBroker::new();
//! let (_tx, sensors) = topics.register_prefix("sensors/", 16)?;
//!
//! // As a client receives it:
//! let (sender, topic) = (Some("probe".to_owned()), Some("sensors/tank/level".to_owned()));
//! let frame = FrameData::new(FrameKind::Publish, sender, topic, None, b"42".to_vec(), 0, false);
//! assert!(topics.process(Arc::new(frame)).await?.is_none());
//!
//! let publication = sensors.recv().await.unwrap();
//! assert_eq!(publication.subtopic(), "tank/level");
//! assert_eq!(publication.payload(), b"42");
//! # Ok(())
//! # }
//! ```
//!
//! A program gives it what comes out of the event channel of its client, or what its
//! [`handle_frame`](crate::rpc::RpcHandlers::handle_frame) gets. Subscribing is still up to the
//! program: channels get what the client receives.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound::{Included, Unbounded};

use crate::{Error, Frame, FrameKind};

/// The sending end of a channel of publications.
pub type PublicationSender = async_channel::Sender<Publication>;

/// The receiving end of a channel of publications.
pub type PublicationReceiver = async_channel::Receiver<Publication>;

/// A publication, as a channel gets it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Publication {
    frame: Frame,
    /// Where the subtopic starts in the topic, in bytes.
    subtopic_pos: usize,
}

impl Publication {
    /// The frame that carried the publication.
    pub fn frame(&self) -> &Frame {
        &self.frame
    }

    /// The full name of the sender.
    pub fn sender(&self) -> &str {
        self.frame.sender()
    }

    /// The name of the sender up to the first `%%`.
    pub fn primary_sender(&self) -> &str {
        self.frame.primary_sender()
    }

    /// The topic.
    pub fn topic(&self) -> &str {
        self.frame.topic().unwrap_or_default()
    }

    /// What follows the registered prefix; the whole topic if the channel is for that one topic.
    pub fn subtopic(&self) -> &str {
        self.topic().get(self.subtopic_pos..).unwrap_or_default()
    }

    /// The payload.
    pub fn payload(&self) -> &[u8] {
        self.frame.payload()
    }

    /// The header, if the frame has one.
    pub fn header(&self) -> Option<&[u8]> {
        self.frame.header()
    }

    /// True if the publication was sent with a real-time QoS.
    pub fn is_realtime(&self) -> bool {
        self.frame.is_realtime()
    }
}

/// Channels by topic, and by prefix of topics. A prefix is any text that topics start with, not
/// only whole levels.
#[derive(Debug, Default)]
pub struct TopicBroker {
    topics: HashMap<String, PublicationSender>,
    prefixes: BTreeMap<String, PublicationSender>,
}

impl TopicBroker {
    /// Without any channel.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a channel for one topic, in which at most `channel_size` publications (at least 1)
    /// wait.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Busy`](crate::ErrorKind::Busy) if the topic has a channel.
    pub fn register_topic(
        &mut self,
        topic: &str,
        channel_size: usize,
    ) -> Result<(PublicationSender, PublicationReceiver), Error> {
        let (tx, rx) = async_channel::bounded(channel_size.max(1));
        self.register_topic_tx(topic, tx.clone())?;
        Ok((tx, rx))
    }

    /// Has the publications to one topic sent to a channel that there is.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Busy`](crate::ErrorKind::Busy) if the topic has a channel.
    pub fn register_topic_tx(&mut self, topic: &str, tx: PublicationSender) -> Result<(), Error> {
        if self.topics.contains_key(topic) {
            return Err(Error::busy(format_args!("topic {topic:?} is registered")));
        }
        self.topics.insert(topic.to_owned(), tx);
        Ok(())
    }

    /// Makes a channel for all topics that start with `prefix`, in which at most `channel_size`
    /// publications (at least 1) wait.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Busy`](crate::ErrorKind::Busy) if the prefix has a channel.
    pub fn register_prefix(
        &mut self,
        prefix: &str,
        channel_size: usize,
    ) -> Result<(PublicationSender, PublicationReceiver), Error> {
        let (tx, rx) = async_channel::bounded(channel_size.max(1));
        self.register_prefix_tx(prefix, tx.clone())?;
        Ok((tx, rx))
    }

    /// Has the publications to all topics that start with `prefix` sent to a channel that there is.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Busy`](crate::ErrorKind::Busy) if the prefix has a channel.
    pub fn register_prefix_tx(&mut self, prefix: &str, tx: PublicationSender) -> Result<(), Error> {
        if self.prefixes.contains_key(prefix) {
            return Err(Error::busy(format_args!("prefix {prefix:?} is registered")));
        }
        self.prefixes.insert(prefix.to_owned(), tx);
        Ok(())
    }

    /// Hands a publication to the channel of its topic, else to that of the longest prefix of it.
    /// Waits while the channel is full. Returns the frame if there is no channel for it, or if it
    /// is not a publication.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Eof`](crate::ErrorKind::Eof) if nobody reads the channel any more.
    pub async fn process(&self, frame: Frame) -> Result<Option<Frame>, Error> {
        let route = match (frame.kind(), frame.topic()) {
            (FrameKind::Publish, Some(topic)) => self.route(topic),
            _ => None,
        };
        let Some((tx, subtopic_pos)) = route else {
            return Ok(Some(frame));
        };
        tx.send(Publication {
            frame,
            subtopic_pos,
        })
        .await?;
        Ok(None)
    }

    /// The channel for a topic, and where the subtopic starts.
    fn route(&self, topic: &str) -> Option<(&PublicationSender, usize)> {
        if let Some(tx) = self.topics.get(topic) {
            return Some((tx, 0));
        }
        // Prefixes of the topic sort before it, and the longer ones behind the shorter ones.
        let mut candidates = self
            .prefixes
            .range::<str, _>((Unbounded, Included(topic)))
            .rev();
        candidates
            .find(|(prefix, _)| topic.starts_with(prefix.as_str()))
            .map(|(prefix, tx)| (tx, prefix.len()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{ErrorKind, FrameData};

    fn frame(kind: FrameKind, topic: Option<&str>) -> Frame {
        let (sender, topic) = (Some("s%%1".to_owned()), topic.map(str::to_owned));
        let (header, payload) = (Some(b"h".to_vec()), b"p".to_vec());
        Arc::new(FrameData::new(
            kind, sender, topic, header, payload, 0, true,
        ))
    }

    fn publication(topic: &str) -> Frame {
        frame(FrameKind::Publish, Some(topic))
    }

    #[tokio::test]
    async fn a_publication_shows_its_frame() {
        let mut topics = TopicBroker::new();
        let (_tx, rx) = topics.register_topic("a/b", 1).unwrap();
        assert!(topics.process(publication("a/b")).await.unwrap().is_none());
        let publication = rx.try_recv().unwrap();
        assert_eq!(publication.topic(), "a/b");
        assert_eq!(publication.subtopic(), "a/b");
        assert_eq!(publication.sender(), "s%%1");
        assert_eq!(publication.primary_sender(), "s");
        assert_eq!(publication.payload(), b"p");
        assert_eq!(publication.header(), Some(b"h".as_slice()));
        assert!(publication.is_realtime());
        assert_eq!(publication.frame().kind(), FrameKind::Publish);
    }

    #[tokio::test]
    async fn exact_topics_come_first_then_the_longest_prefix() {
        let mut topics = TopicBroker::default();
        let (tx, rx) = async_channel::unbounded();
        topics.register_topic_tx("a/b", tx.clone()).unwrap();
        for prefix in ["a/", "a/b/", "a/b/cc", "b"] {
            topics.register_prefix_tx(prefix, tx.clone()).unwrap();
        }
        for (topic, subtopic) in [
            ("a/b", "a/b"),
            ("a/b/c", "c"),
            ("a/b/cd", "cd"),
            ("a/b/ccd", "d"),
            ("a/", ""),
            ("a/zz", "zz"),
            ("bee", "ee"),
        ] {
            assert!(topics.process(publication(topic)).await.unwrap().is_none());
            let taken = rx.try_recv().unwrap();
            assert_eq!((taken.topic(), taken.subtopic()), (topic, subtopic));
        }
    }

    #[tokio::test]
    async fn what_nobody_takes_comes_back() {
        let mut topics = TopicBroker::new();
        let (_tx, _rx) = topics.register_prefix("a/", 1).unwrap();
        let others = [
            publication("a"),
            publication("b/a/"),
            publication(""),
            frame(FrameKind::Message, None),
            frame(FrameKind::Broadcast, None),
        ];
        for frame in others {
            let back = topics.process(Arc::clone(&frame)).await.unwrap().unwrap();
            assert!(Arc::ptr_eq(&frame, &back));
        }
    }

    #[test]
    fn a_second_registration_is_refused() {
        let mut topics = TopicBroker::new();
        let (tx, _rx) = topics.register_topic("a", 0).unwrap();
        topics.register_prefix("a", 0).unwrap();
        let refused = [
            topics.register_topic("a", 1).err(),
            topics.register_topic_tx("a", tx.clone()).err(),
            topics.register_prefix("a", 1).err(),
            topics.register_prefix_tx("a", tx).err(),
        ];
        assert!(
            refused
                .iter()
                .flatten()
                .all(|e| e.kind() == ErrorKind::Busy)
        );
        assert_eq!(refused.iter().flatten().count(), 4);
    }

    #[tokio::test]
    async fn a_channel_without_reader_is_an_error() {
        let mut topics = TopicBroker::new();
        drop(topics.register_topic("a", 1).unwrap());
        let refused = topics.process(publication("a")).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Eof);
    }
}
