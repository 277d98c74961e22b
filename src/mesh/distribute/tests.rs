use futures::FutureExt;

use super::*;
use crate::{
    mesh::mode::Mode,
    sidecar::config::{Inbound, ProxyConfig},
};

/// A mesh in which every pod has the same mode.
struct Uniform(Mode);

impl Configure for Uniform {
    fn configuration(&self, pod: &PodName) -> Option<ProxyConfig> {
        Some(ProxyConfig {
            version: self.0.to_string(),
            trust_domains: vec![pod.namespace.clone()],
            inbound: Inbound { mode: self.0, ports: BTreeMap::new() },
            outbound: Vec::new(),
            routing: Default::default(),
        })
    }
}

const EXPIRES: Timestamp = Timestamp::constant(1_800_000_000, 0);

fn pod(text: &str) -> PodName {
    text.parse().unwrap()
}

fn id(pod: &PodName) -> SpiffeId {
    SpiffeId::new("cluster.local", &pod.namespace, &pod.name)
}

fn generation(mode: Mode, resources: &[&str], pods: &[&str]) -> Generation {
    let resource = |name: &&str| ResourceRef {
        kind: "PeerAuthentication".to_owned(),
        namespace: Some("foo".to_owned()),
        name: (*name).to_owned(),
        uid: format!("uid of {name}"),
        generation: 1,
        version: None,
    };
    let pods = pods.iter().map(|name| pod(name));
    Generation {
        resources: resources.iter().map(resource).collect(),
        pods: pods.map(|name| (name.clone(), Pod { id: id(&name), live: true, workload: name.name })).collect(),
        configure: Arc::new(Uniform(mode)),
    }
}

fn question(name: &str, acknowledged: Option<&Configuration>) -> Question {
    Question {
        id: id(&pod(name)),
        pod: pod(name),
        certificate_expires: EXPIRES,
        program: None,
        acknowledged: acknowledged.map(|configuration| configuration.version.clone()),
    }
}

/// Asks for `name`; `None` if the question has to wait.
fn ask(distributor: &Distributor, name: &str, acknowledged: Option<&Configuration>) -> Option<Configuration> {
    distributor.next(&question(name, acknowledged)).now_or_never().map(Result::unwrap)
}

fn settled(distributor: &Distributor) -> Vec<String> {
    distributor.status().borrow().resources.iter().map(|resource| resource.name.clone()).collect()
}

#[test]
fn resources_are_settled_when_every_live_proxy_has_acknowledged_them() {
    let distributor = Distributor::default();
    distributor.publish(generation(Mode::Permissive, &[], &["foo/a", "foo/b"]));
    let first = ask(&distributor, "foo/a", None).unwrap();
    assert_eq!(ask(&distributor, "foo/b", None).unwrap(), first);
    assert_eq!(ask(&distributor, "foo/a", Some(&first)), None);
    assert_eq!(ask(&distributor, "foo/b", Some(&first)), None);

    distributor.publish(generation(Mode::Strict, &["default"], &["foo/a", "foo/b"]));
    assert!(settled(&distributor).is_empty());
    let second = ask(&distributor, "foo/a", Some(&first)).unwrap();
    assert_ne!(second.version, first.version);
    assert_eq!(ask(&distributor, "foo/a", Some(&second)), None);
    assert!(settled(&distributor).is_empty(), "foo/b still works with the first one");
    assert_eq!(ask(&distributor, "foo/b", Some(&second)), None);
    assert_eq!(settled(&distributor), ["default"]);
}

#[test]
fn a_resource_that_changes_nothing_is_settled_at_once() {
    let distributor = Distributor::default();
    distributor.publish(generation(Mode::Strict, &["default"], &["foo/a"]));
    let first = ask(&distributor, "foo/a", None).unwrap();
    ask(&distributor, "foo/a", Some(&first));
    distributor.publish(generation(Mode::Strict, &["default", "another"], &["foo/a"]));
    assert_eq!(settled(&distributor), ["default", "another"]);
    assert_eq!(ask(&distributor, "foo/a", Some(&first)), None, "its proxy is not disturbed");
}

#[test]
fn pods_that_go_away_are_not_waited_for() {
    let distributor = Distributor::default();
    distributor.publish(generation(Mode::Permissive, &[], &["foo/a", "foo/b"]));
    ask(&distributor, "foo/a", None);
    let mut next = generation(Mode::Permissive, &["default"], &["foo/a"]);
    next.pods.get_mut(&pod("foo/a")).unwrap().live = false;
    distributor.publish(next);
    assert_eq!(settled(&distributor), ["default"]);
    assert!(distributor.status().borrow().proxies.is_empty());
}

