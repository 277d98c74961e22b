//! `shippingservice`: what sending costs, and parcels.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt as _};
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    amount::Amount,
    hipstershop::{
        CartItem, GetQuoteRequest, GetQuoteResponse, ShipOrderRequest, ShipOrderResponse,
        shipping_service_server::{ShippingService, ShippingServiceServer},
    },
};
use crate::{
    host::{ExitStatus, Host},
    workloads::{grpc, server::Server},
};

/// What any parcel costs, in billionths of a US dollar.
const PARCEL: i128 = 4_490_000_000;
/// What each piece in it adds.
const PIECE: i128 = 250_000_000;

struct Shipping;

/// Runs `shippingservice [--host ADDRESS] [--port PORT]`.
pub fn program(host: Arc<dyn Host>, arguments: Vec<String>) -> BoxFuture<'static, ExitStatus> {
    let server = Server { name: "shippingservice", port: 50051 };
    let service = ShippingServiceServer::new(Shipping).max_decoding_message_size(grpc::MAX_MESSAGE);
    server.serve_http(host, arguments, |_| Ok(grpc::router(service))).boxed()
}

#[async_trait]
impl ShippingService for Shipping {
    async fn get_quote(&self, request: Request<GetQuoteRequest>) -> Result<Response<GetQuoteResponse>, Status> {
        let pieces = pieces(&request.into_inner().items)?;
        let nanos = if pieces == 0 { 0 } else { PARCEL + i128::from(pieces) * PIECE };
        Ok(Response::new(GetQuoteResponse { cost_usd: Some(Amount::of_nanos("USD", nanos)?.money()) }))
    }

    async fn ship_order(&self, request: Request<ShipOrderRequest>) -> Result<Response<ShipOrderResponse>, Status> {
        let ShipOrderRequest { address, items } = request.into_inner();
        if address.is_none() {
            return Err(Status::invalid_argument("the address is missing"));
        }
        if pieces(&items)? == 0 {
            return Err(Status::invalid_argument("there is nothing to ship"));
        }
        let number = u64::from_le_bytes(Uuid::new_v4().as_bytes()[..8].try_into().expect("eight bytes"));
        let tracking_id = format!("HS-{:06}-{:06}", number % 1_000_000, number / 1_000_000 % 1_000_000);
        Ok(Response::new(ShipOrderResponse { tracking_id }))
    }
}

fn pieces(items: &[CartItem]) -> Result<u64, Status> {
    let counts = items.iter().map(|item| u64::try_from(item.quantity));
    counts.sum::<Result<u64, _>>().map_err(|_| Status::invalid_argument("a quantity is negative"))
}
