//! Pages to look at.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, State},
    response::Response,
};
use http::StatusCode;
use jiff::Zoned;
use serde_json::{Value, json};
use tonic::Status;

use super::{
    super::{
        amount::Amount,
        hipstershop::{Ad, CartItem, Product},
    },
    failure::Failure,
    shop::Shop,
    visitor::{USUAL_CURRENCY, Visitor},
};
use crate::workloads::pages::page;

/// What the pages call this program.
pub(super) const SERVER: &str = concat!("labctl ", env!("CARGO_PKG_VERSION"));

/// What every page shows, and what a visitor has in their cart.
pub(super) struct Frame {
    currency: String,
    currencies: Vec<String>,
    pub(super) cart: Vec<CartItem>,
}

impl Frame {
    /// Asks for what every page shows.
    pub(super) async fn fetch(shop: &Shop, visitor: &Visitor) -> Result<Self, Status> {
        let (currencies, cart) = tokio::try_join!(shop.currencies(&visitor.trace), shop.cart(visitor))?;
        let is_known = currencies.contains(&visitor.currency);
        let currency = if is_known { visitor.currency.clone() } else { USUAL_CURRENCY.to_owned() };
        Ok(Self { currency, currencies, cart })
    }

    /// A page in this frame.
    pub(super) fn page(&self, visitor: &Visitor, template: &str, mut values: Value) -> Response {
        let cart_size: i64 = self.cart.iter().map(|item| i64::from(item.quantity)).sum();
        values["server"] = SERVER.into();
        values["request_id"] = visitor.trace.id().into();
        values["currency"] = self.currency.as_str().into();
        values["currencies"] = json!(self.currencies);
        values["cart_size"] = cart_size.into();
        page(StatusCode::OK, template, &values)
    }
}

fn shown(product: &Product, price: &Amount) -> Value {
    let Product { id, name, description, picture, .. } = product;
    json!({ "id": id, "name": name, "description": description, "picture": picture, "price": price.shown() })
}

fn shown_ad(ad: Option<Ad>) -> Value {
    // Whatever an advertisement says, it leads to a page of this shop.
    let ad = ad.filter(|ad| ad.redirect_url.starts_with('/') && !ad.redirect_url.starts_with("//"));
    ad.map_or(Value::Null, |ad| json!({ "url": ad.redirect_url, "text": ad.text }))
}

/// Recommendations are shown without prices.
pub(super) fn shown_recommendations(products: &[Product]) -> Value {
    products
        .iter()
        .map(|Product { id, name, picture, .. }| json!({ "id": id, "name": name, "picture": picture }))
        .collect()
}

/// `/`: all products.
pub(super) async fn home(
    State(shop): State<Arc<Shop>>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Failure> {
    let trace = &visitor.trace;
    let fetched = async {
        let (frame, products) = tokio::try_join!(Frame::fetch(&shop, &visitor), shop.products(trace))?;
        let (prices, ad) = tokio::join!(shop.prices(trace, &products, &frame.currency), shop.ad(trace, &[]));
        Ok((frame, products, prices?, ad))
    };
    let (frame, products, prices, ad) = fetched.await.map_err(Failure::of(&visitor))?;
    let products: Vec<Value> = products.iter().zip(&prices).map(|(product, price)| shown(product, price)).collect();
    Ok(frame.page(&visitor, "shop/home.html", json!({ "products": products, "ad": shown_ad(ad) })))
}

/// `/product/ID`: one product.
pub(super) async fn product(
    State(shop): State<Arc<Shop>>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let trace = &visitor.trace;
    let fetched = async {
        let (frame, product) = tokio::try_join!(Frame::fetch(&shop, &visitor), shop.product(trace, &id))?;
        let (price, recommendations, ad) = tokio::join!(
            shop.price(trace, product.price_usd.clone(), &frame.currency),
            shop.recommendations(&visitor, vec![id.clone()]),
            shop.ad(trace, &product.categories)
        );
        Ok((frame, product, price?, recommendations, ad))
    };
    let (frame, product, price, recommendations, ad) = fetched.await.map_err(Failure::of(&visitor))?;
    let values = json!({
        "product": shown(&product, &price),
        "recommendations": shown_recommendations(&recommendations),
        "ad": shown_ad(ad),
    });
    Ok(frame.page(&visitor, "shop/product.html", values))
}

/// `/cart`: what a visitor has put aside, and the way to buy it.
pub(super) async fn cart(
    State(shop): State<Arc<Shop>>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Failure> {
    let fetched = async {
        let frame = Frame::fetch(&shop, &visitor).await?;
        let seen = frame.cart.iter().map(|item| item.product_id.clone()).collect();
        let (lines, recommendations) =
            tokio::join!(Lines::fetch(&shop, &visitor, &frame), shop.recommendations(&visitor, seen));
        Ok((lines?, frame, recommendations))
    };
    let (lines, frame, recommendations) = fetched.await.map_err(Failure::of(&visitor))?;
    let year = Zoned::now().year();
    let values = json!({
        "items": lines.items,
        "shipping": lines.shipping.shown(),
        "total": lines.total.shown(),
        "years": (year + 1..year + 8).collect::<Vec<_>>(),
        "recommendations": shown_recommendations(&recommendations),
    });
    Ok(frame.page(&visitor, "shop/cart.html", values))
}

/// The lines of a cart.
struct Lines {
    items: Vec<Value>,
    shipping: Amount,
    total: Amount,
}

impl Lines {
    async fn fetch(shop: &Shop, visitor: &Visitor, frame: &Frame) -> Result<Self, Status> {
        let (trace, currency) = (&visitor.trace, &frame.currency);
        let (shipping, products) =
            tokio::try_join!(shop.shipping(trace, &frame.cart, currency), shop.products_of(trace, &frame.cart))?;
        let prices = shop.prices(trace, &products, currency).await?;
        let (mut items, mut total) = (Vec::new(), shipping.clone());
        for ((item, product), price) in frame.cart.iter().zip(&products).zip(&prices) {
            let cost = price.times(u32::try_from(item.quantity).unwrap_or_default())?;
            total = total.plus(&cost)?;
            let mut line = shown(product, price);
            line["quantity"] = item.quantity.into();
            line["cost"] = cost.shown().into();
            items.push(line);
        }
        Ok(Self { items, shipping, total })
    }
}
