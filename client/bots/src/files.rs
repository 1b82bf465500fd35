//! Open files: every bot is one, and the usual soft limit of 1,024 is soon reached.

/// Raises the soft limit of open files to the hard one. A limit that cannot be raised is not an
/// error: small fleets do without.
pub fn raise_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        let _ = setrlimit(Resource::Nofile, limit);
    }
}
