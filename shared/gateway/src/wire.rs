//! Errors as DynamoDB's wire protocol has them.

use serde_json::{Value, json};

/// An error on its way to a client: status and body of the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct WireError {
    /// The HTTP status.
    pub status: u16,
    /// `__type` with its namespace, `message`, and what else the error carries.
    pub body: Value,
}

impl WireError {
    /// An error by its bare name, for example `ValidationException`; see [`qualified`].
    pub fn new(status: u16, name: &str, message: impl Into<String>) -> WireError {
        WireError { status, body: json!({"__type": qualified(name), "message": message.into()}) }
    }

    /// The bare name of the error, for logs and metrics.
    pub fn name(&self) -> &str {
        let kind = self.body.get("__type").and_then(Value::as_str).unwrap_or_default();
        kind.rsplit('#').next().unwrap_or_default()
    }
}

/// The `__type` of an error: its name in the namespace where DynamoDB has it. SDKs look at the name only.
pub fn qualified(name: &str) -> String {
    let namespace = match name {
        "ValidationException" => "com.amazon.coral.validate",
        "ThrottlingException" => "com.amazon.coral.availability",
        "AccessDeniedException"
        | "IncompleteSignatureException"
        | "InvalidSignatureException"
        | "MissingAuthenticationTokenException"
        | "RequestEntityTooLargeException"
        | "RequestTimeoutException"
        | "SerializationException"
        | "ServiceUnavailableException"
        | "UnknownOperationException"
        | "UnrecognizedClientException" => "com.amazon.coral.service",
        _ => "com.amazonaws.dynamodb.v20120810",
    };
    format!("{namespace}#{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_stand_in_the_namespaces_where_dynamodb_has_them() {
        let kind = |name: &str| WireError::new(400, name, "m").body["__type"].as_str().unwrap().to_owned();
        assert_eq!(kind("ValidationException"), "com.amazon.coral.validate#ValidationException");
        assert_eq!(kind("SerializationException"), "com.amazon.coral.service#SerializationException");
        assert_eq!(
            kind("ConditionalCheckFailedException"),
            "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"
        );
        assert_eq!(WireError::new(400, "ThrottlingException", "m").name(), "ThrottlingException");
    }
}
