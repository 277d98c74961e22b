//! Reads what must be seen on the wire.

use crate::{
    lab::{
        check::{Http, wire::Wire},
        fields::Fields,
        position::{Located, Span},
        problem::ProblemKind,
        read::Reader,
        yaml::Node,
    },
    wire::conversation::Kind,
};

impl Reader<'_> {
    pub(super) fn wire(&self, node: &Node, key: Span) -> Option<Wire> {
        let mut fields = Fields::open(self.problems, "a wire check", node)?.under(key);
        let title = fields.line("title", "one line for people");
        let request = self.wire_request(&mut fields);
        let travels = fields.text("travels", "`tls` or `text`");
        let sni = fields.optional_text("sni");
        let (readable, hidden) = (self.strings(&mut fields, "readable"), self.strings(&mut fields, "hidden"));
        fields.finish();
        let travels = self.kind_of_bytes(&travels?)?;
        let sni = sni?.map(|sni| (sni.at, sni.value));
        if let (Some((at, _)), Kind::Text) = (&sni, travels.value) {
            self.problems.invalid(*at, "text has no server name: `sni` goes with `travels: tls`", None);
            return None;
        }
        let (title, request, readable, hidden) = (title?.value, request?, readable?, hidden?);
        Some(Wire { title, request, travels, sni: sni.map(|(_, sni)| sni), readable, hidden })
    }

    /// The request that is made meanwhile.
    fn wire_request(&self, fields: &mut Fields<'_>) -> Option<Http> {
        let to = fields.required("to", "who is asked").and_then(|node| self.server("to", node));
        let path = fields.optional_text("path");
        let target = to.and_then(|to| {
            let service = self.workloads[&to.value].service.as_ref()?;
            let url = format!("http://{service}{}", self.path(path?)?);
            Some((Some(to), url))
        });
        self.asking(fields, target)
    }

    fn kind_of_bytes(&self, text: &Located<String>) -> Option<Located<Kind>> {
        let kind = match text.as_str() {
            "text" => Kind::Text,
            "tls" => Kind::Tls,
            other => {
                let hint = Some("write `tls` or `text`".to_owned());
                self.problems.invalid(text.at, format!("`{other}` is not what can travel"), hint);
                return None;
            }
        };
        Some(Located { value: kind, at: text.at })
    }

    /// Texts to look for; an empty one would be found everywhere.
    fn strings(&self, fields: &mut Fields<'_>, key: &'static str) -> Option<Vec<String>> {
        let texts = fields.texts(key)?;
        if let Some(empty) = texts.iter().find(|text| text.is_empty()) {
            let message = format!("an empty text in `{key}` says nothing");
            self.problems.add(empty.at, ProblemKind::Vacuous { message, hint: None });
            return None;
        }
        Some(texts.into_iter().map(|text| text.value).collect())
    }
}
