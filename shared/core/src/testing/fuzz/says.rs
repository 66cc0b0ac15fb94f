//! Whether a decoded value says what was given.

use serde_json::Value;

/// Whether everything `given` stands in `told` too: each member with what it holds, each element in its place. What
/// `told` has besides are defaults. `null` is as good as nothing said, and an empty list as none.
pub fn says(told: &Value, given: &Value) -> bool {
    match (told, given) {
        (_, Value::Null) => true,
        (Value::Object(told), Value::Object(given)) => given.iter().all(|(name, value)| match told.get(name) {
            Some(told) => says(told, value),
            None => value.is_null() || value.as_array().is_some_and(Vec::is_empty),
        }),
        (Value::Array(told), Value::Array(given)) => {
            told.len() == given.len() && told.iter().zip(given).all(|(told, given)| says(told, given))
        }
        (told, given) => told == given,
    }
}
