//! Somebody outside of the cluster, with curl.

use serde_json::Value;

use crate::support::World;

/// What somebody outside sees.
#[derive(Debug)]
pub struct Seen {
    /// curl's exit code.
    pub exit: i32,
    pub status: u16,
    /// Where a redirect leads.
    pub location: String,
    pub body: String,
}

impl Seen {
    /// What httpbin says it was asked.
    pub fn asked(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// Which server answered, by its account.
    pub fn server(&self) -> String {
        let asked = self.asked();
        let by = asked["headers"]["X-Forwarded-Client-Cert"][0].as_str().unwrap_or_default();
        by.split(';').next().unwrap_or_default().rsplit('/').next().unwrap_or_default().to_owned()
    }

    /// Whether the connection was refused, or ended without a word: which of both, load balancers see differently.
    pub fn is_cut_off(&self) -> bool {
        [7, 35, 52, 56].contains(&self.exit)
    }

    /// The answer in a few words: which server, or else what.
    pub fn short(&self) -> String {
        match (self.exit, self.status) {
            (0, 200) => self.server(),
            (0, status) if !self.location.is_empty() => format!("{status} {}", self.location),
            (0, status) => status.to_string(),
            (exit, _) => format!("exit {exit}"),
        }
    }
}

/// Asks the gateway at `port` of its Service for `url`, whose host need not exist anywhere.
pub async fn ask(world: &World, port: u16, url: &str, more: &[&str]) -> Seen {
    let edge = world.cluster.edge("istio-system", "istio-ingressgateway", &World::patience()).await.unwrap();
    let address = edge.address(port).unwrap();
    let (scheme, rest) = url.split_once("://").unwrap();
    let (host, path) = rest.split_once('/').map_or((rest, String::new()), |(host, path)| (host, format!("/{path}")));
    // The name is kept, for the certificate and the server name; the port is where the gateway really is.
    let resolve = format!("{host}:{}:{}", address.port, address.host);
    let url = format!("{scheme}://{host}:{}{path}", address.port);
    let host = format!("Host: {host}");
    let format = "\n%{http_code} %{redirect_url}";
    let mut arguments = vec!["workload", "curl", "-sS", "-m", "20", "--resolve", &resolve, "-H", &host, "-w", format];
    arguments.extend(more);
    arguments.push(&url);
    let ran = world.labctl(&arguments).await;
    let (body, told) = ran.stdout.rsplit_once('\n').unwrap();
    let (status, location) = told.split_once(' ').unwrap();
    Seen { exit: ran.code, status: status.parse().unwrap(), location: location.to_owned(), body: body.to_owned() }
}
