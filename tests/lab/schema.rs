//! The schema of lab files says what their reader reads. The documents to compare the two by come from the schema itself:
//! whatever it describes has an example, every example is a lab that loads, and what is then changed is judged by both.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use jsonschema::Validator;
use labctl::lab::{self, LoadError, problem::ProblemKind, schema::document};
use serde_json::{Map, Value, json};

use crate::labctl;

/// What a reference to a definition begins with.
const DEFINITIONS: &str = "#/definitions/";

/// What stands where something else should: a value of every shape.
fn shapes() -> [Value; 9] {
    [
        json!(null),
        json!(true),
        json!(7),
        json!("text"),
        json!(""),
        json!([]),
        json!([true]),
        json!({}),
        json!({"x": true}),
    ]
}

#[test]
fn the_checked_in_schema_is_the_one_of_this_program() {
    let printed = String::from_utf8(labctl(&["schema"]).stdout).unwrap();
    let checked_in = fs::read_to_string("labs/schema.json").unwrap();
    assert!(printed == checked_in, "labs/schema.json is stale: `labctl schema > labs/schema.json` writes it");
}

#[test]
fn bundled_labs_are_valid() {
    let schema = Schema::new();
    for name in lab::bundled() {
        let lab = yaml(&Path::new("labs").join(&name).join("lab.yaml"));
        let errors: Vec<String> =
            schema.validator.iter_errors(&lab).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
    }
}

/// Of the labs with one mistake, those are invalid whose mistake is a matter of form.
#[test]
fn broken_labs_are_invalid_if_their_form_is_broken() {
    let schema = Schema::new();
    let (mut judged, found) = (0, fs::read_dir("tests/labs").unwrap());
    for path in found.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
        let Err(LoadError::Content(problems)) = lab::find(path.to_str().unwrap()).unwrap().load(&[]) else {
            panic!("{} is loaded", path.display())
        };
        if problems.iter().any(|problem| is_of_form(problem.kind())) {
            assert!(!schema.validator.is_valid(&yaml(&path)), "{}", path.display());
            judged += 1;
        }
    }
    assert!(judged > 10, "only {judged} were judged");
}

#[test]
fn everything_is_described_and_has_a_fitting_example() {
    let schema = Schema::new();
    for (name, definition) in schema.definitions() {
        for (key, property) in definition["properties"].as_object().into_iter().flatten() {
            assert!(property["description"].as_str().is_some_and(|text| !text.is_empty()), "{name}.{key}");
            let examples = property["examples"].as_array().unwrap_or_else(|| panic!("{name}.{key} has no example"));
            let mut alone = property.clone();
            alone["definitions"] = schema.root["definitions"].clone();
            let validator = jsonschema::validator_for(&alone).unwrap();
            assert!(examples.iter().all(|example| validator.is_valid(example)), "{name}.{key}: {examples:?}");
        }
        for variant in variants(definition).values() {
            assert!(variant["description"].is_string(), "{name}: {variant}");
        }
        assert!(definition["description"].is_string(), "{name}");
    }
}

#[test]
fn schema_and_reader_agree() {
    let schema = Schema::new();
    let places = schema.places();
    let expanded: BTreeSet<&str> = places.iter().map(|place| place.definition.as_str()).collect();
    for (name, definition) in schema.definitions() {
        let plain = definition["properties"].is_null() && variants(definition).is_empty();
        assert!(plain || expanded.contains(name), "no example of {name} is in an example of a lab");
    }
    let mut judged = BTreeSet::new();
    for place in &places {
        let what = format!("{} at {}", place.definition, place.pointer);
        if let Err(problems) = load(&place.lab) {
            panic!("the example of {what} is refused: {problems}\n{:#}", place.lab);
        }
        assert!(schema.validator.is_valid(&place.lab), "the example of {what} is valid");
        let definition = schema.definition(&place.definition);
        if definition["properties"].is_null() && variants(definition).is_empty() {
            // One of several forms; each of them is judged by itself.
            continue;
        }
        if variants(definition).is_empty() {
            place.knows_the_same_keys(&schema, definition);
            place.judges_missing_keys_alike(&schema, definition);
            if judged.insert(&place.definition) {
                place.judges_shapes_alike(&schema, definition);
            }
        } else {
            place.knows_the_same_kinds(definition);
        }
    }
}

