//! librdkafka's properties, with the defaults this library changes and the few it reserves.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;
use std::time::Duration;

use rdkafka::bindings as rd;

use crate::error::{Error, Result, Status};
use crate::fork;
use crate::transport::Window;

use super::raw;
use super::secrets::{self, Secrets};

/// Defaults that differ from librdkafka's own, because nothing may be lost or reordered.
const DEFAULTS: [(&CStr, &CStr); 5] = [
    (c"enable.idempotence", c"true"),
    // Deadlines are ours: a message that expires under idempotence makes duplicates of others (librdkafka#4953).
    (c"message.timeout.ms", c"0"),
    // How long a lane waits for more; the wait is ours (see `start_client`).
    (c"linger.ms", c"1"),
    // The limits are ours: librdkafka's would count values only.
    (c"queue.buffering.max.messages", c"0"),
    (c"queue.buffering.max.kbytes", c"2147483647"),
];

const INVALID: c_int = -1;
const UNKNOWN: c_int = -2;
const INVALID_ARG: c_int = -186;

/// How a key chooses its partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partitioner {
    /// ruby-kafka's: CRC-32 of the key, an empty one included; any partition without a key.
    Crc32,
    Random,
    Consistent,
    ConsistentRandom,
    Murmur2,
    Murmur2Random,
    Fnv1a,
    Fnv1aRandom,
}

impl Partitioner {
    const NAMES: [(&'static str, Partitioner); 8] = [
        ("crc32", Partitioner::Crc32),
        ("random", Partitioner::Random),
        ("consistent", Partitioner::Consistent),
        ("consistent_random", Partitioner::ConsistentRandom),
        ("murmur2", Partitioner::Murmur2),
        ("murmur2_random", Partitioner::Murmur2Random),
        ("fnv1a", Partitioner::Fnv1a),
        ("fnv1a_random", Partitioner::Fnv1aRandom),
    ];

    fn parse(value: &str) -> Result<Partitioner> {
        let found = Self::NAMES.iter().find(|(name, _)| *name == value);
        found.map(|(_, partitioner)| *partitioner).ok_or_else(|| {
            let names: Vec<_> = Self::NAMES.iter().map(|(name, _)| *name).collect();
            Error::config(format_args!("partitioner: \"{value}\" is not allowed; {} are", names.join(", ")))
        })
    }

    fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, partitioner)| *partitioner == self).map_or("", |(name, _)| name)
    }

    /// The partition for a key among `count`; `None` = any. The functions are librdkafka's own, which look at nothing
    /// but key and count.
    pub fn partition_of(self, key: Option<&[u8]>, count: i32) -> Option<i32> {
        let function = match (self, key) {
            (Partitioner::Random, _) => return None,
            (Partitioner::Crc32 | Partitioner::Murmur2Random | Partitioner::Fnv1aRandom, None) => return None,
            (Partitioner::ConsistentRandom, None | Some([])) => return None,
            (Partitioner::Crc32 | Partitioner::Consistent | Partitioner::ConsistentRandom, _) => {
                rd::rd_kafka_msg_partitioner_consistent
            }
            (Partitioner::Murmur2 | Partitioner::Murmur2Random, _) => rd::rd_kafka_msg_partitioner_murmur2,
            (Partitioner::Fnv1a | Partitioner::Fnv1aRandom, _) => rd::rd_kafka_msg_partitioner_fnv1a,
        };
        let key = key.unwrap_or_default();
        // SAFETY: pure functions of key and count (rdkafka_msg.c).
        Some(unsafe {
            function(ptr::null(), key.as_ptr().cast(), key.len(), count.max(1), ptr::null_mut(), ptr::null_mut())
        })
    }
}

/// librdkafka's properties as they were set.
pub struct Properties {
    conf: *mut rd::rd_kafka_conf_t,
    partitioner: Partitioner,
    secrets: Secrets,
}

// SAFETY: a configuration is plain memory; it is changed through `&mut` only.
unsafe impl Send for Properties {}
unsafe impl Sync for Properties {}

