//! BSON: documents of a database, as bytes and as values.
//!
//! Shape: the length of all in 4 bytes, then elements (type, name with a zero byte, value), then a zero byte; numbers
//! are little-endian. Source: the BSON specification, version 1.1. Types that MongoDB has given up are refused.

/// How deep documents may hold each other.
const MAX_DEPTH: usize = 32;

/// A value of a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Bson {
    /// Values in order.
    Array(Vec<Bson>),
    /// Bytes, and what kind of bytes they are.
    Binary(u8, Vec<u8>),
    /// A truth value.
    Bool(bool),
    /// Milliseconds since 1970.
    DateTime(i64),
    /// A decimal number, which we pass on as it is.
    Decimal128([u8; 16]),
    /// A document in a document.
    Document(Document),
    /// A number.
    Double(f64),
    /// A number.
    Int32(i32),
    /// A number.
    Int64(i64),
    /// The value after all others.
    MaxKey,
    /// The value before all others.
    MinKey,
    /// No value.
    Null,
    /// What a document is called by itself.
    ObjectId([u8; 12]),
    /// A pattern and its options, which we pass on as they are.
    Regex(String, String),
    /// A text.
    String(String),
    /// A time in the database's own count.
    Timestamp(u64),
}

/// Names and values, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document(pub Vec<(String, Bson)>);

/// Bytes that are no document.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BsonError {
    /// A document inside of a document inside of ...
    #[error("the document is nested more than {MAX_DEPTH} deep")]
    Depth,
    /// A length that does not fit what is there.
    #[error("a length in the document is wrong")]
    Length,
    /// A text that is not UTF-8, or a truth value that is neither.
    #[error("a value in the document is wrong")]
    Value,
    /// A type that we do not know.
    #[error("the document has a value of the unknown type {0:#04x}")]
    Type(u8),
}

impl Document {
    /// Reads the document that `bytes` are, all of them.
    ///
    /// # Errors
    /// If they are none.
    pub fn read(bytes: &[u8]) -> Result<Self, BsonError> {
        let mut reader = Reader { rest: bytes };
        let document = reader.document(0)?;
        if reader.rest.is_empty() { Ok(document) } else { Err(BsonError::Length) }
    }

    /// Reads the document that `bytes` begin with, and says how many bytes it took.
    ///
    /// # Errors
    /// If they begin with none.
    pub fn read_first(bytes: &[u8]) -> Result<(Self, usize), BsonError> {
        let mut reader = Reader { rest: bytes };
        let document = reader.document(0)?;
        Ok((document, bytes.len() - reader.rest.len()))
    }

    /// Writes it.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_elements(out, self.0.iter().map(|(name, value)| (name.as_str(), value)));
    }

    /// The value of a name.
    pub fn value(&self, name: &str) -> Option<&Bson> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// The text of a name.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.value(name) {
            Some(Bson::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The document of a name.
    pub fn document(&self, name: &str) -> Option<&Document> {
        match self.value(name) {
            Some(Bson::Document(document)) => Some(document),
            _ => None,
        }
    }

    /// The values of a name.
    pub fn array(&self, name: &str) -> Option<&[Bson]> {
        match self.value(name) {
            Some(Bson::Array(values)) => Some(values),
            _ => None,
        }
    }

    /// The whole number of a name, whichever type it has.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.value(name).and_then(Bson::integer)
    }

    /// With one value more.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Bson>) -> Self {
        self.0.push((name.to_owned(), value.into()));
        self
    }
}

