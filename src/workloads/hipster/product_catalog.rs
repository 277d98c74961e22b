//! `productcatalogservice`: what is for sale.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt as _};
use tonic::{Request, Response, Status, async_trait};

use super::{
    catalogue,
    hipstershop::{
        Empty, GetProductRequest, ListProductsResponse, Product, SearchProductsRequest, SearchProductsResponse,
        product_catalog_service_server::{ProductCatalogService, ProductCatalogServiceServer},
    },
};
use crate::{
    host::{ExitStatus, Host},
    workloads::{grpc, server::Server},
};

struct Catalogue;

/// Runs `productcatalogservice [--host ADDRESS] [--port PORT]`.
pub fn program(host: Arc<dyn Host>, arguments: Vec<String>) -> BoxFuture<'static, ExitStatus> {
    let server = Server { name: "productcatalogservice", port: 3550 };
    let service = ProductCatalogServiceServer::new(Catalogue).max_decoding_message_size(grpc::MAX_MESSAGE);
    server.serve_http(host, arguments, |_| Ok(grpc::router(service))).boxed()
}

#[async_trait]
impl ProductCatalogService for Catalogue {
    async fn list_products(&self, _: Request<Empty>) -> Result<Response<ListProductsResponse>, Status> {
        Ok(Response::new(ListProductsResponse { products: catalogue::products().collect() }))
    }

    async fn get_product(&self, request: Request<GetProductRequest>) -> Result<Response<Product>, Status> {
        let id = request.into_inner().id;
        let product = catalogue::products().find(|product| product.id == id);
        product.map(Response::new).ok_or_else(|| Status::not_found(format!("no product with ID {id}")))
    }

    async fn search_products(
        &self,
        request: Request<SearchProductsRequest>,
    ) -> Result<Response<SearchProductsResponse>, Status> {
        let query = request.into_inner().query.to_lowercase();
        let is_match = |product: &Product| {
            [&product.name, &product.description].iter().any(|text| text.to_lowercase().contains(&query))
        };
        Ok(Response::new(SearchProductsResponse { results: catalogue::products().filter(is_match).collect() }))
    }
}