impl Clone for Properties {
    fn clone(&self) -> Properties {
        // SAFETY: a live configuration.
        let conf = unsafe { rd::rd_kafka_conf_dup(self.conf) };
        Properties { conf, partitioner: self.partitioner, secrets: self.secrets.clone() }
    }
}

impl Drop for Properties {
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once.
        unsafe { rd::rd_kafka_conf_destroy(self.conf) };
    }
}

impl Default for Properties {
    fn default() -> Properties {
        Properties::new()
    }
}

impl Properties {
    pub fn new() -> Properties {
        // SAFETY: a new configuration.
        let conf = unsafe { rd::rd_kafka_conf_new() };
        for (key, value) in DEFAULTS {
            let done = unsafe { raw::rd_kafka_conf_set(conf, key.as_ptr(), value.as_ptr(), ptr::null_mut(), 0) };
            debug_assert_eq!(done, 0, "{key:?}");
        }
        Properties { conf, partitioner: Partitioner::Crc32, secrets: Secrets::default() }
    }

    pub fn set(&mut self, key: &str, value: &str) -> Result<()> {
        match key {
            "partitioner" => self.partitioner = Partitioner::parse(value)?,
            "transactional.id" => {
                return Err(Error::new(Status::Unsupported, "transactional.id: transactions are not supported"));
            }
            OF_ITS_UNIT_TESTS => {
                return Err(Error::config(format_args!(
                    "{key}: \"{}\" is not allowed; nothing is",
                    secrets::quoted(key, value)
                )));
            }
            "delivery.report.only.error" if value != "false" => {
                let value = secrets::quoted(key, value);
                let text = format!("{key}: \"{value}\" is not allowed; every message is reported, so only false is");
                return Err(Error::config(text));
            }
            // Where librdkafka takes it for a part of the host's name, and says so in every error.
            "bootstrap.servers" | "metadata.broker.list" if value.contains('@') => {
                return Err(Error::config(format_args!(
                    "{key}: a name or a password before an @ is not allowed; sasl.username and sasl.password are"
                )));
            }
            _ => self.set_conf(key, value)?,
        }
        Ok(())
    }

    /// What must not be in a text of a client with these properties.
    pub(super) fn secrets(&self) -> Secrets {
        self.secrets.clone()
    }

    fn set_conf(&mut self, key: &str, value: &str) -> Result<()> {
        let no_nul = |_| Error::config(format_args!("{:?}: a NUL character is not allowed", secrets::named(key)));
        let (name, text) = (CString::new(key).map_err(no_nul)?, CString::new(value).map_err(no_nul)?);
        let mut reason = [0 as c_char; 512];
        // SAFETY: our configuration, C strings, a buffer with its length.
        let done = unsafe {
            raw::rd_kafka_conf_set(self.conf, name.as_ptr(), text.as_ptr(), reason.as_mut_ptr(), reason.len())
        };
        // SAFETY: a C string, which librdkafka wrote.
        let reason = || unsafe { raw::owned(reason.as_ptr()) }.replace('\n', " ");
        match done {
            UNKNOWN => {
                let key = secrets::named(key);
                Err(Error::config(format_args!("{key}: no such property; see the table of properties in the README")))
            }
            INVALID => {
                let (quoted, reason) = (secrets::quoted(key, value), reason());
                let reason = if value.is_empty() { reason } else { reason.replace(value, &quoted) };
                Err(Error::config(format_args!("{key}: \"{quoted}\" is not allowed: {reason}")))
            }
            _ => {
                if secrets::is_secret(key) {
                    self.secrets.add(value);
                }
                Ok(())
            }
        }
    }

    /// The effective value; secrets are masked.
    pub fn get(&self, key: &str) -> Result<String> {
        if key == "partitioner" {
            return Ok(self.partitioner.name().into());
        }
        let value =
            self.read(key).ok_or_else(|| Error::config(format_args!("{}: no such property", secrets::named(key))))?;
        Ok(if value.is_empty() { value } else { secrets::shown(key, &value) })
    }

