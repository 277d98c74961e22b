//! Network namespaces, made by a test and gone with it.

use std::{
    fs::File,
    io,
    os::fd::{AsFd as _, AsRawFd as _},
    process::{Command, Output},
    thread,
};

use rustix::{
    process::{Gid, Uid},
    thread::{LinkNameSpaceType, UnshareFlags},
};

/// A network namespace with nothing but a loopback interface. It lives as long as this value.
#[derive(Debug)]
pub struct Namespace(File);

impl Namespace {
    /// Makes one; `None`, and a line on standard error, if this process may not.
    pub fn new() -> Option<Self> {
        let made = thread::spawn(|| {
            #[expect(deprecated, reason = "unsafe only for file descriptors, which are not unshared here")]
            rustix::thread::unshare(UnshareFlags::NEWNET)?;
            File::open("/proc/thread-self/ns/net")
        });
        let namespace = made.join().unwrap().map(Self);
        let up = namespace.and_then(|namespace| {
            namespace.ip("link set lo up")?;
            Ok(namespace)
        });
        up.inspect_err(|error| eprintln!("skipped: no network namespace of our own: {error} (it takes root and `ip`)"))
            .ok()
    }

    /// Two of them, joined by a cable: the first with the addresses 10.99.0.1 and fd99::1, the second with .2 and ::2,
    /// and each with the other as its way to everywhere else.
    pub fn pair() -> Option<(Self, Self)> {
        let (one, other) = (Self::new()?, Self::new()?);
        let there = format!("/proc/{}/fd/{}", std::process::id(), other.0.as_raw_fd());
        one.ip(&format!("link add eth0 type veth peer name eth0 netns {there}")).unwrap();
        for (namespace, own, peer) in [(&one, 1, 2), (&other, 2, 1)] {
            for command in [
                "link set eth0 up".to_owned(),
                format!("addr add 10.99.0.{own}/24 dev eth0"),
                format!("-6 addr add fd99::{own}/64 dev eth0 nodad"),
                format!("route add default via 10.99.0.{peer}"),
                format!("-6 route add default via fd99::{peer}"),
            ] {
                namespace.ip(&command).unwrap();
            }
        }
        Some((one, other))
    }

    /// Runs `work` on a thread of its own inside.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.enter_as((0, 0), work)
    }

    /// Runs `work` on a thread of its own inside, as this user and group.
    pub fn enter_as<T: Send>(&self, (uid, gid): (u32, u32), work: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let inside = scope.spawn(|| {
                rustix::thread::move_into_link_name_space(self.0.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
                if (uid, gid) != (0, 0) {
                    rustix::thread::set_thread_groups(&[]).unwrap();
                    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
                    rustix::thread::set_thread_res_gid(gid, gid, gid).unwrap();
                    rustix::thread::set_thread_res_uid(uid, uid, uid).unwrap();
                }
                work()
            });
            inside.join().unwrap()
        })
    }

    /// Runs a command inside until it ends.
    pub fn run(&self, command: &mut Command) -> io::Result<Output> {
        self.enter(|| command.output())
    }

    /// Runs `labctl` inside; its exit code, standard output and standard error.
    pub fn labctl(&self, arguments: &[&str]) -> (i32, String, String) {
        said(&self.run(Command::new(env!("CARGO_BIN_EXE_labctl")).args(arguments)).unwrap())
    }

    fn ip(&self, arguments: &str) -> io::Result<()> {
        let output = self.run(Command::new("ip").args(arguments.split(' ')))?;
        if output.status.success() { Ok(()) } else { Err(io::Error::other(String::from_utf8_lossy(&output.stderr))) }
    }
}

/// What a command left behind.
pub fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}
