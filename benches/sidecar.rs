//! A pair of standalone sidecars on loopback beside a direct connection: requests, handshakes, bytes.
//!
//! Run with `cargo bench --bench sidecar`. Load, sidecars and application share the machine, so the ratios say more
//! than the numbers. It measures and prints; nothing is asserted.

#[allow(dead_code, reason = "the tests use the rest of it")]
#[path = "../tests/sidecar/pki.rs"]
mod pki;
#[allow(dead_code, reason = "the tests use the rest of it")]
#[path = "../tests/sidecar/process.rs"]
mod process;

use std::{
    fmt,
    future::Future,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use self::{pki::Authority, process::Process};

const SERVER: &str = "spiffe://cluster.local/ns/foo/sa/server";
const CLIENT: &str = "spiffe://cluster.local/ns/foo/sa/client";
const WARM_UP: Duration = Duration::from_secs(1);
const MEASURED: Duration = Duration::from_secs(4);
const CONNECTIONS: usize = 32;
const REQUEST: &[u8] = b"GET /status/200 HTTP/1.1\r\nhost: server.foo\r\nuser-agent: bench\r\naccept: */*\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 16\r\n\r\n0123456789abcdef";
const BODY: usize = 16;
const CHUNK: usize = 128 * 1024;

#[tokio::main]
async fn main() -> io::Result<()> {
    let authority = Authority::new();
    println!("{:<34}{:>14}{:>14}{:>9}{:>22}", "", "direct", "sidecars", "ratio", "CPU of both sidecars");
    let (application, pair) = (http_application().await?, |to| Pair::new(&authority, to, "http"));
    let through = pair(application).await;
    let row = compare(&through, application, keep_alive).await;
    row.print("requests/s, keep-alive", "", 1.0);
    let opaque = opaque_application().await?;
    let through = Pair::new(&authority, opaque, "tcp").await;
    compare(&through, opaque, connect).await.print("connections/s, mutual TLS", "", 1.0);
    compare(&through, opaque, transfer).await.print("GB/s, one connection", "/GB", 1e-9);
    Ok(())
}

/// A client sidecar and a server sidecar, of one thread each.
struct Pair {
    client: Process,
    server: Process,
}

impl Pair {
    async fn new(authority: &Authority, application: SocketAddr, protocol: &str) -> Self {
        let inbound = format!(
            "workers: 1\ninbound: [{{listen: '127.0.0.1:0', application: '{application}', mode: STRICT, protocol: {protocol}}}]\n"
        );
        let server = Process::start(authority, SERVER, &inbound, 1).await;
        let upstream = server.address("inbound");
        let outbound = format!(
            "workers: 1\noutbound: [{{listen: '127.0.0.1:0', upstreams: ['{upstream}'], protocol: {protocol}, \
             tls: {{subjectAltNames: ['{SERVER}']}}}}]\n"
        );
        Self { client: Process::start(authority, CLIENT, &outbound, 1).await, server }
    }

    /// The processor time that both have used; zero where the system does not tell.
    fn cpu(&self) -> Duration {
        [&self.client, &self.server].map(|sidecar| cpu(sidecar.child.id().unwrap_or_default())).into_iter().sum()
    }
}

/// User and system time of a process, from `/proc`, where a tick is 10 ms.
fn cpu(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name, in parentheses, may hold spaces; the times are fields 14 and 15, counted from 1.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok());
    Duration::from_millis(ticks.sum::<u64>() * 10)
}

/// What a load counts, and when it ends.
#[derive(Clone, Default)]
struct Meter {
    done: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
}

impl Meter {
    fn add(&self, count: usize) {
        self.done.fetch_add(count as u64, Ordering::Relaxed);
    }

    fn goes_on(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }
}

/// One line of the result.
struct Row {
    direct: f64,
    through: f64,
    cpu_each: Duration,
}

async fn compare<L, F>(pair: &Pair, application: SocketAddr, load: L) -> Row
where
    L: Fn(SocketAddr, Meter) -> F,
    F: Future<Output = io::Result<()>>,
{
    let (direct, _) = measure(pair, |meter| load(application, meter)).await;
    let (through, cpu_each) = measure(pair, |meter| load(pair.client.address("outbound"), meter)).await;
    Row { direct, through, cpu_each }
}

