//! The life of a session as a state machine, without the bytes.
//!
//! ```text
//! state       on                      to           besides
//! ----------  ----------------------  -----------  -------------------------------------------
//! (new)                               Connecting   Transmit::Connect
//! Connecting  handle_connected        Joining
//! Joining     Welcome                 Playing      the count of attempts starts anew
//! any live    lost, closed, refused   BackingOff   full jitter; an end that is worth no retry,
//!                                                  or `reconnect: false`: Ended
//! Connecting, Joining for 10 s;       BackingOff   Transmit::Close
//! Playing without a byte for 10 s
//! BackingOff  until is reached        Connecting   Transmit::Connect with the ticket, if any
//! any         leave()                 Ended        Leave, Transmit::Close
//! ```
//!
//! A ticket that the server no longer knows is forgotten and the next attempt joins anew, at once.

use crate::random::SplitMix;
use std::fmt;
use std::time::Duration;
use tickwire_shared::LocalTime;
use tickwire_shared::wire::CloseReason;

/// The longest wait before the second attempt; doubles with every further one.
const BACKOFF_FIRST: Duration = Duration::from_millis(500);
/// No wait is longer, so that a server that comes back is found soon.
const BACKOFF_MAX: Duration = Duration::from_secs(15);
/// Below this, a refusing server would be hammered whenever the dice fall low.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
/// A connection that is not admitted within this time is given up.
pub(crate) const JOIN_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection on which nothing comes, not even an answer to pings, is dead: half-open.
pub(crate) const SILENCE_TIMEOUT: Duration = Duration::from_secs(10);

/// Where a session stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// A connection is being made.
    Connecting,
    /// Connected, not admitted yet.
    Joining,
    /// Admitted: ticks come.
    Playing,
    /// Waiting before the next attempt.
    BackingOff {
        /// When it will be made.
        until: LocalTime,
        /// What ended the last one.
        reason: String,
    },
    /// Over for good.
    Ended {
        /// Why, if it was one of the protocol's reasons.
        reason: Option<CloseReason>,
        /// In words.
        message: String,
    },
}

/// How a connection ended or failed to begin, as the driver saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disconnect {
    /// The server answered the handshake with an HTTP error.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The reason that the body named, if it was one of the protocol's.
        reason: Option<CloseReason>,
        /// In words.
        message: String,
    },
    /// A close frame came.
    Closed {
        /// Its code.
        code: u16,
        /// Its words.
        reason: String,
    },
    /// No connection, or it broke without a close frame.
    Lost {
        /// In words.
        message: String,
    },
}

impl Disconnect {
    /// Which of the protocol's reasons it was.
    pub fn reason(&self) -> Option<CloseReason> {
        match self {
            Disconnect::Refused { reason, .. } => *reason,
            Disconnect::Closed { code, .. } => CloseReason::from_code(*code),
            Disconnect::Lost { .. } => None,
        }
    }

    /// Whether another attempt may do better.
    fn is_worth_a_retry(&self) -> bool {
        match (self.reason(), self) {
            (Some(reason), _) => reason.is_worth_a_retry(),
            // Overload and gateways in front of the server pass; a wrong address does not.
            (None, Disconnect::Refused { status, .. }) => {
                matches!(status, 408 | 425 | 429 | 500 | 502..=504)
            }
            (None, Disconnect::Closed { .. } | Disconnect::Lost { .. }) => true,
        }
    }
}

impl fmt::Display for Disconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Disconnect::Refused {
                status, message, ..
            } => write!(f, "the server refused with HTTP {status}: {message}"),
            Disconnect::Closed { code, reason } if reason.is_empty() => {
                match CloseReason::from_code(*code) {
                    Some(known) => write!(f, "{known}"),
                    None => write!(f, "the server closed the connection with code {code}"),
                }
            }
            Disconnect::Closed { reason, .. } => f.write_str(reason),
            Disconnect::Lost { message } => f.write_str(message),
        }
    }
}

