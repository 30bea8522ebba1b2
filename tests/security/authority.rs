//! Certificates as an authority of the tests signs them, by the `openssl` program.

use std::path::{Path, PathBuf};
use std::process::Command;

pub struct Authority {
    directory: PathBuf,
    name: &'static str,
}

/// A certificate with its key.
pub struct Identity {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Both in one file, as Kafka wants them.
    pub store: PathBuf,
}

/// From when to when, as openssl writes times.
const LONG: [&str; 2] = ["20200101000000Z", "20491231235959Z"];
const LONG_AGO: [&str; 2] = ["20200101000000Z", "20200201000000Z"];

impl Authority {
    pub fn new(directory: &Path, name: &'static str) -> Authority {
        let authority = Authority { directory: directory.join(name), name };
        std::fs::create_dir_all(&authority.directory).expect("a directory");
        authority.write("index", "");
        authority.write("openssl.conf", &authority.configuration());
        authority.request(name);
        authority.sign(name, LONG, &["-selfsign", "-extensions", "authority"]);
        authority
    }

    pub fn certificate(&self) -> PathBuf {
        self.path(&format!("{}.pem", self.name))
    }

    /// For whom the host's name is `127.0.0.1`.
    pub fn issue(&self, name: &str) -> Identity {
        self.request(name);
        self.sign(name, LONG, &["-extensions", "here"]);
        self.identity(name)
    }

    pub fn issue_for_elsewhere(&self, name: &str) -> Identity {
        self.request(name);
        self.sign(name, LONG, &["-extensions", "elsewhere"]);
        self.identity(name)
    }

    pub fn issue_expired(&self, name: &str) -> Identity {
        self.request(name);
        self.sign(name, LONG_AGO, &["-extensions", "here"]);
        self.identity(name)
    }

    /// The key under a password.
    pub fn lock(&self, identity: &Identity, password: &str) -> PathBuf {
        let locked = identity.key.with_extension("locked");
        let mut openssl = Command::new("openssl");
        openssl.args(["pkey", "-aes256", "-passout", &format!("pass:{password}"), "-in"]);
        run(openssl.arg(&identity.key).arg("-out").arg(&locked));
        locked
    }

    fn configuration(&self) -> String {
        let directory = self.directory.display();
        let name = self.name;
        format!(
            "[req]\ndistinguished_name = any_name\n[any_name]\n\
             [ca]\ndefault_ca = own\n\
             [own]\nnew_certs_dir = {directory}\ndatabase = {directory}/index\nrand_serial = yes\n\
             certificate = {directory}/{name}.pem\nprivate_key = {directory}/{name}.key\n\
             default_md = sha256\nunique_subject = no\npolicy = any\n\
             [any]\ncommonName = supplied\n\
             [authority]\nbasicConstraints = critical, CA:true\nsubjectKeyIdentifier = hash\n\
             [here]\nsubjectAltName = IP:127.0.0.1\n\
             [elsewhere]\nsubjectAltName = DNS:elsewhere.invalid\n"
        )
    }

    fn request(&self, name: &str) {
        let mut openssl = self.openssl("req");
        openssl.args(["-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-batch"]);
        openssl.args(["-subj", &format!("/CN={name}"), "-keyout"]).arg(self.path(&format!("{name}.key")));
        run(openssl.arg("-out").arg(self.path(&format!("{name}.csr"))));
    }

    fn sign(&self, name: &str, [from, to]: [&str; 2], options: &[&str]) {
        let mut openssl = self.openssl("ca");
        openssl.args(["-batch", "-notext", "-startdate", from, "-enddate", to]).args(options);
        openssl.arg("-in").arg(self.path(&format!("{name}.csr")));
        run(openssl.arg("-out").arg(self.path(&format!("{name}.pem"))));
    }

    fn identity(&self, name: &str) -> Identity {
        let [certificate, key, store] = ["pem", "key", "store"].map(|kind| self.path(&format!("{name}.{kind}")));
        let read = |path: &Path| std::fs::read_to_string(path).expect("what openssl wrote");
        std::fs::write(&store, read(&key) + &read(&certificate)).expect("a file");
        Identity { certificate, key, store }
    }

    fn openssl(&self, command: &str) -> Command {
        let mut openssl = Command::new("openssl");
        openssl.arg(command).arg("-config").arg(self.path("openssl.conf"));
        openssl
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a file");
    }
}

fn run(command: &mut Command) {
    let output = command.output().expect("openssl; on Debian, apt-get install openssl");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
