//! What a visitor does: each action ends in another page.

use std::sync::Arc;

use axum::{
    Extension, Form,
    extract::{State, rejection::FormRejection},
    response::{IntoResponse as _, Redirect, Response},
};
use http::header;
use serde::Deserialize;
use serde_json::json;
use tonic::Status;

use super::{
    super::{
        amount::Amount,
        hipstershop::{Address, CartItem, CreditCardInfo, OrderItem, OrderResult, PlaceOrderRequest},
    },
    failure::Failure,
    shop::Shop,
    views::{Frame, shown_recommendations},
    visitor::{self, Visitor},
};

#[derive(Deserialize)]
pub(super) struct AddToCart {
    product_id: String,
    quantity: i32,
}

/// `POST /cart`: puts some of a product aside.
pub(super) async fn add_to_cart(
    State(shop): State<Arc<Shop>>,
    Extension(visitor): Extension<Visitor>,
    form: Result<Form<AddToCart>, FormRejection>,
) -> Result<Redirect, Failure> {
    let Form(AddToCart { product_id, quantity }) = form.map_err(|error| Failure::nonsense(&visitor, &error))?;
    let added = async {
        // What is not for sale cannot be put aside, either.
        let product = shop.product(&visitor.trace, &product_id).await?;
        shop.add_to_cart(&visitor, CartItem { product_id: product.id, quantity }).await
    };
    added.await.map_err(Failure::of(&visitor))?;
    Ok(Redirect::to("/cart"))
}

/// `POST /cart/empty`.
pub(super) async fn empty_cart(
    State(shop): State<Arc<Shop>>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Redirect, Failure> {
    shop.empty_cart(&visitor).await.map_err(Failure::of(&visitor))?;
    Ok(Redirect::to("/"))
}

#[derive(Deserialize)]
pub(super) struct SetCurrency {
    currency_code: String,
}

/// `POST /setCurrency`.
pub(super) async fn set_currency(
    Extension(visitor): Extension<Visitor>,
    form: Result<Form<SetCurrency>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(SetCurrency { currency_code }) = form.map_err(|error| Failure::nonsense(&visitor, &error))?;
    if !visitor::is_currency(&currency_code) {
        return Err(Failure::nonsense(&visitor, &"a currency is three capital letters"));
    }
    let cookie = [(header::SET_COOKIE, visitor::remember_currency(&currency_code))];
    Ok((cookie, Redirect::to("/")).into_response())
}

/// `/logout`: a visitor becomes a new one.
pub(super) async fn log_out() -> Response {
    let mut response = Redirect::to("/").into_response();
    for cookie in visitor::forget() {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

#[derive(Deserialize)]
pub(super) struct Checkout {
    email: String,
    street_address: String,
    zip_code: i32,
    city: String,
    state: String,
    country: String,
    credit_card_number: String,
    credit_card_expiration_month: i32,
    credit_card_expiration_year: i32,
    credit_card_cvv: i32,
}

impl Checkout {
    fn order(self, visitor: &Visitor) -> PlaceOrderRequest {
        PlaceOrderRequest {
            user_id: visitor.id.clone(),
            user_currency: visitor.currency.clone(),
            address: Some(Address {
                street_address: self.street_address,
                city: self.city,
                state: self.state,
                country: self.country,
                zip_code: self.zip_code,
            }),
            email: self.email,
            credit_card: Some(CreditCardInfo {
                credit_card_number: self.credit_card_number,
                credit_card_cvv: self.credit_card_cvv,
                credit_card_expiration_year: self.credit_card_expiration_year,
                credit_card_expiration_month: self.credit_card_expiration_month,
            }),
        }
    }
}

/// `POST /cart/checkout`: buys what is in the cart.
pub(super) async fn checkout(
    State(shop): State<Arc<Shop>>,
    Extension(visitor): Extension<Visitor>,
    form: Result<Form<Checkout>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|error| Failure::nonsense(&visitor, &error))?;
    let placed = async {
        let order = shop.order(&visitor.trace, form.order(&visitor)).await?;
        let (frame, recommendations) =
            tokio::join!(Frame::fetch(&shop, &visitor), shop.recommendations(&visitor, Vec::new()));
        Ok((total(&order)?, order, frame?, recommendations))
    };
    let ((shipping, total), order, frame, recommendations) = placed.await.map_err(Failure::of(&visitor))?;
    let values = json!({
        "order_id": order.order_id,
        "tracking_id": order.shipping_tracking_id,
        "shipping": shipping.shown(),
        "total": total.shown(),
        "recommendations": shown_recommendations(&recommendations),
    });
    Ok(frame.page(&visitor, "shop/order.html", values))
}

/// What shipping costs, and what all costs.
fn total(order: &OrderResult) -> Result<(Amount, Amount), Status> {
    let shipping = Amount::read(order.shipping_cost.as_ref())?;
    let add = |sum: Amount, OrderItem { item, cost }: &OrderItem| {
        let quantity = item.as_ref().and_then(|item| u32::try_from(item.quantity).ok()).unwrap_or_default();
        sum.plus(&Amount::read(cost.as_ref())?.times(quantity)?)
    };
    let total = order.items.iter().try_fold(shipping.clone(), add)?;
    Ok((shipping, total))
}
