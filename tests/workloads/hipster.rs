//! The hipster app: the whole graph on loopback, and each service by itself.

use std::collections::BTreeMap;

use futures::future::join_all;
use jiff::Zoned;
use labctl::workloads::hipster::hipstershop::{
    AdRequest, AddItemRequest, Address, CartItem, ChargeRequest, CreditCardInfo, CurrencyConversionRequest, Empty,
    EmptyCartRequest, GetCartRequest, GetProductRequest, GetQuoteRequest, ListRecommendationsRequest, Money,
    OrderResult, PlaceOrderRequest, SearchProductsRequest, SendOrderConfirmationRequest, ShipOrderRequest,
    ad_service_client::AdServiceClient, cart_service_client::CartServiceClient,
    checkout_service_client::CheckoutServiceClient, currency_service_client::CurrencyServiceClient,
    email_service_client::EmailServiceClient, payment_service_client::PaymentServiceClient,
    product_catalog_service_client::ProductCatalogServiceClient,
    recommendation_service_client::RecommendationServiceClient, shipping_service_client::ShippingServiceClient,
};
use tonic::{Code, Status, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::{
    fleet::{Nobody, Running},
    host::{TestHost, run_on},
};

/// Services that call no others, and the variable that others find them by.
const LEAVES: [(&str, &str); 7] = [
    ("adservice", "AD_SERVICE_ADDR"),
    ("currencyservice", "CURRENCY_SERVICE_ADDR"),
    ("emailservice", "EMAIL_SERVICE_ADDR"),
    ("paymentservice", "PAYMENT_SERVICE_ADDR"),
    ("productcatalogservice", "PRODUCT_CATALOG_SERVICE_ADDR"),
    ("redis", "REDIS_ADDR"),
    ("shippingservice", "SHIPPING_SERVICE_ADDR"),
];

/// Services that call others, after those.
const CALLERS: [(&str, &str); 4] = [
    ("cartservice", "CART_SERVICE_ADDR"),
    ("recommendationservice", "RECOMMENDATION_SERVICE_ADDR"),
    ("checkoutservice", "CHECKOUT_SERVICE_ADDR"),
    ("frontend", "FRONTEND_ADDR"),
];

/// The whole app.
struct Shop {
    running: BTreeMap<&'static str, Running>,
    _nobody: Nobody,
}

impl Shop {
    /// Starts all services but those in `missing`, whose addresses nobody listens on.
    async fn open_without(missing: &[&str]) -> Self {
        let (nobody, mut running, mut env) = (Nobody::new(), BTreeMap::new(), Vec::new());
        for (name, variable) in LEAVES.into_iter().chain(CALLERS) {
            if missing.contains(&name) {
                env.push((variable, nobody.address.clone()));
                continue;
            }
            let service = Running::start(name, &env).await;
            env.push((variable, service.address.to_string()));
            running.insert(name, service);
        }
        Self { running, _nobody: nobody }
    }

    async fn open() -> Self {
        Self::open_without(&[]).await
    }

    fn frontend(&self) -> &Running {
        &self.running["frontend"]
    }

    async fn page(&self, path: &str, arguments: &[&str]) -> String {
        self.frontend().curl(path, arguments).await.stdout
    }
}

const COOKIE: &str = "Cookie: shop_session-id=visitor-1";

fn order_form() -> String {
    format!(
        "email=someone%40example.com&street_address=12+Harbour+Lane&zip_code=20457&city=Portsville&state=OR\
         &country=United+States&credit_card_number=4111-1111-1111-1111&credit_card_expiration_month=1\
         &credit_card_expiration_year={}&credit_card_cvv=672",
        Zoned::now().year() + 1
    )
}

/// The text after `before` up to the next `<`.
fn after<'a>(page: &'a str, before: &str) -> &'a str {
    let (_, rest) = page.split_once(before).unwrap_or_else(|| panic!("no {before} in {page}"));
    rest.split('<').next().unwrap()
}

#[tokio::test]
async fn home_page_has_products_prices_and_an_advertisement() {
    let shop = Shop::open().await;
    let page = shop.page("/", &["-i"]).await;
    for part in ["HTTP/1.1 200 OK", "Hand-thrown mug", "$14.50", "Advertisement:", "Cart (0)", "<option selected>USD"] {
        assert!(page.contains(part), "no {part} in {page}");
    }
    assert!(page.to_lowercase().contains("set-cookie: shop_session-id="), "{page}");
    let page = shop.page("/", &["-H", "Cookie: shop_session-id=v; shop_currency=EUR"]).await;
    assert!(page.contains("€13.30") && page.contains("<option selected>EUR"), "{page}");
    // A currency that does not exist is as good as none.
    assert!(shop.page("/", &["-H", "Cookie: shop_currency=XXX"]).await.contains("$14.50"));
}

