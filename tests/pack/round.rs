//! Packing and unpacking are inverses, and the same labs give the same bytes.

use std::{collections::BTreeMap, io::Read as _, path::Path};

use labctl::lab::{self, pack::Pack};
use proptest::{collection::btree_map, prelude::*};

use crate::support::Room;

/// Packs the labs that a folder has.
fn packed(folder: &Path, names: &[&String]) -> Pack {
    let found = names.iter().map(|name| (name.as_str(), lab::find(folder.join(name).to_str().unwrap()).unwrap()));
    let found: Vec<_> = found.collect();
    Pack::of(found.iter().map(|(name, found)| (*name, found))).unwrap()
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut tar = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut tar).unwrap();
    tar
}

/// Texts of templates by their paths, which are not in each other's way.
fn templates() -> impl Strategy<Value = BTreeMap<String, String>> {
    btree_map("([a-c]{1,3}/){0,3}[a-z0-9_][a-z0-9._-]{0,9}\\.yaml", any::<String>(), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_packed_is_unpacked(
        labs in btree_map("[a-z]([a-z0-9-]{0,8}[a-z0-9])?", (any::<String>(), templates()), 1..4),
    ) {
        let room = Room::new();
        for (name, (text, templates)) in &labs {
            room.write(&format!("labs/{name}/lab.yaml"), text);
            for (template, text) in templates {
                room.write(&format!("labs/{name}/templates/{template}"), text);
            }
        }
        let names: Vec<&String> = labs.keys().collect();
        let pack = packed(&room.path("labs"), &names);
        let bytes = pack.write().unwrap();
        prop_assert_eq!(&Pack::read(&bytes).unwrap(), &pack);
        pack.unpack(&room.path("unpacked")).unwrap();
        let again = packed(&room.path("unpacked"), &names);
        prop_assert_eq!(again.write().unwrap(), bytes);
        for (name, (text, templates)) in &labs {
            prop_assert_eq!(&std::fs::read_to_string(room.path(&format!("unpacked/{name}/lab.yaml"))).unwrap(), text);
            for (template, text) in templates {
                let file = room.path(&format!("unpacked/{name}/templates/{template}"));
                prop_assert_eq!(&std::fs::read_to_string(file).unwrap(), text);
            }
        }
    }

    /// A pack with one byte changed is the same pack or none.
    #[test]
    fn a_damaged_pack_is_refused(at in any::<prop::sample::Index>(), change in 1u8..) {
        let mut bytes = crate::support::Crafted::sound().pack();
        let sound = Pack::read(&bytes).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        if let Ok(read) = Pack::read(&bytes) {
            prop_assert_eq!(read, sound);
        }
    }

    /// One byte changed in what is compressed makes another pack, and no pack has two forms.
    #[test]
    fn a_forged_tar_is_refused(at in any::<prop::sample::Index>(), change in 1u8..) {
        let mut tar = gunzip(&crate::support::Crafted::sound().pack());
        prop_assert!(Pack::read_tar(&tar).is_ok());
        let at = at.index(tar.len());
        tar[at] ^= change;
        if let Ok(forged) = Pack::read_tar(&tar) {
            // Everything else is fixed by a digest or by the form; the version of who packed it is free.
            prop_assert_ne!(forged.labctl(), env!("CARGO_PKG_VERSION"));
        }
    }
}
