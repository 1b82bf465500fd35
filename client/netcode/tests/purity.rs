//! The core brings no runtime and no engine along: proved on the dependency tree.

use std::process::Command;

/// Everything that a crate depends on, without development dependencies.
fn dependencies(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal", "--prefix", "none"])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn shared_and_the_core_of_netcode_need_neither_tokio_nor_bevy() {
    for arguments in [
        &["-p", "tickwire-shared"][..],
        &["-p", "tickwire-netcode", "--no-default-features"],
    ] {
        let tree = dependencies(arguments);
        assert!(tree.contains("tickwire-shared"), "{tree}");
        for line in tree.lines() {
            let name = line.split(' ').next().unwrap_or_default();
            let is_heavy = name.starts_with("tokio") || name.starts_with("bevy");
            assert!(!is_heavy, "{arguments:?} brings {name} along");
        }
    }
}