    fn read(&self, key: &str) -> Option<String> {
        let name = CString::new(key).ok()?;
        let mut len = 0;
        // SAFETY: asks for the length first, then fills a buffer of it.
        unsafe {
            if raw::rd_kafka_conf_get(self.conf, name.as_ptr(), ptr::null_mut(), &raw mut len) != 0 {
                // librdkafka answers the same for a property that is not set and one that does not exist.
                return self.exists(&name).then(String::new);
            }
            let mut value = vec![0u8; len.max(1)];
            raw::rd_kafka_conf_get(self.conf, name.as_ptr(), value.as_mut_ptr().cast(), &raw mut len);
            Some(CStr::from_bytes_until_nul(&value).ok()?.to_string_lossy().into_owned())
        }
    }

    fn exists(&self, name: &CStr) -> bool {
        // SAFETY: a copy, destroyed here.
        unsafe {
            let copy = rd::rd_kafka_conf_dup(self.conf);
            let done = raw::rd_kafka_conf_set(copy, name.as_ptr(), c"".as_ptr(), ptr::null_mut(), 0);
            rd::rd_kafka_conf_destroy(copy);
            done != UNKNOWN
        }
    }

    fn number(&self, key: &str) -> Option<u64> {
        self.read(key)?.parse().ok()
    }

    pub fn partitioner(&self) -> Partitioner {
        self.partitioner
    }

    /// The largest message, on the wire.
    pub fn max_message_bytes(&self) -> u64 {
        self.number("message.max.bytes").unwrap_or(1_000_000)
    }

    /// What fits in one request for a partition.
    pub fn window(&self) -> Window {
        Window {
            messages: self.number("batch.num.messages").unwrap_or(10_000) as usize,
            bytes: self.number("batch.size").unwrap_or(1_000_000).min(self.max_message_bytes()),
        }
    }

    /// How long a lane waits for more messages.
    pub fn linger(&self) -> Duration {
        let linger_ms = self.read("linger.ms").and_then(|value| value.parse::<f64>().ok());
        linger_ms.and_then(|ms| Duration::try_from_secs_f64(ms / 1000.0).ok()).unwrap_or_default()
    }

    pub fn attempt_timeout(&self) -> Duration {
        Duration::from_millis(self.number("request.timeout.ms").unwrap_or(30_000))
    }

    /// How long metadata may be late about a topic.
    pub fn topic_grace(&self) -> Duration {
        Duration::from_millis(self.number("topic.metadata.propagation.max.ms").unwrap_or(30_000))
    }

    /// Finds what only librdkafka can find: contradictions, files that cannot be read. A client is made without any broker
    /// to connect to, and ended again.
    pub fn check(&self) -> Result<()> {
        let somewhere = ["bootstrap.servers", "test.mock.num.brokers"].map(|key| self.read(key).unwrap_or_default());
        if somewhere[0].is_empty() && matches!(somewhere[1].as_str(), "" | "0") {
            return Err(Error::config(
                "bootstrap.servers is missing; host:port, or several with commas between, is needed",
            ));
        }
        let mut without = [c"bootstrap.servers", c"metadata.broker.list", c"test.mock."].map(CStr::as_ptr);
        // SAFETY: our configuration and an array of C strings; a client that was made is destroyed.
        fork::exclude(|| unsafe {
            let conf = rd::rd_kafka_conf_dup_filter(self.conf, without.len(), without.as_mut_ptr());
            let client = start(conf).map_err(|error| self.name_the_file(self.without_secrets(error)))?;
            rd::rd_kafka_destroy(client);
            Ok(())
        })
    }

    fn without_secrets(&self, error: Error) -> Error {
        Error::new(error.status, self.secrets.hide(error.text.into_owned()))
    }

