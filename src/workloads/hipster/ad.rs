//! `adservice`: short texts that fit the page they are shown on.

use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::future::{BoxFuture, FutureExt as _};
use tonic::{Request, Response, Status, async_trait};

use super::{
    catalogue::ADS,
    hipstershop::{
        Ad, AdRequest, AdResponse,
        ad_service_server::{AdService, AdServiceServer},
    },
};
use crate::{
    host::{ExitStatus, Host},
    workloads::{grpc, server::Server},
};

/// How many are shown when none fits.
const ANY: usize = 2;

/// Shows other texts each time, so that each is seen.
struct Ads {
    next: AtomicUsize,
}

/// Runs `adservice [--host ADDRESS] [--port PORT]`.
pub fn program(host: Arc<dyn Host>, arguments: Vec<String>) -> BoxFuture<'static, ExitStatus> {
    let server = Server { name: "adservice", port: 9555 };
    // Replicas do not all begin with the same text.
    let start = usize::from(RandomState::new().hash_one(()).to_le_bytes()[0]);
    let service = AdServiceServer::new(Ads { next: AtomicUsize::new(start) });
    let service = service.max_decoding_message_size(grpc::MAX_MESSAGE);
    server.serve_http(host, arguments, |_| Ok(grpc::router(service))).boxed()
}

#[async_trait]
impl AdService for Ads {
    async fn get_ads(&self, request: Request<AdRequest>) -> Result<Response<AdResponse>, Status> {
        let wanted = request.into_inner().context_keys;
        let fitting = ADS.iter().filter(|(category, _, _)| wanted.iter().any(|wanted| wanted == category));
        let mut ads: Vec<Ad> = fitting.map(|ad| message(*ad)).collect();
        if ads.is_empty() {
            let start = self.next.fetch_add(ANY, Ordering::Relaxed);
            ads = (0..ANY).map(|place| message(ADS[start.wrapping_add(place) % ADS.len()])).collect();
        }
        Ok(Response::new(AdResponse { ads }))
    }
}

fn message((_, product, text): (&str, &str, &str)) -> Ad {
    Ad { redirect_url: format!("/product/{product}"), text: text.to_owned() }
}
