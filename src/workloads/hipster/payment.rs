//! `paymentservice`: charges credit cards. No money moves.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt as _};
use jiff::Zoned;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    amount::Amount,
    card,
    hipstershop::{
        ChargeRequest, ChargeResponse,
        payment_service_server::{PaymentService, PaymentServiceServer},
    },
};
use crate::{
    host::{ExitStatus, Host},
    workloads::{
        grpc,
        server::{Context, Server},
        trace::Trace,
    },
};

struct Payments {
    context: Arc<Context>,
}

/// Runs `paymentservice [--host ADDRESS] [--port PORT]`.
pub fn program(host: Arc<dyn Host>, arguments: Vec<String>) -> BoxFuture<'static, ExitStatus> {
    let server = Server { name: "paymentservice", port: 50051 };
    let routes = |context: &Arc<Context>| {
        let service = PaymentServiceServer::new(Payments { context: Arc::clone(context) });
        Ok(grpc::router(service.max_decoding_message_size(grpc::MAX_MESSAGE)))
    };
    server.serve_http(host, arguments, routes).boxed()
}

#[async_trait]
impl PaymentService for Payments {
    async fn charge(&self, request: Request<ChargeRequest>) -> Result<Response<ChargeResponse>, Status> {
        let trace = Trace::of_call(&request);
        let ChargeRequest { amount, credit_card } = request.into_inner();
        let amount = Amount::read(amount.as_ref())?;
        if !amount.is_positive() {
            return Err(Status::invalid_argument("the amount to charge is not positive"));
        }
        let info = credit_card.ok_or_else(|| Status::invalid_argument("the credit card is missing"))?;
        let today = Zoned::now();
        let card = card::check(&info, (i32::from(today.year()), i32::from(today.month())))?;
        let transaction_id = Uuid::new_v4().to_string();
        let (brand, ending, amount, request) = (card.brand, card.ending, amount.shown(), trace.id());
        self.context.log(format_args!(
            "{brand} ending {ending} charged {amount:?}, transaction {transaction_id} (request {request:?})"
        ));
        Ok(Response::new(ChargeResponse { transaction_id }))
    }
}
