//! A configuration under construction: the producer's own properties and librdkafka's.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Result, Status};
use crate::event::{Event, Mask};
use crate::fork;
use crate::observer::Observer;
use crate::settings::{EventMode, Settings};
use crate::transport::kafka::Properties;

/// Everything a producer is made from. Nothing in it changes any more.
#[derive(Clone)]
pub struct Blueprint {
    pub settings: Settings,
    pub properties: Properties,
    pub mask: Mask,
    pub observer: Arc<dyn Observer>,
}

pub struct Config {
    draft: Mutex<Blueprint>,
}

/// The observer of those who set none.
struct Nobody;

impl Observer for Nobody {
    fn observe(&self, _: &Event) {}

    fn listens(&self) -> bool {
        false
    }
}

impl Default for Config {
    fn default() -> Config {
        Config::new()
    }
}

impl Config {
    pub fn new() -> Config {
        let draft = Blueprint {
            settings: Settings::default(),
            properties: Properties::new(),
            mask: Mask::default(),
            observer: Arc::new(Nobody),
        };
        Config { draft: Mutex::new(draft) }
    }

    pub fn set(&self, key: &str, value: &str) -> Result<()> {
        self.with(|draft| set(draft, key, value))
    }

    /// The effective value, secrets masked.
    pub fn get(&self, key: &str) -> Result<String> {
        self.with(|draft| match draft.settings.get(key) {
            Some(value) => Ok(value),
            None => draft.properties.get(key),
        })
    }

    /// Sets the properties of a file; all of them or none.
    pub fn load(&self, path: &Path) -> Result<()> {
        let name = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::config(format_args!("{name}: cannot be read: {error}")))?;
        self.with(|draft| {
            let mut changed = draft.clone();
            for (number, line) in text.lines().enumerate() {
                set_line(&mut changed, line.trim())
                    .map_err(|error| Error::new(error.status, format!("{name}:{}: {}", number + 1, error.text)))?;
            }
            *draft = changed;
            Ok(())
        })
    }

    pub fn set_observer(&self, mask: Mask, observer: impl Observer + 'static) {
        let replaced = self.with(|draft| {
            draft.mask = mask;
            std::mem::replace(&mut draft.observer, Arc::new(observer))
        });
        // It may run the program's destructor: not under our lock.
        drop(replaced);
    }

    /// What a producer is made from, checked as a whole.
    pub fn blueprint(&self) -> Result<Blueprint> {
        self.with(|draft| {
            draft.settings.check()?;
            if draft.settings.event_mode == EventMode::Callback && !draft.mask.is_empty() && !draft.observer.listens() {
                return Err(Error::config(
                    "event_mode is callback, but the event callback is NULL; set a callback, or event_mode to poll",
                ));
            }
            Ok(draft.clone())
        })
    }

    /// Not while the process forks: a child must not inherit the lock locked.
    fn with<T>(&self, body: impl FnOnce(&mut Blueprint) -> T) -> T {
        fork::exclude(|| body(&mut self.draft.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// A line that is not understood is not quoted: it may be the rest of a password or of a private key.
fn set_line(draft: &mut Blueprint, line: &str) -> Result<()> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(());
    }
    let Some((key, value)) = line.split_once('=') else {
        return Err(Error::config("the line is not of the form key=value"));
    };
    let key = key.trim();
    if !key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._".contains(&byte)) {
        return Err(Error::config("what stands before the = is no name of a property"));
    }
    set(draft, key, value.trim())
}

