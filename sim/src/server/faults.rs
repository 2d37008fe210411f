//! Faults that a test or a storm asks for: refused requests, lost answers, delays.
//!
//! The server asks before it handles a request; what it decides then is unchanged. A lost answer is the hard one: the
//! write is done, and the client does not know.

use crate::server::call::Call;
use std::time::Duration;

/// What is to happen to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is handled.
    Pass,
    /// It is answered with this HTTP status and not handled.
    Refuse(u16),
    /// It is handled, and the answer is this HTTP status instead of the true one.
    LoseAnswer(u16),
    /// It is handled this much later.
    Delay(Duration),
    /// It is never answered, whether it was handled or not.
    Silence {
        /// Does it take effect?
        handled: bool,
    },
}

/// Decides what happens to each request. It is called for every one, in order of arrival.
pub trait Faults: Send + Sync {
    /// What is to happen to this request.
    fn before(&self, call: &Call) -> Verdict;

    /// Told right before a request with this body is handled, and never of one that is not.
    fn enters(&self, _call: &Call, _body: &[u8]) {}

    /// Told right after a request was handled, with the true HTTP status, whatever the client learns of it.
    fn leaves(&self, _call: &Call, _status: u16) {}
}

impl<F: Fn(&Call) -> Verdict + Send + Sync> Faults for F {
    fn before(&self, call: &Call) -> Verdict {
        self(call)
    }
}
