//! What the image holds: the executable, links to it, and the few files that programs expect of a system.

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{Executable, USER};
use crate::programs;

/// Whom a sidecar runs as: connections of this user are not redirected.
const SIDECAR: u32 = 1337;

/// One entry of a file system.
#[derive(Debug)]
pub struct Entry<'a> {
    /// Where it is, from the root, without a leading slash.
    pub path: String,
    /// What it is.
    pub kind: Kind<'a>,
}

/// What stands at a path.
#[derive(Debug)]
pub enum Kind<'a> {
    /// A directory, and who may do what in it.
    Directory(u32),
    /// A program.
    Executable(&'a [u8]),
    /// A file to read.
    File(Vec<u8>),
    /// A symbolic link, and what it says.
    Link(String),
}

/// Everything in the image, each directory before what is in it.
pub fn all(executable: &Executable) -> Vec<Entry<'_>> {
    const EVERYBODY: u32 = 0o1777;
    const READABLE: u32 = 0o755;
    let entry = |path: &str, kind| Entry { path: path.to_owned(), kind };
    let mut entries = vec![
        entry("bin", Kind::Link("usr/bin".to_owned())),
        entry("etc", Kind::Directory(READABLE)),
        entry("etc/group", Kind::File(group().into_bytes())),
        entry("etc/passwd", Kind::File(passwd().into_bytes())),
        entry("etc/ssl", Kind::Directory(READABLE)),
        entry("etc/ssl/certs", Kind::Directory(READABLE)),
        entry("etc/ssl/certs/ca-certificates.crt", Kind::File(roots().into_bytes())),
        entry("tmp", Kind::Directory(EVERYBODY)),
        entry("usr", Kind::Directory(READABLE)),
        entry("usr/bin", Kind::Directory(READABLE)),
        entry("usr/bin/labctl", Kind::Executable(executable.contents())),
    ];
    entries.extend(programs::names().map(|name| entry(&format!("usr/bin/{name}"), Kind::Link("labctl".to_owned()))));
    entries.sort_by(|one, other| one.path.cmp(&other.path));
    entries
}

const ACCOUNTS: [(&str, u32); 3] = [("root", 0), ("sidecar", SIDECAR), ("nonroot", USER)];

/// Users, each with a group of the same name and number. There is no shell.
fn passwd() -> String {
    ACCOUNTS.iter().map(|(name, id)| format!("{name}:x:{id}:{id}:{name}:/:/sbin/nologin\n")).collect()
}

fn group() -> String {
    ACCOUNTS.iter().map(|(name, id)| format!("{name}:x:{id}:\n")).collect()
}

/// The certificate authorities that browsers trust, in PEM, for programs that call out of the cluster.
fn roots() -> String {
    const COLUMNS: usize = 64;
    let mut pem = String::new();
    for certificate in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        let text = BASE64_STANDARD.encode(certificate);
        pem.push_str("-----BEGIN CERTIFICATE-----\n");
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (line, left) = rest.split_at(COLUMNS.min(rest.len()));
            pem.push_str(line);
            pem.push('\n');
            rest = left;
        }
        pem.push_str("-----END CERTIFICATE-----\n");
    }
    pem
}
