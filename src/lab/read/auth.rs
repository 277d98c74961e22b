//! Reads what proxies must accept, and how they must call others.

use crate::{
    lab::{
        check::auth::{Auth, Calls, Listens},
        fields::{Fields, collect, mapping, text},
        model::Endpoint,
        position::{Located, Span},
        problem::suggestion,
        read::Reader,
        yaml::Node,
    },
    mesh::{mode::Mode, resources::ClientTlsMode},
};

/// The key for all ports that nobody names.
const OTHERS: &str = "others";
/// The word for a port that the proxy does not take.
const BYPASSED: &str = "bypassed";
const MODES: [Mode; 3] = [Mode::Disable, Mode::Permissive, Mode::Strict];
const CLIENT_MODES: [ClientTlsMode; 4] =
    [ClientTlsMode::Disable, ClientTlsMode::IstioMutual, ClientTlsMode::Mutual, ClientTlsMode::Simple];

impl Reader<'_> {
    pub(super) fn auth(&self, node: &Node, key: Span) -> Option<Auth> {
        let mut fields = Fields::open(self.problems, "an auth check", node)?.under(key);
        let title = fields.line("title", "one line for people");
        let of = fields.required("of", "whose proxies").and_then(|node| self.workload("of", node));
        let listeners = fields.optional("listeners");
        let outbound = fields.optional("outbound");
        fields.finish();
        if listeners.or(outbound).is_none() {
            let hint =
                Some("add `listeners: {8080: STRICT}` or `outbound: {httpbin.foo:8000: ISTIO_MUTUAL}`".to_owned());
            self.problems.invalid(key, "the check expects nothing", hint);
            return None;
        }
        let listeners = listeners.map_or(Some(Vec::new()), |node| {
            collect(mapping(self.problems, "listeners", node)?.iter().map(|(port, mode)| self.listens(port, mode)))
        });
        let outbound = outbound.map_or(Some(Vec::new()), |node| {
            collect(mapping(self.problems, "outbound", node)?.iter().map(|(to, mode)| self.calls(to, mode)))
        });
        Some(Auth { title: title?.value, of: of?, listeners: listeners?, outbound: outbound? })
    }

    fn listens(&self, port: &Located<String>, mode: &Node) -> Option<Listens> {
        let mode = text(self.problems, port, mode)?;
        let mode = if mode.value == BYPASSED { None } else { Some(self.mode(&mode, &MODES, BYPASSED)?) };
        if port.value == OTHERS {
            return Some(Listens { port: None, mode });
        }
        let number = port.parse().ok().filter(|number| *number > 0);
        if number.is_none() {
            let hint = Some(format!("a number such as 8080, or `{OTHERS}` for all that nobody names"));
            self.problems.invalid(port.at, format!("`{}` is not a port", port.value), hint);
        }
        number.map(|number| Listens { port: Some(number), mode })
    }

    fn calls(&self, to: &Located<String>, mode: &Node) -> Option<Calls> {
        let mode = text(self.problems, to, mode)?;
        let mode = self.mode(&mode, &CLIENT_MODES, "");
        let parts = to.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let Some((host, port)) = parts.filter(|(host, port)| !host.is_empty() && *port > 0) else {
            let hint = Some("as in `httpbin.foo:8000`".to_owned());
            self.problems.invalid(to.at, format!("`{}` is not a Service and its port", to.value), hint);
            return None;
        };
        Some(Calls { to: Endpoint { host: host.to_owned(), port }, mode: mode? })
    }

    /// One of the modes; `beside` is what else could stand there.
    fn mode<M: Copy + ToString>(&self, written: &Located<String>, modes: &[M], beside: &str) -> Option<M> {
        let words: Vec<String> = modes.iter().map(ToString::to_string).collect();
        let found = words.iter().position(|word| *word == written.value);
        if found.is_none() {
            let known: Vec<&str> =
                words.iter().map(String::as_str).chain([beside]).filter(|word| !word.is_empty()).collect();
            let hint = suggestion(written, &known).unwrap_or_else(|| format!("there are: {}", known.join(", ")));
            self.problems.invalid(written.at, format!("`{}` is not a mode", written.value), Some(hint));
        }
        found.map(|place| modes[place])
    }
}
