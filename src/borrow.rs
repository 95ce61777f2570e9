//! The payload argument of every sending call.

use std::sync::Arc;

/// Bytes to send: borrowed, owned or shared.
///
/// In-process clients hand an owned or shared payload to the receiver without a copy; sockets take
/// whichever form there is.
#[derive(Debug, Clone)]
pub enum Cow<'a> {
    /// The caller keeps the bytes.
    Borrowed(&'a [u8]),
    /// The bytes move to the bus.
    Owned(Vec<u8>),
    /// The bytes are shared with the bus.
    Referenced(Arc<Vec<u8>>),
}

impl<'a> Cow<'a> {
    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Self::Borrowed(v) => v,
            Self::Owned(v) => v,
            Self::Referenced(v) => v,
        }
    }

    /// The bytes as a vector; copies only what is not owned.
    pub fn to_vec(self) -> Vec<u8> {
        match self {
            Self::Borrowed(v) => v.to_vec(),
            Self::Owned(v) => v,
            Self::Referenced(v) => Arc::unwrap_or_clone(v),
        }
    }

    /// The same bytes, without what the caller only lends.
    #[cfg(feature = "broker")]
    pub(crate) fn into_owned(self) -> Cow<'static> {
        match self {
            Self::Borrowed(v) => Cow::Owned(v.to_vec()),
            Self::Owned(v) => Cow::Owned(v),
            Self::Referenced(v) => Cow::Referenced(v),
        }
    }

    /// The same bytes, lent.
    #[cfg(feature = "broker")]
    pub(crate) fn as_borrowed(&self) -> Cow<'_> {
        match self {
            Self::Borrowed(v) => Cow::Borrowed(v),
            Self::Owned(v) => Cow::Borrowed(v),
            Self::Referenced(v) => Cow::Referenced(v.clone()),
        }
    }

    /// The number of bytes.
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// True if there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }
}

impl From<Vec<u8>> for Cow<'_> {
    fn from(v: Vec<u8>) -> Self {
        Self::Owned(v)
    }
}

impl From<Arc<Vec<u8>>> for Cow<'_> {
    fn from(v: Arc<Vec<u8>>) -> Self {
        Self::Referenced(v)
    }
}

impl<'a> From<&'a [u8]> for Cow<'a> {
    fn from(v: &'a [u8]) -> Self {
        Self::Borrowed(v)
    }
}

/// An empty payload.
///
/// ```
/// let payload = elbus::empty_payload!();
/// assert!(payload.is_empty());
/// ```
#[macro_export]
macro_rules! empty_payload {
    () => {
        $crate::borrow::Cow::Borrowed(&[])
    };
}
