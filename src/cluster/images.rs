//! The images that the embedded node has: one with all bundled programs, and names of images that people know.

use crate::{
    embedded::node::images::{Image, Images},
    programs,
};

/// Well-known images, and the program of ours that takes their place.
const KNOWN: &[(&str, &[&str])] = &[
    ("curlimages/curl", &["curl"]),
    ("google-samples/microservices-demo/adservice", &["adservice"]),
    ("google-samples/microservices-demo/cartservice", &["cartservice"]),
    ("google-samples/microservices-demo/checkoutservice", &["checkoutservice"]),
    ("google-samples/microservices-demo/currencyservice", &["currencyservice"]),
    ("google-samples/microservices-demo/emailservice", &["emailservice"]),
    ("google-samples/microservices-demo/frontend", &["frontend"]),
    ("google-samples/microservices-demo/loadgenerator", &["loadgenerator"]),
    ("google-samples/microservices-demo/paymentservice", &["paymentservice"]),
    ("google-samples/microservices-demo/productcatalogservice", &["productcatalogservice"]),
    ("google-samples/microservices-demo/recommendationservice", &["recommendationservice"]),
    ("google-samples/microservices-demo/shippingservice", &["shippingservice"]),
    ("governmentpaas/curl-ssl", &["sleep", "infinity"]),
    ("kennethreitz/httpbin", &["httpbin"]),
    ("kong/httpbin", &["httpbin"]),
    ("mccutchen/go-httpbin", &["httpbin"]),
    ("mongo", &["mongodb"]),
    ("pstauffer/curl", &["sleep", "infinity"]),
    ("redis", &["redis"]),
    ("tetratelabs/customers", &["customers"]),
    ("tetratelabs/web-frontend", &["web-frontend"]),
    ("tutum/curl", &["sleep", "infinity"]),
];

/// Whom these images' programs run as, unless a container says otherwise: somebody without rights.
const USER: u32 = 65532;

/// All images. A name without a registry is taken from any.
pub fn bundled() -> Images {
    let image = |name: String, entrypoint: Vec<String>| Image { name, entrypoint, user: USER };
    let own = format!("localhost/labctl:{}", env!("CARGO_PKG_VERSION"));
    // It has no program of its own: a container's command names one of the links in it.
    let own = image(own, vec!["labctl".to_owned()]);
    let known = KNOWN.iter().filter(|(_, entrypoint)| programs::find(entrypoint[0]).is_some());
    let known = known.map(|(name, entrypoint)| {
        image((*name).to_owned(), entrypoint.iter().map(|word| (*word).to_owned()).collect())
    });
    Images::new(std::iter::once(own).chain(known).collect())
}
