//! How much one peer can make a sidecar hold.
//!
//! A connection holds at most its buffers, whatever a peer sends: that is what makes back-pressure work.

/// The read buffer of an HTTP/1.1 connection, and so the longest head of a request or response: twice Envoy's limit.
pub const HTTP1_BUFFER: usize = 128 * 1024;
/// The longest header list over HTTP/2.
pub const HEADERS: u32 = 128 * 1024;
/// Body bytes of one HTTP/2 stream that may be on their way to us.
pub const HTTP2_STREAM_WINDOW: u32 = 256 * 1024;
/// Body bytes of all streams of one HTTP/2 connection that may be on their way to us.
pub const HTTP2_CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Body bytes of one HTTP/2 stream that may wait to be written.
pub const HTTP2_SEND_BUFFER: usize = 128 * 1024;
/// Requests at once on one HTTP/2 connection.
pub const HTTP2_STREAMS: u32 = 1024;
