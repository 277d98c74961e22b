//! The `wire` check: what somebody between two pods sees while one asks the other.

use crate::{
    lab::{check::Http, position::Located},
    wire::conversation::Kind,
};

/// A request, and what is seen of it on the way.
#[derive(Clone, Debug)]
pub struct Wire {
    /// One line for people.
    pub title: String,
    /// What is asked meanwhile; it names both ends and expects nothing by itself.
    pub request: Http,
    /// What must travel: TLS and nothing else, or text.
    pub travels: Located<Kind>,
    /// The name that the client sends in the clear, if that matters.
    pub sni: Option<String>,
    /// What can be read on the way.
    pub readable: Vec<String>,
    /// What cannot be read on the way, although it is in the request or in its answer.
    pub hidden: Vec<String>,
}
