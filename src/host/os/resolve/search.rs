//! Which absolute names a name may stand for, as `resolv.conf(5)` says.

/// What to ask for in place of `name`, in this order, until one has an address.
///
/// A name with a trailing dot is absolute. One with at least `ndots` dots is tried as it stands before the search
/// domains, any other after them.
pub fn candidates(name: &str, search: &[&str], ndots: usize) -> Vec<String> {
    if name.ends_with('.') {
        return vec![name.to_owned()];
    }
    let absolute = format!("{name}.");
    let domains = search.iter().map(|domain| domain.trim_matches('.'));
    let mut candidates: Vec<String> = domains
        .map(|domain| if domain.is_empty() { absolute.clone() } else { format!("{name}.{domain}.") })
        .filter(|candidate| *candidate != absolute)
        .collect();
    if name.matches('.').count() >= ndots {
        candidates.insert(0, absolute);
    } else {
        candidates.push(absolute);
    }
    candidates
}

#[cfg(test)]
mod tests {
    use super::candidates;

    #[test]
    fn dots_decide_whether_the_name_comes_before_the_search_domains() {
        let pod = ["foo.svc.cluster.local", "svc.cluster.local", "cluster.local"];
        let cases: [(&str, &[&str], usize, &[&str]); 5] = [
            ("httpbin", &pod[..2], 5, &["httpbin.foo.svc.cluster.local.", "httpbin.svc.cluster.local.", "httpbin."]),
            ("a.b.c.d.e.f", &pod[2..], 5, &["a.b.c.d.e.f.", "a.b.c.d.e.f.cluster.local."]),
            ("httpbin.foo", &["example.com."], 1, &["httpbin.foo.", "httpbin.foo.example.com."]),
            ("httpbin.foo.", &pod, 5, &["httpbin.foo."]),
            ("host", &["."], 1, &["host."]),
        ];
        for (name, search, ndots, expected) in cases {
            assert_eq!(candidates(name, search, ndots), expected, "{name}");
        }
    }
}
