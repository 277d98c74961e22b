//! Running a command in a container of a pod.

use std::time::Duration;

use k8s_openapi::{api::core::v1::Pod, apimachinery::pkg::apis::meta::v1::Status};
use kube::{Api, api::AttachParams};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::{Cluster, ClusterError};

/// Enough for a whole answer of a probe to pass without a pause.
const BUFFER: usize = 64 * 1024;

/// Which container.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ContainerRef {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The container's name.
    pub container: String,
}

impl std::fmt::Display for ContainerRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "container {} of pod {}/{}", self.container, self.namespace, self.pod)
    }
}

/// What a command did.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Executed {
    /// Its exit code.
    pub code: u8,
    /// What it wrote to standard output; bytes that are not UTF-8 are replaced.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Cluster {
    /// Runs `command` in a container and waits for its end, at most for `within`.
    ///
    /// # Errors
    /// A failed request, the deadline, or an end without an exit code (the container died).
    pub async fn exec(
        &self,
        container: &ContainerRef,
        command: &[String],
        within: Duration,
    ) -> Result<Executed, ClusterError> {
        let doing = format!("run `{}` in {container}", command.first().map_or("", String::as_str));
        let running = self.exec_to_end(container, command, &doing);
        tokio::time::timeout(within, running).await.unwrap_or_else(|_| {
            Err(ClusterError::Late { waiting_for: doing.clone(), why: format!("it still runs after {within:?}") })
        })
    }

    async fn exec_to_end(
        &self,
        container: &ContainerRef,
        command: &[String],
        doing: &str,
    ) -> Result<Executed, ClusterError> {
        let parameters = AttachParams::default()
            .container(&container.container)
            .stdin(false)
            .stdout(true)
            .stderr(true)
            .max_stdout_buf_size(BUFFER)
            .max_stderr_buf_size(BUFFER);
        let pods: Api<Pod> = Api::namespaced(self.client(), &container.namespace);
        let attached = pods.exec(&container.pod, command, &parameters).await;
        let mut process = attached.map_err(ClusterError::request(doing))?;
        let status = process.take_status();
        let (stdout, stderr) = tokio::join!(text(process.stdout()), text(process.stderr()));
        let status = match status {
            Some(status) => status.await,
            None => None,
        };
        let failed = |why: String| ClusterError::Request { doing: doing.to_owned(), why, status: None };
        let status = status.ok_or_else(|| failed("the session ended without an exit code".to_owned()))?;
        Ok(Executed { code: exit_code(&status).map_err(failed)?, stdout, stderr })
    }
}

pub(super) async fn text(stream: Option<impl AsyncRead + Unpin>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        // What was read before the session broke is still worth showing; the status says that it broke.
        let _ = stream.read_to_end(&mut bytes).await;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads the exit code out of the status that ends an exec session.
///
/// Source: Kubernetes, `remotecommand` constants: a non-zero exit is reason `NonZeroExitCode` with a cause `ExitCode`.
pub(super) fn exit_code(status: &Status) -> Result<u8, String> {
    if status.status.as_deref() == Some("Success") {
        return Ok(0);
    }
    let causes = status.details.iter().filter_map(|details| details.causes.as_ref()).flatten();
    let code =
        causes.filter(|cause| cause.reason.as_deref() == Some("ExitCode")).find_map(|cause| cause.message.clone());
    match code.and_then(|code| code.parse().ok()) {
        Some(code) => Ok(code),
        None => Err(status.message.clone().unwrap_or_else(|| "it could not be started".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(status: serde_json::Value) -> Result<u8, String> {
        exit_code(&serde_json::from_value(status).unwrap())
    }

    #[test]
    fn success_is_zero() {
        assert_eq!(ended(serde_json::json!({"status": "Success"})), Ok(0));
    }

    #[test]
    fn a_failure_carries_its_code() {
        let cause = serde_json::json!({"reason": "ExitCode", "message": "56"});
        let status =
            serde_json::json!({"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": [cause]}});
        assert_eq!(ended(status), Ok(56));
    }

    #[test]
    fn a_command_that_is_not_there_has_no_code() {
        let status = serde_json::json!({"status": "Failure", "message": "executable file not found in $PATH"});
        assert_eq!(ended(status), Err("executable file not found in $PATH".to_owned()));
    }
}