#[tokio::test]
async fn purchase_goes_from_the_cart_to_an_order() {
    let shop = Shop::open().await;
    let frontend = shop.frontend();
    assert!(shop.page("/product/MUG3KILN01", &["-H", COOKIE]).await.contains("Add to cart"));
    for (product, quantity) in [("MUG3KILN01", "2"), ("TENTFOR2PP", "1"), ("MUG3KILN01", "1")] {
        let form = format!("product_id={product}&quantity={quantity}");
        let status = frontend.status("/cart", &["-H", COOKIE, "-d", &form]).await;
        assert_eq!(status, "303");
    }
    let cart = shop.page("/cart", &["-H", COOKIE]).await;
    // 3 mugs, a tent, and the parcel with 4 pieces.
    for part in ["Cart (4)", "3 at $14.50", "$43.50", "$249.00", "$5.49", "$297.99", "You may also like"] {
        assert!(cart.contains(part), "no {part} in {cart}");
    }
    let page = shop.page("/cart/checkout", &["-H", COOKIE, "-H", "x-request-id: buy-1", "-d", &order_form()]).await;
    let order = after(&page, "id=\"order-id\">");
    assert!(uuid::Uuid::parse_str(order).is_ok(), "{order}");
    assert!(page.contains("$297.99") && page.contains("request buy-1") && page.contains("Cart (0)"), "{page}");
    let letters = shop.running["emailservice"].log();
    assert!(letters.contains(order) && letters.contains("(request \"buy-1\")"), "{letters}");
    assert!(shop.running["paymentservice"].log().contains("VISA ending 1111 charged \"$297.99\""));
    assert!(shop.page("/cart", &["-H", COOKIE]).await.contains("Nothing is in it yet"));
}

#[tokio::test]
async fn visitors_mistakes_are_told() {
    let shop = Shop::open().await;
    let frontend = shop.frontend();
    let add = async |form: &str| frontend.curl("/cart", &["-H", COOKIE, "-w", "%{http_code}", "-d", form]).await;
    for (form, expected) in [
        ("product_id=NOSUCH&quantity=1", "no product with ID NOSUCH"),
        ("product_id=MUG3KILN01&quantity=0", "a quantity is a number from 1 to 1000000"),
        ("product_id=MUG3KILN01&quantity=x", "invalid digit"),
        ("quantity=1", "missing field"),
    ] {
        let page = add(form).await.stdout;
        assert!(page.contains(expected), "{page}");
        assert!(page.ends_with("422") || page.ends_with("404"), "{page}");
    }
    let page = shop.page("/cart/checkout", &["-H", COOKIE, "-d", &order_form()]).await;
    assert!(page.contains("could not complete the order: the cart is empty"), "{page}");
    assert_eq!(frontend.status("/cart", &["-H", COOKIE, "-d", "product_id=MUG3KILN01&quantity=1"]).await, "303");
    for (from, to, expected) in [
        ("4111-1111-1111-1111", "4111-1111-1111-1112", "could not charge the card: credit card info is invalid"),
        ("4111-1111-1111-1111", "3782-822463-10005", "only VISA or MasterCard is accepted"),
        ("expiration_year=2", "expiration_year=-2", "expired on 1/-2"),
    ] {
        let page = shop.page("/cart/checkout", &["-H", COOKIE, "-d", &order_form().replace(from, to)]).await;
        assert!(page.contains(expected) && page.contains("HTTP 422"), "{page}");
    }
    // Nothing was bought.
    assert!(shop.page("/cart", &["-H", COOKIE]).await.contains("1 at $14.50"));
    assert_eq!(frontend.status("/setCurrency", &["-d", "currency_code=x\r\ny"]).await, "422");
    assert_eq!(frontend.status("/nosuch", &[]).await, "404");
    assert_eq!(frontend.status("/static/products/nosuch.svg", &[]).await, "404");
    assert!(shop.page("/product/%3Cscript%3E", &[]).await.contains("&lt;script&gt;"));
}

