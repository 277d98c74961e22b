//! Runs one bundled program as a task. A panic ends the program, with its message in the program's own output.

use std::{
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    sync::{Arc, Once},
};

use futures::FutureExt;
use tokio_util::task::AbortOnDropHandle;

use super::pod_host::{PodHost, Sink};
use crate::host::{ExitStatus, Output, Program};

/// The exit code of a Rust program that panicked.
const PANICKED: ExitStatus = ExitStatus(101);

tokio::task_local! {
    /// Where the panic message of the current task belongs.
    static OUTPUT: Arc<dyn Sink>;
}

/// A running program; dropping it kills the program.
pub(super) struct Process {
    task: AbortOnDropHandle<ExitStatus>,
}

impl Process {
    /// Starts `program`.
    pub(super) fn start(program: Program, host: PodHost, arguments: Vec<String>, output: Arc<dyn Sink>) -> Self {
        report_panics();
        let running = async move {
            // The program is called inside the guarded block: it may panic before it has made its future.
            let guarded = AssertUnwindSafe(async move { program(Arc::new(host), arguments).await });
            guarded.catch_unwind().await.unwrap_or(PANICKED)
        };
        Self { task: AbortOnDropHandle::new(tokio::spawn(OUTPUT.scope(output, running))) }
    }

    /// Waits for the end.
    pub(super) async fn wait(&mut self) -> ExitStatus {
        // The task never panics (see above), so the only other end is that the runtime shuts down.
        (&mut self.task).await.unwrap_or(ExitStatus(137))
    }

    /// Kills the program and waits until it is gone.
    pub(super) async fn kill(mut self) {
        self.task.abort();
        // Cancelled, or done at the last moment: gone either way.
        let _ = (&mut self.task).await;
    }
}

/// Sends the message of a program's panic to the program's output; all other panics go where they went before.
fn report_panics() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if OUTPUT.try_with(|output| output.write(Output::Stderr, message(info).as_bytes())).is_err() {
                previous(info);
            }
        }));
    });
}

fn message(info: &PanicHookInfo<'_>) -> String {
    let place = info.location().map(|location| format!(" at {location}")).unwrap_or_default();
    format!("the program panicked{place}:\n{}\n", info.payload_as_str().unwrap_or("(no message)"))
}