    /// librdkafka says which property it cannot use, and OpenSSL why, but not which file was meant.
    fn name_the_file(&self, error: Error) -> Error {
        let blamed = FILES.iter().find(|key| error.text.contains(**key));
        match blamed.and_then(|key| Some((key, self.read(key)?))) {
            Some((key, path)) => {
                // OpenSSL does not say whether it was the file or its password.
                let password = match *key {
                    "ssl.key.location" => ", with its ssl.key.password where it has one",
                    "ssl.keystore.location" => ", with its ssl.keystore.password",
                    _ => "",
                };
                let allowed = format!("a file that can be read and used{password}, is: {}", error.text);
                Error::new(error.status, format!("{key}: \"{path}\" is not allowed; {allowed}"))
            }
            None => error,
        }
    }

    /// Makes a client.
    pub(super) fn start_client(&self) -> Result<*mut rd::rd_kafka_t> {
        // SAFETY: a copy of our configuration.
        unsafe {
            let conf = rd::rd_kafka_conf_dup(self.conf);
            set(conf, c"linger.ms", c"0"); // Messages wait on their lane, also while the window before is on its way.
            let client = start(conf).map_err(|error| self.without_secrets(error))?;
            refresh_tokens(client);
            Ok(client)
        }
    }
}

/// The one property of librdkafka that takes a function's address and yet any text: what it is set to would be called.
const OF_ITS_UNIT_TESTS: &str = "ut_handle_ProduceResponse";

/// Properties that name files.
const FILES: [&str; 5] =
    ["ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.crl.location", "ssl.keystore.location"];

/// Makes a client of a configuration, which is used up.
unsafe fn start(conf: *mut rd::rd_kafka_conf_t) -> Result<*mut rd::rd_kafka_t> {
    keep_openssl_alive();
    unsafe {
        let events =
            rd::RD_KAFKA_EVENT_DR | rd::RD_KAFKA_EVENT_ERROR | rd::RD_KAFKA_EVENT_LOG | rd::RD_KAFKA_EVENT_STATS;
        rd::rd_kafka_conf_set_events(conf, events);
        raw::rd_kafka_conf_set_resolve_cb(conf, resolve);
        set(conf, c"log.queue", c"true");
        rd::rd_kafka_conf_enable_sasl_queue(conf, 1); // See `refresh_tokens`.
        find_certificates(conf);
        let mut reason = [0 as c_char; 512];
        let kind = rd::rd_kafka_type_t::RD_KAFKA_PRODUCER;
        let client = rd::rd_kafka_new(kind, conf, reason.as_mut_ptr(), reason.len());
        if !client.is_null() {
            return Ok(client);
        }
        let status = if raw::rd_kafka_last_error() == INVALID_ARG { Status::Config } else { Status::Client };
        rd::rd_kafka_conf_destroy(conf);
        Err(Error::new(status, raw::owned(reason.as_ptr()).replace('\n', " ")))
    }
}

/// Lets librdkafka fetch the tokens of SASL OAUTHBEARER by itself, on a thread of its own: as an event it would wait for
/// a program that answers it. Without OAUTHBEARER this does nothing.
unsafe fn refresh_tokens(client: *mut rd::rd_kafka_t) {
    unsafe {
        let error = rd::rd_kafka_sasl_background_callbacks_enable(client);
        if !error.is_null() {
            rd::rd_kafka_error_destroy(error);
        }
    }
}

unsafe fn set(conf: *mut rd::rd_kafka_conf_t, key: &CStr, value: &CStr) {
    unsafe { raw::rd_kafka_conf_set(conf, key.as_ptr(), value.as_ptr(), ptr::null_mut(), 0) };
}

/// The OpenSSL inside has no certificates of its own: where the program named none, librdkafka looks in the usual places.
unsafe fn find_certificates(conf: *mut rd::rd_kafka_conf_t) {
    let given = |key: &CStr| unsafe {
        let mut len = 0;
        raw::rd_kafka_conf_get(conf, key.as_ptr(), ptr::null_mut(), &raw mut len) == 0 && len > 1
    };
    let in_environment = ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|name| std::env::var_os(name).is_some());
    if cfg!(feature = "ssl-vendored") && !in_environment && !given(c"ssl.ca.location") && !given(c"ssl.ca.pem") {
        unsafe { set(conf, c"ssl.ca.location", c"probe") };
    }
}

