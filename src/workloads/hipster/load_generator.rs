//! `loadgenerator`: users who look around the shop and buy something, at a bounded rate, and a count of how it went.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::{
    future::{BoxFuture, FutureExt as _},
    stream::{FuturesUnordered, StreamExt as _},
};
use http::{HeaderMap, HeaderValue, Method, header};
use jiff::Zoned;
use tokio::{
    sync::Mutex,
    time::{Interval, MissedTickBehavior, interval},
};
use uuid::Uuid;

use crate::{
    host::{ExitStatus, Host, Output},
    host_println,
    workloads::{
        ask::{Url, ask},
        trace::Trace,
        upstream::{NotAnAddress, Upstream},
    },
};

const USAGE: &str = "usage: loadgenerator
  FRONTEND_ADDR  whose pages to ask for, HOST:PORT (frontend:80)
  USERS          how many users look around, from 1 to 100 (5)
  RATE           how many requests all of them make in a second, from 1 to 1000 (5)
  REQUESTS       how many requests they make in all; 0 is without end (0)";

/// How often the count is told.
const TELL: Duration = Duration::from_secs(10);

/// Runs `loadgenerator` until it is asked to end, or until it has made all its requests; then it fails if any did.
pub fn program(host: Arc<dyn Host>, arguments: Vec<String>) -> BoxFuture<'static, ExitStatus> {
    async move {
        let settings = match arguments.first() {
            Some(argument) => Err(format!("unknown argument {argument}")),
            None => Settings::read(&*host),
        };
        match settings {
            Ok(settings) => run(&*host, &settings).await,
            Err(message) => {
                host_println!(host, Output::Stderr, "loadgenerator: {message}\n{USAGE}");
                ExitStatus::USAGE
            }
        }
    }
    .boxed()
}

struct Settings {
    frontend: Upstream,
    users: u64,
    rate: u64,
    requests: u64,
}

impl Settings {
    fn read(host: &dyn Host) -> Result<Self, String> {
        let frontend = host.env("FRONTEND_ADDR").unwrap_or_else(|| "frontend:80".to_owned());
        let number = |name: &str, usual: u64, range: std::ops::RangeInclusive<u64>| {
            let text = host.env(name).unwrap_or_else(|| usual.to_string());
            let number = text.parse().ok().filter(|number| range.contains(number));
            number.ok_or_else(|| format!("{name}: `{text}` is not a number from {} to {}", range.start(), range.end()))
        };
        Ok(Self {
            frontend: frontend.parse().map_err(|error: NotAnAddress| format!("FRONTEND_ADDR: {error}"))?,
            users: number("USERS", 5, 1..=100)?,
            rate: number("RATE", 5, 1..=1000)?,
            requests: number("REQUESTS", 0, 0..=u64::MAX)?,
        })
    }
}

/// What happened so far.
#[derive(Default)]
struct Count {
    started: AtomicU64,
    done: AtomicU64,
    failed: AtomicU64,
}

impl Count {
    fn tell(&self, host: &dyn Host) -> u64 {
        let (done, failed) = (self.done.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed));
        host_println!(host, Output::Stderr, "loadgenerator: {done} requests, {failed} failed");
        failed
    }
}

async fn run(host: &dyn Host, settings: &Settings) -> ExitStatus {
    let (count, mut pace) =
        (Count::default(), interval(Duration::from_secs(1) / u32::try_from(settings.rate).unwrap_or(1)));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let pace = Mutex::new(pace);
    let users: FuturesUnordered<_> =
        (0..settings.users).map(|_| User::new(host, settings, &count, &pace).look_around()).collect();
    let telling = async {
        let mut times = interval(TELL);
        times.tick().await;
        loop {
            times.tick().await;
            count.tell(host);
        }
    };
    tokio::select! {
        () = users.collect::<()>() => {}
        () = host.shutdown().cancelled_owned() => {}
        () = telling => {}
    }
    let failed = count.tell(host);
    if settings.requests > 0 && failed > 0 { ExitStatus::FAILURE } else { ExitStatus::SUCCESS }
}

