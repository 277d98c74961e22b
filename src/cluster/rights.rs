//! What somebody may do on a cluster, asked before it is tried.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::{Api, api::PostParams};
use serde::Serialize;

use super::{Cluster, ClusterError, apply::AT_ONCE};

/// The right to do one thing.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Right {
    /// The group; empty for the core's.
    pub group: String,
    /// `pods`, or `pods/exec`.
    pub resource: String,
    /// Where; absent for what is cluster-wide.
    pub namespace: Option<String>,
    /// To which object only; all of them if absent.
    pub name: Option<String>,
    /// `get`, `create`, ...
    pub verb: String,
}

/// A right that is needed, or all of some others in its place.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Need {
    /// The right.
    pub right: Right,
    /// What does as well, if all of it is there; nothing does if this is empty.
    pub instead: Vec<Right>,
}

impl From<Right> for Need {
    fn from(right: Right) -> Self {
        Self { right, instead: Vec::new() }
    }
}

impl Cluster {
    /// Makes sure that all of `needs` is allowed; each question is asked once.
    ///
    /// A cluster that does not let people ask is left to refuse them later.
    ///
    /// # Errors
    /// [`ClusterError::Rights`] with all that is missing, or a failed request.
    pub async fn check_rights(&self, needs: &BTreeSet<Need>) -> Result<(), ClusterError> {
        let missing = match self.missing_rights(needs).await {
            Err(ClusterError::Request { status: Some(403..=405), .. }) => return Ok(()),
            other => other?,
        };
        if missing.is_empty() { Ok(()) } else { Err(ClusterError::Rights(missing)) }
    }

    async fn missing_rights(&self, needs: &BTreeSet<Need>) -> Result<Vec<Right>, ClusterError> {
        if self.may(&everything()).await? {
            return Ok(Vec::new());
        }
        let rights: BTreeSet<&Right> = needs.iter().flat_map(|need| need.instead.iter().chain([&need.right])).collect();
        let asked = stream::iter(rights).map(|right| async move { Ok((right, self.may(right).await?)) });
        let answers: BTreeMap<&Right, bool> = asked.buffer_unordered(AT_ONCE).try_collect::<_>().await?;
        let met = |need: &&Need| {
            answers[&need.right] || (!need.instead.is_empty() && need.instead.iter().all(|right| answers[right]))
        };
        Ok(needs.iter().filter(|need| !met(need)).map(|need| need.right.clone()).collect())
    }

    async fn may(&self, right: &Right) -> Result<bool, ClusterError> {
        let (resource, subresource) = match right.resource.split_once('/') {
            Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
            None => (right.resource.as_str(), None),
        };
        let attributes = ResourceAttributes {
            group: Some(right.group.clone()),
            name: right.name.clone(),
            namespace: right.namespace.clone(),
            resource: Some(resource.to_owned()),
            subresource,
            verb: Some(right.verb.clone()),
            ..ResourceAttributes::default()
        };
        let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() };
        let review = SelfSubjectAccessReview { spec, ..Default::default() };
        let reviews: Api<SelfSubjectAccessReview> = Api::all(self.client());
        let answer = reviews.create(&PostParams::default(), &review).await;
        let answer = answer.map_err(ClusterError::request("ask what we may do"))?;
        Ok(answer.status.is_some_and(|status| status.allowed))
    }
}

/// What an administrator has; one question instead of a hundred.
fn everything() -> Right {
    let all = || "*".to_owned();
    Right { group: all(), resource: all(), namespace: None, name: None, verb: all() }
}

/// The missing rights as a table: under each set of verbs, the resources that lack them, and where.
pub(super) fn table(missing: &[Right]) -> String {
    let mut verbs: BTreeMap<(String, Option<&str>), BTreeSet<&str>> = BTreeMap::new();
    for right in missing {
        verbs.entry((subject(right), right.namespace.as_deref())).or_default().insert(&right.verb);
    }
    let mut groups: BTreeMap<String, BTreeMap<String, Vec<&str>>> = BTreeMap::new();
    for ((subject, namespace), verbs) in verbs {
        let verbs = Vec::from_iter(verbs).join(", ");
        groups.entry(verbs).or_default().entry(subject).or_default().extend(namespace);
    }
    groups.iter().map(|(verbs, subjects)| format!("\n  {verbs}{}", rows(subjects))).collect()
}

