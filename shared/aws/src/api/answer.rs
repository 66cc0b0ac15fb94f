//! Answers: DynamoDB's JSON, through the door the call came in or over the wire.

use lambda_runtime::Diagnostic;
use livemove_core::error::{Error, Remedy};
use livemove_core::ports::transact::Reason;
use serde_json::{Map, Value, json};

use super::bound::told;
use super::payload::Door;

/// What Lambda gets to hear of a call.
///
/// # Errors
/// Through the direct door, every error: `errorType` is the exception's name, `errorMessage` its JSON.
pub(super) fn answer(door: Door, operation: &str, result: Result<Value, Error>) -> Result<Value, Diagnostic> {
    let error = match (door, result) {
        (Door::Direct, Ok(output)) => return Ok(output),
        (Door::Url, Ok(output)) => return Ok(response(200, &output)),
        (_, Err(error)) => error,
    };
    log(operation, &error);
    let body = told(door, body(&error));
    match door {
        Door::Direct => Err(Diagnostic { error_type: exception(&error).to_owned(), error_message: body.to_string() }),
        Door::Url => Ok(response(status(&error), &body)),
    }
}

/// An error as DynamoDB's protocol carries it.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// `__type` without its namespace, `message` and whatever else belongs to it.
    pub body: Value,
}

/// The error for clients that speak DynamoDB's protocol: under the names that an AWS SDK knows, and with the
/// status that makes it try again just when that is harmless.
pub fn refusal(operation: &str, error: &Error) -> Refusal {
    // Conditions that do not hold are an application's daily bread: a server that stays would log little else.
    if !matches!(error, Error::ConditionFailed { .. } | Error::Cancelled { .. }) {
        log(operation, error);
    }
    let (status, name) = match error {
        Error::Throttled(_) => (400, "ThrottlingException"),
        Error::Conflict(_) => (400, "TransactionConflictException"),
        Error::Unavailable(_) | Error::StalePhase => (503, "ServiceUnavailable"),
        Error::Denied(_) => (400, "AccessDeniedException"),
        // An SDK would repeat the write after a 5xx, and count twice. Its application must look first.
        Error::Ambiguous(_) | Error::OldValuesLost(_) | Error::Invariant(_) => (400, error.name()),
        Error::Rejected { .. } | Error::ConditionFailed { .. } | Error::Cancelled { .. } | Error::Refused { .. } => {
            (400, error.name())
        }
    };
    let mut body = body(error);
    body["__type"] = json!(name);
    Refusal { status, body }
}

fn response(status: u16, body: &Value) -> Value {
    json!({
        "statusCode": status,
        "headers": {"content-type": "application/x-amz-json-1.0"},
        "body": body.to_string(),
        "isBase64Encoded": false,
    })
}

// The caller's own mistakes are the caller's to log; their messages may quote item values.
fn log(operation: &str, error: &Error) {
    if matches!(error, Error::Denied(_)) {
        tracing::error!(operation, name = error.name(), %error, "operation denied");
        return;
    }
    match error.remedy() {
        Remedy::Retry => tracing::warn!(operation, name = error.name(), %error, "operation not done"),
        Remedy::Bug => tracing::error!(operation, name = error.name(), %error, "operation met a broken invariant"),
        Remedy::Stop => tracing::info!(operation, name = error.name(), "operation refused"),
    }
}

fn status(error: &Error) -> u16 {
    match error.remedy() {
        Remedy::Retry | Remedy::Bug => 503,
        Remedy::Stop => 400,
    }
}

/// The name applications match on: DynamoDB's own where it has one.
fn exception(error: &Error) -> &str {
    if matches!(error, Error::Throttled(_)) { "ThrottlingException" } else { error.name() }
}

