//! A client that rides out short outages: an API server that restarts, a leader that changes, a server under load.
//!
//! All our requests may be repeated: we read, apply, merge, delete exactly one object, or ask a question. Only a session
//! in a container is not opened twice, unless nothing of the first attempt has reached the server.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use kube::client::Body;
use tokio::time::Instant;
use tower::BoxError;

use super::error::told;

/// How long a cluster may be silent before we call the connection lost.
const OUTAGE: Duration = Duration::from_secs(30);
/// How long one answer may take. A webhook may take 30 s, and there may be several.
const ANSWER: Duration = Duration::from_secs(60);
/// How long one answer may take of a cluster that has been silent before.
const ANSWER_AFTER_SILENCE: Duration = Duration::from_secs(5);
/// How long a cluster may say that it is busy.
const BUSY: Duration = Duration::from_secs(15);
/// The pause before the second attempt; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// What a server says of trouble that passes, and with which status.
///
/// The last two: the account `default` of a new namespace comes a moment after the namespace, and before Kubernetes 1.24
/// its token a moment after the account.
const PASSING: [(u16, &str); 5] = [
    (500, "etcdserver:"),
    (500, "failed calling webhook"),
    (500, "http2: client connection lost"),
    (403, "error looking up service account"),
    (500, "No API token found for service account"),
];

/// The cluster has not answered for too long.
#[derive(Clone, Debug)]
pub struct Silence {
    lasting: Duration,
    why: String,
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer for {} s ({})", self.lasting.as_secs(), self.why)
    }
}

impl std::error::Error for Silence {}

/// The silence that an error of the client tells of, if it does.
pub(super) fn silence(error: &kube::Error) -> Option<&Silence> {
    match error {
        kube::Error::Service(cause) => cause.downcast_ref(),
        _ => None,
    }
}

/// Makes a client patient.
pub(super) fn steady(inner: kube::Client) -> kube::Client {
    let namespace = inner.default_namespace().to_owned();
    let line = Line { inner, silent_since: Arc::default() };
    let service = tower::service_fn(move |request| {
        let line = line.clone();
        async move { line.send(request).await }
    });
    kube::Client::new(service, namespace)
}

/// The way to a cluster, and since when it has been silent.
#[derive(Clone)]
struct Line {
    inner: kube::Client,
    silent_since: Arc<Mutex<Option<Instant>>>,
}

/// How an answer comes in.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Way {
    /// At its beginning both sides change the protocol.
    Session,
    /// Bit by bit, for as long as somebody reads.
    Stream,
    /// At once.
    Whole,
}

impl Way {
    fn of(request: &Request<Body>) -> Self {
        let has = |text: &str| request.uri().query().is_some_and(|query| query.split('&').any(|part| part == text));
        if request.headers().contains_key(http::header::UPGRADE) {
            Self::Session
        } else if has("watch=true") || has("follow=true") {
            Self::Stream
        } else {
            Self::Whole
        }
    }
}

impl Line {
    async fn send(&self, mut request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let (way, began) = (Way::of(&request), Instant::now());
        let mut pause = FIRST_PAUSE;
        loop {
            let again = copy(&request);
            let asked = Instant::now();
            let wait = match self.attempt(request, way).await {
                Ok((response, busy)) => {
                    self.heard();
                    match busy.filter(|_| again.is_some()) {
                        Some(wait) if began.elapsed() + wait.max(pause) < BUSY => wait,
                        _ => return Ok(response),
                    }
                }
                Err(error) => {
                    let lasting = self.silent(asked).elapsed();
                    if lasting >= OUTAGE {
                        return Err(Silence { lasting, why: told(&error) }.into());
                    }
                    if again.is_none() || (way == Way::Session && !never_sent(&error)) {
                        return Err(error.into());
                    }
                    Duration::ZERO
                }
            };
            tokio::time::sleep(pause.max(wait)).await;
            pause = LONGEST_PAUSE.min(pause * 2);
            request = again.expect("without a copy there is no other attempt");
        }
    }

    /// Asks once. Answers what came back and, if the cluster says that it is busy, how long it wants to be left alone.
    async fn attempt(
        &self,
        request: Request<Body>,
        way: Way,
    ) -> Result<(Response<Body>, Option<Duration>), kube::Error> {
        let asked = async {
            let response = self.inner.send(request).await?;
            let busy = matches!(
                response.status(),
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
            );
            let wait = busy.then(|| retry_after(response.headers()));
            if way != Way::Whole {
                return Ok((response, wait));
            }
            // Read to its end here, so that an answer that breaks off is asked for again.
            let (head, body) = response.into_parts();
            let bytes = body.collect_bytes().await?;
            let passing = will_pass(head.status, &bytes).then_some(Duration::ZERO);
            Ok((Response::from_parts(head, Body::from(bytes)), wait.or(passing)))
        };
        if way == Way::Stream {
            // Its first byte may be the first news, whenever that comes.
            return asked.await;
        }
        let within = if self.is_silent() { ANSWER_AFTER_SILENCE } else { ANSWER };
        let late = |_| kube::Error::Service(format!("it does not answer within {} s", within.as_secs()).into());
        tokio::time::timeout(within, asked).await.map_err(late)?
    }

