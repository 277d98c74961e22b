//! Which images the node has: names of images to the bundled program they start.

/// An image that the node can run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Image {
    /// Its name, as far as it matters: `[registry/]repository[:tag]`. Registry and tag must agree only if they are given.
    pub name: String,
    /// What it runs unless the container says otherwise: a program and its arguments.
    pub entrypoint: Vec<String>,
    /// Whom it runs as unless the container says otherwise.
    pub user: u32,
}

/// All images of the node.
#[derive(Clone, Debug, Default)]
pub struct Images(Vec<Image>);

impl Images {
    /// The node has these.
    pub fn new(images: Vec<Image>) -> Self {
        Self(images)
    }

    /// Finds the image that a container names.
    pub fn find(&self, reference: &str) -> Option<&Image> {
        let wanted = Reference::parse(reference);
        self.0.iter().find(|image| Reference::parse(&image.name).covers(&wanted))
    }

    /// The names of all images.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|image| image.name.as_str())
    }
}

/// A name of an image in its parts; the digest is not one, as bundled images have none.
#[derive(Debug, Eq, PartialEq)]
struct Reference<'a> {
    registry: Option<&'a str>,
    repository: &'a str,
    tag: Option<&'a str>,
}

impl<'a> Reference<'a> {
    fn parse(reference: &'a str) -> Self {
        let name = reference.split('@').next().unwrap_or(reference);
        let (registry, rest) = match name.split_once('/') {
            Some((first, rest)) if first == "localhost" || first.contains(['.', ':']) => (Some(first), rest),
            _ => (None, name),
        };
        let (repository, tag) = rest.split_once(':').map_or((rest, None), |(name, tag)| (name, Some(tag)));
        // Official images live under `library/`, which nobody writes.
        Self { registry, repository: repository.strip_prefix("library/").unwrap_or(repository), tag }
    }

    fn covers(&self, wanted: &Self) -> bool {
        self.repository == wanted.repository
            && self.registry.is_none_or(|registry| wanted.registry == Some(registry))
            && self.tag.is_none_or(|tag| wanted.tag == Some(tag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_agree_as_far_as_they_are_given() {
        let image = |name: &str| Image { name: name.to_owned(), entrypoint: vec![name.to_owned()], user: 0 };
        let images = Images::new(vec![image("localhost/labctl:0.1.0"), image("curlimages/curl"), image("redis")]);
        let find = |name: &str| images.find(name).map(|image| image.name.as_str());
        assert_eq!(find("localhost/labctl:0.1.0"), Some("localhost/labctl:0.1.0"));
        assert_eq!(find("localhost/labctl:0.2.0"), None);
        assert_eq!(find("labctl:0.1.0"), None);
        assert_eq!(find("curlimages/curl"), Some("curlimages/curl"));
        assert_eq!(find("registry.example:5000/curlimages/curl:8.5.0"), Some("curlimages/curl"));
        assert_eq!(find("curlimages/curl@sha256:00"), Some("curlimages/curl"));
        assert_eq!(find("registry.example/library/redis:7"), Some("redis"));
        assert_eq!(find("curl"), None);
    }
}
