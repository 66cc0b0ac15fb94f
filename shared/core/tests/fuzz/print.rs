//! Expressions back to text, with parentheses everywhere: what the parser has understood.

use livemove_core::expression::condition::{Comparator, Condition, Operand};
use livemove_core::expression::update::{Expression, Update};

pub(crate) fn condition(condition: &Condition) -> String {
    let joined = |parts: &[Condition], word: &str| {
        parts.iter().map(|part| format!("({})", self::condition(part))).collect::<Vec<_>>().join(word)
    };
    let two = |name: &str, a: &Operand, b: &Operand| format!("{name}({}, {})", operand(a), operand(b));
    match condition {
        Condition::Any(parts) => joined(parts, " OR "),
        Condition::All(parts) => joined(parts, " AND "),
        Condition::Not(part) => format!("NOT ({})", self::condition(part)),
        Condition::Compare(comparator, a, b) => format!("{} {} {}", operand(a), symbol(*comparator), operand(b)),
        Condition::Between(a, low, high) => format!("{} BETWEEN {} AND {}", operand(a), operand(low), operand(high)),
        Condition::In(a, list) => {
            format!("{} IN ({})", operand(a), list.iter().map(operand).collect::<Vec<_>>().join(", "))
        }
        Condition::Exists(path) => format!("attribute_exists({path})"),
        Condition::NotExists(path) => format!("attribute_not_exists({path})"),
        Condition::Type(a, b) => two("attribute_type", a, b),
        Condition::BeginsWith(a, b) => two("begins_with", a, b),
        Condition::Contains(a, b) => two("contains", a, b),
    }
}

fn symbol(comparator: Comparator) -> &'static str {
    match comparator {
        Comparator::Equal => "=",
        Comparator::NotEqual => "<>",
        Comparator::Less => "<",
        Comparator::LessOrEqual => "<=",
        Comparator::Greater => ">",
        Comparator::GreaterOrEqual => ">=",
    }
}

fn operand(operand: &Operand) -> String {
    match operand {
        Operand::Path(path) => path.to_string(),
        Operand::Value(value) => value.clone(),
        Operand::Size(of) => format!("size({})", self::operand(of)),
    }
}

pub(crate) fn update(update: &Update) -> String {
    let list = |keyword: &str, entries: Vec<String>| {
        if entries.is_empty() { String::new() } else { format!("{keyword} {} ", entries.join(", ")) }
    };
    let set = update.set.iter().map(|(path, value)| format!("{path} = {}", expression(value))).collect();
    let remove = update.remove.iter().map(ToString::to_string).collect();
    let pairs = |entries: &[(_, String)]| entries.iter().map(|(path, value)| format!("{path} {value}")).collect();
    let (add, delete) = (pairs(&update.add), pairs(&update.delete));
    [list("SET", set), list("REMOVE", remove), list("ADD", add), list("DELETE", delete)].concat()
}

fn expression(value: &Expression) -> String {
    match value {
        Expression::Path(path) => path.to_string(),
        Expression::Value(value) => value.clone(),
        Expression::Plus(a, b) => format!("({}) + ({})", expression(a), expression(b)),
        Expression::Minus(a, b) => format!("({}) - ({})", expression(a), expression(b)),
        Expression::IfNotExists(path, otherwise) => format!("if_not_exists({path}, {})", wrapped(otherwise)),
        Expression::ListAppend(a, b) => format!("list_append({}, {})", wrapped(a), wrapped(b)),
    }
}

fn wrapped(value: &Expression) -> String {
    format!("({})", expression(value))
}
