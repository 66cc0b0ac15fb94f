//! Refusals in DynamoDB's words.

use livemove_core::expression::condition::holds_when_absent;
use livemove_core::expression::path::projection;
use livemove_core::expression::update::Clauses;
use livemove_core::expression::{MAX_DEPTH, MAX_LENGTH};

use crate::{message, n, names, values};

fn refusal(text: &str) -> String {
    message(holds_when_absent(text, &names(&[("#n", "n")]), &values(&[(":v", n("1"))])))
}

#[test]
fn a_condition_that_is_none_is_named_for_what_is_wrong() {
    for (text, expected) in [
        ("", "The expression can not be empty"),
        ("  \t", "The expression can not be empty"),
        ("a = ", "Syntax error; token: \"<EOF>\", near: \"=\""),
        ("a ! :v", "Syntax error; token: \"!\""),
        ("a = é", "Syntax error; token: \"é\""),
        ("a = 5", "Syntax error; token: \"5\", near: \"= 5\""),
        ("a = :v b", "Syntax error; token: \"b\", near: \":v b\""),
        ("(a = :v", "Syntax error; token: \"<EOF>\""),
        ("a = :v)", "Syntax error; token: \")\""),
        ("a", "Syntax error; token: \"<EOF>\""),
        (":v AND a = :v", "Syntax error; token: \"AND\""),
        ("a = :v AND", "Syntax error; token: \"<EOF>\""),
        ("# = :v", "Syntax error; token: \"#\""),
        ("a[x] = :v", "Syntax error; token: \"x\""),
        ("a[99999999999999999999] = :v", "Syntax error"),
        ("a..b = :v", "Syntax error; token: \".\""),
        ("a IN ()", "Syntax error; token: \")\""),
        ("a BETWEEN :v", "Syntax error; token: \"<EOF>\""),
        ("a = b = c", "Syntax error; token: \"=\""),
        ("#m = :v", "attribute name used in the document path is not defined; attribute name: #m"),
        ("a.#m = :v", "attribute name: #m"),
        ("a = :w", "attribute value used in expression is not defined; attribute value: :w"),
        ("size(a)", "The function is not allowed to be used this way in an expression; function: size"),
        ("a = attribute_exists(a)", "not allowed to be used this way in an expression; function: attribute_exists"),
        ("attribute_exists(:v)", "requires a document path; operator or function: attribute_exists"),
        (
            "attribute_exists(a, a)",
            "Incorrect number of operands for operator or function; operator or function: attribute_exists, number of operands: 2",
        ),
        ("begins_with(a)", "number of operands: 1"),
        ("list_append(a, a) = :v", "The function is not allowed in a condition expression; function: list_append"),
        ("Size(a) = :v", "Invalid function name; function: Size"),
    ] {
        let message = refusal(text);
        assert!(
            message.starts_with("Invalid ConditionExpression: ") && message.contains(expected),
            "{text}: {message}"
        );
    }
}

#[test]
fn an_update_that_is_none_is_named_for_what_is_wrong() {
    for (text, expected) in [
        ("", "The expression can not be empty"),
        ("a = :v", "Syntax error; token: \"a\""),
        ("SET", "Syntax error; token: \"<EOF>\""),
        ("SET a = :v,", "Syntax error; token: \"<EOF>\""),
        ("SET a = :v REMOVE", "Syntax error; token: \"<EOF>\""),
        ("SET a", "Syntax error; token: \"<EOF>\""),
        ("SET :v = a", "Syntax error; token: \":v\""),
        ("SET a = :v + :v + :v", "Syntax error; token: \"+\""),
        ("ADD a b", "Syntax error; token: \"b\""),
        ("DELETE a", "Syntax error"),
        ("REMOVE a = :v", "Syntax error; token: \"=\""),
        ("SET a = :v REMOVE b SET c = :v", "The \"SET\" section can only be used once in an update expression"),
        ("remove a REMOVE b", "The \"REMOVE\" section can only be used once"),
        ("SET a = if_not_exists(:v, a)", "requires a document path; operator or function: if_not_exists"),
        ("SET a = if_not_exists(a)", "number of operands: 1"),
        ("SET a = size(a)", "The function is not allowed in an update expression; function: size"),
        ("SET a = dog(a)", "Invalid function name; function: dog"),
    ] {
        let message = message(Clauses::parse(text));
        assert!(message.starts_with("Invalid UpdateExpression: ") && message.contains(expected), "{text}: {message}");
    }
}

#[test]
fn nesting_is_bounded_and_the_bound_is_reached() {
    let parentheses = |depth: usize| format!("{}a = :v{}", "(".repeat(depth), ")".repeat(depth));
    let negations = |depth: usize| format!("{}a = :v", "NOT ".repeat(depth));
    for nested in [&parentheses as &dyn Fn(usize) -> String, &negations] {
        assert!(holds_when_absent(&nested(MAX_DEPTH), &names(&[]), &values(&[(":v", n("1"))])).is_ok());
        assert!(refusal(&nested(MAX_DEPTH + 1)).contains("nested deeper"));
    }
    for open in ["(", "NOT ", "size(", "NOT ("] {
        refusal(&open.repeat(MAX_LENGTH / open.len()));
    }
    message(Clauses::parse(&format!("SET a = {}", "if_not_exists(a, ".repeat(200))));
    message(Clauses::parse(&format!("SET a = {}", "(".repeat(4000))));
}

#[test]
fn length_is_bounded_and_the_bound_is_reached() {
    let padded = |length: usize| format!("a = :v{}", " ".repeat(length - 6));
    assert!(holds_when_absent(&padded(MAX_LENGTH), &names(&[]), &values(&[(":v", n("1"))])).is_ok());
    let message = refusal(&padded(MAX_LENGTH + 1));
    assert!(message.contains("exceeded the maximum allowed size; expression size: 4097"), "{message}");
}

#[test]
fn a_projection_is_a_list_of_paths() {
    let paths = projection("a, #n.b[0] , c[1][2]").unwrap();
    assert_eq!(paths.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a", "#n.b[0]", "c[1][2]"]);
    for text in ["", "a,", "a b", "size(a)", ":v"] {
        assert!(message(projection(text)).starts_with("Invalid ProjectionExpression: "), "{text}");
    }
}