/// Counts per second, and the sidecars' processor time per count.
async fn measure<F: Future<Output = io::Result<()>>>(pair: &Pair, load: impl Fn(Meter) -> F) -> (f64, Duration) {
    let meter = Meter::default();
    let clock = async {
        tokio::time::sleep(WARM_UP).await;
        let (started, before, cpu) = (Instant::now(), meter.done.load(Ordering::Relaxed), pair.cpu());
        tokio::time::sleep(MEASURED).await;
        let count = (meter.done.load(Ordering::Relaxed) - before) as f64;
        meter.over.store(true, Ordering::Relaxed);
        let seconds = started.elapsed().as_secs_f64();
        (count / seconds, (pair.cpu() - cpu).div_f64(count.max(1.0)))
    };
    let (measured, loaded) = tokio::join!(clock, load(meter.clone()));
    if let Err(error) = loaded {
        println!("the load failed: {error}");
    }
    measured
}

impl Row {
    fn print(&self, what: &str, unit: &str, scale: f64) {
        let cpu = Micros(self.cpu_each.div_f64(scale));
        let unit = if unit.is_empty() { "/each" } else { unit };
        let (direct, through) = (self.direct * scale, self.through * scale);
        println!("{what:<34}{direct:>14.2}{through:>14.2}{:>9.3}{cpu:>16}{unit}", through / direct);
    }
}

struct Micros(Duration);

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:.1} us", self.0.as_secs_f64() * 1e6))
    }
}

/// Asks again and again on connections that are kept.
async fn keep_alive(to: SocketAddr, meter: Meter) -> io::Result<()> {
    let mut clients = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let meter = meter.clone();
        clients.spawn(async move {
            let mut stream = connected(to).await?;
            let mut buffer = vec![0; 4096];
            while meter.goes_on() {
                stream.write_all(REQUEST).await?;
                read_response(&mut stream, &mut buffer).await?;
                meter.add(1);
            }
            Ok(())
        });
    }
    clients.join_all().await.into_iter().collect()
}

async fn read_response(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<()> {
    let mut length = 0;
    loop {
        length += match stream.read(&mut buffer[length..]).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            more => more,
        };
        let head = buffer[..length].windows(4).position(|end| end == b"\r\n\r\n");
        if head.is_some_and(|head| length >= head + 4 + BODY) {
            return if buffer.starts_with(b"HTTP/1.1 200") { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) };
        }
    }
}

/// Connects for a single byte each time: through sidecars, that takes a whole handshake.
async fn connect(to: SocketAddr, meter: Meter) -> io::Result<()> {
    let mut clients = JoinSet::new();
    for _ in 0..8 {
        let meter = meter.clone();
        clients.spawn(async move {
            while meter.goes_on() {
                let mut stream = connected(to).await?;
                stream.write_all(b"x").await?;
                stream.read_u8().await?;
                // A reset leaves no TIME_WAIT behind, which would use up the ports.
                stream.set_zero_linger()?;
                meter.add(1);
            }
            Ok(())
        });
    }
    clients.join_all().await.into_iter().collect()
}

/// Receives as much as comes on one connection.
async fn transfer(to: SocketAddr, meter: Meter) -> io::Result<()> {
    let mut stream = connected(to).await?;
    stream.write_all(b"s").await?;
    let mut buffer = vec![0; CHUNK];
    while meter.goes_on() {
        meter.add(stream.read(&mut buffer).await?);
    }
    Ok(())
}

async fn connected(to: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Answers every request alike.
async fn http_application() -> io::Result<SocketAddr> {
    serve(|mut stream| async move {
        let mut buffer = vec![0; 4096];
        let mut length = 0;
        loop {
            match stream.read(&mut buffer[length..]).await? {
                0 => return Ok(()),
                more => length += more,
            }
            if buffer[..length].ends_with(b"\r\n\r\n") {
                stream.write_all(RESPONSE).await?;
                length = 0;
            }
        }
    })
    .await
}

/// Echoes a byte, or streams without end if the byte is `s`.
async fn opaque_application() -> io::Result<SocketAddr> {
    serve(|mut stream| async move {
        let chunk = vec![7; CHUNK];
        match stream.read_u8().await? {
            b's' => loop {
                stream.write_all(&chunk).await?;
            },
            byte => {
                stream.write_u8(byte).await?;
                stream.read_u8().await.map(|_| ())
            }
        }
    })
    .await
}

async fn serve<F>(answer: impl Fn(TcpStream) -> F + Send + 'static) -> io::Result<SocketAddr>
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            tokio::spawn(answer(stream));
        }
    });
    Ok(address)
}
