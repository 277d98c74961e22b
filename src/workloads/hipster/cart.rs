//! `cartservice`: what users have put aside, kept in a Redis as one hash for each user.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt as _};
use tonic::{Request, Response, Status, async_trait};

use super::hipstershop::{
    AddItemRequest, Cart, CartItem, Empty, EmptyCartRequest, GetCartRequest,
    cart_service_server::{CartService, CartServiceServer},
};
use crate::{
    host::{ExitStatus, Host},
    workloads::{
        grpc,
        redis::{client, resp::Frame},
        server::{Context, Server},
        upstream::Upstream,
    },
};

/// The longest name of a user or a product.
const MAX_NAME: usize = 128;
/// How many different products fit into a cart.
const MAX_PRODUCTS: usize = 100;
/// How many of one product fit into a cart.
const MAX_QUANTITY: i32 = 1_000_000;
/// How long, in seconds, a cart is kept that nobody adds to: a day.
const LIFETIME: &str = "86400";

struct Carts {
    context: Arc<Context>,
    redis: Upstream,
}

/// Runs `cartservice [--host ADDRESS] [--port PORT]`; it calls `REDIS_ADDR`.
pub fn program(host: Arc<dyn Host>, arguments: Vec<String>) -> BoxFuture<'static, ExitStatus> {
    let server = Server { name: "cartservice", port: 7070 };
    let routes = |context: &Arc<Context>| {
        let redis = context.upstream("REDIS_ADDR", "redis-cart:6379")?;
        let service = CartServiceServer::new(Carts { context: Arc::clone(context), redis });
        Ok(grpc::router(service.max_decoding_message_size(grpc::MAX_MESSAGE)))
    };
    server.serve_http(host, arguments, routes).boxed()
}

#[async_trait]
impl CartService for Carts {
    async fn add_item(&self, request: Request<AddItemRequest>) -> Result<Response<Empty>, Status> {
        let AddItemRequest { user_id, item } = request.into_inner();
        let CartItem { product_id, quantity } = item.ok_or_else(|| Status::invalid_argument("the item is missing"))?;
        let (key, product) = (key(&user_id)?, name("product", &product_id)?);
        if !(1..=MAX_QUANTITY).contains(&quantity) {
            return Err(Status::invalid_argument(format!("a quantity is a number from 1 to {MAX_QUANTITY}")));
        }
        let cart = self.read(&key).await?;
        let there = cart.iter().find(|item| item.product_id == product);
        if there.is_none() && cart.len() >= MAX_PRODUCTS {
            return Err(Status::resource_exhausted(format!("a cart holds {MAX_PRODUCTS} products")));
        }
        if there.is_some_and(|item| item.quantity.saturating_add(quantity) > MAX_QUANTITY) {
            return Err(Status::resource_exhausted(format!("a cart holds {MAX_QUANTITY} of a product")));
        }
        let quantity = quantity.to_string();
        self.ask(&[&["HINCRBY", &key, product, &quantity], &["EXPIRE", &key, LIFETIME]]).await?;
        Ok(Response::new(Empty {}))
    }

    async fn get_cart(&self, request: Request<GetCartRequest>) -> Result<Response<Cart>, Status> {
        let user_id = request.into_inner().user_id;
        let items = self.read(&key(&user_id)?).await?;
        Ok(Response::new(Cart { user_id, items }))
    }

    async fn empty_cart(&self, request: Request<EmptyCartRequest>) -> Result<Response<Empty>, Status> {
        self.ask(&[&["DEL", &key(&request.into_inner().user_id)?]]).await?;
        Ok(Response::new(Empty {}))
    }
}

impl Carts {
    async fn read(&self, key: &str) -> Result<Vec<CartItem>, Status> {
        let answers = self.ask(&[&["HGETALL", key]]).await?;
        let Some(Frame::Array(fields)) = answers.into_iter().next() else {
            return Err(Status::internal("the cart store did not answer with a hash"));
        };
        let item = |pair: &[Frame]| match pair {
            [Frame::Bulk(product), Frame::Bulk(quantity)] => Some(CartItem {
                product_id: String::from_utf8(product.clone()).ok()?,
                quantity: std::str::from_utf8(quantity).ok()?.parse().ok()?,
            }),
            _ => None,
        };
        let items: Option<Vec<CartItem>> = fields.chunks(2).map(item).collect();
        items.ok_or_else(|| Status::data_loss("the cart store holds something that is no cart"))
    }

    async fn ask(&self, commands: &[&[&str]]) -> Result<Vec<Frame>, Status> {
        client::ask(&*self.context.host, &self.redis, commands).await.map_err(|error| {
            let message = format!("cannot reach the cart store {}: {error}", self.redis);
            self.context.log(&message);
            Status::unavailable(message)
        })
    }
}

fn key(user: &str) -> Result<String, Status> {
    Ok(format!("cart:{}", name("user", user)?))
}

fn name<'a>(what: &str, text: &'a str) -> Result<&'a str, Status> {
    if text.is_empty() || text.len() > MAX_NAME {
        return Err(Status::invalid_argument(format!("the ID of a {what} has from 1 to {MAX_NAME} bytes")));
    }
    Ok(text)
}
