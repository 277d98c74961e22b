//! Deployments, namespaces, owners.

use std::time::Duration;

use k8s_openapi::api::{
    apps::v1::{Deployment, ReplicaSet},
    core::v1::{ConfigMap, Namespace, Pod, ServiceAccount},
    discovery::v1::EndpointSlice,
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams, PropagationPolicy},
    runtime::{
        conditions::is_deleted,
        wait::{Condition, await_condition},
    },
};
use serde_json::{Value, json};

use crate::cluster::{Cluster, container, is_ready};

fn deployment(name: &str, replicas: i32, command: &[&str]) -> Value {
    let labels = json!({"app": name});
    json!({
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container("main", command)]}},
        },
    })
}

/// What `kubectl rollout status` waits for.
fn is_rolled_out(replicas: i32) -> impl Condition<Deployment> {
    move |deployment: Option<&Deployment>| {
        let Some(deployment) = deployment else { return false };
        let Some(status) = &deployment.status else { return false };
        let all = [status.replicas, status.updated_replicas, status.available_replicas];
        status.observed_generation == deployment.metadata.generation
            && all.iter().all(|count| count.unwrap_or(0) == replicas)
    }
}

async fn pods(cluster: &Cluster, app: &str) -> Vec<Pod> {
    let list = cluster.api::<Pod>().list(&ListParams::default().labels(&format!("app={app}"))).await.unwrap();
    list.items.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).collect()
}

#[tokio::test]
async fn a_deployment_makes_pods_and_replaces_them() {
    let cluster = Cluster::start().await;
    cluster.create::<Deployment>(deployment("web", 2, &["serve", "one:8080"])).await;
    let first = cluster.wait("web", is_rolled_out(2)).await.unwrap();
    assert_eq!(first.annotations()["deployment.kubernetes.io/revision"], "1");
    let before = pods(&cluster, "web").await;
    assert_eq!(before.len(), 2);
    assert!(before.iter().all(|pod| is_ready(Some(pod)) && pod.labels().contains_key("pod-template-hash")));

    let container = container("main", &["serve", "two:8080"]);
    let patch = Patch::Merge(json!({"spec": {"template": {"spec": {"containers": [container]}}}}));
    cluster.api::<Deployment>().patch("web", &PatchParams::default(), &patch).await.unwrap();
    let second = cluster.wait("web", is_rolled_out(2)).await.unwrap();
    assert_eq!(second.annotations()["deployment.kubernetes.io/revision"], "2");
    let after = pods(&cluster, "web").await;
    assert!(after.iter().all(|pod| before.iter().all(|old| old.name_any() != pod.name_any())));
    let sets = cluster.api::<ReplicaSet>().list(&ListParams::default()).await.unwrap();
    let mut sizes: Vec<_> = sets.iter().map(|set| set.spec.replicas).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [Some(0), Some(2)]);
    let conditions = second.status.unwrap().conditions.unwrap();
    let progressing = conditions.iter().find(|one| one.type_.as_deref() == Some("Progressing")).unwrap();
    assert_eq!(progressing.reason.as_deref(), Some("NewReplicaSetAvailable"));
}

#[tokio::test]
async fn a_pod_that_is_taken_away_is_replaced() {
    let cluster = Cluster::start().await;
    cluster.create::<Deployment>(deployment("web", 1, &["pause"])).await;
    cluster.wait("web", is_rolled_out(1)).await;
    let first = pods(&cluster, "web").await.remove(0);
    cluster.api::<Pod>().delete(&first.name_any(), &DeleteParams::default()).await.unwrap();
    cluster.wait(&first.name_any(), is_deleted::<Pod>(&first.uid().unwrap())).await;
    cluster.wait("web", is_rolled_out(1)).await;
    let second = pods(&cluster, "web").await.remove(0);
    assert_ne!(first.uid(), second.uid());
}

