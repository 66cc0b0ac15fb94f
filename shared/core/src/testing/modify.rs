//! What an update expression makes of an item.

use serde_dynamo::AttributeValue;

use super::arithmetic::{add, negated};
use crate::error::Error;
use crate::expression::bindings::Bindings;
use crate::expression::decimal::Decimal;
use crate::expression::evaluate::lookup;
use crate::expression::path::{Path, Step};
use crate::expression::update::{Expression, Update};
use crate::expression::{validation, value};
use crate::item::{Item, KeySchema};

/// Applies `update` to `item` (the bare key where there was none) and answers with the paths it names.
///
/// All operands are those of the item before; sets are made before removals.
///
/// # Errors
/// A `ValidationException` as DynamoDB's, `item` then being half changed.
pub(super) fn modify(
    item: &mut Item,
    update: &Update,
    bindings: Bindings<'_>,
    schema: &KeySchema,
) -> Result<Vec<Path>, Error> {
    let targets: Vec<Path> = update.targets().map(|path| path.resolved(bindings.names)).collect();
    check_targets(&targets, schema)?;
    let before = item.clone();
    let resolve = |path: &Path| path.resolved(bindings.names);
    let mut sets = Vec::new();
    for (path, expression) in &update.set {
        sets.push((resolve(path), evaluate(expression, &before, bindings)?));
    }
    let mut removals: Vec<Path> = update.remove.iter().map(resolve).collect();
    for (path, placeholder) in &update.add {
        let path = resolve(path);
        let sum = added(lookup(&before, &path), operand(placeholder, bindings)?)?;
        sets.push((path, sum));
    }
    for (path, placeholder) in &update.delete {
        let path = resolve(path);
        let gone = operand(placeholder, bindings)?;
        match lookup(&before, &path).map(|set| without(set, gone)).transpose()? {
            Some(Some(rest)) => sets.push((path, rest)),
            Some(None) => removals.push(path),
            None if !is_set(gone) => return Err(wrong_type("DELETE", gone)),
            None => {}
        }
    }
    // Of several elements beyond the end of a list, the one of the lower index is appended first.
    sets.sort_by_key(|(path, _)| last_index(path));
    for (path, value) in sets {
        set(item, &path, value)?;
    }
    // From the back, so that the indices before stay what they were.
    removals.sort_by_key(|path| std::cmp::Reverse(last_index(path)));
    for path in removals {
        remove(item, &path)?;
    }
    Ok(targets)
}

fn last_index(path: &Path) -> Option<usize> {
    match path.rest.last() {
        Some(Step::Index(index)) => Some(*index),
        Some(Step::Attribute(_)) | None => None,
    }
}

fn check_targets(targets: &[Path], schema: &KeySchema) -> Result<(), Error> {
    for (index, one) in targets.iter().enumerate() {
        if schema.names().any(|name| name == one.top) {
            return Err(validation(format!(
                "One or more parameter values were invalid: Cannot update attribute {}. This attribute is part of the key",
                one.top
            )));
        }
        for two in &targets[index + 1..] {
            let common = one.rest.len().min(two.rest.len());
            if one.top == two.top && one.rest[..common] == two.rest[..common] {
                return Err(validation(format!(
                    "Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite \
                     one of these paths; path one: [{one}], path two: [{two}]"
                )));
            }
        }
    }
    Ok(())
}

fn evaluate(expression: &Expression, item: &Item, bindings: Bindings<'_>) -> Result<AttributeValue, Error> {
    let missing = || validation("The provided expression refers to an attribute that does not exist in the item");
    match expression {
        Expression::Path(path) => lookup(item, &path.resolved(bindings.names)).cloned().ok_or_else(missing),
        Expression::Value(placeholder) => operand(placeholder, bindings).cloned(),
        Expression::Plus(a, b) => {
            let (a, b) = (evaluate(a, item, bindings)?, evaluate(b, item, bindings)?);
            Ok(AttributeValue::N(add(&number("+", &a)?, &number("+", &b)?)?))
        }
        Expression::Minus(a, b) => {
            let (a, b) = (evaluate(a, item, bindings)?, evaluate(b, item, bindings)?);
            Ok(AttributeValue::N(add(&number("-", &a)?, &negated(number("-", &b)?))?))
        }
        Expression::IfNotExists(path, otherwise) => match lookup(item, &path.resolved(bindings.names)) {
            Some(value) => Ok(value.clone()),
            None => evaluate(otherwise, item, bindings),
        },
        Expression::ListAppend(a, b) => match (evaluate(a, item, bindings)?, evaluate(b, item, bindings)?) {
            (AttributeValue::L(mut a), AttributeValue::L(b)) => {
                a.extend(b);
                Ok(AttributeValue::L(a))
            }
            (AttributeValue::L(_), other) | (other, _) => Err(wrong_type("list_append", &other)),
        },
    }
}

fn operand<'a>(placeholder: &str, bindings: Bindings<'a>) -> Result<&'a AttributeValue, Error> {
    let undefined = || {
        validation(format!(
            "An expression attribute value used in expression is not defined; attribute value: {placeholder}"
        ))
    };
    bindings.values.get(placeholder).ok_or_else(undefined)
}

