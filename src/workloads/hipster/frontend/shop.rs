//! The services that the frontend calls.

use std::sync::Arc;

use futures::future::try_join_all;
use tonic::{Status, transport::Channel};

use super::{
    super::{
        amount::Amount,
        hipstershop::{
            Ad, AdRequest, AddItemRequest, CartItem, CurrencyConversionRequest, Empty, EmptyCartRequest,
            GetCartRequest, GetProductRequest, GetQuoteRequest, ListRecommendationsRequest, Money, OrderResult,
            PlaceOrderRequest, Product, ad_service_client::AdServiceClient, cart_service_client::CartServiceClient,
            checkout_service_client::CheckoutServiceClient, currency_service_client::CurrencyServiceClient,
            product_catalog_service_client::ProductCatalogServiceClient,
            recommendation_service_client::RecommendationServiceClient, shipping_service_client::ShippingServiceClient,
        },
    },
    visitor::Visitor,
};
use crate::workloads::{grpc::failed, server::Context, trace::Trace};

/// How many recommendations are shown.
const RECOMMENDATIONS: usize = 4;

/// Clients of all services.
pub(super) struct Shop {
    context: Arc<Context>,
    ads: AdServiceClient<Channel>,
    carts: CartServiceClient<Channel>,
    catalogue: ProductCatalogServiceClient<Channel>,
    checkout: CheckoutServiceClient<Channel>,
    currencies: CurrencyServiceClient<Channel>,
    recommendations: RecommendationServiceClient<Channel>,
    shipping: ShippingServiceClient<Channel>,
}

impl Shop {
    /// Reads the services' addresses.
    pub(super) fn new(context: &Arc<Context>) -> Result<Self, String> {
        let channel = |variable, default| context.channel(variable, default);
        let catalogue = channel("PRODUCT_CATALOG_SERVICE_ADDR", "productcatalogservice:3550")?;
        let recommendations = channel("RECOMMENDATION_SERVICE_ADDR", "recommendationservice:8080")?;
        Ok(Self {
            context: Arc::clone(context),
            ads: AdServiceClient::new(channel("AD_SERVICE_ADDR", "adservice:9555")?),
            carts: CartServiceClient::new(channel("CART_SERVICE_ADDR", "cartservice:7070")?),
            catalogue: ProductCatalogServiceClient::new(catalogue),
            checkout: CheckoutServiceClient::new(channel("CHECKOUT_SERVICE_ADDR", "checkoutservice:5050")?),
            currencies: CurrencyServiceClient::new(channel("CURRENCY_SERVICE_ADDR", "currencyservice:7000")?),
            recommendations: RecommendationServiceClient::new(recommendations),
            shipping: ShippingServiceClient::new(channel("SHIPPING_SERVICE_ADDR", "shippingservice:50051")?),
        })
    }

    pub(super) async fn currencies(&self, trace: &Trace) -> Result<Vec<String>, Status> {
        let listed = self.currencies.clone().get_supported_currencies(trace.call(Empty {})).await;
        Ok(listed.map_err(failed("could not retrieve the currencies"))?.into_inner().currency_codes)
    }

    pub(super) async fn products(&self, trace: &Trace) -> Result<Vec<Product>, Status> {
        let listed = self.catalogue.clone().list_products(trace.call(Empty {})).await;
        Ok(listed.map_err(failed("could not retrieve the products"))?.into_inner().products)
    }

    pub(super) async fn product(&self, trace: &Trace, id: &str) -> Result<Product, Status> {
        let product = self.catalogue.clone().get_product(trace.call(GetProductRequest { id: id.to_owned() })).await;
        Ok(product.map_err(failed("could not retrieve the product"))?.into_inner())
    }

    pub(super) async fn cart(&self, visitor: &Visitor) -> Result<Vec<CartItem>, Status> {
        let get = GetCartRequest { user_id: visitor.id.clone() };
        let cart = self.carts.clone().get_cart(visitor.trace.call(get)).await;
        Ok(cart.map_err(failed("could not retrieve the cart"))?.into_inner().items)
    }

