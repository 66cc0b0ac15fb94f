//! PartiQL: refused for tables that move, in every phase, so that nothing works today that fails tomorrow.
//!
//! A statement names its table inside a text of its own language, and hides the conditions and updates that the
//! protocol must rewrite. The same can be said with the operations that are supported.

use livemove_core::error::Error;
use serde_json::{Map, Value};

/// The statements of a call, if it is one of PartiQL's operations.
pub(super) fn statements(operation: &str, input: &Map<String, Value>) -> Option<Vec<String>> {
    let text = |value: &Value| value.get("Statement").and_then(Value::as_str).map(str::to_owned);
    let list = match operation {
        "ExecuteStatement" => return Some(text(&Value::Object(input.clone())).into_iter().collect()),
        "BatchExecuteStatement" => "Statements",
        "ExecuteTransaction" => "TransactStatements",
        _ => return None,
    };
    let statements = input.get(list).and_then(Value::as_array);
    Some(statements.into_iter().flatten().filter_map(text).collect())
}

/// Refuses statements that name a table that moves. Also a value that happens to be such a name counts as one:
/// better refused than written past the migration.
///
/// # Errors
/// `PartiqlNotSupported`.
pub(super) fn refuse(operation: &str, statements: &[String], moving: &[String]) -> Result<(), Error> {
    let named = moving.iter().find(|table| statements.iter().any(|statement| mentions(statement, table)));
    let Some(table) = named else { return Ok(()) };
    Err(Error::refused(
        "PartiqlNotSupported",
        format!("{operation} names {table}, which is moving"),
        "use GetItem, Query, PutItem, UpdateItem, DeleteItem, the batch and transaction operations",
    ))
}

fn mentions(statement: &str, table: &str) -> bool {
    let is_part_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let mut words = statement.split(|c| !is_part_of_name(c));
    words.any(|word| word == table || word.strip_prefix(table).is_some_and(|rest| rest.starts_with('.')))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(operation: &str, input: Value) -> bool {
        let statements = statements(operation, input.as_object().unwrap()).unwrap_or_default();
        refuse(operation, &statements, &["orders".to_owned()]).is_err()
    }

    #[test]
    fn statements_on_a_moving_table_are_refused_however_it_is_named() {
        for statement in [
            "SELECT * FROM orders WHERE pk = 'a'",
            "select * from \"orders\".\"by-day\"",
            "SELECT * FROM orders.byDay",
            "INSERT INTO \"orders\" VALUE {'pk': 'a'}",
            "UPDATE orders SET a=1 WHERE pk='a'",
            "DELETE FROM\torders\nWHERE pk='a'",
        ] {
            assert!(refused("ExecuteStatement", json!({"Statement": statement})), "{statement}");
            assert!(refused("BatchExecuteStatement", json!({"Statements": [{"Statement": statement}]})));
            assert!(refused("ExecuteTransaction", json!({"TransactStatements": [{"Statement": statement}]})));
        }
    }

    #[test]
    fn statements_on_other_tables_are_not() {
        for statement in ["SELECT * FROM orders2", "SELECT * FROM \"my-orders\"", "SELECT * FROM reorders"] {
            assert!(!refused("ExecuteStatement", json!({"Statement": statement})), "{statement}");
        }
        assert_eq!(statements("GetItem", &Map::new()), None);
    }
}