fn number(operator: &str, value: &AttributeValue) -> Result<Decimal, Error> {
    let AttributeValue::N(text) = value else {
        return Err(wrong_type(operator, value));
    };
    let not_a_number = || validation(format!("A value provided cannot be converted into a number: {text}"));
    Decimal::parse(text).ok_or_else(not_a_number)
}

fn wrong_type(operator: &str, value: &AttributeValue) -> Error {
    validation(format!(
        "Invalid UpdateExpression: Incorrect operand type for operator or function; operator or function: {operator}, \
         operand type: {}",
        value::type_name(value)
    ))
}

fn is_set(value: &AttributeValue) -> bool {
    matches!(value, AttributeValue::Ss(_) | AttributeValue::Ns(_) | AttributeValue::Bs(_))
}

/// `ADD`: a sum of numbers or a union of sets; what is missing counts as zero or empty.
fn added(current: Option<&AttributeValue>, more: &AttributeValue) -> Result<AttributeValue, Error> {
    if !is_set(more) && !matches!(more, AttributeValue::N(_)) {
        return Err(wrong_type("ADD", more));
    }
    let Some(current) = current else {
        return Ok(more.clone());
    };
    match (current, more) {
        (AttributeValue::N(_), AttributeValue::N(_)) => {
            Ok(AttributeValue::N(add(&number("ADD", current)?, &number("ADD", more)?)?))
        }
        (AttributeValue::Ss(a), AttributeValue::Ss(b)) => Ok(AttributeValue::Ss(union(a, b, PartialEq::eq))),
        (AttributeValue::Bs(a), AttributeValue::Bs(b)) => Ok(AttributeValue::Bs(union(a, b, PartialEq::eq))),
        (AttributeValue::Ns(a), AttributeValue::Ns(b)) => Ok(AttributeValue::Ns(union(a, b, same_number))),
        _ => Err(validation("An operand in the update expression has an incorrect data type")),
    }
}

/// `DELETE`: what is left of a set, if anything.
fn without(current: &AttributeValue, gone: &AttributeValue) -> Result<Option<AttributeValue>, Error> {
    match (current, gone) {
        (AttributeValue::Ss(a), AttributeValue::Ss(b)) => Ok(difference(a, b, PartialEq::eq).map(AttributeValue::Ss)),
        (AttributeValue::Bs(a), AttributeValue::Bs(b)) => Ok(difference(a, b, PartialEq::eq).map(AttributeValue::Bs)),
        (AttributeValue::Ns(a), AttributeValue::Ns(b)) => Ok(difference(a, b, same_number).map(AttributeValue::Ns)),
        (_, gone) if !is_set(gone) => Err(wrong_type("DELETE", gone)),
        _ => Err(validation("An operand in the update expression has an incorrect data type")),
    }
}

fn same_number(a: &impl AsRef<str>, b: &impl AsRef<str>) -> bool {
    Decimal::parse(a.as_ref()) == Decimal::parse(b.as_ref())
}

fn union<T: Clone>(a: &[T], b: &[T], same: fn(&T, &T) -> bool) -> Vec<T> {
    let mut all = a.to_vec();
    all.extend(b.iter().filter(|b| !a.iter().any(|a| same(a, b))).cloned());
    all
}

fn difference<T: Clone>(a: &[T], b: &[T], same: fn(&T, &T) -> bool) -> Option<Vec<T>> {
    let rest: Vec<T> = a.iter().filter(|a| !b.iter().any(|b| same(a, b))).cloned().collect();
    (!rest.is_empty()).then_some(rest)
}

/// The value that holds the last step of `path`, and that step; `None` where the way there is missing.
fn holder<'a, 'p>(item: &'a mut Item, path: &'p Path) -> Option<(&'a mut AttributeValue, &'p Step)> {
    let (last, way) = path.rest.split_last()?;
    let holder = way.iter().try_fold(item.0.get_mut(&path.top)?, |value, step| match (value, step) {
        (AttributeValue::M(map), Step::Attribute(name)) => map.get_mut(name),
        (AttributeValue::L(list), Step::Index(index)) => list.get_mut(*index),
        _ => None,
    })?;
    Some((holder, last))
}

fn invalid_path() -> Error {
    validation("The document path provided in the update expression is invalid for update")
}

fn set(item: &mut Item, path: &Path, value: AttributeValue) -> Result<(), Error> {
    if path.rest.is_empty() {
        item.0.insert(path.top.clone(), value);
        return Ok(());
    }
    match holder(item, path).ok_or_else(invalid_path)? {
        (AttributeValue::M(map), Step::Attribute(name)) => {
            map.insert(name.clone(), value);
        }
        (AttributeValue::L(list), Step::Index(index)) => match list.get_mut(*index) {
            Some(element) => *element = value,
            None => list.push(value),
        },
        _ => return Err(invalid_path()),
    }
    Ok(())
}

fn remove(item: &mut Item, path: &Path) -> Result<(), Error> {
    if path.rest.is_empty() {
        item.0.remove(&path.top);
        return Ok(());
    }
    match holder(item, path).ok_or_else(invalid_path)? {
        (AttributeValue::M(map), Step::Attribute(name)) => {
            map.remove(name);
        }
        (AttributeValue::L(list), Step::Index(index)) if *index < list.len() => {
            list.remove(*index);
        }
        (AttributeValue::L(_), Step::Index(_)) => {}
        _ => return Err(invalid_path()),
    }
    Ok(())
}
