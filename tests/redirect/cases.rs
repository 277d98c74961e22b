//! Who ends up where, under which flags: `istio-iptables`' behaviour by example.

use std::net::SocketAddr;

use labctl::{host::IpRange, mesh::init};
use tokio::task::JoinSet;

use crate::world::{
    Place::{Localhost, Loopback, Other, Own},
    Pod,
    Who::{App, Group, Neighbour, Passthrough, Root, Sidecar},
    World, tell,
};

const APP: &str = "the application";
const OTHER: &str = "the other pod";
const INBOUND: &str = "inbound";
const OUTBOUND: &str = "outbound";

/// What an injected pod without annotations has.
const PLAIN: &str = "-b * -d 15090,15021,15020";

/// Flags (`{other}` is the range of the other pod's address), who calls, where, and who answers.
const CASES: &[(&str, crate::world::Who, crate::world::Place, u16, &str)] = &[
    // The application's connections leave through the sidecar, whoever it runs as.
    (PLAIN, App, Other, 8080, OUTBOUND),
    (PLAIN, Root, Other, 8080, OUTBOUND),
    // The sidecar's own do not, nor those of its group.
    (PLAIN, Sidecar, Other, 8080, OTHER),
    (PLAIN, Group, Other, 8080, OTHER),
    // What stays in the pod stays alone.
    (PLAIN, App, Localhost, 8080, APP),
    (PLAIN, App, Loopback, 8080, APP),
    (PLAIN, App, Own, 8080, APP),
    (PLAIN, Group, Own, 8080, APP),
    // The sidecar reaches its application, and enters like any client if it calls its own pod.
    (PLAIN, Passthrough, Own, 8080, APP),
    (PLAIN, Sidecar, Localhost, 8080, APP),
    (PLAIN, Sidecar, Own, 8080, INBOUND),
    (PLAIN, Sidecar, Loopback, 8080, INBOUND),
    (PLAIN, Sidecar, Own, 15008, APP),
    // Others enter through the sidecar, except to its own ports.
    (PLAIN, Neighbour, Own, 8080, INBOUND),
    (PLAIN, Neighbour, Own, 8081, INBOUND),
    (PLAIN, Neighbour, Own, 15021, APP),
    (PLAIN, Neighbour, Own, 15008, APP),
    // Whoever dials the sidecar's ports meets the sidecar, which sees what was dialled.
    (PLAIN, Neighbour, Own, 15006, INBOUND),
    (PLAIN, Neighbour, Own, 15001, INBOUND),
    (PLAIN, App, Own, 15001, OUTBOUND),
    (PLAIN, App, Own, 15006, INBOUND),
    // excludeInboundPorts
    ("-b * -d 8081", Neighbour, Own, 8081, APP),
    ("-b * -d 8081", Neighbour, Own, 8080, INBOUND),
    // includeInboundPorts; with a list, what is excluded does not matter.
    ("-b 8080", Neighbour, Own, 8080, INBOUND),
    ("-b 8080", Neighbour, Own, 8081, APP),
    ("-b 8080,8081 -d 8080", Neighbour, Own, 8080, INBOUND),
    ("-d 15021", Neighbour, Own, 8080, APP),
    ("-d 15021", App, Other, 8080, OUTBOUND),
    // excludeOutboundPorts
    ("-b * -o 5432", App, Other, 5432, OTHER),
    ("-b * -o 5432", App, Other, 8080, OUTBOUND),
    ("-b * -o 8080", Sidecar, Own, 8080, APP),
    // excludeOutboundIPRanges
    ("-b * -x {other}", App, Other, 8080, OTHER),
    ("-b * -x 192.0.2.0/24,2001:db8::/32", App, Other, 8080, OUTBOUND),
    ("-b * -x 0.0.0.0/0,::/0", App, Other, 8080, OTHER),
    // includeOutboundIPRanges
    ("-b * -i {other}", App, Other, 8080, OUTBOUND),
    ("-b * -i 192.0.2.0/24,2001:db8::/32", App, Other, 8080, OTHER),
    ("-b * -i {other} -x {other}", App, Other, 8080, OTHER),
    ("-b * -i 127.0.0.0/8,::1/128", App, Loopback, 8080, OUTBOUND),
    ("-b * -i 127.0.0.0/8,::1/128", App, Localhost, 8080, APP),
    ("-b * -i 127.0.0.0/8,::1/128", App, Own, 8080, APP),
    ("-b * -i 127.0.0.0/8,::1/128", Group, Own, 8080, INBOUND),
    ("-b * -i 127.0.0.0/8,::1/128", Passthrough, Own, 8080, APP),
    // Other ports, users and groups
    ("-b * -p 16001 -z 16006", App, Other, 8080, "outbound, moved"),
    ("-b * -p 16001 -z 16006", Neighbour, Own, 8080, "inbound, moved"),
    ("-b * -u 99", Sidecar, Other, 8080, OUTBOUND),
    ("-b * -u 99 -g 1337", Sidecar, Other, 8080, OTHER),
];

/// Tries all cases in a world.
pub async fn all(world: &impl World) {
    let _listeners = listeners(world);
    for &(flags, who, place, port, answers) in CASES {
        let Some(address) = world.address(place) else { continue };
        let other = IpRange::of(world.address(Other).unwrap());
        let range = format!("{}/{}", other.network(), other.length());
        let words: Vec<String> = flags.replace("{other}", &range).split(' ').map(str::to_owned).collect();
        world.redirect(&init::parse(&words).unwrap());
        let to = SocketAddr::new(address, port);
        let answer = world.call(who, to).await;
        assert_eq!(answer, format!("{answers}, asked for {to}"), "{flags}: {who:?} calls {place:?} port {port}");
    }
}

fn listeners(world: &impl World) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let sidecar = [(15001, OUTBOUND), (15006, INBOUND), (16001, "outbound, moved"), (16006, "inbound, moved")];
    let applications = [8080, 8081, 15008, 15021].map(|port| (port, APP));
    for (port, name) in sidecar.into_iter().chain(applications) {
        tasks.spawn(tell(world.listen(Pod::Own, port), name));
    }
    for port in [8080, 5432] {
        tasks.spawn(tell(world.listen(Pod::Other, port), OTHER));
    }
    tasks
}
