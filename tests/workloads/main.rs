//! The bundled programs against real sockets.

mod boards;
mod command_line;
mod curl;
mod curl_tls;
mod customers;
mod fleet;
mod hipster;
mod host;
mod httpbin;
mod mongodb;
mod redis;
mod server;
mod side_by_side;