/// The machine: [`SessionState`] and what its transitions need to remember.
#[derive(Debug)]
pub(crate) struct Session {
    state: SessionState,
    /// When the present state began, for its time limit.
    since: LocalTime,
    attempt: u32,
    ticket: Option<String>,
    /// From `Goodbye`: why the close that follows, and when the server wants to see this client
    /// again.
    goodbye: Option<(CloseReason, String)>,
    retry_after: Option<Duration>,
    random: SplitMix,
    reconnect: bool,
}

/// What a lost connection leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AfterLoss {
    Retry { retry_in: Duration },
    End,
}

impl Session {
    pub(crate) fn new(seed: u64, reconnect: bool, now: LocalTime) -> Session {
        Session {
            state: SessionState::Connecting,
            since: now,
            attempt: 1,
            ticket: None,
            goodbye: None,
            retry_after: None,
            random: SplitMix::new(seed),
            reconnect,
        }
    }

    pub(crate) fn state(&self) -> &SessionState {
        &self.state
    }

    pub(crate) fn attempt(&self) -> u32 {
        self.attempt
    }

    pub(crate) fn ticket(&self) -> Option<String> {
        self.ticket.clone()
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, SessionState::Ended { .. })
    }

    pub(crate) fn is_playing(&self) -> bool {
        self.state == SessionState::Playing
    }

    /// Whether a connection exists or is being made.
    pub(crate) fn is_live(&self) -> bool {
        matches!(
            self.state,
            SessionState::Connecting | SessionState::Joining | SessionState::Playing
        )
    }

    pub(crate) fn connected(&mut self, now: LocalTime) {
        if self.state == SessionState::Connecting {
            self.enter(SessionState::Joining, now);
        }
    }

    pub(crate) fn welcomed(&mut self, ticket: String, now: LocalTime) {
        self.ticket = (!ticket.is_empty()).then_some(ticket);
        self.retry_after = None;
        self.goodbye = None;
        self.attempt = 0;
        self.enter(SessionState::Playing, now);
    }

    /// Takes note of `Goodbye`; the close follows.
    pub(crate) fn goodbye(
        &mut self,
        reason: CloseReason,
        message: String,
        retry_after: Option<Duration>,
    ) {
        self.goodbye = Some((reason, message));
        self.retry_after = retry_after;
    }

    /// What the end of the connection means, given what `Goodbye` said before it: a close frame
    /// may get lost, and its words are short.
    pub(crate) fn explain(&mut self, disconnect: &Disconnect) -> Disconnect {
        match (self.goodbye.take(), disconnect) {
            (Some((reason, message)), Disconnect::Closed { .. } | Disconnect::Lost { .. }) => {
                Disconnect::Closed {
                    code: reason.code(),
                    reason: message,
                }
            }
            _ => disconnect.clone(),
        }
    }

    pub(crate) fn lost(&mut self, disconnect: &Disconnect, now: LocalTime) -> AfterLoss {
        let reason = disconnect.reason();
        if !self.reconnect || !disconnect.is_worth_a_retry() {
            self.end(reason, disconnect.to_string(), now);
            return AfterLoss::End;
        }
        let retry_in = if reason == Some(CloseReason::BadTicket) && self.ticket.take().is_some() {
            BACKOFF_MIN
        } else {
            self.retry_after.take().unwrap_or_else(|| self.backoff())
        };
        let state = SessionState::BackingOff {
            until: now + retry_in,
            reason: disconnect.to_string(),
        };
        self.enter(state, now);
        AfterLoss::Retry { retry_in }
    }

    pub(crate) fn end(&mut self, reason: Option<CloseReason>, message: String, now: LocalTime) {
        self.enter(SessionState::Ended { reason, message }, now);
    }

    /// Whether the wait is over; if so, the next attempt has begun.
    pub(crate) fn retry_is_due(&mut self, now: LocalTime) -> bool {
        let due = matches!(self.state, SessionState::BackingOff { until, .. } if now >= until);
        if due {
            self.attempt += 1;
            self.enter(SessionState::Connecting, now);
        }
        due
    }

    /// The time limit of the present state. `last_heard` is when the last byte came.
    pub(crate) fn deadline(&self, last_heard: LocalTime) -> Option<LocalTime> {
        match self.state {
            SessionState::Connecting | SessionState::Joining => Some(self.since + JOIN_TIMEOUT),
            SessionState::Playing => Some(last_heard.max(self.since) + SILENCE_TIMEOUT),
            SessionState::BackingOff { until, .. } => Some(until),
            SessionState::Ended { .. } => None,
        }
    }

    /// Exponential backoff with full jitter: uniform between nothing and the doubled limit, so
    /// that a thousand clients that were dropped together do not come back together.
    fn backoff(&mut self) -> Duration {
        let doubled = BACKOFF_FIRST.as_secs_f64() * f64::from(self.attempt.min(16)).exp2();
        let limit = doubled.min(BACKOFF_MAX.as_secs_f64());
        Duration::from_secs_f64(limit * self.random.unit()).max(BACKOFF_MIN)
    }

    fn enter(&mut self, state: SessionState, now: LocalTime) {
        self.state = state;
        self.since = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost() -> Disconnect {
        Disconnect::Lost {
            message: "cable pulled".into(),
        }
    }

    fn closed(reason: CloseReason) -> Disconnect {
        Disconnect::Closed {
            code: reason.code(),
            reason: reason.to_string(),
        }
    }

    #[test]
    fn waits_grow_are_bounded_and_start_anew_after_a_welcome() {
        let mut now = LocalTime(0);
        let mut session = Session::new(7, true, now);
        let mut longest = Duration::ZERO;
        for _ in 0..40 {
            let AfterLoss::Retry { retry_in } = session.lost(&lost(), now) else {
                panic!("a lost connection is worth a retry");
            };
            assert!((BACKOFF_MIN..=BACKOFF_MAX).contains(&retry_in));
            longest = longest.max(retry_in);
            assert!(!session.retry_is_due(now));
            now = now + retry_in;
            assert!(session.retry_is_due(now));
        }
        assert!(longest > Duration::from_secs(10), "full jitter up to 15 s");
        session.welcomed(String::new(), now);
        let AfterLoss::Retry { retry_in } = session.lost(&lost(), now) else {
            panic!("a lost connection is worth a retry");
        };
        assert!(retry_in <= BACKOFF_FIRST);
    }

    #[test]
    fn a_reason_that_no_retry_can_mend_ends_the_session() {
        let now = LocalTime(5);
        for reason in CloseReason::ALL {
            let mut session = Session::new(1, true, now);
            let after = session.lost(&closed(reason), now);
            assert_eq!(after == AfterLoss::End, !reason.is_worth_a_retry());
            assert_eq!(session.is_over(), !reason.is_worth_a_retry());
        }
        let refused = |status| Disconnect::Refused {
            status,
            reason: None,
            message: "no".into(),
        };
        let mut session = Session::new(1, true, now);
        assert_ne!(session.lost(&refused(503), now), AfterLoss::End);
        assert_eq!(session.lost(&refused(404), now), AfterLoss::End);
    }

    #[test]
    fn an_unknown_ticket_is_forgotten_and_the_next_attempt_is_soon() {
        let mut session = Session::new(1, true, LocalTime(0));
        session.welcomed("ticket".into(), LocalTime(0));
        let _ = session.lost(&lost(), LocalTime(1));
        assert_eq!(session.ticket().as_deref(), Some("ticket"));
        let after = session.lost(&closed(CloseReason::BadTicket), LocalTime(2));
        assert_eq!(
            after,
            AfterLoss::Retry {
                retry_in: BACKOFF_MIN
            }
        );
        assert_eq!(session.ticket(), None);
    }

    #[test]
    fn the_server_says_when_to_come_back() {
        let mut session = Session::new(1, true, LocalTime(0));
        session.welcomed(String::new(), LocalTime(0));
        let later = Some(Duration::from_secs(3));
        session.goodbye(CloseReason::ServerShutdown, "restart".into(), later);
        let after = session.lost(&closed(CloseReason::ServerShutdown), LocalTime(1));
        assert_eq!(
            after,
            AfterLoss::Retry {
                retry_in: Duration::from_secs(3)
            }
        );
    }
}