#[tokio::test]
async fn currency_and_session_are_in_cookies() {
    let shop = Shop::open().await;
    let answer = shop.page("/setCurrency", &["-i", "-H", COOKIE, "-d", "currency_code=JPY"]).await.to_lowercase();
    assert!(
        answer.contains("set-cookie: shop_currency=jpy; path=/; max-age=172800; httponly; samesite=lax"),
        "{answer}"
    );
    assert!(!answer.contains("shop_session-id"), "{answer}");
    let answer = shop.page("/logout", &["-i", "-H", COOKIE]).await.to_lowercase();
    assert!(answer.contains("set-cookie: shop_session-id=; path=/; max-age=0"), "{answer}");
    assert_eq!(shop.page("/_healthz", &["-i"]).await.to_lowercase().matches("set-cookie").count(), 0);
}

#[tokio::test]
async fn page_without_advertisements_and_recommendations_is_still_a_page() {
    let shop = Shop::open_without(&["adservice", "recommendationservice"]).await;
    let page = shop.page("/", &["-i"]).await;
    assert!(page.contains("HTTP/1.1 200 OK") && !page.contains("Advertisement"), "{page}");
    let page = shop.page("/product/MUG3KILN01", &["-i"]).await;
    assert!(page.contains("HTTP/1.1 200 OK") && !page.contains("You may also like"), "{page}");
    let log = shop.frontend().log();
    assert!(log.contains("could not retrieve advertisements: "), "{log}");
    assert!(log.contains("could not retrieve recommendations: "), "{log}");
}

#[tokio::test]
async fn what_a_page_needs_fails_it() {
    for (missing, path, expected) in [
        ("productcatalogservice", "/", "could not retrieve the products: "),
        ("currencyservice", "/", "could not retrieve the currencies: "),
        ("redis", "/", "could not retrieve the cart: cannot reach the cart store 127.0.0.1:"),
        ("shippingservice", "/cart", "could not get a shipping quote: "),
    ] {
        let shop = Shop::open_without(&[missing]).await;
        let page = shop.page(path, &["-w", "%{http_code}"]).await;
        assert!(page.contains(expected) && page.contains("onnection refused"), "{missing}: {page}");
        assert!(page.ends_with("500"), "{page}");
    }
}

#[tokio::test]
async fn order_stands_without_a_letter_but_not_without_payment() {
    let shop = Shop::open_without(&["emailservice"]).await;
    let add = ["-H", COOKIE, "-d", "product_id=MUG3KILN01&quantity=1"];
    assert_eq!(shop.frontend().status("/cart", &add).await, "303");
    let page = shop.page("/cart/checkout", &["-H", COOKIE, "-d", &order_form()]).await;
    assert!(page.contains("Your order is complete"), "{page}");
    let log = shop.running["checkoutservice"].log();
    assert!(log.contains(": could not confirm it: "), "{log}");

    let shop = Shop::open_without(&["paymentservice"]).await;
    assert_eq!(shop.frontend().status("/cart", &add).await, "303");
    let page = shop.page("/cart/checkout", &["-H", COOKIE, "-d", &order_form(), "-w", "%{http_code}"]).await;
    assert!(page.contains("could not charge the card: ") && page.ends_with("500"), "{page}");
    assert!(shop.page("/cart", &["-H", COOKIE]).await.contains("1 at $14.50"));
}

