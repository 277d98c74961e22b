//! Who we are to a registry: what `docker login` or `podman login` left behind.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use docker_credential::{CredentialRetrievalError, DockerCredential, get_credential_from_reader};
use oci_client::secrets::RegistryAuth;

/// A file of logins that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {why}", .file.display())]
pub struct CredentialsError {
    /// Which file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

/// The login for `registry`; nobody's, if there is none.
///
/// # Errors
/// If a file of logins is there, but cannot be read, or leads to a helper that fails.
pub fn of(registry: &str) -> Result<RegistryAuth, CredentialsError> {
    for file in files() {
        if let Some(login) = login(&file, registry).map_err(|why| CredentialsError { file, why })? {
            return Ok(login);
        }
    }
    Ok(RegistryAuth::Anonymous)
}

/// Where logins are, Docker's before Podman's.
fn files() -> Vec<PathBuf> {
    let folder = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = folder("HOME");
    let in_home = |path: &str| home.as_ref().map(|home| home.join(path));
    let docker = folder("DOCKER_CONFIG").or_else(|| in_home(".docker")).map(|folder| folder.join("config.json"));
    let podman = folder("REGISTRY_AUTH_FILE")
        .or_else(|| folder("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json")));
    [docker, podman, in_home(".config/containers/auth.json")].into_iter().flatten().collect()
}

fn login(file: &Path, registry: &str) -> Result<Option<RegistryAuth>, String> {
    let opened = match fs::File::open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|error| error.to_string())?,
    };
    match get_credential_from_reader(io::BufReader::new(opened), registry) {
        Ok(DockerCredential::UsernamePassword(user, password)) => Ok(Some(RegistryAuth::Basic(user, password))),
        Ok(DockerCredential::IdentityToken(_)) => Err("it has an identity token, of use to Docker only".to_owned()),
        Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(None),
        // How helpers say that they have nothing.
        Err(CredentialRetrievalError::HelperFailure { stdout, .. }) if stdout.contains("credentials not found") => {
            Ok(None)
        }
        Err(error) => Err(words(error)),
    }
}

fn words(error: CredentialRetrievalError) -> String {
    match error {
        CredentialRetrievalError::HelperFailure { helper, stdout, stderr } => {
            let said = [stderr, stdout].into_iter().find(|said| !said.trim().is_empty()).unwrap_or_default();
            format!("its helper docker-credential-{helper} fails: {}", said.trim())
        }
        CredentialRetrievalError::HelperCommunicationError | CredentialRetrievalError::MalformedHelperResponse => {
            "its credential helper cannot be run, or gives no sensible answer".to_owned()
        }
        _ => "it is not what a login writes".to_owned(),
    }
}