#[test]
fn a_proxy_that_starts_anew_has_nothing() {
    let distributor = Distributor::default();
    distributor.publish(generation(Mode::Permissive, &[], &["foo/a"]));
    let first = ask(&distributor, "foo/a", None).unwrap();
    ask(&distributor, "foo/a", Some(&first));
    assert_eq!(distributor.status().borrow().proxies[0].acknowledged, Some(first.version));
    ask(&distributor, "foo/a", None);
    assert_eq!(distributor.status().borrow().proxies[0].acknowledged, None);
    distributor.publish(generation(Mode::Permissive, &["default"], &["foo/a"]));
    assert!(settled(&distributor).is_empty());
}

#[test]
fn a_question_of_a_lost_connection_says_nothing() {
    let distributor = Distributor::default();
    distributor.publish(generation(Mode::Permissive, &[], &["foo/a"]));
    let first = ask(&distributor, "foo/a", None).unwrap();
    let lost = question("foo/a", Some(&first));
    let mut lost = Box::pin(distributor.next(&lost));
    assert_eq!((&mut lost).now_or_never(), None);
    ask(&distributor, "foo/a", None);
    distributor.publish(generation(Mode::Strict, &[], &["foo/a"]));
    assert_eq!(lost.now_or_never(), None);
    assert_eq!(distributor.status().borrow().proxies[0].acknowledged, None);
}

#[tokio::test]
async fn a_question_waits_for_its_pod_and_for_news() {
    let distributor = Arc::new(Distributor::default());
    let waiting = |acknowledged: Option<Configuration>| {
        let distributor = distributor.clone();
        async move { distributor.next(&question("foo/a", acknowledged.as_ref())).await.unwrap() }
    };
    let (first, ()) = tokio::join!(waiting(None), async {
        distributor.publish(generation(Mode::Permissive, &[], &[]));
        distributor.publish(generation(Mode::Permissive, &[], &["foo/a"]));
    });
    let (second, ()) = tokio::join!(waiting(Some(first.clone())), async {
        distributor.publish(generation(Mode::Strict, &[], &["foo/a"]));
    });
    assert_ne!(first.version, second.version);
    let config: ProxyConfig = serde_json::from_slice(&second.body).unwrap();
    assert_eq!(config.version, second.version);
}

#[test]
fn a_pods_configuration_is_for_its_account_only() {
    let distributor = Distributor::default();
    distributor.publish(generation(Mode::Permissive, &[], &["foo/a", "foo/b"]));
    let stranger = Question { id: id(&pod("foo/b")), ..question("foo/a", None) };
    let error = distributor.next(&stranger).now_or_never().unwrap().unwrap_err();
    insta::assert_snapshot!(error, @"spiffe://cluster.local/ns/foo/sa/b may not have the configuration of pod foo/a");
    assert!(distributor.status().borrow().proxies.is_empty());
}

#[test]
fn status_is_announced_only_when_it_changes() {
    let distributor = Distributor::default();
    let mut status = distributor.status();
    distributor.publish(generation(Mode::Permissive, &[], &["foo/a"]));
    assert!(!status.has_changed().unwrap());
    ask(&distributor, "foo/a", None);
    assert!(status.has_changed().unwrap());
    insta::assert_json_snapshot!(*status.borrow_and_update(), @r#"
    {
      "resources": [],
      "proxies": [
        {
          "pod": "a",
          "namespace": "foo",
          "id": "spiffe://cluster.local/ns/foo/sa/a",
          "acknowledged": null,
          "newest": "PERMISSIVE",
          "certificateExpires": "2027-01-15T08:00:00Z",
          "program": null
        }
      ]
    }
    "#);
    ask(&distributor, "foo/a", None);
    assert!(!status.has_changed().unwrap());
}

#[test]
fn pod_names() {
    assert_eq!(pod("foo/a").to_string(), "foo/a");
    for text in ["", "foo", "/a", "foo/", "foo/a/b"] {
        assert_eq!(text.parse::<PodName>(), Err(NotAPodName(text.to_owned())));
    }
    insta::assert_snapshot!(NotAPodName("foo".to_owned()), @"`foo` is not a pod (namespace/name)");
}