/// The schema, ready to judge.
struct Schema {
    root: Value,
    validator: Validator,
}

/// An example of a definition, in a lab.
struct Place {
    definition: String,
    lab: Value,
    pointer: String,
}

impl Schema {
    fn new() -> Self {
        let root = document();
        let validator = jsonschema::validator_for(&root).unwrap();
        Self { root, validator }
    }

    /// All definitions by name; the lab itself is called `Lab`.
    fn definitions(&self) -> impl Iterator<Item = (&str, &Value)> {
        let inner = self.root["definitions"].as_object().unwrap();
        inner.iter().map(|(name, definition)| (name.as_str(), definition)).chain([("Lab", &self.root)])
    }

    fn definition(&self, name: &str) -> &Value {
        if name == "Lab" { &self.root } else { &self.root["definitions"][name] }
    }

    /// The keys of all forms of which a definition is one.
    fn other_forms(&self, name: &str) -> BTreeSet<&str> {
        let forms = |definition: &Value| -> Vec<String> {
            definition["anyOf"].as_array().into_iter().flatten().filter_map(referred).map(str::to_owned).collect()
        };
        let families = self.definitions().map(|(_, definition)| forms(definition));
        let family = families.into_iter().find(|family| family.iter().any(|form| form == name)).unwrap_or_default();
        family.iter().flat_map(|form| keys(self.definition(form))).collect()
    }

    /// Every example of every definition, in the first lab that has a place for it.
    fn places(&self) -> Vec<Place> {
        let whole = self.root["examples"][0].clone();
        let mut places = vec![Place { definition: "Lab".to_owned(), lab: whole, pointer: String::new() }];
        let mut known = BTreeSet::from(["Lab".to_owned()]);
        let mut next = 0;
        while next < places.len() {
            let lab = places[next].lab.clone();
            let mut found = BTreeMap::<String, Vec<String>>::new();
            self.walk(&self.root, &lab, "", &mut found);
            for (definition, pointers) in found {
                if known.insert(definition.clone()) {
                    let examples = self.examples(&definition).into_iter();
                    places.extend(examples.map(|example| Place::of(&definition, &lab, &pointers, &example)));
                }
            }
            next += 1;
        }
        places
    }

    /// What may stand for a definition; of kinds, every example of each.
    fn examples(&self, name: &str) -> Vec<Value> {
        let definition = self.definition(name);
        let own = definition["examples"].as_array().cloned().unwrap_or_default();
        let tagged = variants(definition).into_iter().flat_map(|(kind, variant)| {
            let examples = self.examples(referred(&variant["properties"][&kind]).unwrap());
            examples.into_iter().map(move |example| json!({ &kind: example }))
        });
        own.into_iter().chain(tagged).collect()
    }

    /// Finds where in a lab each definition stands.
    fn walk(&self, schema: &Value, instance: &Value, pointer: &str, found: &mut BTreeMap<String, Vec<String>>) {
        if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix(DEFINITIONS)) {
            found.entry(name.to_owned()).or_default().push(pointer.to_owned());
            self.walk(self.definition(name), instance, pointer, found);
        }
        for branch in ["allOf", "anyOf", "oneOf"].iter().flat_map(|key| schema[key].as_array()).flatten() {
            self.walk(branch, instance, pointer, found);
        }
        for (key, value) in instance.as_object().into_iter().flatten() {
            let inner = match &schema["properties"][key] {
                Value::Null => &schema["additionalProperties"],
                property => property,
            };
            self.walk(inner, value, &format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")), found);
        }
        for (index, item) in instance.as_array().into_iter().flatten().enumerate() {
            self.walk(&schema["items"], item, &format!("{pointer}/{index}"), found);
        }
    }
}

impl Place {
    /// Where the lab is sound with the example in it; if that is nowhere, where it first may stand.
    fn of(definition: &str, lab: &Value, pointers: &[String], example: &Value) -> Self {
        let at = |pointer: &String| {
            let mut lab = lab.clone();
            *lab.pointer_mut(pointer).unwrap() = example.clone();
            Self { definition: definition.to_owned(), lab, pointer: pointer.clone() }
        };
        pointers.iter().map(at).find(|place| load(&place.lab).is_ok()).unwrap_or_else(|| at(&pointers[0]))
    }