/// Somebody who looks around.
struct User<'a> {
    host: &'a dyn Host,
    settings: &'a Settings,
    count: &'a Count,
    pace: &'a Mutex<Interval>,
    cookie: HeaderValue,
}

/// There are no more requests to make.
struct Enough;

impl<'a> User<'a> {
    fn new(host: &'a dyn Host, settings: &'a Settings, count: &'a Count, pace: &'a Mutex<Interval>) -> Self {
        let cookie = HeaderValue::from_str(&format!("shop_session-id={}", Uuid::new_v4()));
        Self { host, settings, count, pace, cookie: cookie.expect("a UUID consists of letters, digits and dashes") }
    }

    async fn look_around(self) {
        for turn in 0_usize.. {
            if self.buy_something(turn).await.is_err() {
                return;
            }
        }
    }

    /// From the home page to an order; each turn takes another product.
    async fn buy_something(&self, turn: usize) -> Result<(), Enough> {
        let home = self.get("/").await?;
        let mut products: Vec<&str> =
            home.split("href=\"/product/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        products.sort_unstable();
        products.dedup();
        let Some(product) = products.get(turn % products.len().max(1)) else { return Ok(()) };
        self.get(&format!("/product/{product}")).await?;
        self.post("/cart", format!("product_id={product}&quantity={}", turn % 3 + 1)).await?;
        self.get("/cart").await?;
        let currency = ["EUR", "USD", "JPY"][turn % 3];
        self.post("/setCurrency", format!("currency_code={currency}")).await?;
        let year = Zoned::now().year() + 1;
        let order = format!(
            "email=someone%40example.com&street_address=12+Harbour+Lane&zip_code=20457&city=Portsville&state=OR\
             &country=United+States&credit_card_number=4111-1111-1111-1111&credit_card_expiration_month=1\
             &credit_card_expiration_year={year}&credit_card_cvv=672"
        );
        self.post("/cart/checkout", order).await?;
        Ok(())
    }

    async fn get(&self, path: &str) -> Result<String, Enough> {
        self.ask(Method::GET, path, None).await
    }

    async fn post(&self, path: &str, form: String) -> Result<String, Enough> {
        self.ask(Method::POST, path, Some(form)).await
    }

    /// Waits for its turn, asks, and counts; a failure has an empty page.
    async fn ask(&self, method: Method, path: &str, form: Option<String>) -> Result<String, Enough> {
        let number = self.count.started.fetch_add(1, Ordering::Relaxed);
        if self.settings.requests > 0 && number >= self.settings.requests {
            return Err(Enough);
        }
        self.pace.lock().await.tick().await;
        let mut headers = HeaderMap::from_iter([(header::COOKIE, self.cookie.clone())]);
        if form.is_some() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        }
        let trace = Trace::new();
        let answer = match Url::at(&self.settings.frontend, path) {
            Ok(url) => {
                let asked = ask(self.host, &trace, method, &url, headers, Bytes::from(form.unwrap_or_default())).await;
                asked.map_err(|error| error.told()).and_then(|answer| match answer.status() {
                    status if status.is_success() || status.is_redirection() => Ok(answer.into_body()),
                    status => Err(format!("HTTP {status}")),
                })
            }
            Err(error) => Err(error.to_string()),
        };
        self.count.done.fetch_add(1, Ordering::Relaxed);
        Ok(answer.map_or_else(
            |problem| {
                self.count.failed.fetch_add(1, Ordering::Relaxed);
                host_println!(self.host, Output::Stderr, "loadgenerator: {path}: {problem} (request {})", trace.id());
                String::new()
            },
            |page| String::from_utf8_lossy(&page).into_owned(),
        ))
    }
}