impl Bson {
    /// The whole number it is, whichever type it has.
    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::Double(number) if number.fract() == 0.0 && number.abs() < 9e15 => Some(*number as i64),
            Self::Int32(number) => Some(i64::from(*number)),
            Self::Int64(number) => Some(*number),
            _ => None,
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Double(_) => 0x01,
            Self::String(_) => 0x02,
            Self::Document(_) => 0x03,
            Self::Array(_) => 0x04,
            Self::Binary(..) => 0x05,
            Self::ObjectId(_) => 0x07,
            Self::Bool(_) => 0x08,
            Self::DateTime(_) => 0x09,
            Self::Null => 0x0a,
            Self::Regex(..) => 0x0b,
            Self::Int32(_) => 0x10,
            Self::Timestamp(_) => 0x11,
            Self::Int64(_) => 0x12,
            Self::Decimal128(_) => 0x13,
            Self::MaxKey => 0x7f,
            Self::MinKey => 0xff,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Array(values) => {
                let names: Vec<String> = (0..values.len()).map(|place| place.to_string()).collect();
                write_elements(out, names.iter().map(String::as_str).zip(values));
            }
            Self::Binary(subtype, bytes) => {
                write_length(out, bytes.len());
                out.push(*subtype);
                out.extend_from_slice(bytes);
            }
            Self::Bool(value) => out.push(u8::from(*value)),
            Self::DateTime(number) | Self::Int64(number) => out.extend_from_slice(&number.to_le_bytes()),
            Self::Decimal128(bytes) => out.extend_from_slice(bytes),
            Self::Document(document) => document.write(out),
            Self::Double(number) => out.extend_from_slice(&number.to_le_bytes()),
            Self::Int32(number) => out.extend_from_slice(&number.to_le_bytes()),
            Self::MaxKey | Self::MinKey | Self::Null => {}
            Self::ObjectId(bytes) => out.extend_from_slice(bytes),
            Self::Regex(pattern, options) => {
                write_name(out, pattern);
                write_name(out, options);
            }
            Self::String(text) => {
                write_length(out, text.len() + 1);
                out.extend_from_slice(text.as_bytes());
                out.push(0);
            }
            Self::Timestamp(number) => out.extend_from_slice(&number.to_le_bytes()),
        }
    }
}

fn write_elements<'a>(out: &mut Vec<u8>, elements: impl Iterator<Item = (&'a str, &'a Bson)>) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    for (name, value) in elements {
        out.push(value.kind());
        write_name(out, name);
        value.write(out);
    }
    out.push(0);
    let length = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

fn write_length(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

/// A name ends at its first zero byte; none that was read has one.
fn write_name(out: &mut Vec<u8>, name: &str) {
    out.extend(name.bytes().filter(|byte| *byte != 0));
    out.push(0);
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], BsonError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(BsonError::Length)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], BsonError> {
        Ok(self.take(N)?.try_into().expect("as many were taken"))
    }

    fn length(&mut self) -> Result<usize, BsonError> {
        usize::try_from(i32::from_le_bytes(self.array()?)).map_err(|_| BsonError::Length)
    }

    fn name(&mut self) -> Result<String, BsonError> {
        let end = self.rest.iter().position(|byte| *byte == 0).ok_or(BsonError::Length)?;
        let name = text(self.take(end)?)?;
        self.take(1)?;
        Ok(name)
    }

    fn document(&mut self, depth: usize) -> Result<Document, BsonError> {
        if depth > MAX_DEPTH {
            return Err(BsonError::Depth);
        }
        let length = self.length()?.checked_sub(4).ok_or(BsonError::Length)?;
        let Some((0, elements)) = self.take(length)?.split_last().map(|(last, elements)| (*last, elements)) else {
            return Err(BsonError::Length);
        };
        let (mut inner, mut document) = (Reader { rest: elements }, Document::default());
        while !inner.rest.is_empty() {
            let [kind] = inner.array()?;
            let name = inner.name()?;
            document.0.push((name, inner.value(kind, depth)?));
        }
        Ok(document)
    }

    fn value(&mut self, kind: u8, depth: usize) -> Result<Bson, BsonError> {
        Ok(match kind {
            0x01 => Bson::Double(f64::from_le_bytes(self.array()?)),
            0x02 => Bson::String(self.string()?),
            0x03 => Bson::Document(self.document(depth + 1)?),
            0x04 => Bson::Array(self.document(depth + 1)?.0.into_iter().map(|(_, value)| value).collect()),
            0x05 => {
                let length = self.length()?;
                let [subtype] = self.array()?;
                Bson::Binary(subtype, self.take(length)?.to_vec())
            }
            0x07 => Bson::ObjectId(self.array()?),
            0x08 => match self.array()? {
                [0] => Bson::Bool(false),
                [1] => Bson::Bool(true),
                _ => return Err(BsonError::Value),
            },
            0x09 => Bson::DateTime(i64::from_le_bytes(self.array()?)),
            0x0a => Bson::Null,
            0x0b => Bson::Regex(self.name()?, self.name()?),
            0x10 => Bson::Int32(i32::from_le_bytes(self.array()?)),
            0x11 => Bson::Timestamp(u64::from_le_bytes(self.array()?)),
            0x12 => Bson::Int64(i64::from_le_bytes(self.array()?)),
            0x13 => Bson::Decimal128(self.array()?),
            0x7f => Bson::MaxKey,
            0xff => Bson::MinKey,
            other => return Err(BsonError::Type(other)),
        })
    }

    fn string(&mut self) -> Result<String, BsonError> {
        let length = self.length()?;
        match self.take(length)?.split_last() {
            Some((0, bytes)) => text(bytes),
            _ => Err(BsonError::Length),
        }
    }
}

