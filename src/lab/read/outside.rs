//! Reads requests that are made from outside of the cluster.

use std::collections::BTreeMap;

use crate::{
    lab::{
        fields::Fields,
        outside::{NamespacedName, Outside, Target},
        position::Located,
        read::Reader,
    },
    render::object::{is_label, is_name},
};

/// What a request and its control may say differently.
struct Parts {
    service: Option<NamespacedName>,
    target: Option<Target>,
    headers: Option<BTreeMap<String, String>>,
    cacert: Option<Located<NamespacedName>>,
    cert: Option<Located<NamespacedName>>,
}

impl Reader<'_> {
    /// What is asked, of whom, and who is believed.
    pub(super) fn outside(&self, fields: &mut Fields<'_>) -> Option<Outside> {
        let parts = self.parts(fields);
        let (method, data) = (fields.optional_text("method"), fields.optional_text("data"));
        let parts = parts?;
        let service = parts.service.or_else(|| self.gateway(fields));
        let target = parts.target.unwrap_or_else(|| Target::Path("/".to_owned()));
        let data = data?.map(|data| data.value);
        let usual = || if data.is_some() { "POST" } else { "GET" }.to_owned();
        let method = method?.map_or_else(usual, |method| method.value);
        let headers = parts.headers.unwrap_or_default();
        self.is_about_tls(&target, [("cacert", &parts.cacert), ("cert", &parts.cert)])?;
        let (cacert, cert) = (parts.cacert.map(|it| it.value), parts.cert.map(|it| it.value));
        Some(Outside { service: service?, target, method, headers, data, cacert, cert })
    }

    /// The same request with something else in it.
    pub(super) fn changed(&self, fields: &mut Fields<'_>, request: &Outside) -> Option<Outside> {
        let Parts { service, target, headers, cacert, cert } = self.parts(fields)?;
        let same = service.is_none() && target.is_none() && headers.is_none() && cacert.is_none() && cert.is_none();
        if same {
            let hint =
                "name `from`, a workload that asks, or change `service`, `path`, `url`, `headers`, `cacert` or `cert`";
            self.problems.invalid(fields.at(), "a control that asks the same proves nothing", Some(hint.to_owned()));
            return None;
        }
        let target = target.unwrap_or_else(|| request.target.clone());
        self.is_about_tls(&target, [("cacert", &cacert), ("cert", &cert)])?;
        Some(Outside {
            service: service.unwrap_or_else(|| request.service.clone()),
            target,
            headers: headers.unwrap_or_else(|| request.headers.clone()),
            cacert: cacert.map(|it| it.value).or_else(|| request.cacert.clone()),
            cert: cert.map(|it| it.value).or_else(|| request.cert.clone()),
            ..request.clone()
        })
    }

    fn parts(&self, fields: &mut Fields<'_>) -> Option<Parts> {
        let service = self.optional_name(fields, "service");
        let (path, url) = (fields.optional_text("path"), fields.optional_text("url"));
        let headers = match fields.optional("headers") {
            Some(_) => fields.texts_by_name("headers").map(Some),
            None => Some(None),
        };
        let (cacert, cert) = (self.optional_name(fields, "cacert"), self.optional_name(fields, "cert"));
        let target = self.outside_target(path?, url?);
        let (service, target, headers, cacert, cert) = (service?, target?, headers?, cacert?, cert?);
        Some(Parts { service: service.map(|it| it.value), target, headers, cacert, cert })
    }

    /// The mesh's gateway, if the lab has it.
    fn gateway(&self, fields: &Fields<'_>) -> Option<NamespacedName> {
        if self.has_gateway {
            return Some(NamespacedName::gateway());
        }
        let hint = "add `mesh: {gateway: true}` to `metadata`, or name another `service`";
        let message = "the mesh's gateway is asked, and this lab has none";
        self.problems.invalid(fields.at(), message, Some(hint.to_owned()));
        None
    }

    fn outside_target(&self, path: Option<Located<String>>, url: Option<Located<String>>) -> Option<Option<Target>> {
        let Some(url) = url else {
            return path.map_or(Some(None), |path| self.path(Some(path)).map(|path| Some(Target::Path(path))));
        };
        if let Some(path) = path {
            let hint = Some("a `path` is asked for at the address itself, a `url` by the name in it".to_owned());
            self.problems.invalid(path.at, "a request from outside has `path` or `url`, not both", hint);
            return None;
        }
        let sound = |url: &http::Uri| matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some();
        let found = url.parse::<http::Uri>().ok().filter(sound);
        if found.is_none() {
            let hint = Some("as in `https://shop.example/`".to_owned());
            self.problems.invalid(url.at, format!("`{}` is not a URL of http or https", url.value), hint);
        }
        found.map(|url| Some(Target::Url(url)))
    }

    fn optional_name(&self, fields: &mut Fields<'_>, key: &'static str) -> Option<Option<Located<NamespacedName>>> {
        let Some(text) = fields.optional_text(key)? else { return Some(None) };
        let parts = text.split_once('/').filter(|(namespace, name)| !namespace.is_empty() && !name.is_empty());
        let Some((namespace, name)) = parts.filter(|(namespace, name)| is_label(namespace) && is_name(name)) else {
            let hint = Some(format!("as in `{key}: namespace/name`"));
            self.problems.invalid(text.at, format!("`{}` is not a namespace and a name", text.value), hint);
            return None;
        };
        let value = NamespacedName { namespace: namespace.to_owned(), name: name.to_owned() };
        Some(Some(Located { value, at: text.at }))
    }

    /// Certificates in a request that is made without TLS would change nothing.
    fn is_about_tls(&self, target: &Target, certificates: [(&str, &Option<Located<NamespacedName>>); 2]) -> Option<()> {
        if target.is_https() {
            return Some(());
        }
        let (key, secret) = match certificates.iter().find_map(|(key, secret)| Some((key, secret.as_ref()?))) {
            Some(found) => found,
            None => return Some(()),
        };
        let hint = Some("write an https `url`".to_owned());
        self.problems.invalid(secret.at, format!("`{key}` is about TLS, and this request is made without"), hint);
        None
    }
}
