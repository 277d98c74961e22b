//! Looking on in all places at once, and showing what is seen as it comes.

use futures::future::select_all;

use super::{Ended, Format, PATIENCE, places::Way};
use crate::{
    cli::{CliError, mesh::told, output::print_more},
    cluster::{Cluster, ClusterError, mesh::Presence, mesh_status::SIDECAR},
    host::tap::Seen,
    probe::tap::{
        Eavesdropper,
        live::{Event, Happened, Live},
    },
    report::{style::Style, tap},
};

/// What to do where neither end has a sidecar.
const NO_SIDECAR: &str = "\
on a real cluster only a sidecar can show what travels: let one of the two have one (label its namespace
  istio-injection=enabled, and restart its pods), or look on with tcpdump from a container that may:
  kubectl debug -it POD -n NAMESPACE --profile=netadmin --image=IMAGE -- tcpdump -A";
/// What to do where the sidecars are Istio's.
const OTHER_SIDECAR: &str = "\
only labctl's own sidecar shows what travels, and this mesh is Istio's; look on with tcpdump from a container that may:
  kubectl debug -it POD -n NAMESPACE --profile=netadmin --image=IMAGE -- tcpdump -A";

/// Those who look on, and what they have shown.
pub(super) struct Watch {
    eavesdroppers: Vec<Eavesdropper>,
    live: Live,
    format: Format,
    style: Style,
    /// How many pieces are still to be shown, if that is known.
    left: Option<u64>,
}

impl Watch {
    /// Begins to look on.
    ///
    /// # Errors
    /// 4 if nobody can look on there.
    pub(super) async fn begin(
        cluster: &Cluster,
        way: &Way,
        format: Format,
        most: Option<u64>,
    ) -> Result<Self, CliError> {
        let eavesdroppers = match Eavesdropper::begin_all(cluster, &way.places).await {
            Ok(eavesdroppers) => eavesdroppers,
            Err(error) => {
                let istio = matches!(cluster.mesh().await, Ok(Presence::Istio(_)));
                let naked = way.places.iter().any(|place| place.container.container != SIDECAR);
                return Err(nobody(error, naked, istio));
            }
        };
        let live = Live::new(way.ports.clone());
        Ok(Self { eavesdroppers, live, format, style: Style::of_stdout(), left: most })
    }

    /// Shows all that is seen, until it is enough or nobody looks on any more. Nothing is lost if the future is dropped.
    pub(super) async fn show_all(&mut self) -> Result<Ended, CliError> {
        loop {
            let all = self.eavesdroppers.iter_mut().map(|one| Box::pin(one.next()));
            let (Some(seen), place, _) = select_all(all).await else { return Ok(Ended::Alone) };
            if !self.show(place, seen)? {
                return Ok(Ended::Enough);
            }
        }
    }

    /// Shows what was seen in a place; answers whether more is wanted.
    fn show(&mut self, place: usize, seen: Seen) -> Result<bool, CliError> {
        for event in self.live.read(place, seen) {
            let text = match self.format {
                Format::Json => format!("{}\n", tap::json(&event)),
                Format::Table => tap::table(&event, self.style),
            };
            if !print_more(&text)? || !self.goes_on(&event) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn goes_on(&mut self, event: &Event) -> bool {
        match (&mut self.left, &event.what) {
            (Some(left), Happened::Piece { .. }) => {
                *left = left.saturating_sub(1);
                *left > 0
            }
            _ => true,
        }
    }

    /// Ends it, shows what was seen by now unless it is enough, and answers how many connections there were.
    ///
    /// # Errors
    /// 4 if somebody who looked on came to a bad end.
    pub(super) async fn finish(mut self, ended: &Ended) -> Result<usize, CliError> {
        let finished = async {
            for (place, mut one) in std::mem::take(&mut self.eavesdroppers).into_iter().enumerate() {
                one.enough().await;
                while let Some(seen) = one.next().await {
                    if !matches!(ended, Ended::Enough) && !self.show(place, seen)? {
                        break;
                    }
                }
                one.end().await.map_err(|error| told(&error.into()))?;
            }
            Ok(self.live.begun())
        };
        let late = |_| Err(CliError::new(4, "those who look on do not end"));
        tokio::time::timeout(PATIENCE, finished).await.unwrap_or_else(late)
    }
}

/// Why nobody can look on, from a pod without a sidecar or in the mesh of Istio for instance.
fn nobody(error: ClusterError, naked: bool, istio: bool) -> CliError {
    // Without a status the request was granted, and the program could not do it.
    let granted = matches!(error, ClusterError::Request { status: None, .. });
    let told = told(&error.into());
    match (granted, naked, istio) {
        (true, true, _) => told.hints(NO_SIDECAR),
        (true, false, true) => told.hints(OTHER_SIDECAR),
        _ => told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(why: &str, status: Option<u16>, naked: bool, istio: bool) -> String {
        let doing = "look on from container c of pod foo/p".to_owned();
        let error = nobody(ClusterError::Request { doing, why: why.to_owned(), status }, naked, istio);
        assert_eq!(error.code, 4);
        std::iter::once(error.message).chain(error.hints).collect::<Vec<_>>().join("\n- ")
    }

    #[test]
    fn where_nobody_can_look_on_there_is_another_way() {
        insta::assert_snapshot!(said("no sidecar here shows its connections", None, true, false), @r"
        cannot look on from container c of pod foo/p: no sidecar here shows its connections
        - on a real cluster only a sidecar can show what travels: let one of the two have one (label its namespace
          istio-injection=enabled, and restart its pods), or look on with tcpdump from a container that may:
          kubectl debug -it POD -n NAMESPACE --profile=netadmin --image=IMAGE -- tcpdump -A
        ");
        insta::assert_snapshot!(said("executable file not found in $PATH", None, false, true), @r"
        cannot look on from container c of pod foo/p: executable file not found in $PATH
        - only labctl's own sidecar shows what travels, and this mesh is Istio's; look on with tcpdump from a container that may:
          kubectl debug -it POD -n NAMESPACE --profile=netadmin --image=IMAGE -- tcpdump -A
        ");
        insta::assert_snapshot!(said("4 taps are open on this machine already", None, false, false), @"cannot look on from container c of pod foo/p: 4 taps are open on this machine already");
        insta::assert_snapshot!(said("pods \"p\" is forbidden", Some(403), true, false), @r#"cannot look on from container c of pod foo/p: pods "p" is forbidden"#);
    }
}
