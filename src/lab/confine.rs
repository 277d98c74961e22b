//! What a lab may touch: namespaces that it creates itself, and policies of the whole mesh.
//!
//! Labs come from strangers, and whoever runs one lends it their rights on a cluster. All objects of a lab are rendered when
//! it is loaded, so what goes beyond these bounds is found out before anything is touched. They are the same for every
//! lab, the bundled ones included.

mod amount;
mod beyond;
mod metadata;
mod object;
mod pod;

use std::collections::BTreeSet;

use crate::{
    lab::{
        action::{Action, Certificate, Reference},
        check::{Check, Resource, Which, steady::Asks},
        kinds,
        model::Lab,
        outside::{NamespacedName, Outside},
        position::Located,
        problem::Collector,
    },
    mesh::install::ROOT_NAMESPACE,
    render::object::Object,
};

use beyond::Beyond;

/// Kinds that hold for the whole mesh in its root namespace.
const MESH_WIDE: &[&str] = &["DestinationRule", "PeerAuthentication"];

/// Notes whatever the lab does beyond its bounds.
pub(super) fn confine(problems: &Collector, lab: &Lab) {
    let bounds = Bounds::of(lab);
    let note = |at, within: Result<(), Beyond>| {
        if let Err(beyond) = within {
            problems.invalid(at, beyond.to_string(), Some(beyond.hint()));
        }
    };
    let first = lab.steps.first().map(|step| step.name.at).unwrap_or_default();
    note(first, amount::of_lab(lab));
    for workload in lab.workloads.values() {
        note(workload.name.at, bounds.pods_in(&workload.namespace));
    }
    for action in actions(lab) {
        let at = match &action.value {
            Action::Apply(apply) => apply.template.at,
            Action::Refused(refused) => refused.apply.template.at,
            _ => action.at,
        };
        note(at, bounds.allow(action));
    }
    for check in lab.steps.iter().flat_map(|step| &step.expect) {
        note(check.at, bounds.look(check));
    }
}

fn actions(lab: &Lab) -> impl Iterator<Item = &Located<Action>> {
    lab.setup.iter().chain(lab.steps.iter().flat_map(|step| &step.solve))
}

/// Something in a cluster that a lab names. Versions of a kind are the same thing.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Thing<'a> {
    group: &'a str,
    kind: &'a str,
    namespace: Option<&'a str>,
    /// `None` for several.
    name: Option<&'a str>,
}

impl<'a> Thing<'a> {
    fn new(api_version: &'a str, kind: &'a str, namespace: Option<&'a str>, name: Option<&'a str>) -> Self {
        Self { group: group(api_version), kind, namespace, name }
    }

    fn applied(object: &'a Object) -> Self {
        Self::new(object.api_version(), object.kind(), object.namespace(), Some(object.name()))
    }

    fn asked_for(resource: &'a Resource) -> Self {
        let name = if let Which::Named(name) = &resource.which { Some(name.as_str()) } else { None };
        Self::new(&resource.api_version, &resource.kind, resource.namespace.as_deref(), name)
    }

    fn issued(certificate: &'a Certificate) -> Self {
        Self::new("v1", "Secret", Some(&certificate.namespace), Some(&certificate.secret))
    }

    fn at(kind: &'a str, place: &'a NamespacedName) -> Self {
        Self::new("v1", kind, Some(&place.namespace), Some(&place.name))
    }

    fn named(reference: &'a Reference) -> Self {
        Self::new(&reference.api_version, &reference.kind, reference.namespace.as_deref(), Some(&reference.name))
    }

    /// The namespace that it is in, whatever it says: some kinds are in none.
    fn home(&self) -> Option<&'a str> {
        self.namespace.filter(|_| kinds::find(self.kind).is_some_and(|(_, namespaced)| namespaced))
    }

    /// Whether it is a policy of the whole mesh.
    fn is_mesh_wide(&self) -> bool {
        self.kind == "MeshPolicy" || self.namespace == Some(ROOT_NAMESPACE) && MESH_WIDE.contains(&self.kind)
    }
}

/// `apps` of `apps/v1`; empty for the core group.
fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// What belongs to one lab.
struct Bounds<'a> {
    /// The namespaces that it creates.
    namespaces: BTreeSet<&'a str>,
    /// Everything that it creates.
    made: BTreeSet<Thing<'a>>,
}

impl<'a> Bounds<'a> {
    fn of(lab: &'a Lab) -> Self {
        let mut made: BTreeSet<Thing> = lab.objects().map(Thing::applied).collect();
        made.extend(actions(lab).filter_map(|action| match &action.value {
            Action::Certificate(certificate) => Some(Thing::issued(certificate)),
            _ => None,
        }));
        let created = made.iter().filter(|thing| (thing.group, thing.kind) == ("", "Namespace"));
        let namespaces = created.filter_map(|thing| thing.name).filter(|name| !is_reserved(name)).collect();
        Self { namespaces, made }
    }