    fn heard(&self) {
        *self.silent_since.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Notes that a request of `asked` was not answered; answers since when none was.
    fn silent(&self, asked: Instant) -> Instant {
        *self.silent_since.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(asked)
    }

    fn is_silent(&self) -> bool {
        self.silent_since.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

fn copy(request: &Request<Body>) -> Option<Request<Body>> {
    let mut copy = Request::new(request.body().try_clone()?);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    *copy.extensions_mut() = request.extensions().clone();
    Some(copy)
}

/// Whether a request failed before anything of it was sent.
fn never_sent(error: &kube::Error) -> bool {
    let kube::Error::Service(cause) = error else { return false };
    cause.downcast_ref::<hyper_util::client::legacy::Error>().is_some_and(hyper_util::client::legacy::Error::is_connect)
}

/// How long the server asks us to wait. Unit: whole seconds; a date is as good as none.
fn retry_after(headers: &HeaderMap) -> Duration {
    let seconds = headers.get(http::header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(0))
}

fn will_pass(status: StatusCode, answer: &Bytes) -> bool {
    let mut passing = PASSING.iter().filter(|(code, _)| *code == status.as_u16()).map(|(_, text)| text).peekable();
    passing.peek().is_some() && {
        let answer = String::from_utf8_lossy(answer);
        passing.any(|text| answer.contains(text))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use http_body_util::Full;
    use k8s_openapi::api::core::v1::Namespace;
    use kube::Api;

    use super::*;

    /// What a cluster does with one request.
    enum Turn {
        Answer(u16, serde_json::Value),
        Fail,
        Hang,
    }

    /// A client of a cluster without a socket that does these things in turn, and then fails for ever.
    fn cluster(turns: Vec<Turn>) -> kube::Client {
        let turns = Arc::new(Mutex::new(VecDeque::from(turns)));
        let api = tower::service_fn(move |_: Request<Body>| {
            let turn = turns.lock().unwrap().pop_front().unwrap_or(Turn::Fail);
            async move {
                match turn {
                    Turn::Answer(status, body) => {
                        let body = Full::new(Bytes::from(body.to_string()));
                        Ok(Response::builder().status(status).body(body).unwrap())
                    }
                    Turn::Fail => Err(BoxError::from("Connection refused")),
                    Turn::Hang => std::future::pending().await,
                }
            }
        });
        steady(kube::Client::new(api, "default"))
    }

    fn foo() -> Turn {
        Turn::Answer(200, serde_json::json!({"metadata": {"name": "foo"}}))
    }

    fn refusal(code: u16, message: &str) -> Turn {
        Turn::Answer(code, serde_json::json!({"kind": "Status", "status": "Failure", "code": code, "message": message}))
    }

    async fn ask(turns: Vec<Turn>) -> (Result<Namespace, kube::Error>, Duration) {
        let began = Instant::now();
        let answer = Api::<Namespace>::all(cluster(turns)).get("foo").await;
        (answer, began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn what_passes_is_waited_for() {
        let passing = vec![
            Turn::Fail,
            Turn::Fail,
            refusal(503, "the server is currently unable"),
            refusal(429, "too many requests"),
            refusal(500, "etcdserver: leader changed"),
            refusal(500, "Internal error occurred: failed calling webhook \"x\": connection refused"),
            refusal(403, "pods \"x\" is forbidden: error looking up service account foo/default: not found"),
            refusal(500, "No API token found for service account \"default\", retry after the token is created"),
            foo(),
        ];
        let (answer, took) = ask(passing).await;
        assert_eq!(answer.unwrap().metadata.name.as_deref(), Some("foo"));
        assert!(took < Duration::from_secs(5), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_an_answer() {
        for code in [403, 404, 409, 422, 500] {
            let (answer, took) = ask(vec![refusal(code, "no"), foo()]).await;
            assert_eq!((super::super::error::status(&answer.unwrap_err()), took), (Some(code), Duration::ZERO));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_cluster_that_stays_busy_has_the_last_word() {
        let (answer, took) = ask((0..100).map(|_| refusal(503, "not now")).collect()).await;
        assert_eq!(told(&answer.unwrap_err()), "not now");
        assert!(took < BUSY, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn silence_has_an_end() {
        let (answer, took) = ask(vec![]).await;
        insta::assert_snapshot!(silence(&answer.unwrap_err()).unwrap(), @"no answer for 30 s (Connection refused)");
        assert!(took < OUTAGE + LONGEST_PAUSE, "{took:?}");
        let (answer, took) = ask(vec![Turn::Hang]).await;
        assert!(silence(&answer.unwrap_err()).is_some());
        assert_eq!(took, ANSWER);
    }

    #[tokio::test(start_paused = true)]
    async fn after_long_silence_each_question_is_asked_once_until_one_is_answered() {
        let api =
            Api::<Namespace>::all(cluster((0..40).map(|_| Turn::Fail).chain([foo(), Turn::Fail, foo()]).collect()));
        let mut silent = 0;
        while api.get("foo").await.is_err() {
            silent += 1;
        }
        assert!((2..12).contains(&silent), "{silent}");
        assert!(api.get("foo").await.is_ok(), "patient again");
    }
}
