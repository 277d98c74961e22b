//! The bundled programs against real sockets.

mod command_line;
mod curl;
mod curl_tls;
mod host;
mod httpbin;
mod server;
mod side_by_side;
