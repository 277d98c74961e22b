//! What a client's proxy presents, and whether it trusts what the server presents.

use super::{inbound::Presented, request::Certificate};
use crate::mesh::{
    policy::{ClientSetting, Index},
    resources::{ClientTlsMode, ClientTlsSettings},
    snapshot::{ApplicationTls, Authority, Workload},
};

/// Where the certificates of the mesh lie in a sidecar: of old in a mounted Secret, today by convention.
const MESH_FILES: [&str; 4] = [
    "/etc/certs/cert-chain.pem",
    "/etc/certs/root-cert.pem",
    "/var/run/secrets/istio/",
    "/var/run/secrets/workload-spiffe",
];

impl Index {
    /// What the proxy of `client` shows in a handshake.
    pub(super) fn presented(&self, client: &Workload, setting: &ClientSetting) -> Presented {
        let uri = self.settings().identity(&client.namespace, &client.service_account).to_string();
        let mesh = Certificate { authority: Authority::Mesh, uri };
        match setting.mode {
            ClientTlsMode::IstioMutual => {
                Presented { alpn: vec!["istio-peer-exchange".to_owned(), "istio".to_owned()], certificate: Some(mesh) }
            }
            ClientTlsMode::Mutual => {
                let file = setting.tls.as_ref().and_then(|tls| tls.client_certificate.as_deref());
                let certificate = match file.is_some_and(of_mesh) {
                    true => mesh,
                    false => Certificate { authority: Authority::Other, uri: String::new() },
                };
                Presented { alpn: Vec::new(), certificate: Some(certificate) }
            }
            ClientTlsMode::Disable | ClientTlsMode::Simple => Presented::default(),
        }
    }

    /// Why the certificate of a server's proxy is refused, if it is.
    pub(super) fn distrusts_proxy(&self, setting: &ClientSetting, server: &Workload) -> Option<String> {
        let identity = self.settings().identity(&server.namespace, &server.service_account).to_string();
        refuses(setting, Authority::Mesh, &[identity])
    }

    /// Why the certificate of a server application is refused, if it is.
    pub(super) fn distrusts_application(
        &self,
        setting: &ClientSetting,
        server: &Workload,
        tls: &ApplicationTls,
    ) -> Option<String> {
        if tls.client_certificate && setting.mode == ClientTlsMode::Simple {
            return Some("the application asks for a client certificate, and SIMPLE has none".to_owned());
        }
        let mut names = tls.names.clone();
        if names.is_empty() && tls.authority == Authority::Mesh {
            names.push(self.settings().identity(&server.namespace, &server.service_account).to_string());
        }
        refuses(setting, tls.authority, &names)
    }
}

/// Why a client with this setting refuses a certificate of this authority with these names (unknown if none).
fn refuses(setting: &ClientSetting, authority: Authority, names: &[String]) -> Option<String> {
    let given = setting.tls.as_ref();
    let file_based = setting.mode != ClientTlsMode::IstioMutual;
    if file_based && given.and_then(|tls| tls.insecure_skip_verify) == Some(true) {
        return None;
    }
    let trusted = match given.filter(|_| file_based) {
        None => authority == Authority::Mesh,
        Some(tls) => trusts(tls, authority),
    };
    if !trusted {
        return Some("the issuer of the server's certificate is not trusted: CERTIFICATE_VERIFY_FAILED".to_owned());
    }
    let wanted = &setting.sans;
    if wanted.is_empty() || names.is_empty() || names.iter().any(|name| wanted.contains(name)) {
        return None;
    }
    let (has, wants) = (names.join(", "), wanted.join(", "));
    Some(format!("the server is {has}, the client expects {wants}: CERTIFICATE_VERIFY_FAILED"))
}

/// Whether the roots of a rule verify a certificate of this authority.
///
/// Offline nobody can look into the files: roots of the rule's own are taken to be right for applications with a CA of
/// their own, and those of the mesh for the mesh.
fn trusts(tls: &ClientTlsSettings, authority: Authority) -> bool {
    let file = tls.ca_certificates.as_deref().filter(|path| !path.is_empty());
    let by_secret = tls.credential_name.as_ref().is_some_and(|name| !name.is_empty());
    match (file, by_secret) {
        (Some(path), _) => of_mesh(path) == (authority == Authority::Mesh),
        (None, true) => authority != Authority::Mesh,
        (None, false) => authority == Authority::Public,
    }
}

fn of_mesh(path: &str) -> bool {
    MESH_FILES.iter().any(|known| path.starts_with(known))
}