fn text(bytes: &[u8]) -> Result<String, BsonError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| BsonError::Value)
}

impl From<bool> for Bson {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Document> for Bson {
    fn from(document: Document) -> Self {
        Self::Document(document)
    }
}

impl From<f64> for Bson {
    fn from(number: f64) -> Self {
        Self::Double(number)
    }
}

impl From<i32> for Bson {
    fn from(number: i32) -> Self {
        Self::Int32(number)
    }
}

impl From<i64> for Bson {
    fn from(number: i64) -> Self {
        Self::Int64(number)
    }
}

impl From<&str> for Bson {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<Vec<Bson>> for Bson {
    fn from(values: Vec<Bson>) -> Self {
        Self::Array(values)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_document() -> impl Strategy<Value = Document> {
        let leaf = prop_oneof![
            (any::<u8>(), prop::collection::vec(any::<u8>(), 0..20))
                .prop_map(|(kind, bytes)| Bson::Binary(kind, bytes)),
            any::<bool>().prop_map(Bson::Bool),
            any::<i64>().prop_map(Bson::DateTime),
            any::<[u8; 16]>().prop_map(Bson::Decimal128),
            any::<i32>().prop_map(|number| Bson::Double(f64::from(number) / 8.0)),
            any::<i32>().prop_map(Bson::Int32),
            any::<i64>().prop_map(Bson::Int64),
            Just(Bson::MaxKey),
            Just(Bson::MinKey),
            Just(Bson::Null),
            any::<[u8; 12]>().prop_map(Bson::ObjectId),
            ("[^\0]{0,9}", "[a-z]{0,4}").prop_map(|(pattern, options)| Bson::Regex(pattern, options)),
            ".{0,20}".prop_map(Bson::String),
            any::<u64>().prop_map(Bson::Timestamp),
        ];
        let document = |values| prop::collection::vec(("[^\0]{0,9}", values), 0..5).prop_map(Document);
        let value = leaf.prop_recursive(4, 32, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Bson::Array),
                document(inner.boxed()).prop_map(Bson::Document),
            ]
        });
        document(value.boxed())
    }

    proptest! {
        #[test]
        fn reading_and_writing_are_inverses(document in any_document()) {
            let mut bytes = Vec::new();
            document.write(&mut bytes);
            prop_assert_eq!(Document::read(&bytes), Ok(document));
            for end in 0..bytes.len() {
                prop_assert_eq!(Document::read(&bytes[..end]), Err(BsonError::Length));
            }
        }

        #[test]
        fn any_bytes_are_a_document_or_not(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Document::read(&bytes);
        }
    }

    #[test]
    fn what_is_no_document() {
        let nested = |depth| (0..depth).fold(Document::default(), |inner, _| Document::default().with("d", inner));
        let read = |document: Document| {
            let mut bytes = Vec::new();
            document.write(&mut bytes);
            Document::read(&bytes).map(drop)
        };
        assert_eq!(read(nested(MAX_DEPTH)), Ok(()));
        assert_eq!(read(nested(MAX_DEPTH + 1)), Err(BsonError::Depth));
        for (bytes, error) in [
            (&b""[..], BsonError::Length),
            (b"\x05\0\0\0\0x", BsonError::Length),
            (b"\x05\0\0\0\x01", BsonError::Length),
            (b"\xff\xff\xff\xff\0", BsonError::Length),
            (b"\x08\0\0\0\x06a\0\0", BsonError::Type(6)),
            (b"\x09\0\0\0\x08a\0\x02\0", BsonError::Value),
            (b"\x0e\0\0\0\x02a\0\x02\0\0\0\xff\0\0", BsonError::Value),
        ] {
            assert_eq!(Document::read(bytes), Err(error), "{bytes:?}");
        }
    }
}
