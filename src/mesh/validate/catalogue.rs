//! The fields of every kind: those that have an effect here, and those that Istio knows besides.
//!
//! Source: Istio's reference of its API, `networking.istio.io/v1`, `security.istio.io/v1` and, for the old API,
//! `authentication.istio.io/v1alpha1`.

use super::schema::{Field, Shape, known, used};
use crate::mesh::resources::Kind;

/// The shape of a kind's spec.
pub(crate) fn spec(kind: Kind) -> Shape {
    Shape::Object(match kind {
        Kind::DestinationRule => DESTINATION_RULE,
        Kind::Gateway => GATEWAY,
        Kind::MeshPolicy | Kind::Policy => POLICY,
        Kind::PeerAuthentication => PEER_AUTHENTICATION,
        Kind::VirtualService => VIRTUAL_SERVICE,
    })
}

const TEXTS: Shape = Shape::List(&Shape::Text);
const SELECTOR: Shape = Shape::Object(&[used("matchLabels", Shape::Labels)]);

const PEER_AUTHENTICATION: &[Field] =
    &[used("mtls", MUTUAL_TLS), used("portLevelMtls", Shape::Ports(&MUTUAL_TLS)), used("selector", SELECTOR)];
const MUTUAL_TLS: Shape = Shape::Object(&[used("mode", Shape::Enum(&["UNSET", "DISABLE", "PERMISSIVE", "STRICT"]))]);

const DESTINATION_RULE: &[Field] = &[
    used("exportTo", TEXTS),
    used("host", Shape::Text),
    used("subsets", Shape::List(&Shape::Object(SUBSET))),
    used("trafficPolicy", Shape::Object(TRAFFIC_POLICY)),
    used("workloadSelector", SELECTOR),
];
const SUBSET: &[Field] =
    &[used("labels", Shape::Labels), used("name", Shape::Text), used("trafficPolicy", Shape::Object(TRAFFIC_POLICY))];
const TRAFFIC_POLICY: &[Field] = &[
    known("connectionPool"),
    used("loadBalancer", LOAD_BALANCER),
    known("outlierDetection"),
    used("portLevelSettings", Shape::List(&Shape::Object(PORT_SETTINGS))),
    known("proxyProtocol"),
    known("retryBudget"),
    used("tls", CLIENT_TLS),
    known("tunnel"),
];
const PORT_SETTINGS: &[Field] = &[
    known("connectionPool"),
    used("loadBalancer", LOAD_BALANCER),
    known("outlierDetection"),
    used("port", Shape::Object(&[used("number", Shape::Integer)])),
    used("tls", CLIENT_TLS),
];
const LOAD_BALANCER: Shape = Shape::Object(&[
    known("consistentHash"),
    known("localityLbSetting"),
    used(
        "simple",
        Shape::Enum(&["UNSPECIFIED", "LEAST_CONN", "RANDOM", "PASSTHROUGH", "ROUND_ROBIN", "LEAST_REQUEST"]),
    ),
    known("warmup"),
    known("warmupDurationSecs"),
]);
const CLIENT_TLS: Shape = Shape::Object(&[
    used("caCertificates", Shape::Text),
    known("caCrl"),
    used("clientCertificate", Shape::Text),
    used("credentialName", Shape::Text),
    used("insecureSkipVerify", Shape::Bool),
    used("mode", Shape::Enum(&["DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"])),
    used("privateKey", Shape::Text),
    used("sni", Shape::Text),
    used("subjectAltNames", TEXTS),
]);

const GATEWAY: &[Field] =
    &[used("selector", Shape::Labels), used("servers", Shape::List(&Shape::Object(GATEWAY_SERVER)))];
const GATEWAY_SERVER: &[Field] = &[
    known("bind"),
    known("defaultEndpoint"),
    used("hosts", TEXTS),
    known("name"),
    used("port", Shape::Object(GATEWAY_PORT)),
    used("tls", SERVER_TLS),
];
const GATEWAY_PORT: &[Field] =
    &[used("name", Shape::Text), used("number", Shape::Integer), used("protocol", Shape::Text), known("targetPort")];
const SERVER_TLS: Shape = Shape::Object(&[
    used("caCertificates", Shape::Text),
    known("caCertCredentialName"),
    known("caCrl"),
    known("cipherSuites"),
    used("credentialName", Shape::Text),
    known("credentialNames"),
    used("httpsRedirect", Shape::Bool),
    known("maxProtocolVersion"),
    known("minProtocolVersion"),
    used(
        "mode",
        Shape::Enum(&["PASSTHROUGH", "SIMPLE", "MUTUAL", "AUTO_PASSTHROUGH", "ISTIO_MUTUAL", "OPTIONAL_MUTUAL"]),
    ),
    used("privateKey", Shape::Text),
    used("serverCertificate", Shape::Text),
    used("subjectAltNames", TEXTS),
    known("tlsCertificates"),
    known("verifyCertificateHash"),
    known("verifyCertificateSpki"),
]);

