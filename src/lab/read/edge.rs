//! Reads what must be seen from outside of the cluster.

use crate::{
    lab::{
        check::{
            CurlShows,
            edge::{Control, Edge},
        },
        fields::Fields,
        outside::Outside,
        position::{Located, Span},
        read::{Reader, assertion::About},
        yaml::Node,
    },
    probe::verdict::{Expected, Verdict},
};

impl Reader<'_> {
    pub(super) fn edge(&self, node: &Node, key: Span) -> Option<Edge> {
        let mut fields = Fields::open(self.problems, "an edge check", node)?.under(key);
        let title = fields.line("title", "one line for people");
        let request = self.outside(&mut fields);
        let verdict = fields.optional_text("verdict");
        let control = fields.optional("control");
        let shows = self.curl_shows(&mut fields);
        let response = self.header_assertions(&mut fields, "response");
        let body = self.assertions(&mut fields, "body", About::Text);
        fields.finish();
        let verdict = verdict?.map_or(Some(None), |verdict| self.seen_from_outside(&verdict).map(Some));
        let (title, request, verdict) = (title?.value, request?, verdict?);
        let control = control.map_or(Some(None), |node| self.control(node, &request).map(Some));
        let (shows, response, body, control) = (shows?, response?, body?, control?);
        let silent = verdict.is_none() && shows.is_empty() && response.is_empty() && body.is_empty();
        self.says_something(key, silent)?;
        if control.is_none() {
            self.is_not_blocked(key, verdict.as_ref(), &shows)?;
        }
        Some(Edge { title, request, verdict, control, shows, response, body })
    }

    /// A verdict; outside there is no workload that `mtls` could mean.
    fn seen_from_outside(&self, text: &Located<String>) -> Option<Located<Verdict>> {
        let expected = self.expected(text)?;
        match expected.value {
            Expected::Exactly(value) => Some(Located { value, at: expected.at }),
            Expected::Mtls => {
                let hint = Some("write `tls-only`, or `mtls(<spiffe id>)`".to_owned());
                self.problems.invalid(text.at, "nobody outside is a workload that `mtls` could mean", hint);
                None
            }
        }
    }

    /// The request that must be answered meanwhile: the same one of a workload, or one with something else in it.
    fn control(&self, node: &Node, request: &Outside) -> Option<Control> {
        let mut fields = Fields::open(self.problems, "a control", node)?;
        let control = match fields.optional("from") {
            Some(node) => self.inside(node, request),
            None => self.changed(&mut fields, request).map(|changed| Control::Outside(Box::new(changed))),
        };
        fields.finish();
        control
    }

    fn inside(&self, node: &Node, request: &Outside) -> Option<Control> {
        let from = self.workload("from", node)?;
        if request.target.is_https() {
            let message = "a workload asks without TLS, and this request is made with it";
            let hint = Some("change something in the request instead, such as `cacert` or `cert`".to_owned());
            self.problems.invalid(from.at, message, hint);
            return None;
        }
        Some(Control::Inside(from))
    }

    /// Without a control a crashed server would pass for a blocked one, whichever way the check says it.
    fn is_not_blocked(&self, key: Span, verdict: Option<&Located<Verdict>>, shows: &CurlShows) -> Option<()> {
        let (at, what) = match (verdict.filter(|verdict| !verdict.answered()), shows.exit) {
            (Some(verdict), _) => (verdict.at, verdict.value.to_string()),
            (None, Some(exit)) if exit != 0 => (key, format!("exit: {exit}")),
            _ => return Some(()),
        };
        let hint = "add `control: {from: ...}`, a workload that asks the same, or what must change in the request";
        self.problems.invalid(
            at,
            format!("`{what}` needs a control: a request that is answered"),
            Some(hint.to_owned()),
        );
        None
    }
}