fn body(error: &Error) -> Value {
    let (message, remedy) = match error {
        Error::Rejected { message, .. } => (message.clone(), None),
        Error::ConditionFailed { .. } => ("The conditional request failed".to_owned(), None),
        Error::Cancelled { reasons } => (cancellation(reasons), None),
        Error::Refused { reason, remedy, .. } => (reason.clone(), Some(remedy.as_str())),
        Error::Throttled(_) | Error::Unavailable(_) | Error::Conflict(_) | Error::StalePhase => {
            (error.to_string(), Some("nothing was done: try again after a pause"))
        }
        Error::Ambiguous(_) => {
            (error.to_string(), Some("it may have been done or not: read the item before trying again"))
        }
        Error::OldValuesLost(_) => (error.to_string(), Some("the write is done: do not send it again")),
        Error::Denied(_) => {
            (error.to_string(), Some("nothing was done: the operator must do what the message says, then try again"))
        }
        Error::Invariant(_) => (error.to_string(), Some("report it")),
    };
    let mut body =
        Map::from_iter([("__type".to_owned(), json!(exception(error))), ("message".to_owned(), json!(message))]);
    body.extend(remedy.map(|remedy| ("remedy".to_owned(), json!(remedy))));
    if let Error::ConditionFailed { item: Some(item) } = error {
        body.insert("Item".to_owned(), json!(item));
    }
    if let Error::Cancelled { reasons } = error {
        // DynamoDB writes this member, alone of all, with a capital.
        body.insert("Message".to_owned(), json!(cancellation(reasons)));
        body.insert("CancellationReasons".to_owned(), reasons.iter().map(reason).collect());
    }
    Value::Object(body)
}

// As DynamoDB words it, so that applications that look for codes in the message find them.
fn cancellation(reasons: &[Reason]) -> String {
    let codes: Vec<_> = reasons.iter().map(|reason| reason.code.as_str()).collect();
    format!("Transaction cancelled, please refer cancellation reasons for specific reasons [{}]", codes.join(", "))
}

fn reason(reason: &Reason) -> Value {
    let mut body = Map::from_iter([("Code".to_owned(), json!(reason.code))]);
    body.extend(reason.message.iter().map(|message| ("Message".to_owned(), json!(message))));
    body.extend(reason.item.iter().map(|item| ("Item".to_owned(), json!(item))));
    Value::Object(body)
}

#[cfg(test)]
mod tests {
    use livemove_core::item::Item;
    use serde_dynamo::AttributeValue;

    use super::*;

    fn failed() -> Error {
        let item = Item([("n".to_owned(), AttributeValue::N("1.0".to_owned()))].into());
        Error::ConditionFailed { item: Some(item) }
    }

    #[test]
    fn a_failed_condition_is_dynamodbs_exception_with_the_item() {
        let diagnostic = answer(Door::Direct, "PutItem", Err(failed())).unwrap_err();
        assert_eq!(diagnostic.error_type, "ConditionalCheckFailedException");
        let body: Value = serde_json::from_str(&diagnostic.error_message).unwrap();
        assert_eq!(body["__type"], "ConditionalCheckFailedException");
        assert_eq!(body["Item"], json!({"n": {"N": "1.0"}}));
        assert_eq!(body.get("remedy"), None);
    }

    #[test]
    fn through_a_url_errors_are_responses_by_who_can_help() {
        let status = |error| answer(Door::Url, "PutItem", Err(error)).unwrap()["statusCode"].clone();
        assert_eq!(status(failed()), 400);
        assert_eq!(status(Error::refused("ValidationException", "a", "b")), 400);
        assert_eq!(status(Error::Throttled(String::new())), 503);
        assert_eq!(status(Error::Ambiguous(String::new())), 503);
        let body = answer(Door::Url, "PutItem", Err(Error::Throttled(String::new()))).unwrap()["body"].clone();
        assert!(body.as_str().unwrap().contains("ThrottlingException"), "{body}");
    }

    #[test]
    fn whose_outcome_is_not_known_or_known_too_late_is_not_sent_again_by_sdks() {
        let told = |error| {
            let refusal = refusal("UpdateItem", &error);
            (refusal.status, refusal.body["__type"].as_str().unwrap().to_owned())
        };
        assert_eq!(told(Error::Ambiguous(String::new())), (400, "OutcomeUnknown".to_owned()));
        assert_eq!(told(Error::OldValuesLost(String::new())), (400, "OldValuesLost".to_owned()));
        assert_eq!(told(Error::Unavailable(String::new())), (503, "ServiceUnavailable".to_owned()));
    }

    #[test]
    fn an_answer_is_dynamodbs_json_through_every_door() {
        let output = json!({"Item": {"n": {"N": "1.0"}}});
        assert_eq!(answer(Door::Direct, "GetItem", Ok(output.clone())).unwrap(), output);
        let response = answer(Door::Url, "GetItem", Ok(output.clone())).unwrap();
        assert_eq!(response["statusCode"], 200);
        assert_eq!(serde_json::from_str::<Value>(response["body"].as_str().unwrap()).unwrap(), output);
    }
}
