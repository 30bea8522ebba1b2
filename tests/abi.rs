//! The ABI is the committed one: what the shared object exports, and the layout and types of everything in the header.
//! `make abi` (ABI=write) takes a change over; docs/abi.md says which changes may be.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn committed(name: &str) -> PathBuf {
    root().join("tests/abi").join(name)
}

/// A place of its own for each test.
fn work(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("abi").join(name);
    std::fs::create_dir_all(&directory).expect("a directory below target");
    directory
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} cannot be run: {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command:?} answered {}:\n{text}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

fn is_written_anew() -> bool {
    std::env::var_os("ABI").is_some_and(|wish| wish == "write")
}

fn compare(name: &str, found: &str) {
    if is_written_anew() {
        std::fs::write(committed(name), found).expect("tests/abi can be written");
    }
    let wanted = std::fs::read_to_string(committed(name)).unwrap_or_default();
    let (wanted, found): (BTreeSet<_>, BTreeSet<_>) = (wanted.lines().collect(), found.lines().collect());
    let gone: Vec<_> = wanted.difference(&found).collect();
    let new: Vec<_> = found.difference(&wanted).collect();
    assert!(gone.is_empty(), "tests/abi/{name}: removed or changed, which breaks programs: {gone:#?}; now: {new:#?}");
    assert!(new.is_empty(), "tests/abi/{name}: added: {new:#?}; take it over with `make abi`");
}

/// What the header declares, as far as its regular form (cbindgen's) goes.
struct Header {
    functions: Vec<String>,
    /// Enums and structs: their names and those of their values or fields.
    enums: Vec<(String, Vec<String>)>,
    structs: Vec<(String, Vec<String>)>,
    /// Macros that are numbers.
    numbers: Vec<String>,
    callbacks: Vec<String>,
}

fn header() -> Header {
    let text = std::fs::read_to_string(root().join("include/async_producer.h")).expect("the header");
    let mut header = Header { functions: vec![], enums: vec![], structs: vec![], numbers: vec![], callbacks: vec![] };
    let mut members: Vec<String> = Vec::new();
    let mut open = None;
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('*') && !line.starts_with("/*")) {
        if line.starts_with("typedef") && line.ends_with('{') {
            open = Some(line.contains(" enum "));
        } else if let Some(name) = line.strip_prefix("} ").and_then(|rest| rest.strip_suffix(';')) {
            let list = if open == Some(true) { &mut header.enums } else { &mut header.structs };
            list.push((name.to_owned(), std::mem::take(&mut members)));
            open = None;
        } else if open == Some(true) {
            members.extend(line.split_once(" =").map(|(name, _)| name.to_owned()));
        } else if open == Some(false) {
            let name = line.trim_end_matches(';').rsplit([' ', '*']).next();
            members.extend(name.filter(|name| !name.is_empty()).map(str::to_owned));
        } else if line.starts_with("typedef") && line.contains("(*") {
            let name = line.split("(*").nth(1).and_then(|rest| rest.split(')').next());
            header.callbacks.extend(name.map(str::to_owned));
        } else if let Some(macro_) = line.strip_prefix("#define AP_") {
            let (name, value) = macro_.split_once(' ').unwrap_or((macro_, ""));
            if value.starts_with(|first: char| first.is_ascii_digit() || first == '(') && !name.starts_with("VERSION") {
                header.numbers.push(format!("AP_{name}"));
            }
        } else if let Some((before, _)) = line.split_once('(') {
            let name = before.rsplit([' ', '*']).next().filter(|name| name.starts_with("ap_"));
            header.functions.extend(name.map(str::to_owned));
        }
    }
    header.functions.sort();
    header
}