    fn allow(&self, action: &'a Action) -> Result<(), Beyond> {
        match action {
            Action::Apply(apply) => apply.objects.iter().try_for_each(|object| self.create(object)),
            Action::Refused(refused) => refused.apply.objects.iter().try_for_each(|object| self.create(object)),
            Action::Certificate(certificate) => self.issue(certificate),
            Action::Annotate(mark) | Action::Label(mark) => {
                self.change(&Thing::named(&mark.target))?;
                metadata::of_mark(mark)
            }
            Action::Edge(request) => self.ask(request),
            Action::Delete(target) | Action::Restart(target) => self.change(&Thing::named(target)),
            Action::Scale(scale) => self.change(&Thing::named(&scale.target)),
            // It runs in a workload's pod, and workloads are looked at by themselves.
            Action::Exec(_) => Ok(()),
        }
    }

    fn look(&self, check: &Check) -> Result<(), Beyond> {
        match check {
            Check::Edge(edge) => edge.requests().try_for_each(|request| self.ask(request)),
            Check::Resource(resource) => self.read(&Thing::asked_for(resource)),
            Check::Steady(steady) => match &steady.request {
                Asks::Outside(request) => self.ask(request),
                Asks::Inside(_) => Ok(()),
            },
            // They ask from, or look at, workloads, and those are looked at by themselves.
            Check::Auth(_)
            | Check::Certificate(_)
            | Check::Graph(_)
            | Check::Http(_)
            | Check::Logs(_)
            | Check::Matrix(_)
            | Check::Wire(_) => Ok(()),
        }
    }

    /// A request from this machine goes to a Service's address and nowhere else, with what Secrets hold.
    fn ask(&self, request: &Outside) -> Result<(), Beyond> {
        if !request.service.is_gateway() {
            self.change(&Thing::at("Service", &request.service))?;
        }
        let secrets = [&request.cacert, &request.cert].into_iter().flatten();
        secrets.map(|secret| Thing::at("Secret", secret)).try_for_each(|secret| self.change(&secret))
    }

    fn create(&self, object: &Object) -> Result<(), Beyond> {
        let thing = Thing::applied(object);
        self.known(&thing)?;
        if !self.holds(&thing) && !thing.is_mesh_wide() {
            return Err(self.outside(&thing));
        }
        metadata::of_object(object)?;
        amount::of_object(object)?;
        self.reaches_out(object)
    }

    /// A certificate for a Gateway lies where the gateway reads it.
    fn issue(&self, certificate: &Certificate) -> Result<(), Beyond> {
        let thing = Thing::issued(certificate);
        // Istio would take a Secret `cacerts` for the root of the mesh.
        let of_the_mesh = certificate.secret == "cacerts" || certificate.secret.starts_with("istio");
        let for_a_gateway = certificate.namespace == ROOT_NAMESPACE && !of_the_mesh;
        if self.holds(&thing) || for_a_gateway { Ok(()) } else { Err(self.outside(&thing)) }
    }

    fn change(&self, thing: &Thing) -> Result<(), Beyond> {
        self.known(thing)?;
        if self.holds(thing) || self.made.contains(thing) { Ok(()) } else { Err(self.outside(thing)) }
    }

    fn read(&self, thing: &Thing) -> Result<(), Beyond> {
        self.known(thing)?;
        let may = self.holds(thing) || thing.is_mesh_wide() || self.made.contains(thing);
        if may { Ok(()) } else { Err(self.outside(thing)) }
    }

    fn pods_in(&self, namespace: &str) -> Result<(), Beyond> {
        self.read(&Thing::new("v1", "Pod", Some(namespace), None))
    }

    /// A kind of which nothing is known could reach anything, whatever namespace it names.
    fn known(&self, thing: &Thing) -> Result<(), Beyond> {
        match kinds::find(thing.kind) {
            Some((api_version, _)) if group(api_version) == thing.group => Ok(()),
            _ => Err(Beyond::UnknownKind { group: thing.group.to_owned(), kind: thing.kind.to_owned() }),
        }
    }

    /// Whether it is one of the lab's namespaces, or in one.
    fn holds(&self, thing: &Thing) -> bool {
        let namespace = if thing.kind == "Namespace" { thing.name } else { thing.home() };
        namespace.is_some_and(|namespace| self.namespaces.contains(namespace))
    }

    fn outside(&self, thing: &Thing) -> Beyond {
        let own = self.namespaces.iter().copied().map(str::to_owned).collect();
        let what = thing.name.map_or_else(|| format!("{}s", thing.kind), |name| format!("{} `{name}`", thing.kind));
        match (thing.kind, thing.name, thing.home()) {
            ("Namespace", Some(name), _) if is_reserved(name) => Beyond::Reserved { namespace: name.to_owned() },
            ("Namespace", ..) => Beyond::NamespaceOfOthers { what, own },
            (_, _, Some(ROOT_NAMESPACE)) => Beyond::OfTheMesh { what },
            (_, _, Some(namespace)) => Beyond::Elsewhere { what, namespace: namespace.to_owned(), own },
            (_, _, None) => Beyond::ClusterWide { what },
        }
    }
}

/// Namespaces that belong to the cluster or to its mesh.
fn is_reserved(namespace: &str) -> bool {
    namespace == "default" || namespace.starts_with("kube-") || namespace.starts_with("istio-")
}