#[tokio::test]
async fn scaled_to_nothing_a_service_refuses() {
    let cluster = Cluster::start().await;
    cluster.create::<Deployment>(deployment("web", 1, &["serve", "web:80"])).await;
    let service = json!({"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}});
    cluster.create::<k8s_openapi::api::core::v1::Service>(service).await;
    cluster.run("client", &["pause"]).await;
    cluster.pod("client", is_ready).await;
    cluster.wait("web", is_rolled_out(1)).await;
    let has_endpoint = |slice: Option<&EndpointSlice>| endpoints(slice) == Some(1);
    cluster.wait("web", has_endpoint).await;
    assert_eq!(cluster.exec("client", &["call", "web", "80"]).await.1, 0);

    let patch = Patch::Merge(json!({"spec": {"replicas": 0}}));
    cluster.api::<Deployment>().patch("web", &PatchParams::default(), &patch).await.unwrap();
    cluster.wait("web", is_rolled_out(0)).await;
    cluster.wait("web", |slice: Option<&EndpointSlice>| endpoints(slice) == Some(0)).await;
    assert_eq!(cluster.exec("client", &["call", "web", "80"]).await.0, "ConnectionRefused\n");
}

fn endpoints(slice: Option<&EndpointSlice>) -> Option<usize> {
    let ready = slice?.endpoints.as_ref().map_or(0, |all| {
        all.iter().filter(|one| one.conditions.as_ref().is_some_and(|one| one.ready == Some(true))).count()
    });
    Some(ready)
}

#[tokio::test]
async fn owned_objects_go_with_their_owner() {
    let cluster = Cluster::start().await;
    cluster.create::<Deployment>(deployment("web", 1, &["pause"])).await;
    cluster.wait("web", is_rolled_out(1)).await;
    let pod = pods(&cluster, "web").await.remove(0);
    cluster.api::<Deployment>().delete("web", &DeleteParams::background()).await.unwrap();
    cluster.wait(&pod.name_any(), is_deleted::<Pod>(&pod.uid().unwrap())).await;
}

/// A ConfigMap, perhaps owned by another one.
async fn map(cluster: &Cluster, name: &str, owner: Option<&ConfigMap>) -> ConfigMap {
    let owners = owner.map(|owner| {
        json!([{
            "apiVersion": "v1", "kind": "ConfigMap", "name": owner.name_any(), "uid": owner.uid(),
            "blockOwnerDeletion": true,
        }])
    });
    cluster.create(json!({"metadata": {"name": name, "ownerReferences": owners}})).await
}

fn by(policy: PropagationPolicy) -> DeleteParams {
    DeleteParams { propagation_policy: Some(policy), ..DeleteParams::default() }
}

#[tokio::test]
async fn deletion_goes_by_its_policy() {
    let cluster = Cluster::start().await;
    let maps = cluster.api::<ConfigMap>();
    let owner = map(&cluster, "owner", None).await;
    let held = map(&cluster, "held", Some(&owner)).await;
    let patch = Patch::Merge(json!({"metadata": {"finalizers": ["example.com/hold"]}}));
    maps.patch("held", &PatchParams::default(), &patch).await.unwrap();
    maps.delete("owner", &by(PropagationPolicy::Foreground)).await.unwrap();
    let marked = |map: Option<&ConfigMap>| map.is_some_and(|map| map.metadata.deletion_timestamp.is_some());
    cluster.wait("held", marked).await;
    assert!(maps.get_opt("owner").await.unwrap().is_some(), "the owner waits");
    let patch = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    maps.patch("held", &PatchParams::default(), &patch).await.unwrap();
    cluster.wait("held", is_deleted::<ConfigMap>(&held.uid().unwrap())).await;
    cluster.wait("owner", is_deleted::<ConfigMap>(&owner.uid().unwrap())).await;

    let owner = map(&cluster, "owner", None).await;
    let orphan = map(&cluster, "orphan", Some(&owner)).await;
    maps.delete("owner", &by(PropagationPolicy::Orphan)).await.unwrap();
    cluster.wait("owner", is_deleted::<ConfigMap>(&owner.uid().unwrap())).await;
    let left = maps.get("orphan").await.unwrap();
    assert_eq!((left.uid(), left.owner_references().len()), (orphan.uid(), 0));
}

#[tokio::test]
async fn an_object_whose_owner_never_was_goes() {
    let cluster = Cluster::start().await;
    let never = ConfigMap {
        metadata: ObjectMeta {
            name: Some("never".to_owned()),
            uid: Some("00000000-0000-0000-0000-000000000000".to_owned()),
            ..ObjectMeta::default()
        },
        ..ConfigMap::default()
    };
    let lost = map(&cluster, "lost", Some(&never)).await;
    cluster.wait("lost", is_deleted::<ConfigMap>(&lost.uid().unwrap())).await;
}

#[tokio::test]
async fn a_namespace_has_what_it_needs_and_takes_all_along() {
    let cluster = Cluster::start().await;
    let namespaces: Api<Namespace> = Api::all(cluster.client.clone());
    let foo = json!({"metadata": {"name": "foo"}});
    let foo = namespaces.create(&PostParams::default(), &serde_json::from_value(foo).unwrap()).await.unwrap();
    let patient = |wait| tokio::time::timeout(Duration::from_secs(20), wait);
    let accounts: Api<ServiceAccount> = Api::namespaced(cluster.client.clone(), "foo");
    let there = |account: Option<&ServiceAccount>| account.is_some();
    patient(await_condition(accounts, "default", there)).await.unwrap().unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), "foo");
    let root = |map: Option<&ConfigMap>| map.and_then(|map| map.data.as_ref()).is_some();
    let root = await_condition(maps, "kube-root-ca.crt", root);
    let root = tokio::time::timeout(Duration::from_secs(20), root).await.unwrap().unwrap().unwrap();
    assert!(root.data.unwrap()["ca.crt"].starts_with("-----BEGIN CERTIFICATE-----"));

    let deployments: Api<Deployment> = Api::namespaced(cluster.client.clone(), "foo");
    let web = serde_json::from_value(deployment("web", 2, &["pause"])).unwrap();
    deployments.create(&PostParams::default(), &web).await.unwrap();
    let rolled_out = await_condition(deployments, "web", is_rolled_out(2));
    tokio::time::timeout(Duration::from_secs(20), rolled_out).await.unwrap().unwrap();
    namespaces.delete("foo", &DeleteParams::default()).await.unwrap();
    let uid = foo.uid().unwrap();
    let gone = await_condition(namespaces, "foo", is_deleted(&uid));
    tokio::time::timeout(Duration::from_secs(20), gone).await.unwrap().unwrap();
    let left: Api<Pod> = Api::namespaced(cluster.client.clone(), "foo");
    assert!(left.list(&ListParams::default()).await.unwrap().items.is_empty());
}