/// OpenSSL would clean up at exit while librdkafka's threads still use it (openssl#6214): it is told not to.
fn keep_openssl_alive() {
    #[cfg(feature = "ssl-vendored")]
    {
        unsafe extern "C" {
            fn OPENSSL_init_ssl(options: u64, settings: *const c_void) -> c_int;
        }
        const OPENSSL_INIT_NO_ATEXIT: u64 = 0x0008_0000;
        // SAFETY: may be called any number of times, from any thread.
        unsafe { OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT, ptr::null()) };
    }
}

/// getaddrinfo without AI_ADDRCONFIG: with it, glibc takes a lock that a forked child may inherit locked for ever.
unsafe extern "C" fn resolve(
    node: *const c_char,
    service: *const c_char,
    hints: *const libc::addrinfo,
    result: *mut *mut libc::addrinfo,
    _: *mut c_void,
) -> c_int {
    unsafe {
        if node.is_null() && service.is_null() {
            libc::freeaddrinfo(*result);
            return 0;
        }
        let mut plain: libc::addrinfo = if hints.is_null() { std::mem::zeroed() } else { *hints };
        plain.ai_flags &= !libc::AI_ADDRCONFIG;
        libc::getaddrinfo(node, service, &raw const plain, result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> Result<Properties> {
        let mut properties = Properties::new();
        for (key, value) in pairs {
            properties.set(key, value)?;
        }
        Ok(properties)
    }

    #[test]
    fn lingering_is_ours() {
        let linger = |value: &str| {
            let mut properties = Properties::new();
            properties.set("linger.ms", value).expect("allowed");
            properties.linger()
        };
        assert_eq!(Properties::new().linger(), Duration::from_millis(1));
        assert_eq!(linger("1.5"), Duration::from_micros(1500));
        assert_eq!(linger("0"), Duration::ZERO);
    }

    #[test]
    fn our_defaults_are_in_force() {
        let properties = Properties::new();
        for (key, value) in DEFAULTS {
            let key = key.to_str().expect("ASCII");
            assert_eq!(properties.get(key).as_deref(), Ok(value.to_str().expect("ASCII")), "{key}");
        }
        assert_eq!(properties.get("acks").as_deref(), Ok("-1"), "all");
    }

    #[cfg(any(feature = "ssl-vendored", feature = "ssl-system"))]
    #[test]
    fn the_build_has_what_the_readme_says() {
        let features = Properties::new().get("builtin.features").expect("always there");
        for feature in ["gzip", "snappy", "lz4", "zstd", "ssl", "sasl_plain", "sasl_scram", "sasl_oauthbearer"] {
            assert!(features.split(',').any(|built_in| built_in == feature), "{feature} is not in {features}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (key, value) in
            [("linger.ms", "soon"), ("acks", "7777"), ("compression.codec", "rar"), ("partitioner", "dice")]
        {
            let error = with(&[(key, value)]).err().expect(key);
            assert_eq!(error.status, Status::Config);
            assert!(error.text.contains(key) && error.text.contains(value), "{}", error.text);
        }
    }

    #[cfg(any(feature = "ssl-vendored", feature = "ssl-system"))]
    #[test]
    fn secrets_are_masked_and_empty_ones_shown_empty() {
        let properties = with(&[("sasl.password", "hunter2"), ("ssl.key.password", "hunter3")]).expect("allowed");
        assert_eq!(properties.get("sasl.password").as_deref(), Ok("[redacted]"));
        assert_eq!(properties.get("ssl.key.password").as_deref(), Ok("[redacted]"));
        assert_eq!(Properties::new().get("sasl.password").as_deref(), Ok(""));
    }

    #[test]
    fn a_refused_value_is_not_quoted_where_it_is_a_secret() {
        let secret = [
            ("sasl.jaas.config", "required username=\"a\" password=\"hunter2\";"),
            ("ssl_key", "hunter2"),
            ("sasl.password=hunter2", "x"),
            ("bootstrap.servers", "me:hunter2@127.0.0.1:1"),
            ("metadata.broker.list", "me:hunter2@127.0.0.1:1"),
            ("sasl.oauthbearer.token.endpoint.url", "https://me:hunter2@127.0.0.1:1"),
        ];
        for (key, value) in secret {
            let Err(error) = with(&[(key, value)]) else { continue }; // A build may have OIDC.
            assert!(error.text.contains(key.split('=').next().expect("a key")), "{}", error.text);
            assert!(!error.text.contains("hunter2"), "{}", error.text);
        }
    }

    #[test]
    fn reserved_properties_are_refused() {
        let refused = |key, value| with(&[(key, value)]).err().map(|error| error.status);
        assert_eq!(refused("transactional.id", "t"), Some(Status::Unsupported));
        assert_eq!(refused("delivery.report.only.error", "true"), Some(Status::Config));
        assert_eq!(refused("delivery.report.only.error", "false"), None);
    }

    #[test]
    fn what_takes_an_address_takes_no_text() {
        for key in ["ut_handle_ProduceResponse", "opaque", "dr_msg_cb", "log_cb", "ssl_engine_callback_data"] {
            let error = with(&[(key, "text")]).err().expect(key);
            assert_eq!(error.status, Status::Config);
            assert!(error.text.contains(key), "{}", error.text);
        }
    }

    #[test]
    fn check_wants_a_broker_and_finds_contradictions() {
        let check = |pairs: &[(&str, &str)]| with(pairs).and_then(|properties| properties.check());
        let status = |pairs: &[(&str, &str)]| check(pairs).map_err(|error| error.status);
        assert_eq!(status(&[]), Err(Status::Config));
        assert_eq!(status(&[("bootstrap.servers", "127.0.0.1:1")]), Ok(()));
        assert_eq!(status(&[("test.mock.num.brokers", "1")]), Ok(()));
        assert_eq!(status(&[("bootstrap.servers", "127.0.0.1:1"), ("acks", "1")]), Err(Status::Config));
    }

    #[cfg(any(feature = "ssl-vendored", feature = "ssl-system"))]
    #[test]
    fn check_finds_files_that_cannot_be_read() {
        let check = |pairs: &[(&str, &str)]| with(pairs).and_then(|properties| properties.check());
        let missing =
            [("bootstrap.servers", "x:1"), ("security.protocol", "ssl"), ("ssl.ca.location", "/nowhere/ca.pem")];
        let text = check(&missing).expect_err("no such file").text;
        assert!(text.contains("/nowhere/ca.pem") || text.contains("ssl.ca.location"), "{text}");
    }

    #[test]
    fn keys_go_where_ruby_kafka_puts_them() {
        // CRC-32 of "123456789" is 0xCBF43926, the check value of the algorithm; that of nothing is 0.
        let of = |key: Option<&'static [u8]>, count| Partitioner::Crc32.partition_of(key, count);
        assert_eq!(of(Some(b"123456789"), 1000), Some((0xCBF4_3926_u32 % 1000) as i32));
        assert_eq!(of(Some(b""), 7), Some(0));
        assert_eq!(of(None, 7), None);
    }

    #[test]
    fn murmur2_is_javas() {
        // Published vectors: org.apache.kafka.common.utils.UtilsTest.testMurmur2.
        let vectors: [(&[u8], i32); 6] = [
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            (b"abc", 479_470_107),
        ];
        for (key, hash) in vectors {
            let expected = (hash & 0x7fff_ffff) % 1009;
            assert_eq!(Partitioner::Murmur2Random.partition_of(Some(key), 1009), Some(expected));
        }
        assert_eq!(Partitioner::Murmur2Random.partition_of(None, 1009), None);
    }
}
