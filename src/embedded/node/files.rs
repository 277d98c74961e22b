//! The files of a container: its own root and its mounted volumes, all in memory. Nothing leads to the real disk.

use std::{
    collections::BTreeMap,
    io,
    path::{Component, Path},
    sync::{Arc, RwLock},
};

use super::sync::{read, write};

/// A tree of files, by path without a leading slash. Directories exist as far as files are in them.
#[derive(Debug, Default)]
pub struct Volume {
    files: RwLock<BTreeMap<String, Arc<[u8]>>>,
}

/// The contents of a volume, as rendered from ConfigMaps, Secrets and the like.
pub type Contents = BTreeMap<String, Arc<[u8]>>;

impl Volume {
    /// Replaces everything in the volume at once, as the kubelet does by switching a symbolic link.
    pub fn replace(&self, contents: Contents) {
        *write(&self.files) = contents;
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let files = read(&self.files);
        if let Some(contents) = files.get(path) {
            return Ok(contents.to_vec());
        }
        let directory = if path.is_empty() { String::new() } else { format!("{path}/") };
        let inside = files.range(directory.clone()..).next().is_some_and(|(name, _)| name.starts_with(&directory));
        Err(if inside { io::ErrorKind::IsADirectory } else { io::ErrorKind::NotFound }.into())
    }
}

/// Where a volume appears in a container.
#[derive(Clone, Debug)]
pub struct Mount {
    /// The path in the container.
    pub path: String,
    /// What appears there.
    pub volume: Arc<Volume>,
    /// The part of the volume that appears (`subPath`); empty for all of it.
    pub sub_path: String,
    /// Whether the container may not write to it.
    pub read_only: bool,
}

/// What one container sees.
#[derive(Debug)]
pub struct FileSystem {
    /// Longest path first; the last one is the container's own root.
    mounts: Vec<Mount>,
}

impl FileSystem {
    /// Puts `mounts` over an empty root.
    pub fn new(mounts: impl IntoIterator<Item = Mount>, read_only_root: bool) -> Self {
        let normal = |mount: Mount| Mount { path: normalize(Path::new(&mount.path)), ..mount };
        let mut mounts: Vec<Mount> = mounts.into_iter().map(normal).collect();
        mounts.sort_by_key(|mount| std::cmp::Reverse(mount.path.len()));
        let root = Arc::default();
        mounts.push(Mount { path: String::new(), volume: root, sub_path: String::new(), read_only: read_only_root });
        Self { mounts }
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// `NotFound`, `IsADirectory`.
    pub fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let (mount, inner) = self.locate(path);
        mount.volume.read(&inner)
    }

    /// Replaces a whole file.
    ///
    /// # Errors
    /// `ReadOnlyFilesystem`, `IsADirectory`.
    pub fn write(&self, path: &Path, contents: &[u8]) -> io::Result<()> {
        let (mount, inner) = self.locate(path);
        if mount.read_only {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        match mount.volume.read(&inner) {
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => Err(error),
            _ => {
                write(&mount.volume.files).insert(inner, contents.into());
                Ok(())
            }
        }
    }

    /// The mount that holds `path`, and the path inside its volume.
    fn locate(&self, path: &Path) -> (&Mount, String) {
        let path = normalize(path);
        let below = |mount: &&Mount| {
            path.strip_prefix(&mount.path)
                .is_some_and(|rest| mount.path.is_empty() || rest.is_empty() || rest.starts_with('/'))
        };
        let mount = self.mounts.iter().find(below).expect("the root holds every path");
        let rest = path[mount.path.len()..].trim_start_matches('/');
        let inner: Vec<&str> =
            [mount.sub_path.trim_matches('/'), rest].into_iter().filter(|part| !part.is_empty()).collect();
        (mount, inner.join("/"))
    }
}

/// The path without a leading slash, `.` and `..`; relative paths start at the root, as the working directory does.
fn normalize(path: &Path) -> String {
    let mut parts: Vec<String> = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_string_lossy().into_owned()),
            Component::ParentDir => {
                parts.pop();
            }
            Component::CurDir | Component::Prefix(_) | Component::RootDir => {}
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(files: &[(&str, &str)]) -> Arc<Volume> {
        let volume = Volume::default();
        volume.replace(files.iter().map(|&(path, text)| (path.to_owned(), text.as_bytes().into())).collect());
        Arc::new(volume)
    }

    fn mount(path: &str, volume: Arc<Volume>, sub_path: &str, read_only: bool) -> Mount {
        Mount { path: path.to_owned(), volume, sub_path: sub_path.to_owned(), read_only }
    }

    #[test]
    fn the_longest_mount_holds_a_path() {
        let files = FileSystem::new(
            [
                mount("/etc/config", volume(&[("a", "outer"), ("deep/b", "b")]), "", true),
                mount("/etc/config/inner/", volume(&[("a", "inner")]), "", true),
                mount("/one", volume(&[("a", "single")]), "a", false),
            ],
            false,
        );
        let text = |path: &str| files.read(Path::new(path)).map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(text("/etc/config/a").unwrap(), "outer");
        assert_eq!(text("/etc/config/inner/a").unwrap(), "inner");
        assert_eq!(text("/etc/config/inner/../deep/b").unwrap(), "b");
        assert_eq!(text("/one").unwrap(), "single");
        assert_eq!(text("/etc/configuration").unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(text("/etc/config/deep").unwrap_err().kind(), io::ErrorKind::IsADirectory);
    }

    #[test]
    fn writes_stay_in_the_container_unless_the_volume_is_shared() {
        let shared = volume(&[]);
        let container = || FileSystem::new([mount("/shared", shared.clone(), "", false)], false);
        let (one, other) = (container(), container());
        one.write(Path::new("/tmp/x"), b"private").unwrap();
        one.write(Path::new("/shared/x"), b"for all").unwrap();
        assert_eq!(other.read(Path::new("/tmp/x")).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(other.read(Path::new("/shared/x")).unwrap(), b"for all");
        let sealed = FileSystem::new([], true);
        assert_eq!(sealed.write(Path::new("/x"), b"").unwrap_err().kind(), io::ErrorKind::ReadOnlyFilesystem);
    }
}
