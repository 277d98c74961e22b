//! A bound for what a template may take. minijinja counts instructions, and one instruction can double a text; so a
//! template is rendered on another thread, and given up when it takes too long or too much memory.

use std::{
    cell::RefCell,
    io,
    sync::{
        OnceLock,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use crate::render::RenderError;

/// A manifest takes milliseconds; the rest is for machines that are very busy.
const MAX_TIME: Duration = Duration::from_secs(3);
/// What the whole process may grow by since the first template, so that many such templates take no more than one.
const MAX_GROWTH: u64 = 512 << 20;
/// The process before the first template.
static BEFORE: OnceLock<Option<u64>> = OnceLock::new();
/// How often a slow template is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// Something to do on the other thread.
type Job = Box<dyn FnOnce() + Send>;

thread_local! {
    /// The thread that renders for this one, between two templates.
    static WORKER: RefCell<Option<Sender<Job>>> = const { RefCell::new(None) };
}

/// Does `work` within bounds; `file` is what messages call the template.
///
/// A thread cannot be ended from outside. One that was given up goes on until the process ends, which is soon: a lab
/// with such a template is not sound, and that is found out before anything is started. Any other does the next
/// template, too.
pub(super) fn bounded<T, W>(file: &str, work: W) -> Result<T, RenderError>
where
    T: Send + 'static,
    W: FnOnce() -> Result<T, RenderError> + Send + 'static,
{
    let (done, result) = sync_channel(1);
    let before = *BEFORE.get_or_init(resident);
    // Nobody listens any more to a thread that was given up.
    let job: Job = Box::new(move || drop(done.send(work())));
    let worker = worker_for(job).map_err(|source| RenderError::Unreadable { file: file.to_owned(), source })?;
    match wait(&result, before) {
        Ok(result) => {
            WORKER.set(Some(worker));
            result
        }
        Err(reason) => Err(RenderError::TooMuch { name: file.to_owned(), reason: reason.to_owned() }),
    }
}

/// Gives a job to the thread that is idle, or to a new one.
fn worker_for(job: Job) -> io::Result<Sender<Job>> {
    let job = match WORKER.take() {
        // One that ended gives the job back.
        Some(idle) => match idle.send(job) {
            Ok(()) => return Ok(idle),
            Err(returned) => returned.0,
        },
        None => job,
    };
    let (worker, jobs) = channel::<Job>();
    let work = move || jobs.into_iter().for_each(|job| job());
    thread::Builder::new().name("render".to_owned()).spawn(work)?;
    // It has just begun to wait for it.
    worker.send(job).map_err(|_| io::Error::other("the thread for templates has ended"))?;
    Ok(worker)
}

/// Waits for a result; says why it is given up.
fn wait<T>(result: &Receiver<T>, before: Option<u64>) -> Result<T, &'static str> {
    let start = Instant::now();
    loop {
        match result.recv_timeout(LOOK) {
            Ok(result) => return Ok(result),
            Err(RecvTimeoutError::Disconnected) => return Err("it makes the template engine panic"),
            Err(RecvTimeoutError::Timeout) if start.elapsed() > MAX_TIME => {
                return Err("it takes more than 3 seconds; does it grow without end?");
            }
            Err(RecvTimeoutError::Timeout) => {
                let grown = resident().zip(before).map(|(now, before)| now.saturating_sub(before));
                if grown.is_some_and(|grown| grown > MAX_GROWTH) {
                    return Err("it takes more than 512 MiB of memory; does a text grow without end?");
                }
            }
        }
    }
}

/// The memory of this process in bytes, where the system tells it.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}
