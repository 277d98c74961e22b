//! The embedded API server, through the clients that real users have.

mod objects;
