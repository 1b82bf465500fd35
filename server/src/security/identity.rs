//! Who a connection speaks for.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Who a connection speaks for, as far as the server was shown proof.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Identity {
    /// Nobody in particular: the server asks for no token.
    Anonymous,
    /// The subject of a token that held.
    Subject(String),
}

impl Identity {
    /// The subject, if a token named one.
    pub fn subject(&self) -> Option<&str> {
        match self {
            Identity::Anonymous => None,
            Identity::Subject(subject) => Some(subject),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.subject().unwrap_or("anonymous"))
    }
}
