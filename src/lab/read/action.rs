//! Reads what a lab does to a cluster.

use std::collections::BTreeMap;

use serde_json::Map;

use crate::{
    lab::{
        action::{Action, Apply, Certificate, Exec, MAX_REPLICAS, Mark, Reference, Refused, Scale},
        fields::{Fields, collect, list, mapping, number, text},
        kinds,
        outside::Outside,
        position::{Located, Span},
        problem::{Problem, ProblemKind, Source, suggestion},
        read::Reader,
        yaml::{Node, Value},
    },
    render::{
        Excerpt, RenderError,
        object::{Object, is_api_version, is_name},
    },
};

const ACTIONS: &[&str] =
    &["annotate", "apply", "certificate", "delete", "edge", "exec", "label", "refused", "restart", "scale"];

impl Reader<'_> {
    /// Reads a list of actions that must not be empty.
    pub fn actions(&self, key: &'static str, node: &Node) -> Option<Vec<Located<Action>>> {
        let items = list(self.problems, key, node)?;
        if items.is_empty() {
            self.problems.invalid(node.at, format!("`{key}` has no action"), None);
            return None;
        }
        collect(items.iter().map(|item| self.action(item)))
    }

    fn action(&self, node: &Node) -> Option<Located<Action>> {
        let (key, node) = self.tagged("an action", node, ACTIONS)?;
        let action = match key.as_str() {
            "annotate" => Action::Annotate(self.mark(node, key.at, "annotations")?),
            "apply" => Action::Apply(self.apply(node, key.at)?),
            "certificate" => Action::Certificate(self.issued(node, key.at)?),
            "delete" => Action::Delete(self.target_only("`delete`", node, key.at)?),
            "edge" => Action::Edge(self.asked(node, key.at)?),
            "exec" => Action::Exec(self.exec(node, key.at)?),
            "label" => Action::Label(self.mark(node, key.at, "labels")?),
            "refused" => Action::Refused(self.refused(node, key.at)?),
            "restart" => Action::Restart(self.target_only("`restart`", node, key.at)?),
            _ => Action::Scale(self.scale(node, key.at)?),
        };
        Some(Located { value: action, at: key.at })
    }

    fn apply(&self, node: &Node, key: Span) -> Option<Apply> {
        let mut fields = Fields::open(self.problems, "`apply`", node)?.under(key);
        let template = self.template(&mut fields);
        fields.finish();
        self.rendered(template?)
    }

    fn refused(&self, node: &Node, key: Span) -> Option<Refused> {
        let mut fields = Fields::open(self.problems, "`refused`", node)?.under(key);
        let template = self.template(&mut fields);
        let because = fields.text("because", "part of what the cluster says to it");
        fields.finish();
        Some(Refused { apply: self.rendered(template?)?, because: because?.value })
    }

    /// `template`, and what it is given.
    fn template<'n>(&self, fields: &mut Fields<'n>) -> Option<Given<'n>> {
        let template = fields.text("template", "a path below `templates/`");
        let with = match fields.optional("with") {
            Some(node) => mapping(self.problems, "with", node),
            None => Some(&[][..]),
        };
        Some((template?, with?))
    }

    fn rendered(&self, (template, given): Given<'_>) -> Option<Apply> {
        self.all_read(&template, given)?;
        let with = with_values(given);
        let mut scope = self.scope.clone();
        scope.extend(with.clone());
        // After one that has taken too much, which has been noted, no other is tried.
        self.room.get()?;
        match self.templates.objects(&template, &scope, &self.room) {
            Ok(objects) if objects.is_empty() => {
                self.problems.invalid(template.at, "the template renders to no object", None);
                None
            }
            Ok(objects) => self.in_namespaces(&template, &objects).then_some(Apply { template, with, objects }),
            Err(error) => {
                if matches!(error, RenderError::TooMuch { .. }) {
                    self.room.set(None);
                }
                self.note_render_error(&template, error);
                None
            }
        }
    }

    /// Notes what the template never reads: a slip in an optional variable would otherwise change nothing, silently.
    fn all_read(&self, template: &str, given: &[(Located<String>, Node)]) -> Option<()> {
        let Ok(Some(known)) = self.templates.variables(template) else { return Some(()) };
        let mut unread = given.iter().filter(|(name, _)| !known.contains(&name.value)).peekable();
        let all_read = unread.peek().is_none().then_some(());
        for (name, _) in unread {
            self.problems
                .add(name.at, ProblemKind::Unread { name: name.value.clone(), known: known.iter().cloned().collect() });
        }
        all_read
    }

    /// An object of a namespaced kind says its namespace: `default` is nobody's intention.
    fn in_namespaces(&self, template: &Located<String>, objects: &[Object]) -> bool {
        let homeless = objects.iter().find(|object| {
            object.namespace().is_none() && kinds::find(object.kind()).is_some_and(|(_, namespaced)| namespaced)
        });
        let Some(object) = homeless else { return true };
        let message = format!("{} `{}` of the template has no namespace", object.kind(), object.name());
        let hint = Some("write `namespace: ...` under its `metadata`".to_owned());
        self.problems.invalid(template.at, message, hint);
        false
    }

    fn note_render_error(&self, template: &Located<String>, error: RenderError) {
        let used = format!("applied at {}:{}", self.problems.source().name, template.at.line);
        match error {
            RenderError::NotFound { name, known } => {
                self.problems.add(template.at, ProblemKind::Unknown { what: "the template", name, known });
            }
            RenderError::Undefined { at, name, known } => {
                let hint = suggestion(&name, &known).unwrap_or_else(|| {
                    format!("give it under `with`, or declare a parameter; there are: {}", known.join(", "))
                });
                let message = format!("`{name}` is not defined");
                self.note_elsewhere(&at, ProblemKind::Undefined { message, hint: format!("{hint}\n{used}") });
            }
            RenderError::Manifest { at, message } | RenderError::Template { at, message } => {
                self.note_elsewhere(&at, ProblemKind::Template { message, hint: Some(used) });
            }
            RenderError::Refused { name, reason } | RenderError::TooMuch { name, reason } => {
                let message = format!("the template `{name}` is refused");
                self.problems.invalid(template.at, message, Some(reason.to_owned()));
            }
            unreadable @ RenderError::Unreadable { .. } => {
                self.problems.invalid(template.at, unreadable.to_string(), None);
            }
        }
    }

    fn note_elsewhere(&self, at: &Excerpt, kind: ProblemKind) {
        let (line, column) = at.position();
        let span = Span { line, column, offset: at.range.start, length: at.range.len() };
        let source = Source { name: at.file.clone(), text: at.text.clone() };
        self.problems.add_elsewhere(Problem::new(&source, span, kind));
    }

    fn issued(&self, node: &Node, key: Span) -> Option<Certificate> {
        let mut fields = Fields::open(self.problems, "`certificate`", node)?.under(key);
        let secret = fields.text("secret", "the Secret to put it into").and_then(|name| self.object_name(name));
        let namespace = fields.text("namespace", "where the Secret is");
        let at = fields.required("hosts", "[name, ...]").map(|node| node.at);
        let hosts = fields.texts("hosts");
        let authority = fields.optional_text("authority");
        fields.finish();
        let is_label = |name: &Located<String>| super::check_label(self.problems, "an authority", name);
        let authority = match authority? {
            Some(name) => Some(Some(name).filter(is_label)?.value),
            None => None,
        };
        let namespace = namespace.filter(|name| super::check_label(self.problems, "a namespace", name))?;
        let secret = secret.filter(|name| super::check_label(self.problems, "a Secret", name))?;
        let hosts: Vec<String> = hosts?.into_iter().map(|host| host.value).collect();
        if hosts.is_empty() {
            self.problems.add(at?, ProblemKind::Empty("a certificate names at least one host"));
            return None;
        }
        Some(Certificate { authority, secret: secret.value, namespace: namespace.value, hosts })
    }

    fn target_only(&self, what: &'static str, node: &Node, key: Span) -> Option<Reference> {
        let mut fields = Fields::open(self.problems, what, node)?.under(key);
        let target = self.reference(&mut fields);
        fields.finish();
        target
    }

    fn mark(&self, node: &Node, key: Span, values: &'static str) -> Option<Mark> {
        let what = if values == "labels" { "`label`" } else { "`annotate`" };
        let mut fields = Fields::open(self.problems, what, node)?.under(key);
        let target = self.reference(&mut fields);
        let values = fields.required(values, "{key: value}; `null` removes").and_then(|node| self.marks(values, node));
        fields.finish();
        Some(Mark { target: target?, values: values? })
    }

    fn marks(&self, key: &str, node: &Node) -> Option<BTreeMap<String, Option<String>>> {
        let entries = mapping(self.problems, key, node)?;
        collect(entries.iter().map(|(name, node)| match node.value {
            Value::Null => Some((name.value.clone(), None)),
            _ => Some((name.value.clone(), Some(text(self.problems, name, node)?.value))),
        }))
    }

    fn scale(&self, node: &Node, key: Span) -> Option<Scale> {
        let mut fields = Fields::open(self.problems, "`scale`", node)?.under(key);
        let target = self.reference(&mut fields);
        let replicas = fields.required("replicas", "how many pods");
        let replicas = replicas.and_then(|node| number(self.problems, "replicas", node, 0..=MAX_REPLICAS));
        fields.finish();
        Some(Scale { target: target?, replicas: replicas?.value })
    }

    fn asked(&self, node: &Node, key: Span) -> Option<Outside> {
        let mut fields = Fields::open(self.problems, "`edge`", node)?.under(key);
        let request = self.outside(&mut fields);
        fields.finish();
        request
    }

    fn exec(&self, node: &Node, key: Span) -> Option<Exec> {
        let mut fields = Fields::open(self.problems, "`exec`", node)?.under(key);
        let workload = fields.required("workload", "in whose pod").and_then(|node| self.workload("workload", node));
        let container = fields.optional_text("container");
        let command = fields.required("command", "[program, argument, ...]").map(|node| node.at);
        let words = fields.texts("command");
        let exit = fields.number("exit", 0..=255, 0);
        fields.finish();
        let words: Vec<String> = words?.into_iter().map(|word| word.value).collect();
        if words.is_empty() {
            self.problems.add(command?, ProblemKind::Empty("`command` has no program"));
            return None;
        }
        let workload = workload?;
        let own = || self.workloads[&workload.value].container.clone();
        let container = container?.map_or_else(own, |container| container.value);
        Some(Exec { workload, container, command: words, exit: u8::try_from(exit?.value).ok()? })
    }

    /// `kind`, `name`, `namespace`, and `apiVersion` where it is not known.
    fn reference(&self, fields: &mut Fields<'_>) -> Option<Reference> {
        let kind = self.kind(fields);
        let name = fields.text("name", "the object's name").and_then(|name| self.object_name(name));
        let namespace = fields.optional_text("namespace");
        let kind = kind?;
        let namespace = self.namespace(fields, &kind, namespace?)?;
        Some(Reference { api_version: kind.api_version, kind: kind.kind, namespace, name: name?.value })
    }

    /// A name that an object can have; with any other a request would lead elsewhere.
    pub(super) fn object_name(&self, name: Located<String>) -> Option<Located<String>> {
        let sound = is_name(&name);
        if !sound {
            let hint = Some("lower case letters, digits, `-` and `.`".to_owned());
            self.problems.invalid(name.at, format!("no object can be called {:?}", name.value), hint);
        }
        sound.then_some(name)
    }

    /// `kind`, and `apiVersion` where it is not known.
    pub(super) fn kind(&self, fields: &mut Fields<'_>) -> Option<Kind> {
        let kind = fields.text("kind", "Deployment");
        let api_version = fields.optional_text("apiVersion");
        let (kind, api_version) = (kind?, api_version?);
        let known = kinds::find(&kind);
        if let Some(version) = api_version.as_ref().filter(|version| !is_api_version(version)) {
            let hint = Some("it is written as in `v1` or `apps/v1`".to_owned());
            self.problems.invalid(version.at, format!("{:?} is not an `apiVersion`", version.value), hint);
            return None;
        }
        let Some(version) = api_version.map(|version| version.value).or(known.map(|(version, _)| version.to_owned()))
        else {
            let hint = suggestion(&kind, &kinds::names()).unwrap_or_else(|| "say its `apiVersion` too".to_owned());
            self.problems.invalid(kind.at, format!("the kind `{}` is not known", kind.value), Some(hint));
            return None;
        };
        Some(Kind { api_version: version, kind: kind.value, namespaced: known.map(|(_, namespaced)| namespaced) })
    }

    /// A namespace where the kind has one, and none where it has not.
    pub(super) fn namespace(
        &self,
        fields: &Fields<'_>,
        kind: &Kind,
        namespace: Option<Located<String>>,
    ) -> Option<Option<String>> {
        match (namespace, kind.namespaced) {
            (None, Some(true)) => {
                let hint = Some("add `namespace: ...`".to_owned());
                self.problems.invalid(fields.at(), format!("which namespace is the {} in?", kind.kind), hint);
                None
            }
            (Some(namespace), Some(false)) => {
                let hint = Some("remove `namespace`".to_owned());
                self.problems.invalid(namespace.at, format!("a {} is not in a namespace", kind.kind), hint);
                None
            }
            (Some(namespace), _) => {
                super::check_label(self.problems, "a namespace", &namespace).then_some(Some(namespace.value))
            }
            (None, _) => Some(None),
        }
    }
}

/// A template's path, and the values for it.
type Given<'n> = (Located<String>, &'n [(Located<String>, Node)]);

/// A kind of object as a lab names it.
pub(super) struct Kind {
    /// `apps/v1`.
    pub api_version: String,
    /// `Deployment`.
    pub kind: String,
    /// Whether it is in namespaces, if that is known.
    pub namespaced: Option<bool>,
}

fn with_values(entries: &[(Located<String>, Node)]) -> Map<String, serde_json::Value> {
    entries.iter().map(|(name, node)| (name.value.clone(), node.to_json())).collect()
}