fn rows(subjects: &BTreeMap<String, Vec<&str>>) -> String {
    let placed = subjects.iter().filter(|(_, namespaces)| !namespaces.is_empty());
    let width = placed.map(|(subject, _)| subject.len()).max().unwrap_or(0);
    let row = |(subject, namespaces): (&String, &Vec<&str>)| match &namespaces[..] {
        [] => format!("\n    {subject}"),
        several => format!("\n    {subject:<width$}  in {}", several.join(", ")),
    };
    subjects.iter().map(row).collect()
}

fn subject(right: &Right) -> String {
    let mut subject = right.resource.clone();
    if !right.group.is_empty() {
        _ = write!(subject, ".{}", right.group);
    }
    if let Some(name) = &right.name {
        _ = write!(subject, "/{name}");
    }
    subject
}

/// A ClusterRole with exactly the missing rights, as somebody who has them could apply it.
pub(super) fn cluster_role(missing: &[Right]) -> String {
    /// `rules` of a ClusterRole.
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Rule {
        api_groups: [String; 1],
        resources: BTreeSet<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        resource_names: Option<[String; 1]>,
        verbs: BTreeSet<String>,
    }
    let mut verbs: BTreeMap<(&str, Option<&str>, &str), BTreeSet<String>> = BTreeMap::new();
    for right in missing {
        let key = (right.group.as_str(), right.name.as_deref(), right.resource.as_str());
        verbs.entry(key).or_default().insert(right.verb.clone());
    }
    let mut rules: Vec<Rule> = Vec::new();
    for ((group, name, resource), verbs) in verbs {
        let names = name.map(|name| [name.to_owned()]);
        let same =
            |rule: &&mut Rule| rule.api_groups[0] == group && rule.resource_names == names && rule.verbs == verbs;
        match rules.iter_mut().find(same) {
            Some(rule) => _ = rule.resources.insert(resource.to_owned()),
            None => rules.push(Rule {
                api_groups: [group.to_owned()],
                resources: [resource.to_owned()].into(),
                resource_names: names,
                verbs,
            }),
        }
    }
    let mut text = String::from("apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\n");
    text.push_str("metadata: {name: labctl-trainee}\nrules:\n");
    for rule in rules {
        // JSON on one line is YAML, too.
        text.push_str(&format!("- {}\n", serde_json::to_string(&rule).unwrap_or_default()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right(verb: &str, group: &str, resource: &str, namespace: Option<&str>, name: Option<&str>) -> Right {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let (group, resource, verb) = (group.to_owned(), resource.to_owned(), verb.to_owned());
        Right { group, resource, namespace: owned(namespace), name: owned(name), verb }
    }

    fn missing() -> Vec<Right> {
        vec![
            right("create", "", "namespaces", None, None),
            right("delete", "", "namespaces", None, None),
            right("get", "", "pods/exec", Some("bar"), None),
            right("create", "", "pods/exec", Some("foo"), None),
            right("get", "", "pods/exec", Some("foo"), None),
            right("create", "apps", "deployments", Some("bar"), None),
            right("create", "apps", "deployments", Some("foo"), None),
            right("escalate", "rbac.authorization.k8s.io", "clusterroles", None, Some("labctl-mesh")),
        ]
    }

    #[test]
    fn what_is_missing_is_a_table() {
        insta::assert_snapshot!(table(&missing()), @r"

          create
            deployments.apps  in bar, foo
          create, delete
            namespaces
          create, get
            pods/exec  in foo
          escalate
            clusterroles.rbac.authorization.k8s.io/labctl-mesh
          get
            pods/exec  in bar
        ");
    }

    #[test]
    fn what_is_missing_can_be_given() {
        insta::assert_snapshot!(cluster_role(&missing()), @r#"
        apiVersion: rbac.authorization.k8s.io/v1
        kind: ClusterRole
        metadata: {name: labctl-trainee}
        rules:
        - {"apiGroups":[""],"resources":["namespaces"],"verbs":["create","delete"]}
        - {"apiGroups":[""],"resources":["pods/exec"],"verbs":["create","get"]}
        - {"apiGroups":["apps"],"resources":["deployments"],"verbs":["create"]}
        - {"apiGroups":["rbac.authorization.k8s.io"],"resources":["clusterroles"],"resourceNames":["labctl-mesh"],"verbs":["escalate"]}
        "#);
    }
}