#[test]
fn the_header_is_understood() {
    let header = header();
    assert!(header.functions.len() >= 28, "{:?}", header.functions);
    assert_eq!(header.enums.len(), 3, "{:?}", header.enums);
    let structs: Vec<_> = header.structs.iter().map(|(name, _)| name.as_str()).collect();
    for name in ["ap_header_t", "ap_message_t", "ap_event_t", "ap_event_entry_t", "ap_stats_t"] {
        assert!(structs.contains(&name), "{structs:?}");
    }
    assert!(header.structs.iter().all(|(_, fields)| fields.len() >= 3), "{:?}", header.structs);
    assert_eq!(header.callbacks, ["ap_event_fn", "ap_free_fn"]);
    assert_eq!(header.numbers, ["AP_PARTITION_ANY"]);
}

/// The shared object exports the functions of the header and nothing else.
#[test]
fn symbols() {
    let library = library();
    let text = run(Command::new("nm").args(["-D", "--defined-only"]).arg(&library));
    let mut exported: Vec<_> = text.lines().filter_map(|line| line.split_whitespace().nth(2)).collect();
    exported.sort();
    assert_eq!(exported, header().functions, "exported by {}; declared in the header", library.display());
    compare("symbols", &(exported.join("\n") + "\n"));
}

fn library() -> PathBuf {
    let test = std::env::current_exe().expect("a path"); // target/release/deps/abi-...
    let directory = test.parent().and_then(Path::parent).expect("target/release");
    directory.join("libasync_producer.so")
}

/// Size, offset and number of everything.
#[test]
fn layout() {
    let header = header();
    let mut program = String::from("#include <async_producer.h>\n#include <stdio.h>\nint main(void)\n{\n");
    for (name, values) in &header.enums {
        for value in values {
            let _ = writeln!(program, "printf(\"enum {name} {value} = %lld\\n\", (long long){value});");
        }
    }
    for number in &header.numbers {
        let _ = writeln!(program, "printf(\"macro {number} = %lld\\n\", (long long){number});");
    }
    for (name, fields) in &header.structs {
        let _ = writeln!(program, "printf(\"struct {name}: %zu bytes\\n\", sizeof({name}));");
        for field in fields {
            let _ = writeln!(
                program,
                "printf(\"struct {name}.{field}: %zu bytes at %zu\\n\", sizeof((({name} *)0)->{field}), \
                 offsetof({name}, {field}));"
            );
        }
    }
    program.push_str("return 0;\n}\n");
    let directory = work("layout");
    let (source, binary) = (directory.join("layout.c"), directory.join("layout"));
    std::fs::write(&source, program).expect("a source file");
    run(Command::new("cc").arg("-I").arg(root().join("include")).arg(&source).arg("-o").arg(&binary));
    compare("layout", &run(&mut Command::new(&binary)));
}

/// Types and arguments, by libabigail: a library of C in which everything the header declares is used once.
#[test]
fn types() {
    let header = header();
    let mut source = String::from("#include <async_producer.h>\nstruct everything {\n");
    for name in &header.functions {
        let _ = writeln!(source, "__typeof__({name}) *function_{name};");
    }
    for (name, _) in &header.structs {
        let _ = writeln!(source, "{name} struct_{name};");
    }
    for (name, _) in &header.enums {
        let _ = writeln!(source, "enum {name} enum_{name};");
    }
    for name in &header.callbacks {
        let _ = writeln!(source, "{name} callback_{name};");
    }
    source.push_str("} ap_everything;\n");
    let directory = work("types");
    std::fs::write(directory.join("everything.c"), source).expect("a source file");
    let mut compile = Command::new("cc");
    compile.args(["-g", "-shared", "-fPIC", "everything.c", "-o", "everything.so", "-I"]).arg(root().join("include"));
    run(compile.current_dir(&directory));

    let baseline = committed("types.abi");
    if is_written_anew() {
        let mut describe = Command::new("abidw");
        describe.args(["--no-corpus-path", "--no-comp-dir-path", "--no-show-locs", "--no-elf-needed"]);
        run(describe.arg("--out-file").arg(&baseline).arg("everything.so").current_dir(&directory));
    }
    run(Command::new("abidiff").arg("--no-show-locs").arg(&baseline).arg("everything.so").current_dir(&directory));
}
