//! What bytes on the way between two machines are, for whoever looks on without a key. Pure: bytes in, words out.

pub mod conversation;
pub mod handshake;
pub mod reader;
pub mod record;