    /// The lab with something else in its place.
    fn with(&self, change: impl FnOnce(&mut Map<String, Value>)) -> Value {
        let mut lab = self.lab.clone();
        change(lab.pointer_mut(&self.pointer).unwrap().as_object_mut().unwrap());
        lab
    }

    /// Where there are several forms, the reader may look for a key that only another of them has, to tell which it is.
    fn knows_the_same_keys(&self, schema: &Schema, definition: &Value) {
        let keys = keys(definition);
        let lab = self.with(|object| drop(object.insert("nobody-reads-this".to_owned(), true.into())));
        let mut read = read_here(&lab).unwrap_or_default();
        let others = schema.other_forms(&self.definition);
        read.retain(|key| keys.contains(key) || !others.contains(key));
        assert_eq!(read, keys, "the keys of {}: the reader's, then the schema's", self.definition);
    }

    fn knows_the_same_kinds(&self, definition: &Value) {
        let kinds = variants(definition);
        let lab = self.with(|object| *object = Map::from_iter([("nobody-reads-this".to_owned(), json!({}))]));
        let kinds = kinds.keys().map(String::as_str).collect();
        assert_eq!(read_here(&lab), Some(kinds), "kinds of {}: the reader's, then the schema's", self.definition);
    }

    fn judges_missing_keys_alike(&self, schema: &Schema, definition: &Value) {
        for key in definition["properties"].as_object().unwrap().keys() {
            judge(
                schema,
                &self.with(|object| drop(object.remove(key))),
                &format!("{} without `{key}`", self.definition),
            );
        }
    }

    fn judges_shapes_alike(&self, schema: &Schema, definition: &Value) {
        for key in definition["properties"].as_object().unwrap().keys() {
            for shape in shapes() {
                let what = format!("{} with `{key}: {shape}`", self.definition);
                judge(schema, &self.with(|object| drop(object.insert(key.clone(), shape))), &what);
            }
        }
    }
}

/// What is invalid is refused, and what is refused for its form is invalid.
fn judge(schema: &Schema, lab: &Value, what: &str) {
    let (valid, loaded) = (schema.validator.is_valid(lab), load(lab));
    assert!(valid || loaded.is_err(), "{what} is loaded and not valid:\n{lab:#}");
    let Err(problems) = loaded else { return };
    let of_form = problems.iter().find(|problem| is_of_form(problem.kind()));
    assert!(!valid || of_form.is_none(), "{what} is valid, and refused: {}", of_form.unwrap());
}

fn is_of_form(kind: &ProblemKind) -> bool {
    use ProblemKind::{Empty, MissingKey, UnknownKey, WrongType};
    matches!(kind, Empty(_) | MissingKey { .. } | UnknownKey { .. } | WrongType { .. })
}

/// The keys that are read where nobody reads one.
fn read_here(lab: &Value) -> Option<BTreeSet<&'static str>> {
    let problems = load(lab).err()?;
    problems.iter().find_map(|problem| match problem.kind() {
        ProblemKind::UnknownKey { key, known, .. } if key == "nobody-reads-this" => {
            Some(known.iter().copied().collect())
        }
        _ => None,
    })
}

/// Loads a lab; JSON is YAML.
fn load(lab: &Value) -> Result<(), lab::problem::Problems> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("lab.yaml"), lab.to_string()).unwrap();
    match lab::find(folder.path().to_str().unwrap()).unwrap().load(&[]) {
        Ok(_) => Ok(()),
        Err(LoadError::Content(problems)) => Err(problems),
        Err(error) => panic!("{error}"),
    }
}

/// The kinds of a definition that has some: by the one key that says which it is.
fn variants(definition: &Value) -> BTreeMap<String, &Value> {
    let branches = definition["oneOf"].as_array().into_iter().flatten().filter(|branch| branch["type"] == "object");
    branches.map(|branch| (branch["required"][0].as_str().unwrap().to_owned(), branch)).collect()
}

/// The keys that a definition has.
fn keys(definition: &Value) -> BTreeSet<&str> {
    definition["properties"].as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect()
}

/// The definition that a schema refers to, itself or as one of what must hold.
fn referred(schema: &Value) -> Option<&str> {
    let own = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix(DEFINITIONS));
    own.or_else(|| referred(schema["allOf"].get(0)?))
}

fn yaml(file: &Path) -> Value {
    serde_yaml::from_str(&fs::read_to_string(file).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