const VIRTUAL_SERVICE: &[Field] = &[
    used("exportTo", TEXTS),
    used("gateways", TEXTS),
    used("hosts", TEXTS),
    used("http", Shape::List(&Shape::Object(HTTP_ROUTE))),
    known("tcp"),
    used("tls", Shape::List(&Shape::Object(TLS_ROUTE))),
];
const HTTP_ROUTE: &[Field] = &[
    known("corsPolicy"),
    known("delegate"),
    known("directResponse"),
    known("fault"),
    known("headers"),
    used("match", Shape::List(&Shape::Object(HTTP_MATCH))),
    known("mirror"),
    known("mirrorPercent"),
    known("mirrorPercentage"),
    known("mirror_percent"),
    known("mirrors"),
    known("name"),
    used("redirect", Shape::Object(REDIRECT)),
    used("retries", Shape::Object(RETRIES)),
    used("rewrite", Shape::Object(REWRITE)),
    used("route", Shape::List(&Shape::Object(ROUTE_DESTINATION))),
    used("timeout", Shape::Text),
];
const HTTP_MATCH: &[Field] = &[
    used("authority", STRING_MATCH),
    used("gateways", TEXTS),
    used("headers", Shape::Map(&STRING_MATCH)),
    used("ignoreUriCase", Shape::Bool),
    used("method", STRING_MATCH),
    known("name"),
    used("port", Shape::Integer),
    used("queryParams", Shape::Map(&STRING_MATCH)),
    used("scheme", STRING_MATCH),
    used("sourceLabels", Shape::Labels),
    used("sourceNamespace", Shape::Text),
    known("statPrefix"),
    used("uri", STRING_MATCH),
    used("withoutHeaders", Shape::Map(&STRING_MATCH)),
];
const STRING_MATCH: Shape =
    Shape::Object(&[used("exact", Shape::Text), used("prefix", Shape::Text), used("regex", Shape::Text)]);
const REDIRECT: &[Field] = &[
    used("authority", Shape::Text),
    known("derivePort"),
    used("port", Shape::Integer),
    used("redirectCode", Shape::Integer),
    used("scheme", Shape::Text),
    used("uri", Shape::Text),
];
const RETRIES: &[Field] = &[
    used("attempts", Shape::Any),
    known("backoff"),
    used("perTryTimeout", Shape::Text),
    known("retryIgnorePreviousHosts"),
    used("retryOn", Shape::Text),
    known("retryRemoteLocalities"),
];
const REWRITE: &[Field] = &[used("authority", Shape::Text), used("uri", Shape::Text), known("uriRegexRewrite")];
const TLS_ROUTE: &[Field] = &[
    used("match", Shape::List(&Shape::Object(TLS_MATCH))),
    used("route", Shape::List(&Shape::Object(ROUTE_DESTINATION))),
];
const TLS_MATCH: &[Field] = &[
    known("destinationSubnets"),
    known("gateways"),
    used("port", Shape::Integer),
    used("sniHosts", TEXTS),
    known("sourceLabels"),
    known("sourceNamespace"),
];
const ROUTE_DESTINATION: &[Field] =
    &[used("destination", Shape::Object(DESTINATION)), known("headers"), used("weight", Shape::Any)];
const DESTINATION: &[Field] = &[
    used("host", Shape::Text),
    used("port", Shape::Object(&[used("number", Shape::Integer)])),
    used("subset", Shape::Text),
];

const POLICY: &[Field] = &[
    known("originIsOptional"),
    known("origins"),
    known("peerIsOptional"),
    used("peers", Shape::List(&Shape::Object(PEER))),
    known("principalBinding"),
    used("targets", Shape::List(&Shape::Object(TARGET))),
];
const PEER: &[Field] = &[
    known("jwt"),
    used("mtls", Shape::Object(&[known("allowTls"), used("mode", Shape::Enum(&["STRICT", "PERMISSIVE"]))])),
];
const TARGET: &[Field] = &[
    known("labels"),
    used("name", Shape::Text),
    used("ports", Shape::List(&Shape::Object(&[used("name", Shape::Text), used("number", Shape::Integer)]))),
    known("subset"),
];
