//! Labs through the public door: the bundled ones load, broken ones say what is wrong and where.

use labctl::lab::{self, LoadError};

#[test]
fn bundled_labs_load() {
    for name in lab::bundled() {
        let found = lab::find(&name).unwrap();
        match found.load(&[]) {
            Ok(lab) => assert_eq!(lab.metadata.name, name),
            Err(LoadError::Content(problems)) => panic!("{}", problems.draw(false)),
            Err(error) => panic!("{error}"),
        }
    }
}
