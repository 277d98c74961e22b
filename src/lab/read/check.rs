//! Reads what must be seen in a cluster.

use crate::lab::{
    check::{Check, Count, CurlShows, Http, Logs, Matrix, Ready, Resource, Row, Which},
    fields::{Fields, collect, list, mapping, number, text},
    model::WorkloadName,
    position::{Located, Span},
    problem::ProblemKind,
    read::{Reader, assertion::About},
    yaml::Node,
};
use crate::probe::verdict::Expected;

const CHECKS: &[&str] =
    &["auth", "certificate", "edge", "graph", "http", "logs", "matrix", "resource", "steady", "wire"];

impl Reader<'_> {
    /// Reads `expect`, which must not be empty.
    pub fn checks(&self, node: &Node) -> Option<Vec<Located<Check>>> {
        let items = list(self.problems, "expect", node)?;
        if items.is_empty() {
            self.problems
                .add(node.at, ProblemKind::Empty("a step without checks cannot fail: `expect` has at least one"));
            return None;
        }
        collect(items.iter().map(|item| self.check(item)))
    }

    fn check(&self, node: &Node) -> Option<Located<Check>> {
        let (key, node) = self.tagged("a check", node, CHECKS)?;
        let check = match key.as_str() {
            "auth" => Check::Auth(self.auth(node, key.at)?),
            "certificate" => Check::Certificate(self.certificate(node, key.at)?),
            "edge" => Check::Edge(Box::new(self.edge(node, key.at)?)),
            "graph" => Check::Graph(self.graph(node, key.at)?),
            "http" => Check::Http(Box::new(self.http(node, key.at)?)),
            "logs" => Check::Logs(self.logs(node, key.at)?),
            "matrix" => Check::Matrix(self.matrix(node, key.at)?),
            "resource" => Check::Resource(self.resource(node, key.at)?),
            "steady" => Check::Steady(Box::new(self.steady(node, key.at)?)),
            _ => Check::Wire(Box::new(self.wire(node, key.at)?)),
        };
        Some(Located { value: check, at: key.at })
    }

    fn matrix(&self, node: &Node, key: Span) -> Option<Matrix> {
        let mut fields = Fields::open(self.problems, "a matrix", node)?.under(key);
        let title = fields.line("title", "one line for people");
        let path = fields.optional_text("path");
        let to = fields.required("to", "[server, ...]").and_then(|node| self.columns(node));
        let from = fields.required("from", "{caller: [verdict, ...]}");
        let shows = fields.optional("shows");
        fields.finish();
        let path = self.path(path?);
        let to = to?;
        let rows = from.and_then(|node| self.rows(node, &to));
        let (title, path, rows) = (title?.value, path?, rows?);
        let shows = shows.map_or(Some(Vec::new()), |node| self.shown(node, &rows))?;
        Some(Matrix { title, path, to, rows, shows })
    }

    fn columns(&self, node: &Node) -> Option<Vec<Located<WorkloadName>>> {
        let items = list(self.problems, "to", node)?;
        if items.is_empty() {
            self.problems.add(node.at, ProblemKind::Empty("`to` names at least one server"));
            return None;
        }
        let columns: Vec<Located<WorkloadName>> = collect(items.iter().map(|item| self.server("to", item)))?;
        for (index, column) in columns.iter().enumerate() {
            if let Some(first) = columns[..index].iter().find(|earlier| earlier.value == column.value) {
                let name = column.value.to_string();
                self.problems.add(column.at, ProblemKind::Duplicate { what: "the column", name, first: first.at });
            }
        }
        Some(columns)
    }

    /// A participant that others can reach.
    pub(super) fn server(&self, key: &str, node: &Node) -> Option<Located<WorkloadName>> {
        let name = self.workload(key, node)?;
        if self.workloads[&name.value].service.is_none() {
            let hint = Some("add `host` and `port` where it is declared".to_owned());
            self.problems.invalid(name.at, format!("`{}` cannot be asked: it has no `host`", name.value), hint);
            return None;
        }
        Some(name)
    }

    fn rows(&self, node: &Node, to: &[Located<WorkloadName>]) -> Option<Vec<Row>> {
        let entries = mapping(self.problems, "from", node)?;
        if entries.is_empty() {
            self.problems.add(node.at, ProblemKind::Empty("`from` has at least one row"));
            return None;
        }
        collect(entries.iter().map(|(name, cells)| self.row(name, cells, to)))
    }

    fn row(&self, name: &Located<String>, node: &Node, to: &[Located<WorkloadName>]) -> Option<Row> {
        let from = self.workload_named(name.clone());
        let items = list(self.problems, name, node)?;
        let cells: Option<Vec<Located<Expected>>> =
            collect(items.iter().map(|item| self.expected(&text(self.problems, name, item)?)));
        if items.len() != to.len() {
            let columns: Vec<String> = to.iter().map(|column| column.value.to_string()).collect();
            let message =
                format!("the row has {}, the matrix has {}", count(items.len(), "cell"), count(to.len(), "column"));
            self.problems.invalid(node.at, message, Some(format!("the columns are: {}", columns.join(", "))));
            return None;
        }
        Some(Row { from: from?, cells: cells? })
    }

    /// `shows`, of which each verdict must occur in the matrix.
    fn shown(&self, node: &Node, rows: &[Row]) -> Option<Vec<(Located<Expected>, CurlShows)>> {
        let entries = mapping(self.problems, "shows", node)?;
        collect(entries.iter().map(|(verdict, node)| {
            let expected = self.expected(verdict)?;
            if !rows.iter().any(|row| row.cells.iter().any(|cell| cell.value == expected.value)) {
                let message = format!("no cell of the matrix is `{}`", verdict.value);
                self.problems.invalid(verdict.at, message, None);
                return None;
            }
            let mut fields = Fields::open(self.problems, "what curl shows", node)?.under(verdict.at);
            let shows = self.curl_shows(&mut fields);
            fields.finish();
            Some((expected, shows?))
        }))
    }

    /// `exit`, `status` and `message`.
    pub(super) fn curl_shows(&self, fields: &mut Fields<'_>) -> Option<CurlShows> {
        let exit = fields.optional("exit").map(|node| number(self.problems, "exit", node, 0..=255));
        let status = fields.optional("status").map(|node| number(self.problems, "status", node, 0..=599));
        let message = fields.optional_text("message");
        let narrow = |found: Option<Located<u32>>| found.and_then(|found| u16::try_from(found.value).ok());
        let exit = exit.map_or(Some(None), |exit| narrow(exit).and_then(|exit| u8::try_from(exit).ok()).map(Some))?;
        let status = status.map_or(Some(None), |status| narrow(status).map(Some))?;
        Some(CurlShows { exit, status, message: message?.map(|message| message.value) })
    }

    pub(super) fn path(&self, path: Option<Located<String>>) -> Option<String> {
        match path {
            None => Some("/".to_owned()),
            Some(path) if path.starts_with('/') => Some(path.value),
            Some(path) => {
                self.problems.invalid(path.at, "`path` begins with `/`", None);
                None
            }
        }
    }

    fn http(&self, node: &Node, key: Span) -> Option<Http> {
        let mut fields = Fields::open(self.problems, "an http check", node)?.under(key);
        let title = fields.line("title", "one line for people");
        let request = self.request(&mut fields);
        let verdict = fields.optional_text("verdict");
        let control = fields.optional("control").map(|node| self.workload("control", node));
        let shows = self.curl_shows(&mut fields);
        let response = self.header_assertions(&mut fields, "response");
        let body = self.assertions(&mut fields, "body", About::Text);
        fields.finish();
        let verdict = verdict?.map_or(Some(None), |verdict| self.expected(&verdict).map(Some))?;
        let (title, request, shows, response, body) = (title?.value, request?, shows?, response?, body?);
        let control = control.map_or(Some(None), |control| control.map(Some))?;
        let silent = verdict.is_none() && shows.is_empty() && response.is_empty() && body.is_empty();
        self.says_something(key, silent)?;
        self.is_controlled(verdict.as_ref(), control.as_ref())?;
        Some(Http { title, verdict, control, shows, response, body, ..request })
    }

    /// Who asks whom for what, with nothing expected of it.
    pub(super) fn request(&self, fields: &mut Fields<'_>) -> Option<Http> {
        let target = self.target(fields);
        self.asking(fields, target)
    }

    /// The same, where it is known who is asked, and by which URL.
    pub(super) fn asking(
        &self,
        fields: &mut Fields<'_>,
        target: Option<(Option<Located<WorkloadName>>, String)>,
    ) -> Option<Http> {
        let from = fields.required("from", "who asks").and_then(|node| self.workload("from", node));
        let container = fields.optional_text("container");
        let method = fields.optional_text("method");
        let headers = fields.texts_by_name("headers");
        let data = fields.optional_text("data");
        let ((to, url), from) = (target?, from?);
        let own = || self.workloads[&from.value].container.clone();
        let container = container?.map_or_else(own, |container| container.value);
        Some(Http {
            title: String::new(),
            from,
            container,
            to,
            url,
            method: method?.map_or_else(|| "GET".to_owned(), |method| method.value),
            headers: headers?,
            data: data?.map(|data| data.value),
            verdict: None,
            control: None,
            shows: CurlShows::default(),
            response: Vec::new(),
            body: Vec::new(),
        })
    }

    /// `to` and `path`, or `url`.
    fn target(&self, fields: &mut Fields<'_>) -> Option<(Option<Located<WorkloadName>>, String)> {
        let to = fields.optional("to").map(|node| self.server("to", node));
        let path = fields.optional_text("path");
        let url = fields.optional_text("url");
        match (to, url?) {
            (Some(to), None) => {
                let (to, path) = (to?, self.path(path?)?);
                let service = self.workloads[&to.value].service.as_ref()?;
                Some((Some(to), format!("http://{service}{path}")))
            }
            (None, Some(url)) => match path? {
                None => Some((None, url.value)),
                Some(path) => {
                    let hint = Some("write it at the end of the `url`".to_owned());
                    self.problems.invalid(path.at, "`path` goes with `to`", hint);
                    None
                }
            },
            (Some(to), Some(url)) => {
                let hint = Some("`to` and `path` for a workload of the lab, `url` for anything else".to_owned());
                let message = format!("{} has `to` or `url`, not both", fields.what());
                self.problems.invalid(url.at, message, hint);
                to.map(|to| (Some(to), url.value))
            }
            (None, None) => {
                let hint = Some("`to` and `path` for a workload of the lab, `url` for anything else".to_owned());
                self.problems.invalid(fields.at(), format!("{} needs `to` or `url`", fields.what()), hint);
                None
            }
        }
    }

    /// A check that expects nothing would always pass.
    pub(super) fn says_something(&self, key: Span, silent: bool) -> Option<()> {
        if silent {
            let hint = Some("add `verdict`, `status`, `exit`, `message`, `response` or `body`".to_owned());
            self.problems.add(key, ProblemKind::Vacuous { message: "the check expects nothing".to_owned(), hint });
            return None;
        }
        Some(())
    }

    /// A blocked check without a control would pass while the server is down.
    fn is_controlled(
        &self,
        verdict: Option<&Located<Expected>>,
        control: Option<&Located<WorkloadName>>,
    ) -> Option<()> {
        if let (Some(verdict), None) = (verdict.filter(|verdict| !verdict.answered()), control) {
            let message = format!("`{}` needs a control: a workload whose same request is answered", verdict.value);
            let hint = "add `control: ...`; without it a crashed server would pass for a blocked one";
            self.problems.add(verdict.at, ProblemKind::Vacuous { message, hint: Some(hint.to_owned()) });
            return None;
        }
        Some(())
    }

    fn logs(&self, node: &Node, key: Span) -> Option<Logs> {
        let mut fields = Fields::open(self.problems, "a logs check", node)?.under(key);
        let title = fields.line("title", "one line for people");
        let workload = fields.required("workload", "whose log").and_then(|node| self.workload("workload", node));
        let container = fields.optional_text("container");
        fields.required("line", "what holds for a line of the log");
        let line = self.assertions(&mut fields, "line", About::Text);
        fields.finish();
        let workload = workload?;
        let own = || self.workloads[&workload.value].container.clone();
        let container = container?.map_or_else(own, |container| container.value);
        Some(Logs { title: title?.value, workload, container, line: line.filter(|line| !line.is_empty())? })
    }

    fn resource(&self, node: &Node, key: Span) -> Option<Resource> {
        let mut fields = Fields::open(self.problems, "a resource check", node)?.under(key);
        let title = fields.line("title", "one line for people");
        let kind = self.kind(&mut fields);
        let namespace = fields.optional_text("namespace");
        let name = fields.optional_text("name");
        let name = name.and_then(|name| name.map_or(Some(None), |name| self.object_name(name).map(Some)));
        let labels = fields.texts_by_name("selector");
        let (absent, count) = (fields.flag("absent"), fields.optional("count"));
        let ready = fields.optional_text("ready");
        let assertions = self.assertions(&mut fields, "fields", About::Document);
        let namespace = kind.as_ref().zip(namespace).and_then(|(kind, given)| self.namespace(&fields, kind, given));
        fields.finish();
        let which = self.which(key, name?, labels?)?;
        let (ready, assertions) = (self.ready(ready?)?, assertions?);
        let count = self.count(key, absent?, count, ready.is_some() || !assertions.is_empty())?;
        let (title, kind, namespace) = (title?.value, kind?, namespace?);
        let (api_version, kind) = (kind.api_version, kind.kind);
        Some(Resource { title, api_version, kind, namespace, which, count, ready, fields: assertions })
    }

    fn which(
        &self,
        key: Span,
        name: Option<Located<String>>,
        labels: std::collections::BTreeMap<String, String>,
    ) -> Option<Which> {
        match (name, labels.is_empty()) {
            (None, true) => Some(Which::All),
            (None, false) => Some(Which::Selected(labels)),
            (Some(name), true) => Some(Which::Named(name.value)),
            (Some(_), false) => {
                self.problems.invalid(key, "a resource check has a `name` or a `selector`, not both", None);
                None
            }
        }
    }

    fn count(&self, key: Span, absent: bool, count: Option<&Node>, described: bool) -> Option<Count> {
        match (absent, count) {
            (true, Some(_)) => {
                self.problems.invalid(key, "`absent` and `count` cannot both be there", None);
                None
            }
            (true, None) if described => {
                self.problems.invalid(
                    key,
                    "what is absent has no fields",
                    Some("remove `ready` and `fields`".to_owned()),
                );
                None
            }
            (true, None) => Some(Count::Exactly(0)),
            (false, Some(node)) => {
                let count = number(self.problems, "count", node, 0..=10_000)?;
                usize::try_from(count.value).ok().map(Count::Exactly)
            }
            (false, None) => Some(Count::Any),
        }
    }

    fn ready(&self, ready: Option<Located<String>>) -> Option<Option<Ready>> {
        let Some(text) = ready else { return Some(None) };
        let numbers = text.split_once('/').and_then(|(ready, all)| Some((ready.parse().ok()?, all.parse().ok()?)));
        match numbers {
            Some((ready, all)) if ready <= all => Some(Some(Ready { ready, all })),
            _ => {
                let hint = Some("as kubectl's READY column shows it: `2/2`".to_owned());
                self.problems.invalid(text.at, format!("`{}` is not a number of ready containers", text.value), hint);
                None
            }
        }
    }
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
