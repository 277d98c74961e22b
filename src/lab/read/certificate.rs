//! Reads what must hold for a certificate.

use std::time::Duration;

use crate::{
    lab::{
        check::certificate::{Certificate, KEY_TYPES, KeyType},
        fields::Fields,
        position::{Located, Span},
        problem::suggestion,
        read::Reader,
        yaml::Node,
    },
    mesh::identity::SpiffeId,
};

impl Reader<'_> {
    pub(super) fn certificate(&self, node: &Node, key: Span) -> Option<Certificate> {
        let mut fields = Fields::open(self.problems, "a certificate check", node)?.under(key);
        let title = fields.line("title", "one line for people");
        let from = fields.required("from", "who connects").and_then(|node| self.workload("from", node));
        let of = fields.required("of", "whose certificate").and_then(|node| self.workload("of", node));
        let identity = fields.optional_text("identity");
        let key_type = fields.optional_text("key");
        let lifetime = fields.optional_text("lifetime");
        fields.finish();
        let identity = identity?.map_or(Some(None), |text| self.identity(&text).map(Some));
        let key_type = key_type?.map_or(Some(None), |text| self.key_type(&text).map(Some));
        let lifetime = lifetime?.map_or(Some(None), |text| self.duration("lifetime", &text).map(Some));
        let (title, identity, key, lifetime) = (title?.value, identity?, key_type?, lifetime?);
        Some(Certificate { title, from: from?, of: of?, identity, key, lifetime })
    }

    fn identity(&self, text: &Located<String>) -> Option<SpiffeId> {
        let hint = || Some("as in `spiffe://cluster.local/ns/foo/sa/httpbin`".to_owned());
        text.parse()
            .map_err(|_| self.problems.invalid(text.at, format!("`{}` is not an identity", text.value), hint()))
            .ok()
    }

    fn key_type(&self, text: &Located<String>) -> Option<KeyType> {
        let hint = || suggestion(text, KEY_TYPES).unwrap_or_else(|| format!("there are: {}", KEY_TYPES.join(", ")));
        text.parse()
            .map_err(|error: crate::lab::check::certificate::UnknownKeyType| {
                self.problems.invalid(text.at, error.to_string(), Some(hint()));
            })
            .ok()
    }

    /// `24h`, `1h30m`, `500ms`: more than nothing.
    pub(super) fn duration(&self, key: &str, text: &Located<String>) -> Option<Duration> {
        let parsed: Option<jiff::SignedDuration> = text.parse().ok();
        let found = parsed.and_then(|parsed| Duration::try_from(parsed).ok()).filter(|found| !found.is_zero());
        if found.is_none() {
            let hint = Some("as in `24h`, `1m30s` or `200ms`".to_owned());
            self.problems.invalid(text.at, format!("`{key}` is a time, `{}` is none", text.value), hint);
        }
        found
    }
}
