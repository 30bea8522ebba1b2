//! include/async_producer.h is what cbindgen makes of src/ffi today. `make header` writes it anew (HEADER=write).

use std::path::Path;

const BANNER: &str = "\
/*
 * async_producer: hands messages to Kafka in the background.
 *
 * Made by cbindgen from src/ffi; change it there and run `make header`.
 *
 *     ap_config_t *config = ap_config_new();
 *     ap_config_set(config, \"bootstrap.servers\", \"localhost:9092\", NULL, 0);
 *     ap_config_set(config, \"delivery_threshold\", \"100\", NULL, 0);
 *     ap_config_set(config, \"delivery_interval\", \"5\", NULL, 0);
 *     ap_producer_t *producer;
 *     if (ap_new(config, &producer, errbuf, sizeof errbuf) != AP_OK) ...
 *     ap_produce(producer, \"greetings\", NULL, 0, \"hello\", 5, 0);
 *     ap_shutdown(producer, -1);
 *     ap_free(producer);
 *     ap_config_free(config);
 *
 * Conventions. Functions return ap_status_t (0 = done, negative = error) or a count (negative = that error). Everything
 * passed in is copied before the call returns. Handles are checked numbers: a NULL, freed or foreign one answers
 * AP_ERR_INVALID_ARGUMENT and is never followed. Lengths are bytes, times are milliseconds (arguments), microseconds
 * (durations in events and statistics) or seconds (configuration). No function may be called in a signal handler.
 *
 * Memory. Where there is none left, producing, delivering, polling and reading events answer AP_ERR_NO_MEMORY and hold
 * nothing. Elsewhere (configurations, ap_new, the first message of a producer, ap_flush, ap_clear, an event's headers for
 * the callback, the threads of the library) librdkafka and Rust's standard library end the process.
 */";

/// The part cbindgen cannot make: macros.
fn macros() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let [major, minor, patch] =
        [env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR"), env!("CARGO_PKG_VERSION_PATCH")];
    format!(
        r#"
/** The major version of this header; ap_version() has the version of the running library. */
#define AP_VERSION_MAJOR {major}

/** The minor version of this header. */
#define AP_VERSION_MINOR {minor}

/** The patch version of this header. */
#define AP_VERSION_PATCH {patch}

/** The version of this header as ap_version() answers it: (major << 16) | (minor << 8) | patch. */
#define AP_VERSION_NUMBER ((AP_VERSION_MAJOR << 16) | (AP_VERSION_MINOR << 8) | AP_VERSION_PATCH)

/** The version of this header as text. */
#define AP_VERSION_STRING "{version}"

/** The linkage of every function; define it before the include to override it. */
#ifndef AP_API
#  if defined(__GNUC__)
#    define AP_API extern __attribute__((visibility("default")))
#  else
#    define AP_API extern
#  endif
#endif

/** ap_message_t.partition: let the partitioner choose. */
#define AP_PARTITION_ANY (-1)

/** What an ap_message_t starts from: struct_size set, any partition, everything else 0. */
#define AP_MESSAGE_INIT {{ sizeof(ap_message_t), NULL, NULL, 0, NULL, 0, NULL, 0, NULL, 0, 0, 0, AP_PARTITION_ANY }}

/** What an ap_stats_t starts from: struct_size set, everything else 0. */
#define AP_STATS_INIT {{ sizeof(ap_stats_t), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }}
"#
    )
}

fn generate() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml");
    let mut text = Vec::new();
    cbindgen::Builder::new()
        .with_config(config)
        .with_header(BANNER)
        .with_after_include(macros())
        .with_crate(root)
        .generate()
        .expect("cbindgen reads src/ffi")
        .write(&mut text);
    String::from_utf8(text).expect("the header is UTF-8")
}

#[test]
fn the_committed_header_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/async_producer.h");
    let wanted = generate();
    if std::env::var_os("HEADER").is_some_and(|wish| wish == "write") {
        std::fs::write(&path, &wanted).expect("include/ can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == wanted, "include/async_producer.h is not what src/ffi says; run `make header`");
}

/// The declarations of the header, each with the comment before it.
fn documented(header: &str) -> Vec<(String, String)> {
    let mut items = Vec::new();
    let (mut comment, mut inside) = (String::new(), false);
    for line in header.lines().map(str::trim) {
        if line.starts_with("/**") {
            comment.clear();
            inside = true;
        }
        if inside {
            comment.push_str(line);
            comment.push('\n');
            inside = !line.ends_with("*/");
        } else if line.starts_with("AP_API")
            || line.starts_with("typedef")
            || line.ends_with(';')
            || line.ends_with(',')
        {
            items.push((line.to_owned(), std::mem::take(&mut comment)));
        }
    }
    items
}

#[test]
fn every_function_says_what_its_callers_must_know() {
    let header = generate();
    let functions: Vec<_> = documented(&header).into_iter().filter(|(line, _)| line.starts_with("AP_API")).collect();
    assert!(functions.len() >= 23, "{functions:?}");
    for (line, comment) in functions {
        for part in ["Threads:", "Since:"] {
            assert!(comment.contains(part), "{line}: the comment has no \"{part}\"");
        }
        let pointers = line.contains('*') && !line.contains("(void)");
        assert!(!pointers || comment.contains("NULL:"), "{line}: the comment does not say what NULL does");
        let answers = [" ap_status_t ap_", " int64_t ap_", " int32_t ap_"].iter().any(|kind| line.contains(kind));
        assert!(!answers || comment.contains("Returns:"), "{line}: the comment does not say what it answers");
    }
}

#[test]
fn every_type_field_and_value_is_documented() {
    let header = generate();
    let (_, types) = header.split_once("typedef enum").expect("types");
    let (types, _) = types.split_once("extern \"C\"").expect("functions");
    for (line, comment) in documented(types) {
        let closing = line.starts_with('}') || line.starts_with("ap_status {");
        assert!(closing || !comment.is_empty(), "{line}: no comment");
    }
}

#[test]
fn every_name_has_the_prefix() {
    let header = generate();
    let names = ["#define ", "typedef enum ", "typedef struct ", "typedef int32_t "];
    for line in header.lines() {
        let declared = names.iter().find_map(|start| line.strip_prefix(start));
        let prefixed = |name: &str| name.starts_with("AP_") || name.starts_with("ap_") || name == "ASYNC_PRODUCER_H";
        assert!(declared.is_none_or(prefixed), "{line}: the name has no ap_ prefix");
    }
    assert!(!header.contains("[`"), "a comment has rustdoc's links in it");
}