#[tokio::test]
async fn users_of_the_load_generator_buy_things() {
    let shop = Shop::open().await;
    let env = [
        ("FRONTEND_ADDR", shop.frontend().address.to_string()),
        ("USERS", "3".to_owned()),
        ("RATE", "1000".to_owned()),
        ("REQUESTS", "30".to_owned()),
    ];
    let with = |env: &[(&str, String)]| TestHost {
        env: env.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        ..TestHost::default()
    };
    let ran = run_on(with(&env), "loadgenerator", &[]).await;
    assert_eq!((ran.code, ran.stderr.as_str()), (0, "loadgenerator: 30 requests, 0 failed\n"));
    assert!(shop.running["paymentservice"].log().contains("charged"));

    let nobody = Nobody::new();
    let env = [("FRONTEND_ADDR", nobody.address.clone()), ("REQUESTS", "2".to_owned()), ("RATE", "1000".to_owned())];
    let ran = run_on(with(&env), "loadgenerator", &[]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.ends_with("loadgenerator: 2 requests, 2 failed\n"), "{}", ran.stderr);
    assert!(ran.stderr.contains("loadgenerator: /: connect ECONNREFUSED: "), "{}", ran.stderr);

    let ran = run_on(with(&[("RATE", "0".to_owned())]), "loadgenerator", &[]).await;
    insta::assert_snapshot!(ran.stderr, @r"
    loadgenerator: RATE: `0` is not a number from 1 to 1000
    usage: loadgenerator
      FRONTEND_ADDR  whose pages to ask for, HOST:PORT (frontend:80)
      USERS          how many users look around, from 1 to 100 (5)
      RATE           how many requests all of them make in a second, from 1 to 1000 (5)
      REQUESTS       how many requests they make in all; 0 is without end (0)
    ");
    assert_eq!(ran.code, 2);
}

#[tokio::test]
async fn services_end_when_they_are_asked_to() {
    let shop = Shop::open().await;
    assert!(shop.page("/", &[]).await.contains("Hand-thrown mug"));
    let (names, services): (Vec<_>, Vec<_>) = shop.running.into_iter().unzip();
    let statuses = join_all(services.into_iter().map(Running::stop)).await;
    assert!(statuses.iter().all(|status| *status == 0), "{names:?} {statuses:?}");
}

#[tokio::test]
async fn wrong_addresses_are_told() {
    let host = TestHost { env: BTreeMap::from([("REDIS_ADDR".to_owned(), "redis".to_owned())]), ..TestHost::default() };
    let ran = run_on(host, "cartservice", &[]).await;
    assert_eq!(ran.code, 2);
    insta::assert_snapshot!(ran.stderr, @r"
    cartservice: REDIS_ADDR: `redis` is not an address; write HOST:PORT
    usage: cartservice [--host ADDRESS] [--port PORT]
      The environment variables HOST and PORT say the same. Defaults: all addresses, port 7070.
    ");
}

async fn channel(running: &Running) -> Channel {
    Channel::from_shared(format!("http://{}", running.address)).unwrap().connect().await.unwrap()
}

fn told(status: &Status) -> (Code, &str) {
    (status.code(), status.message())
}

fn usd(units: i64, nanos: i32) -> Money {
    Money { currency_code: "USD".to_owned(), units, nanos }
}

#[tokio::test]
async fn catalogue_lists_gets_and_searches() {
    let service = Running::start("productcatalogservice", &[]).await;
    let mut client = ProductCatalogServiceClient::new(channel(&service).await);
    let products = client.list_products(Empty {}).await.unwrap().into_inner().products;
    assert_eq!(products.len(), 9);
    let get = GetProductRequest { id: products[3].id.clone() };
    assert_eq!(client.get_product(get).await.unwrap().into_inner(), products[3]);
    let none = client.get_product(GetProductRequest { id: "X".to_owned() }).await.unwrap_err();
    assert_eq!(told(&none), (Code::NotFound, "no product with ID X"));
    let search = SearchProductsRequest { query: "BRASS".to_owned() };
    let found = client.search_products(search).await.unwrap().into_inner().results;
    assert_eq!(found.iter().map(|product| product.id.as_str()).collect::<Vec<_>>(), ["BIKEBELL05"]);
}

#[tokio::test]
async fn every_grpc_service_says_that_it_is_healthy() {
    let service = Running::start("shippingservice", &[]).await;
    let mut client = HealthClient::new(channel(&service).await);
    for name in ["", "hipstershop.ShippingService"] {
        let status = client.check(HealthCheckRequest { service: name.to_owned() }).await.unwrap().into_inner().status();
        assert_eq!(status, ServingStatus::Serving, "{name}");
    }
    let unknown = client.check(HealthCheckRequest { service: "x".to_owned() }).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    // A method that is not there is an answer of gRPC, too.
    let mut ads = AdServiceClient::new(channel(&service).await);
    assert_eq!(ads.get_ads(AdRequest::default()).await.unwrap_err().code(), Code::Unimplemented);
}

#[tokio::test]
async fn currencies_are_converted() {
    let service = Running::start("currencyservice", &[]).await;
    let mut client = CurrencyServiceClient::new(channel(&service).await);
    let codes = client.get_supported_currencies(Empty {}).await.unwrap().into_inner().currency_codes;
    assert!(["CAD", "EUR", "GBP", "JPY", "TRY", "USD"].iter().all(|code| codes.iter().any(|own| own == code)));
    let mut convert = async |from: Option<Money>, to: &str| {
        client
            .convert(CurrencyConversionRequest { from, to_code: to.to_owned() })
            .await
            .map(tonic::Response::into_inner)
    };
    let converted = convert(Some(usd(10, 900_000_000)), "EUR").await.unwrap();
    assert_eq!(converted, Money { currency_code: "EUR".to_owned(), units: 10, nanos: 0 });
    assert_eq!(convert(Some(usd(-1, -5)), "USD").await.unwrap(), usd(-1, -5));
    for (from, to, message) in [
        (None, "EUR", "the amount of money is missing"),
        (Some(usd(1, -1)), "EUR", "units and nanos of an amount have the same sign, and nanos are less than a unit"),
        (Some(usd(i64::MAX, 0)), "JPY", "the amount of money is too large"),
        (Some(usd(1, 0)), "XXX", "currency `XXX` is not supported"),
    ] {
        assert_eq!(told(&convert(from, to).await.unwrap_err()), (Code::InvalidArgument, message));
    }
}

#[tokio::test]
async fn carts_are_kept_and_bounded() {
    let redis = Running::start("redis", &[]).await;
    let service = Running::start("cartservice", &[("REDIS_ADDR", redis.address.to_string())]).await;
    let mut client = CartServiceClient::new(channel(&service).await);
    let add = |product: &str, quantity| AddItemRequest {
        user_id: "u".to_owned(),
        item: Some(CartItem { product_id: product.to_owned(), quantity }),
    };
    for (product, quantity) in [("B", 2), ("A", 1), ("B", 3)] {
        client.add_item(add(product, quantity)).await.unwrap();
    }
    let get = GetCartRequest { user_id: "u".to_owned() };
    let items = client.get_cart(get.clone()).await.unwrap().into_inner().items;
    let items: Vec<(&str, i32)> = items.iter().map(|item| (item.product_id.as_str(), item.quantity)).collect();
    assert_eq!(items, [("A", 1), ("B", 5)]);
    for (wrong, message) in [
        (add("A", 0), "a quantity is a number from 1 to 1000000"),
        (add("", 1), "the ID of a product has from 1 to 128 bytes"),
        (AddItemRequest::default(), "the item is missing"),
    ] {
        assert_eq!(told(&client.add_item(wrong).await.unwrap_err()), (Code::InvalidArgument, message));
    }
    let too_many = client.add_item(add("A", 1_000_000)).await.unwrap_err();
    assert_eq!(told(&too_many), (Code::ResourceExhausted, "a cart holds 1000000 of a product"));
    client.empty_cart(EmptyCartRequest { user_id: "u".to_owned() }).await.unwrap();
    assert!(client.get_cart(get).await.unwrap().into_inner().items.is_empty());
    let large = client.add_item(add(&"x".repeat(100_000), 1)).await.unwrap_err();
    assert_eq!(large.code(), Code::OutOfRange);
}

#[tokio::test]
async fn shipping_costs_by_the_piece() {
    let service = Running::start("shippingservice", &[]).await;
    let mut client = ShippingServiceClient::new(channel(&service).await);
    let items = |quantity| vec![CartItem { product_id: "A".to_owned(), quantity }];
    let mut quote = async |items| {
        let quote = client.get_quote(GetQuoteRequest { address: None, items }).await;
        quote.map(|quote| quote.into_inner().cost_usd.unwrap())
    };
    assert_eq!(quote(Vec::new()).await.unwrap(), usd(0, 0));
    assert_eq!(quote(items(2)).await.unwrap(), usd(4, 990_000_000));
    assert_eq!(told(&quote(items(-1)).await.unwrap_err()), (Code::InvalidArgument, "a quantity is negative"));
    let ship = |items| ShipOrderRequest { address: Some(Address::default()), items };
    assert!(client.ship_order(ship(items(1))).await.unwrap().into_inner().tracking_id.starts_with("HS-"));
    let nothing = client.ship_order(ship(Vec::new())).await.unwrap_err();
    assert_eq!(told(&nothing), (Code::InvalidArgument, "there is nothing to ship"));
}

#[tokio::test]
async fn cards_are_charged_or_refused() {
    let service = Running::start("paymentservice", &[]).await;
    let mut client = PaymentServiceClient::new(channel(&service).await);
    let card = |number: &str| CreditCardInfo {
        credit_card_number: number.to_owned(),
        credit_card_cvv: 1,
        credit_card_expiration_year: i32::from(Zoned::now().year()),
        credit_card_expiration_month: i32::from(Zoned::now().month()),
    };
    let charge = |amount, card| ChargeRequest { amount: Some(amount), credit_card: card };
    let charged = client.charge(charge(usd(1, 0), Some(card("5555555555554444")))).await.unwrap();
    assert!(uuid::Uuid::parse_str(&charged.into_inner().transaction_id).is_ok());
    for (request, message) in [
        (charge(usd(0, 0), Some(card("5555555555554444"))), "the amount to charge is not positive"),
        (charge(usd(1, 0), None), "the credit card is missing"),
        (charge(usd(1, 0), Some(card("5555555555554445"))), "credit card info is invalid"),
    ] {
        assert_eq!(told(&client.charge(request).await.unwrap_err()), (Code::InvalidArgument, message));
    }
}

#[tokio::test]
async fn letters_are_written_to_addresses() {
    let service = Running::start("emailservice", &[]).await;
    let mut client = EmailServiceClient::new(channel(&service).await);
    let mut send = async |email: &str, order| {
        let request = SendOrderConfirmationRequest { email: email.to_owned(), order };
        client.send_order_confirmation(request).await.map(drop)
    };
    let order = OrderResult { order_id: "7\nforged".to_owned(), ..OrderResult::default() };
    send("someone@example.com", Some(order.clone())).await.unwrap();
    assert!(service.log().contains("to \"someone@example.com\": your order \"7\\nforged\" of 0 products"));
    let wrong = send("someone", Some(order)).await.unwrap_err();
    assert_eq!(told(&wrong), (Code::InvalidArgument, "the email address is not valid"));
    let wrong = send("someone@example.com", None).await.unwrap_err();
    assert_eq!(told(&wrong), (Code::InvalidArgument, "the order is missing"));
}

#[tokio::test]
async fn advertisements_fit_or_are_any() {
    let service = Running::start("adservice", &[]).await;
    let mut client = AdServiceClient::new(channel(&service).await);
    let mut ads = async |keys: &[&str]| {
        let context_keys = keys.iter().map(|key| (*key).to_owned()).collect();
        client.get_ads(AdRequest { context_keys }).await.unwrap().into_inner().ads
    };
    let fitting = ads(&["cycling"]).await;
    assert_eq!(fitting.len(), 2);
    assert!(fitting.iter().any(|ad| ad.redirect_url == "/product/BIKEBELL05"));
    let (first, second) = (ads(&[]).await, ads(&["nosuch"]).await);
    assert!(first.len() == 2 && second.len() == 2 && first != second);
}

#[tokio::test]
async fn recommendations_are_new_to_the_user() {
    let catalogue = Running::start("productcatalogservice", &[]).await;
    let env = [("PRODUCT_CATALOG_SERVICE_ADDR", catalogue.address.to_string())];
    let service = Running::start("recommendationservice", &env).await;
    let mut client = RecommendationServiceClient::new(channel(&service).await);
    let known = ["MUG3KILN01", "TENTFOR2PP", "WATCHFIELD", "LAMPDESK7W", "BIKEBELL05"].map(str::to_owned).to_vec();
    let list = ListRecommendationsRequest { user_id: "u".to_owned(), product_ids: known.clone() };
    let found = client.list_recommendations(list.clone()).await.unwrap().into_inner().product_ids;
    assert_eq!(found.len(), 4);
    assert!(found.iter().all(|id| !known.contains(id)));
    assert_eq!(client.list_recommendations(list.clone()).await.unwrap().into_inner().product_ids, found);

    let nobody = Nobody::new();
    let env = [("PRODUCT_CATALOG_SERVICE_ADDR", nobody.address.clone())];
    let service = Running::start("recommendationservice", &env).await;
    let mut client = RecommendationServiceClient::new(channel(&service).await);
    let failed = client.list_recommendations(list).await.unwrap_err();
    assert!(failed.message().starts_with("could not list the products: "), "{failed:?}");
    assert_eq!(failed.code(), Code::Unavailable);
}

#[tokio::test]
async fn orders_of_nothing_are_refused() {
    let shop = Shop::open().await;
    let mut client = CheckoutServiceClient::new(channel(&shop.running["checkoutservice"]).await);
    let order = PlaceOrderRequest {
        user_id: "u".to_owned(),
        user_currency: "USD".to_owned(),
        address: Some(Address::default()),
        ..PlaceOrderRequest::default()
    };
    let refused = client.place_order(order.clone()).await.unwrap_err();
    assert_eq!(told(&refused), (Code::FailedPrecondition, "the cart is empty"));
    let refused = client.place_order(PlaceOrderRequest { address: None, ..order }).await.unwrap_err();
    assert_eq!(told(&refused), (Code::InvalidArgument, "the address is missing"));
}
