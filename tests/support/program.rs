//! Programs in C, built against the shared library that cargo built with this test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

const SONAME: &str = "libasync_producer.so.0";

/// Compiles one source file of the repository, once in a test binary: a program that runs cannot be written again.
/// Answers the executable.
pub fn compile(source: &str) -> PathBuf {
    static COMPILED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = root.join(source);
    let libraries = libraries();
    let executable = libraries.join(source.file_stem().expect("a file name"));
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if compiled.contains(&executable) {
        return executable;
    }
    let output = Command::new("cc")
        .args(["-std=c99", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra", "-O2", "-I"])
        .arg(root.join("include"))
        .arg("-o")
        .args([&executable, &source])
        .arg("-L")
        .arg(libraries)
        .args(["-lasync_producer", "-lpthread"])
        // The old kind, which comes before the LD_LIBRARY_PATH of cargo: an older build may lie there.
        .arg(format!("-Wl,--disable-new-dtags,-rpath,{}", libraries.display()))
        .output()
        .expect("a C compiler, `cc`: on Debian, apt-get install build-essential");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} does not compile:\n{complaint}", source.display());
    compiled.push(executable.clone());
    executable
}

/// A directory with the library under the names that the linker and the loader look for.
fn libraries() -> &'static Path {
    static LIBRARIES: OnceLock<PathBuf> = OnceLock::new();
    LIBRARIES.get_or_init(|| {
        let test = std::env::current_exe().expect("the path of this test");
        let library = test.with_file_name("libasync_producer.so");
        assert!(library.exists(), "{} is missing", library.display());
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(concat!("programs-", env!("CARGO_CRATE_NAME")));
        std::fs::create_dir_all(&directory).expect("a directory");
        for name in [SONAME, "libasync_producer.so"] {
            let link = directory.join(name);
            let _ = std::fs::remove_file(&link);
            std::os::unix::fs::symlink(&library, link).expect("a link");
        }
        directory
    })
}