fn set(draft: &mut Blueprint, key: &str, value: &str) -> Result<()> {
    if key.is_empty() {
        return Err(Error::new(Status::Config, "the key is empty; the name of a property is needed"));
    }
    if Settings::has(key) { draft.settings.set(key, value) } else { draft.properties.set(key, value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("async_producer-{}-{name}", std::process::id()));
        std::fs::write(&path, text).expect("a temporary file");
        path
    }

    /// The table of the producer's own properties: defaults and ranges are those the code answers.
    fn table() -> String {
        let partitioner =
            ("partitioner", "how a key chooses its partition; `crc32` is ruby-kafka's way, `murmur2_random` Java's");
        let mut table = String::from("| key | default | allowed | meaning |\n| --- | --- | --- | --- |\n");
        for (name, meaning) in Settings::PROPERTIES.into_iter().chain([partitioner]) {
            let default = Config::new().get(name).expect(name);
            let refusal = Config::new().set(name, "?").expect_err(name).text;
            let allowed = refusal.split_once("is not allowed; ").map_or("", |(_, allowed)| allowed);
            let allowed = allowed.replace(" are,", ",");
            let allowed = allowed.trim_end_matches(" are").trim_end_matches(" is");
            table.push_str(&format!("| `{name}` | `{default}` | {allowed} | {meaning} |\n"));
        }
        table
    }

    /// DOCS=write writes it anew (`make tables`).
    #[test]
    fn the_documented_properties_are_these() {
        let (begin, end) = ("<!-- properties: made by `make tables` -->\n", "<!-- /properties -->");
        for name in ["README.md", "docs/guide.md"] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
            let text = std::fs::read_to_string(&path).expect(name);
            let (before, rest) = text.split_once(begin).unwrap_or_else(|| panic!("{name} has no line {begin}"));
            let (found, after) = rest.split_once(end).unwrap_or_else(|| panic!("{name} has no line {end}"));
            if std::env::var_os("DOCS").is_some_and(|wish| wish == "write") {
                std::fs::write(&path, format!("{before}{begin}{}{end}{after}", table())).expect(name);
            } else {
                assert_eq!(found, table(), "{name} does not say what the code does; run `make tables`");
            }
        }
    }

    #[test]
    fn own_and_librdkafkas_properties_share_one_space() {
        let config = Config::new();
        config.set("max_queue_size", "7").expect("ours");
        config.set("linger.ms", "3").expect("librdkafka's");
        assert_eq!(config.get("max_queue_size").as_deref(), Ok("7"));
        assert_eq!(config.get("linger.ms").as_deref(), Ok("3"));
    }

    #[test]
    fn unknown_properties_are_named() {
        let error = Config::new().set("max_queue_sice", "7").expect_err("unknown");
        assert_eq!(error.status, Status::Config);
        assert!(error.text.contains("max_queue_sice"), "{}", error.text);
    }

    #[test]
    fn a_file_is_read_with_comments_and_blanks() {
        let config = Config::new();
        let path = file("good", "# a comment\n\n  max_queue_size = 5 \nclient.id=a=b\n");
        config.load(&path).expect("a good file");
        assert_eq!(config.get("max_queue_size").as_deref(), Ok("5"));
        assert_eq!(config.get("client.id").as_deref(), Ok("a=b"));
    }

    #[test]
    fn a_wrong_line_changes_nothing_and_is_named() {
        let config = Config::new();
        let path = file("bad", "max_queue_size=5\nmax_retries=many\n");
        let error = config.load(&path).expect_err("a bad file");
        assert!(error.text.contains(":2: max_retries") && error.text.contains("many"), "{}", error.text);
        assert_eq!(config.get("max_queue_size").as_deref(), Ok("1000"));
    }

    #[test]
    fn a_line_that_is_not_understood_is_not_quoted() {
        for line in ["hunter2", "sasl.password hunter2", "sasl.password: hunter2=", "Hunter2=", "sasl_jaas hunter2=x"] {
            let path = file("secret", &format!("max_queue_size=5\n{line}\n"));
            let error = Config::new().load(&path).expect_err("a bad file");
            assert!(error.text.contains(":2: ") && !error.text.to_lowercase().contains("hunter2"), "{}", error.text);
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Config::new().load(Path::new("/nowhere/at.all")).expect_err("no file");
        assert_eq!(error.status, Status::Config);
        assert!(error.text.contains("/nowhere/at.all"), "{}", error.text);
    }
}