    pub(super) async fn add_to_cart(&self, visitor: &Visitor, item: CartItem) -> Result<(), Status> {
        let add = AddItemRequest { user_id: visitor.id.clone(), item: Some(item) };
        let added = self.carts.clone().add_item(visitor.trace.call(add)).await;
        added.map_err(failed("could not add to the cart")).map(drop)
    }

    pub(super) async fn empty_cart(&self, visitor: &Visitor) -> Result<(), Status> {
        let empty = EmptyCartRequest { user_id: visitor.id.clone() };
        let emptied = self.carts.clone().empty_cart(visitor.trace.call(empty)).await;
        emptied.map_err(failed("could not empty the cart")).map(drop)
    }

    pub(super) async fn price(&self, trace: &Trace, from: Option<Money>, to: &str) -> Result<Amount, Status> {
        let convert = CurrencyConversionRequest { from, to_code: to.to_owned() };
        let converted = self.currencies.clone().convert(trace.call(convert)).await;
        let converted = converted.map_err(failed("could not convert a price"))?.into_inner();
        Ok(Amount::read(Some(&converted))?)
    }

    /// The price of each product.
    pub(super) async fn prices(&self, trace: &Trace, of: &[Product], to: &str) -> Result<Vec<Amount>, Status> {
        try_join_all(of.iter().map(|product| self.price(trace, product.price_usd.clone(), to))).await
    }

    /// The product of each item, in the same order.
    pub(super) async fn products_of(&self, trace: &Trace, items: &[CartItem]) -> Result<Vec<Product>, Status> {
        try_join_all(items.iter().map(|item| self.product(trace, &item.product_id))).await
    }

    pub(super) async fn shipping(&self, trace: &Trace, items: &[CartItem], to: &str) -> Result<Amount, Status> {
        let get = GetQuoteRequest { address: None, items: items.to_vec() };
        let quote = self.shipping.clone().get_quote(trace.call(get)).await;
        let quote = quote.map_err(failed("could not get a shipping quote"))?.into_inner();
        self.price(trace, quote.cost_usd, to).await
    }

    pub(super) async fn order(&self, trace: &Trace, order: PlaceOrderRequest) -> Result<OrderResult, Status> {
        let placed = self.checkout.clone().place_order(trace.call(order)).await;
        let placed = placed.map_err(failed("could not complete the order"))?.into_inner();
        placed.order.ok_or_else(|| Status::internal("the checkout service answered without an order"))
    }

    /// An advertisement, if there is one. A page without is still a page.
    pub(super) async fn ad(&self, trace: &Trace, categories: &[String]) -> Option<Ad> {
        let get = AdRequest { context_keys: categories.to_vec() };
        let ads = self.ads.clone().get_ads(trace.call(get)).await;
        let ads = ads.map_err(failed("could not retrieve advertisements"));
        self.or_tell(trace, ads)?.into_inner().ads.into_iter().next()
    }

    /// What else a visitor may like, if that is known. A page without is still a page.
    pub(super) async fn recommendations(&self, visitor: &Visitor, seen: Vec<String>) -> Vec<Product> {
        let trace = &visitor.trace;
        let list = ListRecommendationsRequest { user_id: visitor.id.clone(), product_ids: seen };
        let recommended = async {
            let listed = self.recommendations.clone().list_recommendations(trace.call(list)).await;
            let ids = listed.map_err(failed("could not retrieve recommendations"))?.into_inner().product_ids;
            try_join_all(ids.iter().take(RECOMMENDATIONS).map(|id| self.product(trace, id))).await
        };
        self.or_tell(trace, recommended.await).unwrap_or_default()
    }

    fn or_tell<T>(&self, trace: &Trace, result: Result<T, Status>) -> Option<T> {
        let tell = |status: &Status| self.context.log(format_args!("request {:?}: {}", trace.id(), status.message()));
        result.inspect_err(tell).ok()
    }
}
