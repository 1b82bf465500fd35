//! Tokens from a file, one for each bot: a server keeps one session per identity, and the newest
//! wins, so that bots with the same token would throw each other out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One token per bot, in the order of the file.
#[derive(Clone, PartialEq, Eq)]
pub struct Tokens(Arc<[String]>);

impl std::fmt::Debug for Tokens {
    /// Tokens are secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tokens({})", self.0.len())
    }
}

/// Why there are no tokens.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    /// The file cannot be read.
    #[error("{path}: {error}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// The file has no tokens.
    #[error("{path}: no token in it; expected one per line")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A line is something else.
    #[error("{path}: line {line} is not a token: it has characters that no header can carry")]
    Unfit {
        /// The file.
        path: PathBuf,
        /// Which, counted from 1.
        line: usize,
    },
}

impl Tokens {
    /// Reads one token per line; empty lines and lines that begin with `#` do not count.
    pub fn from_file(path: &Path) -> Result<Tokens, TokensError> {
        let path_of = || path.to_owned();
        let text = std::fs::read_to_string(path).map_err(|error| TokensError::Unreadable {
            path: path_of(),
            error,
        })?;
        let mut tokens = Vec::new();
        for (index, line) in text.lines().map(str::trim).enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if !line.bytes().all(|byte| byte.is_ascii_graphic()) {
                let (path, line) = (path_of(), index + 1);
                return Err(TokensError::Unfit { path, line });
            }
            tokens.push(line.to_owned());
        }
        if tokens.is_empty() {
            return Err(TokensError::Empty { path: path_of() });
        }
        Ok(Tokens(tokens.into()))
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The token of the bot with this number, counted from 0.
    pub fn of(&self, bot: u32) -> Option<&str> {
        self.0.get(bot as usize).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Tokens, TokensError> {
        let name = format!("tickwire-tokens-{}-{}", std::process::id(), text.len());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).unwrap();
        let tokens = Tokens::from_file(&path);
        std::fs::remove_file(path).unwrap();
        tokens
    }

    #[test]
    fn each_line_is_the_token_of_one_bot() {
        let tokens = read("# made for a test\na.b.c\n\n  d.e.f \r\n").unwrap();
        assert_eq!(tokens.count(), 2);
        assert_eq!((tokens.of(0), tokens.of(1)), (Some("a.b.c"), Some("d.e.f")));
        assert_eq!(tokens.of(2), None);
        assert_eq!(format!("{tokens:?}"), "Tokens(2)");
    }

    #[test]
    fn a_file_without_tokens_is_told_in_words() {
        let error = |text| read(text).unwrap_err().to_string();
        assert!(error("#\n").contains("one per line"));
        assert!(error("a.b.c\ntwo words\n").contains("line 2 is not a token"));
        let missing = Tokens::from_file(Path::new("/nonexistent")).unwrap_err();
        assert!(missing.to_string().starts_with("/nonexistent: "));
    }
}
