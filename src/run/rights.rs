//! Which rights a lab needs, read from the lab and from the manifests that come with it.

use std::collections::BTreeSet;

use k8s_openapi::{
    api::rbac::v1::PolicyRule, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::core::{DynamicObject, ResourceExt};

use super::context::Context;
use crate::{
    cluster::{
        ClusterError,
        clean::is_custom,
        mesh_status::{POLICIES, ROOT_NAMESPACE},
        rights::{Need, Right},
    },
    lab::{
        action::{Action, Reference},
        check::{
            Check, Which,
            edge::{Control, Edge},
        },
        model::WorkloadName,
        outside::Outside,
    },
};

/// What applying an object takes; it is looked at first, and there may be none.
const APPLY: &[&str] = &["create", "get", "patch"];
/// What deleting an object with proof takes.
const DELETE: &[&str] = &["delete", "get", "list", "watch"];
/// What following objects takes.
const FOLLOW: &[&str] = &["list", "watch"];
const RBAC: &str = "rbac.authorization.k8s.io";

impl Context<'_> {
    /// Makes sure that we may do everything that the lab will ask of the cluster, `objects` being all that it will apply.
    ///
    /// # Errors
    /// [`ClusterError::Rights`] with all that is missing, or a failed request.
    pub(super) async fn check_rights(&self, objects: &[DynamicObject]) -> Result<(), ClusterError> {
        let mut needs = Needs { context: self, objects, all: BTreeSet::new() };
        for object in objects {
            needs.of_object(object).await?;
        }
        for action in self.lab.setup.iter().chain(self.lab.steps.iter().flat_map(|step| &step.solve)) {
            needs.of_action(action).await?;
        }
        for check in self.lab.steps.iter().flat_map(|step| &step.expect) {
            needs.of_check(check).await?;
        }
        needs.of_waiting().await?;
        self.cluster.check_rights(&needs.all).await
    }
}

/// What is needed so far.
struct Needs<'a> {
    context: &'a Context<'a>,
    objects: &'a [DynamicObject],
    all: BTreeSet<Need>,
}

