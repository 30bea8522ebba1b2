//! What the library is made of: licences, sources, versions with known holes, and the notices. Without a network.

use std::path::Path;
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn run(script: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(Path::new(ROOT).join(script)).args(arguments).output().expect("python3");
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

#[test]
fn every_crate_is_one_that_deny_toml_allows() {
    assert_eq!(run("scripts/dependencies", &[]), Ok(()));
}

#[test]
fn the_notices_are_those_of_the_crates_inside() {
    assert_eq!(run("scripts/licences", &["--check"]), Ok(()));
}

/// The check sees what it is there for.
#[test]
fn an_old_version_and_a_strange_source_are_found() {
    let lock = std::fs::read_to_string(Path::new(ROOT).join("Cargo.lock")).expect("Cargo.lock");
    let found = |name: &str, from: &str, to: &str| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let begin = lock.find("name = \"crossbeam-channel\"").expect("it is there");
        let changed = lock[..begin].to_owned() + &lock[begin..].replacen(from, to, 1);
        assert_ne!(changed, lock);
        std::fs::write(&path, changed).expect("a file");
        run("scripts/dependencies", &[path.to_str().expect("UTF-8")]).expect_err("it has a defect")
    };
    let version = lock.split("name = \"crossbeam-channel\"\nversion = \"").nth(1).expect("its version");
    let version = version.split('"').next().expect("its end");
    let text = found("old.lock", version, "0.5.14");
    assert!(text.contains("crossbeam-channel 0.5.14") && text.contains("RUSTSEC-2025-0024"), "{text}");
    let text = found("strange.lock", "registry+https://github.com", "git+https://example.org");
    assert!(text.contains("not from crates.io"), "{text}");
}
