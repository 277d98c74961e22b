//! Ctrl-C and `kill`: the first asks to stop and clean up, the second to stop cleaning up as well.

use std::io;

use tokio::{
    signal::unix::{SignalKind, signal},
    task::AbortHandle,
};

use crate::run::Interrupt;

/// Listens until it is dropped.
pub struct Listening(AbortHandle);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Turns signals into interruptions of a run.
///
/// # Errors
/// The signals cannot be caught.
pub fn listen(interrupt: &Interrupt) -> io::Result<Listening> {
    let interrupt = interrupt.clone();
    let mut keyboard = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let listening = tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = keyboard.recv() => (),
                _ = terminate.recv() => (),
                _ = hangup.recv() => (),
            }
            if interrupt.stop.is_cancelled() {
                interrupt.give_up.cancel();
            }
            interrupt.stop.cancel();
        }
    });
    Ok(Listening(listening.abort_handle()))
}
