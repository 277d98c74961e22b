//! `currencyservice`: amounts in other currencies, at fixed rates.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt as _};
use tonic::{Request, Response, Status, async_trait};

use super::{
    amount::Amount,
    hipstershop::{
        CurrencyConversionRequest, Empty, GetSupportedCurrenciesResponse, Money,
        currency_service_server::{CurrencyService, CurrencyServiceServer},
    },
};
use crate::{
    host::{ExitStatus, Host},
    workloads::{grpc, server::Server},
};

/// How much of each currency a euro is worth, in millionths. Of the right size, which is enough for a workshop.
const RATES: [(&str, u64); 14] = [
    ("AUD", 1_650_000),
    ("CAD", 1_480_000),
    ("CHF", 950_000),
    ("CZK", 25_100_000),
    ("DKK", 7_460_000),
    ("EUR", 1_000_000),
    ("GBP", 850_000),
    ("INR", 90_500_000),
    ("JPY", 161_000_000),
    ("NOK", 11_500_000),
    ("PLN", 4_300_000),
    ("SEK", 11_300_000),
    ("TRY", 35_200_000),
    ("USD", 1_090_000),
];

struct Currencies;

/// Runs `currencyservice [--host ADDRESS] [--port PORT]`.
pub fn program(host: Arc<dyn Host>, arguments: Vec<String>) -> BoxFuture<'static, ExitStatus> {
    let server = Server { name: "currencyservice", port: 7000 };
    let service = CurrencyServiceServer::new(Currencies).max_decoding_message_size(grpc::MAX_MESSAGE);
    server.serve_http(host, arguments, |_| Ok(grpc::router(service))).boxed()
}

#[async_trait]
impl CurrencyService for Currencies {
    async fn get_supported_currencies(
        &self,
        _: Request<Empty>,
    ) -> Result<Response<GetSupportedCurrenciesResponse>, Status> {
        let currency_codes = RATES.iter().map(|(code, _)| (*code).to_owned()).collect();
        Ok(Response::new(GetSupportedCurrenciesResponse { currency_codes }))
    }

    async fn convert(&self, request: Request<CurrencyConversionRequest>) -> Result<Response<Money>, Status> {
        let CurrencyConversionRequest { from, to_code } = request.into_inner();
        let from = Amount::read(from.as_ref())?;
        let converted = from.convert(&to_code, rate(&from.currency)?, rate(&to_code)?)?;
        Ok(Response::new(converted.money()))
    }
}

fn rate(code: &str) -> Result<u64, Status> {
    let known = RATES.iter().find(|(known, _)| *known == code);
    known.map(|(_, rate)| *rate).ok_or_else(|| Status::invalid_argument(format!("currency `{code}` is not supported")))
}