impl Needs<'_> {
    async fn of_object(&mut self, object: &DynamicObject) -> Result<(), ClusterError> {
        let types = object.types.clone().unwrap_or_default();
        let (api_version, kind) = (types.api_version.as_str(), types.kind.as_str());
        let namespace = object.namespace();
        self.kind(api_version, kind, namespace.as_deref(), APPLY).await?;
        if !self.is_own(namespace.as_deref()) || is_custom(api_version) {
            self.kind(api_version, kind, namespace.as_deref(), DELETE).await?;
        }
        match kind {
            "Deployment" => {
                self.kind(api_version, kind, namespace.as_deref(), FOLLOW).await?;
                self.pods(namespace.as_deref(), "pods", FOLLOW);
            }
            "Pod" => self.pods(namespace.as_deref(), "pods", FOLLOW),
            "ClusterRole" | "Role" => self.role(object),
            "ClusterRoleBinding" | "RoleBinding" => self.binding(object),
            _ => (),
        }
        Ok(())
    }

    async fn of_action(&mut self, action: &Action) -> Result<(), ClusterError> {
        match action {
            Action::Annotate(mark) | Action::Label(mark) => self.reference(&mark.target, &["get", "patch"]).await,
            Action::Apply(_) => Ok(()),
            Action::Certificate(certificate) => {
                let namespace = Some(certificate.namespace.as_str());
                self.kind("v1", "Secret", namespace, APPLY).await?;
                self.kind("v1", "Secret", namespace, DELETE).await
            }
            Action::Delete(target) => self.reference(target, DELETE).await,
            Action::Edge(request) => {
                self.outside(request);
                Ok(())
            }
            Action::Exec(exec) => {
                self.exec(&exec.workload);
                Ok(())
            }
            Action::Refused(refused) => {
                for object in &refused.apply.objects {
                    self.kind(object.api_version(), object.kind(), object.namespace(), APPLY).await?;
                }
                Ok(())
            }
            Action::Restart(target) => self.reference(target, &["get", "patch"]).await,
            Action::Scale(scale) => self.reference(&scale.target, &["get", "patch"]).await,
        }
    }

    async fn of_check(&mut self, check: &Check) -> Result<(), ClusterError> {
        match check {
            Check::Certificate(certificate) => {
                self.serve(&certificate.of);
                self.exec(&certificate.from);
                self.core(Some(ROOT_NAMESPACE), "configmaps", &["get"]);
            }
            Check::Edge(edge) => self.edge(edge),
            Check::Http(http) => {
                let askers = http.control.iter().chain([&http.from]);
                askers.for_each(|asker| self.exec(asker));
                http.to.iter().for_each(|server| self.serve(server));
            }
            Check::Logs(logs) => self.log(&logs.workload),
            Check::Matrix(matrix) => {
                matrix.rows.iter().for_each(|row| self.exec(&row.from));
                matrix.to.iter().for_each(|server| self.serve(server));
            }
            Check::Resource(resource) => {
                let verb = if matches!(resource.which, Which::Named(_)) { "get" } else { "list" };
                let namespace = resource.namespace.as_deref();
                self.kind(&resource.api_version, &resource.kind, namespace, &[verb]).await?;
            }
            Check::Wire(wire) => {
                self.exec(&wire.request.from);
                wire.request.to.iter().for_each(|server| self.serve(server));
            }
        }
        Ok(())
    }

    /// What it takes to see which mesh there is, and that policies have reached every proxy.
    async fn of_waiting(&mut self) -> Result<(), ClusterError> {
        self.kind("apps/v1", "Deployment", Some(ROOT_NAMESPACE), &["get", "list"]).await?;
        self.kind("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", None, &["list"]).await?;
        self.core(Some(ROOT_NAMESPACE), "configmaps", FOLLOW);
        for (api_version, kind) in POLICIES {
            self.kind(api_version, kind, None, &["list"]).await?;
        }
        for namespace in self.context.proxied() {
            self.pods(Some(&namespace), "pods", &["list"]);
        }
        Ok(())
    }

    async fn reference(&mut self, target: &Reference, verbs: &[&str]) -> Result<(), ClusterError> {
        self.kind(&target.api_version, &target.kind, target.namespace.as_deref(), verbs).await
    }

    /// A workload from whose pods somebody asks; its sidecar is a witness.
    fn exec(&mut self, name: &WorkloadName) {
        let namespace = self.context.lab.workload(name).namespace.clone();
        // A session over a WebSocket is a GET; newer clusters want the right to create one as well.
        self.pods(Some(&namespace), "pods/exec", &["create", "get"]);
        self.log(name);
    }

    /// A workload that is asked; the control asks it from its own pod.
    fn serve(&mut self, name: &WorkloadName) {
        let namespace = self.context.lab.workload(name).namespace.clone();
        self.core(Some(&namespace), "services", &["get"]);
        self.exec(name);
    }

    fn edge(&mut self, edge: &Edge) {
        edge.requests().for_each(|request| self.outside(request));
        if let Some(Control::Inside(from)) = &edge.control {
            self.exec(from);
        }
    }

    /// A request from outside: the Service's address, the pods behind it as witnesses, the certificates that curl needs.
    fn outside(&mut self, request: &Outside) {
        let namespace = Some(request.service.namespace.as_str());
        self.core(namespace, "services", &["get", "list", "watch"]);
        self.core(namespace, "pods", &["list"]);
        self.core(namespace, "pods/log", &["get"]);
        for secret in request.cacert.iter().chain(&request.cert) {
            self.core(Some(&secret.namespace), "secrets", &["get"]);
        }
    }

    fn log(&mut self, name: &WorkloadName) {
        let namespace = self.context.lab.workload(name).namespace.clone();
        self.pods(Some(&namespace), "pods/log", &["get"]);
    }

    fn pods(&mut self, namespace: Option<&str>, resource: &str, verbs: &[&str]) {
        self.core(Some(namespace.unwrap_or("default")), resource, verbs);
    }

    fn core(&mut self, namespace: Option<&str>, resource: &str, verbs: &[&str]) {
        self.add("", resource, namespace, verbs);
    }

    /// Rights to objects of a kind that the cluster has, or that a definition among the objects will bring.
    async fn kind(
        &mut self,
        api_version: &str,
        kind: &str,
        namespace: Option<&str>,
        verbs: &[&str],
    ) -> Result<(), ClusterError> {
        match self.context.cluster.kind(api_version, kind).await {
            Ok(found) => {
                let namespace = namespace.filter(|_| found.namespaced);
                self.add(&found.resource.group, &found.resource.plural, namespace, verbs);
            }
            Err(ClusterError::UnknownKind { .. }) => {
                let group = api_version.split_once('/').map_or("", |(group, _)| group);
                if let Some(plural) = self.defined(group, kind) {
                    self.add(group, &plural, namespace, verbs);
                }
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn add(&mut self, group: &str, resource: &str, namespace: Option<&str>, verbs: &[&str]) {
        let right = |verb: &&str| right(verb, group, resource, namespace, None);
        self.all.extend(verbs.iter().map(right).map(Need::from));
    }

    /// How the objects of a kind are called together, if a definition among the objects says so.
    fn defined(&self, group: &str, kind: &str) -> Option<String> {
        let definitions = self.objects.iter().filter(|object| is(object, "CustomResourceDefinition"));
        let mut definitions = definitions.filter_map(|it| it.clone().try_parse::<CustomResourceDefinition>().ok());
        let found = definitions.find(|it| it.spec.group == group && it.spec.names.kind == kind)?;
        Some(found.spec.names.plural)
    }

    /// Whether objects there go with a namespace that is made here.
    fn is_own(&self, namespace: Option<&str>) -> bool {
        namespace
            .is_some_and(|name| self.objects.iter().any(|object| is(object, "Namespace") && object.name_any() == name))
    }

    /// Nobody may write a role with more rights than their own, except by the right to do that.
    fn role(&mut self, object: &DynamicObject) {
        let plural = if is(object, "Role") { "roles" } else { "clusterroles" };
        let right = right("escalate", RBAC, plural, object.namespace().as_deref(), Some(&object.name_any()));
        let instead = in_rules(object);
        self.all.insert(Need { right, instead });
    }

    /// Nobody may give away a role with more rights than their own, except by the right to do that.
    fn binding(&mut self, object: &DynamicObject) {
        let text = |pointer: &str| object.data.pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or_default();
        let (kind, name) = (text("/roleRef/kind"), text("/roleRef/name"));
        let plural = if kind == "Role" { "roles" } else { "clusterroles" };
        let right = right("bind", RBAC, plural, object.namespace().as_deref(), Some(name));
        let role = self.objects.iter().find(|role| is(role, kind) && role.name_any() == name);
        let instead = role.map(in_rules).unwrap_or_default();
        self.all.insert(Need { right, instead });
    }
}

fn is(object: &DynamicObject, kind: &str) -> bool {
    object.types.as_ref().is_some_and(|types| types.kind == kind)
}

fn right(verb: &str, group: &str, resource: &str, namespace: Option<&str>, name: Option<&str>) -> Right {
    Right {
        group: group.to_owned(),
        resource: resource.to_owned(),
        namespace: namespace.map(str::to_owned),
        name: name.map(str::to_owned),
        verb: verb.to_owned(),
    }
}

/// Every right in a role; none if it has some that are not about resources, which we do not ask about one by one.
fn in_rules(role: &DynamicObject) -> Vec<Right> {
    let rules = role.data.get("rules").cloned().unwrap_or_default();
    let rules: Vec<PolicyRule> = serde_json::from_value(rules).unwrap_or_default();
    if rules.iter().any(|rule| rule.non_resource_urls.is_some()) {
        return Vec::new();
    }
    let namespace = role.namespace();
    let mut rights = Vec::new();
    for rule in &rules {
        let names: Vec<Option<&str>> = match rule.resource_names.as_deref() {
            None | Some([]) => vec![None],
            Some(names) => names.iter().map(|name| Some(name.as_str())).collect(),
        };
        for group in rule.api_groups.iter().flatten() {
            for resource in rule.resources.iter().flatten() {
                for verb in &rule.verbs {
                    rights.extend(names.iter().map(|name| right(verb, group, resource, namespace.as_deref(), *name)));
                }
            }
        }
    }
    rights
}
