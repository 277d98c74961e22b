//! The resolver against a name server of its own, on a real socket.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use hickory_resolver::proto::{
    op::{Message, ResponseCode},
    rr::{RData, Record},
};
use tokio::net::UdpSocket;

use super::*;

/// What the server says about a name: addresses, or a code without any.
type Zone = &'static [(&'static str, Result<&'static [&'static str], ResponseCode>)];

/// A name server that is asked by the resolver, and remembers for what.
struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(zone: Zone) -> Self {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
        let server = Self { address: socket.local_addr().unwrap(), asked: Arc::default() };
        let asked = Arc::clone(&server.asked);
        tokio::spawn(async move {
            let mut packet = [0; 512];
            loop {
                let (length, from) = socket.recv_from(&mut packet).await.unwrap();
                let question = Message::from_vec(&packet[..length]).unwrap();
                let name = question.queries[0].name().to_string();
                if question.queries[0].query_type() == RecordType::A {
                    asked.lock().unwrap().push(name.clone());
                }
                if let Some(answer) = answer(question, zone, &name) {
                    socket.send_to(&answer.to_vec().unwrap(), from).await.unwrap();
                }
            }
        });
        server
    }

    /// A machine that asks this server.
    fn names(&self, hosts: &str, resolv_conf: &str) -> Names {
        let resolv_conf = format!("nameserver {}\n{resolv_conf}\n", self.address.ip());
        Names::new(hosts.as_bytes(), resolv_conf.as_bytes()).unwrap().with_port(self.address.port())
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Nothing at all for a name that is not in the zone and starts with `silent`.
fn answer(question: Message, zone: Zone, name: &str) -> Option<Message> {
    let query = question.queries[0].clone();
    let known = zone.iter().find(|(known, _)| *known == name).map(|(_, answer)| *answer);
    if known.is_none() && name.starts_with("silent") {
        return None;
    }
    let mut answer = question.into_response();
    match known.unwrap_or(Err(ResponseCode::NXDomain)) {
        Err(code) => answer.metadata.response_code = code,
        Ok(addresses) => {
            let data = addresses.iter().map(|address| RData::from(address.parse::<IpAddr>().unwrap()));
            let wanted = data.filter(|data| data.record_type() == query.query_type());
            answer.insert_answers(wanted.map(|data| Record::from_rdata(query.name().clone(), 5, data)).collect());
        }
    }
    Some(answer)
}

const POD: &str = "search foo.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5";

#[tokio::test]
async fn search_domains_lead_to_a_service() {
    let server = Server::start(&[("web.bar.svc.cluster.local.", Ok(&["10.96.0.7"]))]).await;
    let names = server.names("", POD);
    assert_eq!(names.resolve("web.bar").await.unwrap(), [IpAddr::from([10, 96, 0, 7])]);
    assert_eq!(server.asked(), ["web.bar.foo.svc.cluster.local.", "web.bar.svc.cluster.local."]);
}

#[tokio::test]
async fn both_kinds_of_addresses_are_found_and_a_name_without_any_is_passed_over() {
    let zone: Zone =
        &[("web.foo.svc.cluster.local.", Ok(&[])), ("web.svc.cluster.local.", Ok(&["2001:db8::7", "192.0.2.7"]))];
    let found = Server::start(zone).await.names("", POD).resolve("web").await.unwrap();
    assert_eq!(found, ["192.0.2.7".parse::<IpAddr>().unwrap(), "2001:db8::7".parse().unwrap()]);
}

#[tokio::test]
async fn unknown_name_is_not_found() {
    let server = Server::start(&[]).await;
    let error = io::Error::from(server.names("", POD).resolve("nobody").await.unwrap_err());
    assert_eq!(error.kind(), ErrorKind::NotFound);
    insta::assert_snapshot!(error, @"no address for `nobody`");
    assert_eq!(server.asked().len(), 4);
    let not_even_a_name = server.names("", "").resolve("a..b").await;
    assert_eq!(io::Error::from(not_even_a_name.unwrap_err()).kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn failing_server_is_not_an_unknown_name() {
    let zone: Zone = &[("web.foo.svc.cluster.local.", Err(ResponseCode::ServFail))];
    let error = io::Error::from(Server::start(zone).await.names("", POD).resolve("web").await.unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Other);
    insta::assert_snapshot!(error, @"the name server 127.0.0.1 cannot tell the address of `web`: it answers ServFail");
}

#[tokio::test]
async fn failing_server_does_not_hide_a_name_that_another_domain_has() {
    let zone: Zone =
        &[("web.foo.svc.cluster.local.", Err(ResponseCode::ServFail)), ("web.svc.cluster.local.", Ok(&["192.0.2.7"]))];
    let found = Server::start(zone).await.names("", POD).resolve("web").await;
    assert_eq!(found.unwrap(), ["192.0.2.7".parse::<IpAddr>().unwrap()]);
}

#[tokio::test]
async fn silent_server_is_a_timeout() {
    let names = Server::start(&[]).await.names("", "options timeout:1 attempts:1");
    let error = io::Error::from(names.resolve("silent").await.unwrap_err());
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    insta::assert_snapshot!(error, @"the name server 127.0.0.1 cannot tell the address of `silent`: it does not answer");
}

#[tokio::test]
async fn the_hosts_file_is_asked_first() {
    let server = Server::start(&[("web.", Ok(&["192.0.2.7"]))]).await;
    let names = server.names("192.0.2.1 web web.test # a comment\n2001:db8::1 Web\nnonsense x\n", "");
    let both = ["192.0.2.1".parse::<IpAddr>().unwrap(), "2001:db8::1".parse().unwrap()];
    assert_eq!(names.resolve("web").await.unwrap(), both);
    assert_eq!(names.resolve("WEB.test.").await.unwrap(), both[..1]);
    assert_eq!(server.asked(), [""; 0]);
}

#[tokio::test]
async fn without_any_file_addresses_and_this_machine_are_known() {
    let names = Names::new(b"", b"").unwrap();
    assert_eq!(names.resolve("192.0.2.1").await.unwrap(), [IpAddr::from([192, 0, 2, 1])]);
    let this: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    assert_eq!(names.resolve("localhost").await.unwrap(), this);
    assert_eq!(names.resolve("web.localhost.").await.unwrap(), this);
}

#[tokio::test]
async fn without_a_name_server_nobody_is_asked() {
    let error = io::Error::from(Names::new(b"", b"search foo").unwrap().resolve("web").await.unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Other);
    insta::assert_snapshot!(error, @"no name server to ask for `web`: /etc/resolv.conf names none");
}
