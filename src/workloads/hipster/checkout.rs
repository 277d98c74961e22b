//! `checkoutservice`: turns a cart into an order.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt as _, try_join_all};
use tonic::{Request, Response, Status, async_trait, transport::Channel};
use uuid::Uuid;

use super::{
    amount::Amount,
    hipstershop::{
        Address, CartItem, ChargeRequest, CreditCardInfo, CurrencyConversionRequest, EmptyCartRequest, GetCartRequest,
        GetProductRequest, GetQuoteRequest, Money, OrderItem, OrderResult, PlaceOrderRequest, PlaceOrderResponse,
        SendOrderConfirmationRequest, ShipOrderRequest,
        cart_service_client::CartServiceClient,
        checkout_service_server::{CheckoutService, CheckoutServiceServer},
        currency_service_client::CurrencyServiceClient,
        email_service_client::EmailServiceClient,
        payment_service_client::PaymentServiceClient,
        product_catalog_service_client::ProductCatalogServiceClient,
        shipping_service_client::ShippingServiceClient,
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

struct Checkout {
    context: Arc<Context>,
    cart: CartServiceClient<Channel>,
    catalogue: ProductCatalogServiceClient<Channel>,
    currency: CurrencyServiceClient<Channel>,
    email: EmailServiceClient<Channel>,
    payment: PaymentServiceClient<Channel>,
    shipping: ShippingServiceClient<Channel>,
}

/// Runs `checkoutservice [--host ADDRESS] [--port PORT]`; it calls `CART_SERVICE_ADDR`, `CURRENCY_SERVICE_ADDR`,
/// `EMAIL_SERVICE_ADDR`, `PAYMENT_SERVICE_ADDR`, `PRODUCT_CATALOG_SERVICE_ADDR` and `SHIPPING_SERVICE_ADDR`.
pub fn program(host: Arc<dyn Host>, arguments: Vec<String>) -> BoxFuture<'static, ExitStatus> {
    let server = Server { name: "checkoutservice", port: 5050 };
    let routes = |context: &Arc<Context>| {
        let channel = |variable, default| context.channel(variable, default);
        let service = CheckoutServiceServer::new(Checkout {
            context: Arc::clone(context),
            cart: CartServiceClient::new(channel("CART_SERVICE_ADDR", "cartservice:7070")?),
            catalogue: ProductCatalogServiceClient::new(channel(
                "PRODUCT_CATALOG_SERVICE_ADDR",
                "productcatalogservice:3550",
            )?),
            currency: CurrencyServiceClient::new(channel("CURRENCY_SERVICE_ADDR", "currencyservice:7000")?),
            email: EmailServiceClient::new(channel("EMAIL_SERVICE_ADDR", "emailservice:5000")?),
            payment: PaymentServiceClient::new(channel("PAYMENT_SERVICE_ADDR", "paymentservice:50051")?),
            shipping: ShippingServiceClient::new(channel("SHIPPING_SERVICE_ADDR", "shippingservice:50051")?),
        });
        Ok(grpc::router(service.max_decoding_message_size(grpc::MAX_MESSAGE)))
    };
    server.serve_http(host, arguments, routes).boxed()
}

/// What is about to be bought.
struct Prepared {
    items: Vec<CartItem>,
    priced: Vec<OrderItem>,
    shipping: Amount,
    total: Amount,
}

#[async_trait]
impl CheckoutService for Checkout {
    async fn place_order(&self, request: Request<PlaceOrderRequest>) -> Result<Response<PlaceOrderResponse>, Status> {
        let trace = Trace::of_call(&request);
        let PlaceOrderRequest { user_id, user_currency, address, email, credit_card } = request.into_inner();
        let address = address.ok_or_else(|| Status::invalid_argument("the address is missing"))?;
        let prepared = self.prepare(&trace, &user_id, &user_currency, &address).await?;
        self.charge(&trace, &prepared.total, credit_card).await?;
        let ship = ShipOrderRequest { address: Some(address.clone()), items: prepared.items };
        let shipped = self.shipping.clone().ship_order(trace.call(ship)).await;
        let shipped = shipped.map_err(grpc::failed("could not ship the order"))?.into_inner();
        let order = OrderResult {
            order_id: Uuid::new_v4().to_string(),
            shipping_tracking_id: shipped.tracking_id,
            shipping_cost: Some(prepared.shipping.money()),
            shipping_address: Some(address),
            items: prepared.priced,
        };
        self.conclude(&trace, user_id, email, &order).await;
        Ok(Response::new(PlaceOrderResponse { order: Some(order) }))
    }
}

impl Checkout {
    async fn prepare(&self, trace: &Trace, user: &str, currency: &str, to: &Address) -> Result<Prepared, Status> {
        let cart = self.cart.clone().get_cart(trace.call(GetCartRequest { user_id: user.to_owned() })).await;
        let items = cart.map_err(grpc::failed("could not get the cart"))?.into_inner().items;
        if items.is_empty() {
            return Err(Status::failed_precondition("the cart is empty"));
        }
        let priced = try_join_all(items.iter().map(|item| self.price(trace, item.clone(), currency)));
        let (priced, shipping) = tokio::try_join!(priced, self.quote(trace, &items, currency, to))?;
        let total = total(&priced, &shipping)?;
        Ok(Prepared { items, priced, shipping, total })
    }

    async fn price(&self, trace: &Trace, item: CartItem, currency: &str) -> Result<OrderItem, Status> {
        let get = GetProductRequest { id: item.product_id.clone() };
        let product = self.catalogue.clone().get_product(trace.call(get)).await;
        let product = product.map_err(grpc::failed("could not get a product of the cart"))?.into_inner();
        let cost = self.convert(trace, product.price_usd, currency).await?;
        Ok(OrderItem { item: Some(item), cost: Some(cost) })
    }

    async fn quote(&self, trace: &Trace, items: &[CartItem], currency: &str, to: &Address) -> Result<Amount, Status> {
        let get = GetQuoteRequest { address: Some(to.clone()), items: items.to_vec() };
        let quote = self.shipping.clone().get_quote(trace.call(get)).await;
        let quote = quote.map_err(grpc::failed("could not get a shipping quote"))?.into_inner();
        Ok(Amount::read(Some(&self.convert(trace, quote.cost_usd, currency).await?))?)
    }

    async fn convert(&self, trace: &Trace, from: Option<Money>, to: &str) -> Result<Money, Status> {
        let convert = CurrencyConversionRequest { from, to_code: to.to_owned() };
        let converted = self.currency.clone().convert(trace.call(convert)).await;
        Ok(converted.map_err(grpc::failed("could not convert a price"))?.into_inner())
    }

    async fn charge(&self, trace: &Trace, total: &Amount, card: Option<CreditCardInfo>) -> Result<(), Status> {
        let charge = ChargeRequest { amount: Some(total.money()), credit_card: card };
        let charged = self.payment.clone().charge(trace.call(charge)).await;
        charged.map_err(grpc::failed("could not charge the card")).map(drop)
    }

    /// What may fail after the order stands: emptying the cart and confirming are told, but take nothing back.
    async fn conclude(&self, trace: &Trace, user_id: String, email: String, order: &OrderResult) {
        let confirm = SendOrderConfirmationRequest { email, order: Some(order.clone()) };
        let (mut cart, mut letters) = (self.cart.clone(), self.email.clone());
        let (emptied, confirmed) = tokio::join!(
            cart.empty_cart(trace.call(EmptyCartRequest { user_id })),
            letters.send_order_confirmation(trace.call(confirm))
        );
        let problems = [
            emptied.map_err(grpc::failed("could not empty the cart")).err(),
            confirmed.map_err(grpc::failed("could not confirm it")).err(),
        ];
        for problem in problems.into_iter().flatten() {
            self.context.log(format_args!("order {}: {}", order.order_id, problem.message()));
        }
    }
}

fn total(items: &[OrderItem], shipping: &Amount) -> Result<Amount, Status> {
    let mut total = shipping.clone();
    for OrderItem { item, cost } in items {
        let quantity = item.as_ref().map_or(0, |item| item.quantity);
        let quantity = u32::try_from(quantity).map_err(|_| Status::invalid_argument("a quantity is negative"))?;
        total = total.plus(&Amount::read(cost.as_ref())?.times(quantity)?)?;
    }
    Ok(total)
}
