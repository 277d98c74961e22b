//! Acting as somebody else: the `Impersonate-*` headers (`kubectl --as`, `--as-group`, `--as-uid`).
//!
//! Who asks for it needs the verb `impersonate` on each part of the other identity.

use http::HeaderMap;

use super::{Server, rbac::Action, status::Status};
use crate::embedded::auth::{User, service_account_groups};

const USER: &str = "impersonate-user";
const GROUP: &str = "impersonate-group";
const UID: &str = "impersonate-uid";
const EXTRA: &str = "impersonate-extra-";
/// The API group of what has no group of its own: `uids` and `userextras`.
const AUTHENTICATION: &str = "authentication.k8s.io";

impl Server {
    /// The user whom a request is answered as: whoever sent it, or whom they may act as and ask to.
    ///
    /// # Errors
    /// If the sender may not act as that user, or names parts of a user without a user.
    pub(super) fn acting(&self, sender: User, headers: &HeaderMap) -> Result<User, Status> {
        let is_asked = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            name.as_str().starts_with("impersonate-") && !value.is_empty()
        };
        if !headers.iter().any(is_asked) {
            return Ok(sender);
        }
        let values = |name: &str| {
            let values = headers.get_all(name).into_iter();
            values
                .filter_map(|value| value.to_str().ok())
                .filter(|value| !value.is_empty())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let Some(name) = values(USER).into_iter().next() else {
            return Err(Status::internal("requested impersonation of parts of a user without impersonating a user"));
        };
        let account = name.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'));
        match account {
            Some((namespace, account)) => self.may_be(&sender, "", "serviceaccounts", "", namespace, account)?,
            None => self.may_be(&sender, "", "users", "", "", &name)?,
        }
        let mut groups = values(GROUP);
        for group in &groups {
            self.may_be(&sender, "", "groups", "", "", group)?;
        }
        if let (Some((namespace, _)), true) = (account, groups.is_empty()) {
            groups = service_account_groups(namespace).into();
        }
        let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        let mut user = User::new(&name, &groups);
        user.uid = values(UID).into_iter().next();
        if let Some(uid) = &user.uid {
            self.may_be(&sender, AUTHENTICATION, "uids", "", "", uid)?;
        }
        for key in headers.keys().filter_map(|name| name.as_str().strip_prefix(EXTRA)) {
            let extra = values(&format!("{EXTRA}{key}"));
            for value in &extra {
                self.may_be(&sender, AUTHENTICATION, "userextras", key, "", value)?;
            }
            user.extra.insert(key.to_owned(), extra);
        }
        Ok(user)
    }

    fn may_be(
        &self,
        sender: &User,
        group: &str,
        resource: &str,
        subresource: &str,
        namespace: &str,
        name: &str,
    ) -> Result<(), Status> {
        self.authorize(sender, Action::Resource { verb: "impersonate", group, resource, subresource, namespace, name })
    }
}
