//! The messages of QoS 1 that were handed over and not yet confirmed.
//!
//! The window moves: a message may go when the one `size` before it is confirmed, not when any is.
//! `rumqttc` numbers packets in a circle of that size plus one, and one that is out of order would meet
//! its own number still in use.

use std::collections::VecDeque;

/// Messages in the order in which they were handed over.
#[derive(Debug)]
pub(super) struct Window {
    size: usize,
    slots: VecDeque<Slot>,
}

#[derive(Debug)]
struct Slot {
    /// What the owner of the message calls it.
    tag: Option<u64>,
    /// None before the message is written.
    packet_id: Option<u16>,
    is_confirmed: bool,
}

impl Window {
    /// For at least one message.
    pub(super) fn new(size: usize) -> Self {
        Self {
            size: size.max(1),
            slots: VecDeque::new(),
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.slots.len() < self.size
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// A message was handed over.
    pub(super) fn push(&mut self, tag: Option<u64>) {
        self.slots.push_back(Slot {
            tag,
            packet_id: None,
            is_confirmed: false,
        });
    }

    /// The first one that was not written has been, under this number.
    pub(super) fn written(&mut self, packet_id: u16) {
        let mut slots = self.slots.iter_mut();
        if let Some(slot) = slots.find(|slot| slot.packet_id.is_none()) {
            slot.packet_id = Some(packet_id);
        }
    }

    /// The message of that number is confirmed. `None` if there is none, else its tag, if it has one.
    pub(super) fn confirm(&mut self, packet_id: u16) -> Option<Option<u64>> {
        let mut slots = self.slots.iter_mut();
        let slot = slots.find(|slot| slot.packet_id == Some(packet_id) && !slot.is_confirmed)?;
        slot.is_confirmed = true;
        let tag = slot.tag;
        while self.slots.front().is_some_and(|slot| slot.is_confirmed) {
            self.slots.pop_front();
        }
        Some(tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confirmations_find_their_messages() {
        let mut window = Window::new(2);
        window.push(Some(7));
        assert!(window.has_room());
        window.push(None);
        assert!(!window.has_room());
        assert_eq!(window.confirm(1), None);
        window.written(1);
        window.written(2);
        window.written(3);
        assert_eq!(window.confirm(3), None);
        assert_eq!(window.confirm(1), Some(Some(7)));
        assert_eq!(window.confirm(1), None);
        assert!(window.has_room());
        assert_eq!(window.confirm(2), Some(None));
        assert!(window.is_empty());
    }

    #[test]
    fn there_is_room_only_when_the_oldest_is_confirmed() {
        let mut window = Window::new(3);
        for number in 1..=3 {
            window.push(Some(u64::from(number)));
            window.written(number);
        }
        assert_eq!(window.confirm(2), Some(Some(2)));
        assert_eq!(window.confirm(3), Some(Some(3)));
        assert!(!window.has_room());
        assert_eq!(window.confirm(1), Some(Some(1)));
        assert!(window.is_empty());
    }

    #[test]
    fn a_number_may_be_used_again_once_it_was_confirmed() {
        let mut window = Window::new(4);
        for tag in 0..100 {
            window.push(Some(tag));
            let number = u16::try_from(tag % 5 + 1).unwrap();
            window.written(number);
            if tag >= 3 {
                let number = u16::try_from((tag - 3) % 5 + 1).unwrap();
                assert_eq!(window.confirm(number), Some(Some(tag - 3)));
            }
        }
    }
}
