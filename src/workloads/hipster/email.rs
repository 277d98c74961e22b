//! `emailservice`: confirms orders. There is nobody to write to in a lab: the letters go to the log.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt as _};
use tonic::{Request, Response, Status, async_trait};

use super::hipstershop::{
    Empty, SendOrderConfirmationRequest,
    email_service_server::{EmailService, EmailServiceServer},
};
use crate::{
    host::{ExitStatus, Host},
    workloads::{
        grpc,
        server::{Context, Server},
        trace::Trace,
    },
};

struct Letters {
    context: Arc<Context>,
}

/// Runs `emailservice [--host ADDRESS] [--port PORT]`.
pub fn program(host: Arc<dyn Host>, arguments: Vec<String>) -> BoxFuture<'static, ExitStatus> {
    let server = Server { name: "emailservice", port: 5000 };
    let routes = |context: &Arc<Context>| {
        let service = EmailServiceServer::new(Letters { context: Arc::clone(context) });
        Ok(grpc::router(service.max_decoding_message_size(grpc::MAX_MESSAGE)))
    };
    server.serve_http(host, arguments, routes).boxed()
}

#[async_trait]
impl EmailService for Letters {
    async fn send_order_confirmation(
        &self,
        request: Request<SendOrderConfirmationRequest>,
    ) -> Result<Response<Empty>, Status> {
        let trace = Trace::of_call(&request);
        let SendOrderConfirmationRequest { email, order } = request.into_inner();
        let order = order.ok_or_else(|| Status::invalid_argument("the order is missing"))?;
        if !is_address(&email) {
            return Err(Status::invalid_argument("the email address is not valid"));
        }
        let (id, tracking, count) = (order.order_id, order.shipping_tracking_id, order.items.len());
        let request = trace.id();
        // Quoted, so that nobody else can write into the log what looks like lines of ours.
        self.context.log(format_args!(
            "to {email:?}: your order {id:?} of {count} products, parcel {tracking:?} (request {request:?})"
        ));
        Ok(Response::new(Empty {}))
    }
}

/// Whether a text looks like an address; only sending could tell whether it is one.
fn is_address(text: &str) -> bool {
    let is_plain = text.len() <= 254 && text.chars().all(|letter| letter.is_ascii_graphic());
    is_plain && text.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && domain.contains(|c| c != '@'))
}

#[cfg(test)]
mod tests {
    use super::is_address;

    #[test]
    fn addresses() {
        for good in ["someone@example.com", "a+b@localhost"] {
            assert!(is_address(good), "{good}");
        }
        for bad in ["", "someone", "@example.com", "someone@", "a@b\nc", "a b@c"] {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
