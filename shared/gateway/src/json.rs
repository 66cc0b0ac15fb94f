//! The body of a request, read once and strictly.
//!
//! What two readers of JSON may read in two ways is refused: the data plane decides by what is read here, and
//! the backend by its own reading.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::wire::WireError;

/// Reads a body: one JSON object, in which no object names a member twice.
///
/// # Errors
/// `SerializationException`, which says where but never quotes what stands there.
pub(crate) fn object(body: &[u8]) -> Result<Map<String, Value>, WireError> {
    let read: Result<Strict, _> = serde_json::from_slice(body);
    match read {
        Ok(Strict(Value::Object(input))) => Ok(input),
        Ok(_) => Err(malformed("the body is not a JSON object")),
        Err(error) => Err(malformed(&format!(
            "the body is not JSON, or names a member twice: line {} column {}",
            error.line(),
            error.column()
        ))),
    }
}

fn malformed(message: &str) -> WireError {
    WireError::new(400, "SerializationException", message)
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Strict, D::Error> {
        deserializer.deserialize_any(Reader).map(Strict)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON whose objects name no member twice")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(Strict(element)) = access.next_element()? {
            elements.push(element);
        }
        Ok(Value::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, Strict(member))) = access.next_entry::<String, Strict>()? {
            if members.insert(name, member).is_some() {
                return Err(A::Error::custom("a member is named twice"));
            }
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use livemove_core::testing::fuzz::{bytes, cases};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_member_named_twice_is_refused_at_every_depth() {
        for body in [
            r#"{"TableName":"a","TableName":"b"}"#,
            r#"{"RequestItems":{"a":{},"a":{}}}"#,
            r#"{"x":[{"y":{"S":"1","S":"2"}}]}"#,
            r#"{"TableName":"a","Tabl\u0065Name":"b"}"#,
        ] {
            assert_eq!(object(body.as_bytes()).unwrap_err().name(), "SerializationException", "{body}");
        }
    }

    #[test]
    fn what_is_not_one_object_is_refused_without_being_quoted() {
        for body in ["", "[]", "1", "\"secret\"", "{\"a\":1}x", "{\"a\":\"secret", "{secret}", "\u{feff}{}"] {
            let error = object(body.as_bytes()).unwrap_err();
            assert_eq!((error.status, error.name()), (400, "SerializationException"), "{body}");
            assert!(!error.body.to_string().contains("secret"), "{}", error.body);
        }
        assert!(object(b"{\"a\":\"\xff\"}").is_err());
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "{\"a\":".repeat(depth), "1".to_owned() + &"}".repeat(depth));
        assert!(object(nested(100).as_bytes()).is_ok());
        assert!(object(nested(100_000).as_bytes()).is_err());
    }

    /// The members of all objects, as a reader that keeps every one of them counts them.
    fn members(body: &[u8]) -> Option<usize> {
        struct Count(usize);
        impl<'de> Deserialize<'de> for Count {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Count, D::Error> {
                struct All;
                impl<'de> Visitor<'de> for All {
                    type Value = Count;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("JSON")
                    }
                    fn visit_bool<E>(self, _: bool) -> Result<Count, E> {
                        Ok(Count(0))
                    }
                    fn visit_i64<E>(self, _: i64) -> Result<Count, E> {
                        Ok(Count(0))
                    }
                    fn visit_u64<E>(self, _: u64) -> Result<Count, E> {
                        Ok(Count(0))
                    }
                    fn visit_f64<E>(self, _: f64) -> Result<Count, E> {
                        Ok(Count(0))
                    }
                    fn visit_str<E>(self, _: &str) -> Result<Count, E> {
                        Ok(Count(0))
                    }
                    fn visit_unit<E>(self) -> Result<Count, E> {
                        Ok(Count(0))
                    }
                    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Count, A::Error> {
                        let mut all = 0;
                        while let Some(Count(more)) = access.next_element()? {
                            all += more;
                        }
                        Ok(Count(all))
                    }
                    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Count, A::Error> {
                        let mut all = 0;
                        while let Some((_, Count(more))) = access.next_entry::<String, Count>()? {
                            all += 1 + more;
                        }
                        Ok(Count(all))
                    }
                }
                deserializer.deserialize_any(All)
            }
        }
        serde_json::from_slice::<Count>(body).ok().map(|count| count.0)
    }

    fn kept(value: &Value) -> usize {
        match value {
            Value::Object(members) => members.values().map(|member| 1 + kept(member)).sum(),
            Value::Array(elements) => elements.iter().map(kept).sum(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
        }
    }

    const CALL: &str = r#"{"TableName":"orders","Key":{"pk":{"S":"\ud83d\ude00"}},"ExpressionAttributeValues":{":a":{"N":"12345678901234567890123456789012345678"},":b":{"L":[{"B":"AAE="},{"BOOL":true},{"NULL":true}]}},"Limit":10,"Scale":1.5}"#;

    proptest! {
        #![proptest_config(cases(400))]

        #[test]
        fn no_member_of_a_damaged_call_is_dropped(body in bytes(CALL.as_bytes().to_vec())) {
            match object(&body) {
                Ok(input) => {
                    let read = Value::Object(input);
                    prop_assert_eq!(Some(kept(&read)), members(&body));
                    prop_assert_eq!(read, serde_json::from_slice::<Value>(&body).unwrap());
                }
                Err(error) => prop_assert_eq!((error.status, error.name()), (400, "SerializationException")),
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fall_over(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = object(&body);
        }

        #[test]
        fn what_is_read_is_what_a_plain_reader_reads(body in "\\{(\"[ab]\":(1|\"x\"|\\{\"[ab]\":[0-9]\\}|\\[true,null\\]),?){0,4}\\}") {
            match object(body.as_bytes()) {
                Ok(input) => prop_assert_eq!(Value::Object(input), serde_json::from_str::<Value>(&body).unwrap()),
                Err(error) => prop_assert_eq!(error.name(), "SerializationException"),
            }
        }
    }
}
