//! The life of pods.

use futures::TryStreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Pod, Secret};
use kube::{
    ResourceExt,
    api::{DeleteParams, ListParams, LogParams, Patch, PatchParams},
    runtime::{conditions::is_deleted, watcher},
};
use serde_json::{Value, json};

use crate::cluster::{Cluster, condition, container, is_ready, phase, pod, reason, with};

#[tokio::test]
async fn a_pod_runs_is_ready_and_goes() {
    let cluster = Cluster::start().await;
    cluster.run("one", &["pause"]).await;
    let running = cluster.pod("one", is_ready).await;
    let status = running.status.as_ref().unwrap();
    assert_eq!(status.phase.as_deref(), Some("Running"));
    assert_eq!(running.spec.as_ref().unwrap().node_name.as_deref(), Some("labctl"));
    assert!(status.pod_ip.as_ref().unwrap().starts_with("10.244."));
    let container = &status.container_statuses.as_ref().unwrap()[0];
    assert_eq!((container.ready, container.started, container.restart_count), (true, Some(true), 0));
    for kind in ["PodScheduled", "Initialized", "ContainersReady", "Ready"] {
        assert_eq!(condition(Some(&running), kind).as_deref(), Some("True"), "{kind}");
    }
    cluster.api::<Pod>().delete("one", &DeleteParams::default()).await.unwrap();
    cluster.wait("one", is_deleted::<Pod>(&running.uid().unwrap())).await;
}

#[tokio::test]
async fn init_containers_run_in_order_before_the_containers() {
    let cluster = Cluster::start().await;
    let mount = json!({"volumeMounts": [{"name": "shared", "mountPath": "/shared"}]});
    let spec = json!({
        "volumes": [{"name": "shared", "emptyDir": {}}],
        "initContainers": [
            with(container("first", &["write", "/shared/x", "from the first"]), &mount),
            with(container("second", &["cat", "/shared/x"]), &mount),
        ],
        "containers": [with(container("main", &["pause"]), &mount)],
    });
    cluster.create::<Pod>(pod("inits", &spec)).await;
    let ready = cluster.pod("inits", is_ready).await;
    let inits = ready.status.unwrap().init_container_statuses.unwrap();
    for init in inits {
        let ended = init.state.unwrap().terminated.unwrap();
        assert_eq!((ended.exit_code, ended.reason.as_deref(), init.ready), (0, Some("Completed"), true));
    }
    let (text, code) = cluster.exec("inits", &["cat", "/shared/x"]).await;
    assert_eq!((text.as_str(), code), ("from the first", 0));
}

#[tokio::test]
async fn a_failing_init_container_keeps_the_pod_from_starting() {
    let cluster = Cluster::start().await;
    let spec = json!({
        "restartPolicy": "Never",
        "initContainers": [container("broken", &["exit", "3"])],
        "containers": [container("main", &["pause"])],
    });
    cluster.create::<Pod>(pod("broken", &spec)).await;
    let failed = cluster.pod("broken", |pod: Option<&Pod>| phase(pod) == Some("Failed")).await;
    assert_eq!(reason(Some(&failed), 0), Some("PodInitializing"));
    assert_eq!(condition(Some(&failed), "Initialized").as_deref(), Some("False"));
}

#[tokio::test]
async fn a_sidecar_starts_first_and_does_not_keep_the_pod_from_completing() {
    let cluster = Cluster::start().await;
    let sidecar = with(container("side", &["pause"]), &json!({"restartPolicy": "Always"}));
    let spec = json!({
        "restartPolicy": "Never",
        "initContainers": [sidecar],
        "containers": [container("main", &["exit", "0"])],
    });
    cluster.create::<Pod>(pod("job", &spec)).await;
    let done = cluster.pod("job", |pod: Option<&Pod>| phase(pod) == Some("Succeeded")).await;
    let side = &done.status.unwrap().init_container_statuses.unwrap()[0];
    assert_eq!(side.state.as_ref().unwrap().terminated.as_ref().unwrap().exit_code, 0);
}

#[tokio::test]
async fn a_container_that_keeps_failing_backs_off() {
    let cluster = Cluster::start().await;
    cluster.run("crash", &["exit", "3"]).await;
    let crashing = |pod: Option<&Pod>| reason(pod, 0) == Some("CrashLoopBackOff");
    let waiting = cluster.pod("crash", crashing).await;
    let status = waiting.status.as_ref().unwrap();
    assert_eq!(status.phase.as_deref(), Some("Running"));
    let main = &status.container_statuses.as_ref().unwrap()[0];
    // The first restart is free.
    assert_eq!(main.restart_count, 1);
    let last = main.last_state.as_ref().unwrap().terminated.as_ref().unwrap();
    assert_eq!((last.exit_code, last.reason.as_deref()), (3, Some("Error")));
    let message = main.state.as_ref().unwrap().waiting.as_ref().unwrap().message.as_deref().unwrap();
    let uid = waiting.uid().unwrap();
    assert_eq!(message, format!("back-off 10s restarting failed container=main pod=crash_default({uid})"));
}

