//! Link arguments of the shared library: its SONAME, and that it is never unloaded.

/// One more when the ABI breaks, whatever the version is: docs/abi.md.
const SOVERSION: u32 = 0;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(model)"); // Set in tests/model only.
    let target = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if target != "linux" {
        return;
    }
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libasync_producer.so.{SOVERSION}");
    // Threads of librdkafka and destructors of thread-locals may outlive a dlclose.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
}
