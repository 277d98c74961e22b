//! The `edge` action: a request from outside of the cluster that must be answered.

use tokio::time::{Instant, sleep};

use super::{
    act::{PAUSE, SETTLING},
    context::Context,
    result::Problem,
};
use crate::{lab::outside::Outside, probe::edge};

impl Context<'_> {
    /// Asks until it is answered with success; a gateway may take a moment to know where to go.
    pub(super) async fn ask_from_outside(&self, request: &Outside) -> Result<(), Problem> {
        let settled = Instant::now() + SETTLING;
        loop {
            let answer = edge::answer(&self.cluster, request).await?;
            if answer.exit == 0 && answer.status < 400 {
                return Ok(());
            }
            if Instant::now() >= settled {
                return Err(Problem::new(format!("{} was not answered: {}", edge::subject(request), answer.told())));
            }
            sleep(PAUSE).await;
        }
    }
}