#[tokio::test]
async fn a_panic_ends_its_container_only() {
    let cluster = Cluster::start().await;
    let spec = json!({
        "restartPolicy": "Never",
        "containers": [container("main", &["panic", "out of cheese"]), container("other", &["pause"])],
    });
    cluster.create::<Pod>(pod("panic", &spec)).await;
    let ended = cluster.pod("panic", |pod: Option<&Pod>| reason(pod, 0) == Some("Error")).await;
    let statuses = ended.status.unwrap().container_statuses.unwrap();
    assert_eq!(statuses[0].state.as_ref().unwrap().terminated.as_ref().unwrap().exit_code, 101);
    let log = cluster.log("panic", LogParams::default()).await.unwrap();
    assert!(log.ends_with("out of cheese\n"), "{log}");
    let (text, _) = cluster.exec_with("panic", "other", &["env", "HOSTNAME"], "").await.unwrap();
    assert_eq!(text, "panic\n");
}

#[tokio::test]
async fn what_cannot_run_says_why() {
    let cluster = Cluster::start().await;
    let spec = json!({"containers": [{"name": "main", "image": "nginx:1.27"}]});
    cluster.create::<Pod>(pod("image", &spec)).await;
    let failing = cluster.pod("image", |pod: Option<&Pod>| reason(pod, 0) == Some("ErrImagePull")).await;
    insta::assert_snapshot!(message(&failing), @r#"failed to pull and unpack image "nginx:1.27": the embedded node downloads nothing; it has: test"#);

    let spec = json!({"restartPolicy": "Never", "containers": [container("main", &["/bin/foo", "bar"])]});
    cluster.create::<Pod>(pod("program", &spec)).await;
    let failing = cluster.pod("program", |pod: Option<&Pod>| reason(pod, 0) == Some("StartError")).await;
    insta::assert_snapshot!(message(&failing), @r#"failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "/bin/foo": executable file not found in $PATH: unknown"#);

    let root = json!({"securityContext": {"runAsNonRoot": true}});
    let spec = json!({"containers": [with(container("main", &["pause"]), &root)]});
    cluster.create::<Pod>(pod("root", &spec)).await;
    let refused = |pod: Option<&Pod>| reason(pod, 0) == Some("CreateContainerConfigError");
    let failing = cluster.pod("root", refused).await;
    insta::assert_snapshot!(message(&failing), @"container has runAsNonRoot and image will run as root");
}

#[tokio::test]
async fn what_a_container_lacks_is_named() {
    let cluster = Cluster::start().await;
    cluster.create::<ConfigMap>(json!({"metadata": {"name": "map"}, "data": {"A": "1"}})).await;
    let lacks = |name: &'static str, source: Value| {
        let cluster = &cluster;
        async move {
            let env = json!({"env": [{"name": "X", "valueFrom": source}]});
            let spec = json!({"containers": [with(container("main", &["pause"]), &env)]});
            cluster.create::<Pod>(pod(name, &spec)).await;
            let refused = |pod: Option<&Pod>| reason(pod, 0) == Some("CreateContainerConfigError");
            message(&cluster.pod(name, refused).await)
        }
    };
    let text = lacks("no-map", json!({"configMapKeyRef": {"name": "nope", "key": "A"}})).await;
    insta::assert_snapshot!(text, @r#"configmap "nope" not found"#);
    let text = lacks("no-key", json!({"configMapKeyRef": {"name": "map", "key": "B"}})).await;
    insta::assert_snapshot!(text, @"couldn't find key B in ConfigMap default/map");
    let text = lacks("no-secret", json!({"secretKeyRef": {"name": "nope", "key": "A"}})).await;
    insta::assert_snapshot!(text, @r#"secret "nope" not found"#);
    let text = lacks("no-source", json!({"resourceFieldRef": {"resource": "limits.cpu"}})).await;
    insta::assert_snapshot!(text, @"environment variable X: its source is not supported by this node");

    let unmounted = |name: &'static str, volume: Value| {
        let cluster = &cluster;
        async move {
            let volume = with(json!({"name": "v"}), &volume);
            let spec = json!({"volumes": [volume], "containers": [container("main", &["pause"])]});
            cluster.create::<Pod>(pod(name, &spec)).await;
            event(cluster, name, "FailedMount").await
        }
    };
    let text = unmounted("host-path", json!({"hostPath": {"path": "/etc"}})).await;
    insta::assert_snapshot!(
        text,
        @r#"MountVolume.SetUp failed for volume "v" : this kind of volume is not supported by this node"#
    );
    let items = json!({"configMap": {"name": "map", "items": [{"key": "B", "path": "b"}]}});
    let text = unmounted("no-item", items).await;
    insta::assert_snapshot!(
        text,
        @r#"MountVolume.SetUp failed for volume "v" : references non-existent configmap key: B"#
    );
}

fn message(pod: &Pod) -> String {
    let state = pod.status.as_ref().unwrap().container_statuses.as_ref().unwrap()[0].state.as_ref().unwrap();
    let waiting = state.waiting.as_ref().and_then(|waiting| waiting.message.clone());
    waiting.or(state.terminated.as_ref().and_then(|ended| ended.message.clone())).unwrap()
}

#[tokio::test]
async fn a_pod_that_fits_nowhere_is_pending() {
    let cluster = Cluster::start().await;
    let spec = json!({"nodeSelector": {"disk": "ssd"}, "containers": [container("main", &["pause"])]});
    cluster.create::<Pod>(pod("picky", &spec)).await;
    let unscheduled = |pod: Option<&Pod>| condition(pod, "PodScheduled").as_deref() == Some("False");
    let pending = cluster.pod("picky", unscheduled).await;
    let condition = &pending.status.as_ref().unwrap().conditions.as_ref().unwrap()[0];
    assert_eq!(condition.reason.as_deref(), Some("Unschedulable"));
    assert_eq!(phase(Some(&pending)), Some("Pending"));
}

/// Waits for an event.
pub async fn event(cluster: &Cluster, pod: &str, reason: &str) -> String {
    let events = cluster.api::<Event>();
    let watch = watcher(events, watcher::Config::default());
    let found = watch.try_filter_map(|change| async move {
        let (watcher::Event::Apply(event) | watcher::Event::InitApply(event)) = change else { return Ok(None) };
        let about = event.involved_object.name.as_deref() == Some(pod) && event.reason.as_deref() == Some(reason);
        Ok(about.then(|| event.message.unwrap_or_default()))
    });
    let mut found = std::pin::pin!(found);
    tokio::time::timeout(std::time::Duration::from_secs(20), found.try_next()).await.unwrap().unwrap().unwrap()
}

#[tokio::test]
async fn a_missing_config_map_is_waited_for() {
    let cluster = Cluster::start().await;
    let mount = json!({"volumeMounts": [{"name": "settings", "mountPath": "/etc/settings"}]});
    let spec = json!({
        "volumes": [{"name": "settings", "configMap": {"name": "settings"}}],
        "containers": [with(container("main", &["pause"]), &mount)],
    });
    cluster.create::<Pod>(pod("late", &spec)).await;
    insta::assert_snapshot!(
        event(&cluster, "late", "FailedMount").await,
        @r#"MountVolume.SetUp failed for volume "settings" : configmap "settings" not found"#
    );
    let waiting = cluster.pod("late", |pod: Option<&Pod>| reason(pod, 0).is_some()).await;
    assert_eq!(reason(Some(&waiting), 0), Some("ContainerCreating"));
    let map = json!({"metadata": {"name": "settings"}, "data": {"color": "green"}});
    cluster.create::<ConfigMap>(map).await;
    cluster.pod("late", is_ready).await;
    assert_eq!(cluster.exec("late", &["cat", "/etc/settings/color"]).await.0, "green");
}

#[tokio::test]
async fn environment_and_volumes_come_from_the_cluster() {
    let cluster = Cluster::start().await;
    cluster.create::<ConfigMap>(json!({"metadata": {"name": "map"}, "data": {"A": "1", "B": "2"}})).await;
    cluster.create::<Secret>(json!({"metadata": {"name": "secret"}, "stringData": {"password": "x"}})).await;
    let main = json!({
        "env": [
            {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "map", "key": "A"}}},
            {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "secret", "key": "password"}}},
            {"name": "NONE", "valueFrom": {"secretKeyRef": {"name": "nope", "key": "x", "optional": true}}},
            {"name": "BOTH", "value": "$(NAME)/$(A)"},
        ],
        "envFrom": [{"prefix": "MAP_", "configMapRef": {"name": "map"}}],
        "volumeMounts": [
            {"name": "all", "mountPath": "/all"}, {"name": "secret", "mountPath": "/secret", "subPath": "password"},
        ],
    });
    let spec = json!({
        "volumes": [
            {"name": "secret", "secret": {"secretName": "secret"}},
            {"name": "all", "projected": {"sources": [
                {"configMap": {"name": "map", "items": [{"key": "B", "path": "deep/b"}]}},
                {"configMap": {"name": "kube-root-ca.crt"}},
                {"serviceAccountToken": {"path": "token", "audience": "mesh"}},
                {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
            ]}},
        ],
        "containers": [with(container("main", &["pause"]), &main)],
    });
    cluster.create::<Pod>(pod("env", &spec)).await;
    let ready = cluster.pod("env", is_ready).await;
    let (text, _) = cluster.exec("env", &["env", "NAME", "A", "PASSWORD", "NONE", "BOTH", "MAP_B", "IP"]).await;
    assert_eq!(text, format!("env 1 x - env/1 2 {}\n", crate::cluster::address(&ready)));
    let files: [(&str, &str); 3] = [("/all/deep/b", "2"), ("/all/labels", "app=\"env\""), ("/secret", "x")];
    for (path, contents) in files {
        assert_eq!(cluster.exec("env", &["cat", path]).await, (contents.to_owned(), 0), "{path}");
    }
    let (root, _) = cluster.exec("env", &["cat", "/all/ca.crt"]).await;
    assert!(root.starts_with("-----BEGIN CERTIFICATE-----"), "{root}");
    let (token, _) = cluster.exec("env", &["cat", "/all/token"]).await;
    assert_eq!(token.split('.').count(), 3, "{token}");
    assert_eq!(cluster.exec("env", &["write", "/all/token", "x"]).await.1, 1);
    assert_eq!(cluster.exec("env", &["cat", "/etc/passwd"]).await.1, 1);
}

