//! What may be shown of librdkafka's properties: no password, no private key, no token, in no text and no value read back.

/// Parts of the names of properties that carry secrets, those of other clients that are set here by mistake among them.
const SECRET: [&str; 7] = ["password", "passphrase", "secret", "key.pem", "ssl_key", "oauthbearer.config", "jaas"];

/// What is shown in place of a secret.
const REDACTED: &str = "[redacted]";

/// Shorter parts of a text may be anything; whole passwords are never in librdkafka's texts.
const LEAST: usize = 8;

/// Bytes of a value or a key that belong in an error text.
const MOST: usize = 200;

pub(super) fn is_secret(key: &str) -> bool {
    SECRET.iter().any(|part| key.contains(part))
}

/// A value as it may be shown: never a secret, nor the name and password of a URL.
pub(super) fn shown(key: &str, value: &str) -> String {
    if is_secret(key) { REDACTED.into() } else { without_login(value) }
}

/// A value as an error text quotes it.
pub(super) fn quoted(key: &str, value: &str) -> String {
    clip(&shown(key, value)).into()
}

/// A key that nobody knows as an error text names it: who passes `sasl.password=...` as a key means its value to be a secret.
pub(super) fn named(key: &str) -> String {
    let blank = key.len() - key.trim_start().len();
    let end = key[blank..].find(|letter: char| letter == '=' || letter == ':' || letter.is_whitespace());
    match end {
        Some(end) => format!("{}...", clip(&key[..blank + end])),
        None => clip(key).into(),
    }
}

/// A URL without what stands before its host: `https://[redacted]@host/path`.
fn without_login(value: &str) -> String {
    let Some((scheme, rest)) = value.split_once("://") else { return value.into() };
    let authority = rest.find('/').unwrap_or(rest.len());
    match rest[..authority].rfind('@') {
        Some(at) => format!("{scheme}://{REDACTED}{}", &rest[at..]),
        None => value.into(),
    }
}

fn clip(text: &str) -> &str {
    &text[..text.floor_char_boundary(MOST)]
}

/// The secrets of a client, to keep them out of what librdkafka says: of a token's configuration that it cannot read it
/// quotes the rest.
#[derive(Clone, Default)]
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    pub(super) fn add(&mut self, value: &str) {
        let words = value.split_whitespace();
        let parts = words.flat_map(|word| [Some(word), word.split_once('=').map(|(_, value)| value)]).flatten();
        let found = std::iter::once(value).chain(parts).filter(|part| part.len() >= LEAST).map(str::to_owned);
        self.0.extend(found);
        // Of two where one is part of the other, the longer goes first.
        self.0.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        self.0.dedup();
    }

    pub(super) fn hide(&self, mut text: String) -> String {
        for secret in &self.0 {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), REDACTED);
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_secrets_apart() {
        for key in ["sasl.password", "ssl_key", "ssl.key.pem", "sasl.jaas.config", "sasl.oauthbearer.client.secret"] {
            assert_eq!(shown(key, "x"), REDACTED, "{key}");
        }
        for key in ["sasl.username", "ssl.key.location", "ssl.ca.pem", "client.id", "sasl.mechanisms"] {
            assert_eq!(shown(key, "x"), "x", "{key}");
        }
    }

    #[test]
    fn a_url_is_shown_without_name_and_password() {
        assert_eq!(shown("a.url", "https://me:word@host:1/p?q=a@b"), "https://[redacted]@host:1/p?q=a@b");
        assert_eq!(shown("a.url", "https://host:1/p?q=a@b"), "https://host:1/p?q=a@b");
        assert_eq!(shown("client.id", "a@b"), "a@b");
    }

    #[test]
    fn what_follows_a_key_is_not_named() {
        assert_eq!(named("sasl.password=word"), "sasl.password...");
        assert_eq!(named("sasl.password: word"), "sasl.password...");
        assert_eq!(named("sasl.password word"), "sasl.password...");
        assert_eq!(named(" max_queue_size"), " max_queue_size");
        assert_eq!(named(&"ä".repeat(500)).len(), MOST);
    }

    #[test]
    fn secrets_are_hidden_whole_and_in_words() {
        let mut secrets = Secrets::default();
        secrets.add("principal=somebody-secret scope=x");
        secrets.add("a-password-of-mine");
        let hide = |text: &str| secrets.hide(text.into());
        assert_eq!(hide("is a-password-of-mine?"), "is [redacted]?");
        assert_eq!(hide("beginning at: principal=somebody-secret scope=x"), "beginning at: [redacted]");
        assert_eq!(hide("in principal: somebody-secret"), "in principal: [redacted]");
        assert_eq!(hide("scope=x and principal"), "scope=x and principal");
    }
}
