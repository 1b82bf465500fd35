//! What players judge, measured on virtual lines: `tickwire-lab feel`.