#[tokio::test]
async fn a_volume_follows_its_config_map() {
    let cluster = Cluster::start().await;
    for name in ["gone", "map"] {
        cluster.create::<ConfigMap>(json!({"metadata": {"name": name}, "data": {"color": "green"}})).await;
    }
    let mount = json!({
        "volumeMounts": [{"name": "map", "mountPath": "/map"}],
        "readinessProbe": {"exec": {"command": ["cat", "/map/ready"]}},
    });
    let spec = json!({
        "volumes": [{"name": "gone", "configMap": {"name": "gone"}}, {"name": "map", "configMap": {"name": "map"}}],
        "containers": [with(container("main", &["pause"]), &mount)],
    });
    cluster.create::<Pod>(pod("follows", &spec)).await;
    cluster.pod("follows", |pod: Option<&Pod>| phase(pod) == Some("Running")).await;
    // A volume whose source is gone stays as it is, and keeps no other from following.
    cluster.api::<ConfigMap>().delete("gone", &DeleteParams::default()).await.unwrap();
    let patch = Patch::Merge(json!({"data": {"ready": "yes"}}));
    cluster.api::<ConfigMap>().patch("map", &PatchParams::default(), &patch).await.unwrap();
    cluster.pod("follows", is_ready).await;
}

#[tokio::test]
async fn logs_of_this_run_and_the_one_before() {
    let cluster = Cluster::start().await;
    let spec =
        json!({"restartPolicy": "OnFailure", "containers": [container("main", &["print", "one", "two", "three"])]});
    cluster.create::<Pod>(pod("prints", &spec)).await;
    cluster.pod("prints", |pod: Option<&Pod>| phase(pod) == Some("Succeeded")).await;
    assert_eq!(cluster.log("prints", LogParams::default()).await.unwrap(), "one\ntwo\nthree\n");
    let tail = LogParams { tail_lines: Some(1), follow: true, ..LogParams::default() };
    assert_eq!(cluster.log("prints", tail).await.unwrap(), "three\n");
    let previous = LogParams { previous: true, ..LogParams::default() };
    let refused = cluster.log("prints", previous.clone()).await.unwrap_err();
    insta::assert_snapshot!(refused, @r#"previous terminated container "main" in pod "prints" not found"#);

    cluster.run("crash", &["panic", "again"]).await;
    cluster.pod("crash", |pod: Option<&Pod>| reason(pod, 0) == Some("CrashLoopBackOff")).await;
    assert!(cluster.log("crash", previous).await.unwrap().contains("again"));
}

#[tokio::test]
async fn commands_run_in_containers() {
    let cluster = Cluster::start().await;
    cluster.run("shell", &["pause"]).await;
    cluster.pod("shell", is_ready).await;
    let copied = cluster.exec_with("shell", "main", &["copy"], "through stdin").await.unwrap();
    assert_eq!(copied, ("through stdin".to_owned(), 0));
    assert_eq!(cluster.exec("shell", &["exit", "42"]).await.1, 42);
    let refused = cluster.exec_with("shell", "main", &["foo"], "").await.unwrap_err();
    insta::assert_snapshot!(refused, @r#"Internal error occurred: error executing command in container: OCI runtime exec failed: exec failed: unable to start container process: exec: "foo": executable file not found in $PATH: unknown"#);
    let (text, code) = cluster.exec("shell", &["panic", "not the node"]).await;
    assert!(code == 101 && text.contains("not the node"), "{text}");
    let refused = cluster.exec_with("shell", "sidecar", &["env"], "").await.unwrap_err();
    insta::assert_snapshot!(refused, @"container sidecar is not valid for pod shell");
}

#[tokio::test]
async fn a_deleted_pod_is_asked_to_end_then_killed() {
    let cluster = Cluster::start().await;
    let spec = json!({
        "terminationGracePeriodSeconds": 1,
        "containers": [container("main", &["pause"]), container("other", &["stubborn"])],
    });
    // Somebody else's finalizer keeps the object, so that its end can be looked at.
    let held = with(pod("ends", &spec), &json!({"metadata": {"name": "ends", "finalizers": ["example.com/hold"]}}));
    let made = cluster.create::<Pod>(held).await;
    cluster.pod("ends", is_ready).await;
    cluster.api::<Pod>().delete("ends", &DeleteParams::default()).await.unwrap();
    let codes = |pod: Option<&Pod>| -> Option<Vec<i32>> {
        let statuses = pod?.status.as_ref()?.container_statuses.as_ref()?;
        statuses.iter().map(|one| Some(one.state.as_ref()?.terminated.as_ref()?.exit_code)).collect()
    };
    cluster.pod("ends", move |pod: Option<&Pod>| codes(pod) == Some(vec![0, 137])).await;
    let release = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    cluster.api::<Pod>().patch("ends", &PatchParams::default(), &release).await.unwrap();
    cluster.wait("ends", is_deleted::<Pod>(&made.uid().unwrap())).await;
}

#[tokio::test]
async fn a_hook_runs_before_a_container_is_asked_to_end() {
    let cluster = Cluster::start().await;
    let mount = json!({"volumeMounts": [{"name": "shared", "mountPath": "/shared"}]});
    let hook = json!({"lifecycle": {"preStop": {"exec": {"command": ["write", "/shared/x", "so long"]}}}});
    let waits = json!({"terminationMessagePath": "/shared/x"});
    let spec = json!({
        "volumes": [{"name": "shared", "emptyDir": {}}],
        "containers": [with(with(with(container("main", &["pause"]), &mount), &hook), &waits)],
    });
    // Somebody else's finalizer keeps the object, so that its end can be looked at.
    let held = with(pod("hook", &spec), &json!({"metadata": {"name": "hook", "finalizers": ["example.com/hold"]}}));
    cluster.create::<Pod>(held).await;
    cluster.pod("hook", is_ready).await;
    cluster.api::<Pod>().delete("hook", &DeleteParams::default()).await.unwrap();
    let ended = cluster.pod("hook", |pod: Option<&Pod>| reason(pod, 0) == Some("Completed")).await;
    assert_eq!(message(&ended), "so long");
}

#[tokio::test]
async fn events_tell_the_story() {
    let cluster = Cluster::start().await;
    cluster.run("story", &["pause"]).await;
    event(&cluster, "story", "Started").await;
    let events = cluster.api::<Event>().list(&ListParams::default()).await.unwrap();
    let reasons: Vec<_> = events
        .iter()
        .filter(|event| event.involved_object.name.as_deref() == Some("story"))
        .filter_map(|event| event.reason.clone())
        .collect();
    for reason in ["Scheduled", "Pulled", "Created", "Started"] {
        assert!(reasons.iter().any(|one| one == reason), "{reason} in {reasons:?}");
    }
}

#[tokio::test]
async fn the_node_is_there() {
    let cluster = Cluster::start().await;
    let nodes: kube::Api<k8s_openapi::api::core::v1::Node> = kube::Api::all(cluster.client.clone());
    let node: Value = serde_json::to_value(nodes.get("labctl").await.unwrap()).unwrap();
    let ready = node["status"]["conditions"].as_array().unwrap().iter().find(|one| one["type"] == "Ready").unwrap();
    assert_eq!(ready["status"], "True");
}
