//! One client's session, without its socket: what its messages mean ([`Session::receive`]) and
//! what it is due of each tick ([`Session::compose`]).

mod compose;
#[expect(
    clippy::module_inception,
    reason = "the session's states are in session/session.rs"
)]
mod session;
mod subscription;

#[cfg(test)]
mod tests;

pub use compose::Composed;
pub use session::{Format, Received, Session, close_reason};
