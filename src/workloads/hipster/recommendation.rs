//! `recommendationservice`: what else a user may like.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
};

use futures::future::{BoxFuture, FutureExt as _};
use tonic::{Request, Response, Status, async_trait, transport::Channel};

use super::hipstershop::{
    Empty, ListRecommendationsRequest, ListRecommendationsResponse,
    product_catalog_service_client::ProductCatalogServiceClient,
    recommendation_service_server::{RecommendationService, RecommendationServiceServer},
};
use crate::{
    host::{ExitStatus, Host},
    workloads::{
        grpc,
        server::{Context, Server},
        trace::Trace,
    },
};

/// How many products are recommended.
const COUNT: usize = 5;

struct Recommendations {
    catalogue: ProductCatalogServiceClient<Channel>,
}

/// Runs `recommendationservice [--host ADDRESS] [--port PORT]`; it calls `PRODUCT_CATALOG_SERVICE_ADDR`.
pub fn program(host: Arc<dyn Host>, arguments: Vec<String>) -> BoxFuture<'static, ExitStatus> {
    let server = Server { name: "recommendationservice", port: 8080 };
    let routes = |context: &Arc<Context>| {
        let channel = context.channel("PRODUCT_CATALOG_SERVICE_ADDR", "productcatalogservice:3550")?;
        let catalogue = ProductCatalogServiceClient::new(channel);
        let service = RecommendationServiceServer::new(Recommendations { catalogue });
        Ok(grpc::router(service.max_decoding_message_size(grpc::MAX_MESSAGE)))
    };
    server.serve_http(host, arguments, routes).boxed()
}

#[async_trait]
impl RecommendationService for Recommendations {
    async fn list_recommendations(
        &self,
        request: Request<ListRecommendationsRequest>,
    ) -> Result<Response<ListRecommendationsResponse>, Status> {
        let trace = Trace::of_call(&request);
        let ListRecommendationsRequest { user_id, product_ids: known } = request.into_inner();
        let listed = self.catalogue.clone().list_products(trace.call(Empty {})).await;
        let listed = listed.map_err(grpc::failed("could not list the products"))?.into_inner();
        let ids = listed.products.into_iter().map(|product| product.id).filter(|id| !known.contains(id));
        // A taste of their own for every user, and the same one each time.
        let mut ranked: Vec<(u64, String)> = ids.map(|id| (rank(&user_id, &id), id)).collect();
        ranked.sort_unstable();
        let product_ids = ranked.into_iter().take(COUNT).map(|(_, id)| id).collect();
        Ok(Response::new(ListRecommendationsResponse { product_ids }))
    }
}

fn rank(user: &str, product: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (user, product).hash(&mut hasher);
    hasher.finish()
}
