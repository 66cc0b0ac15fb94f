//! Conditions made from a model, as text and with what they mean.

use std::collections::BTreeMap;

use livemove_core::item::Item;
use proptest::prelude::*;
use serde_dynamo::AttributeValue;

/// Attributes of items; `absent` is never there. One is reached by a placeholder.
const ATTRIBUTES: [(&str, &str); 4] = [("a", "a"), ("b", "b"), ("#c", "c"), ("absent", "absent")];
/// The values are small integers: `:v0` to `:v4`.
const VALUES: i64 = 5;

/// A condition over integers.
#[derive(Clone, Debug)]
enum Model {
    Compare(&'static str, Term, Term),
    Between(Term, Term, Term),
    In(Term, Vec<Term>),
    Exists(usize),
    NotExists(usize),
    Not(Box<Model>),
    And(Vec<Model>),
    Or(Vec<Model>),
}

#[derive(Clone, Copy, Debug)]
enum Term {
    Attribute(usize),
    Value(i64),
}

/// A condition and its text.
#[derive(Clone, Debug)]
pub(crate) struct Generated {
    pub(crate) text: String,
    model: Model,
}

impl Generated {
    /// Bindings for every placeholder there is.
    pub(crate) fn bindings(&self) -> (BTreeMap<String, String>, BTreeMap<String, AttributeValue>) {
        let values = (0..VALUES).map(|value| (format!(":v{value}"), AttributeValue::N(value.to_string())));
        (BTreeMap::from([("#c".to_owned(), "c".to_owned())]), values.collect())
    }

    /// What it means for an item.
    pub(crate) fn holds(&self, item: &Item) -> bool {
        self.model.holds(item)
    }
}

impl Term {
    fn value(self, item: &Item) -> Option<i64> {
        match self {
            Term::Value(value) => Some(value),
            Term::Attribute(index) => match item.0.get(ATTRIBUTES[index].1) {
                Some(AttributeValue::N(number)) => number.parse().ok(),
                _ => None,
            },
        }
    }

    fn text(self) -> String {
        match self {
            Term::Value(value) => format!(":v{value}"),
            Term::Attribute(index) => ATTRIBUTES[index].0.to_owned(),
        }
    }
}

impl Model {
    fn holds(&self, item: &Item) -> bool {
        let ordered = |a: &Term, b: &Term| Some(a.value(item)?.cmp(&b.value(item)?));
        match self {
            Model::Compare("=", a, b) => ordered(a, b).is_some_and(|order| order.is_eq()),
            Model::Compare("<>", a, b) => !ordered(a, b).is_some_and(|order| order.is_eq()),
            Model::Compare("<", a, b) => ordered(a, b).is_some_and(|order| order.is_lt()),
            Model::Compare("<=", a, b) => ordered(a, b).is_some_and(|order| order.is_le()),
            Model::Compare(">", a, b) => ordered(a, b).is_some_and(|order| order.is_gt()),
            Model::Compare(_, a, b) => ordered(a, b).is_some_and(|order| order.is_ge()),
            Model::Between(a, low, high) => {
                ordered(a, low).is_some_and(|order| order.is_ge())
                    && ordered(a, high).is_some_and(|order| order.is_le())
            }
            Model::In(a, list) => list.iter().any(|b| ordered(a, b).is_some_and(|order| order.is_eq())),
            Model::Exists(index) => item.0.contains_key(ATTRIBUTES[*index].1),
            Model::NotExists(index) => !item.0.contains_key(ATTRIBUTES[*index].1),
            Model::Not(model) => !model.holds(item),
            Model::And(models) => models.iter().all(|model| model.holds(item)),
            Model::Or(models) => models.iter().any(|model| model.holds(item)),
        }
    }

    /// How tight it binds: 0 `OR`, 1 `AND`, 2 `NOT` and predicates.
    fn tightness(&self) -> u8 {
        match self {
            Model::Or(_) => 0,
            Model::And(_) => 1,
            _ => 2,
        }
    }

    /// Parentheses only where they are needed.
    fn text(&self) -> String {
        let within = |model: &Model, tightness| {
            if model.tightness() < tightness { format!("({})", model.text()) } else { model.text() }
        };
        let list = |models: &[Model], tightness, word: &str| {
            models.iter().map(|model| within(model, tightness)).collect::<Vec<_>>().join(word)
        };
        match self {
            Model::Compare(operator, a, b) => format!("{}{operator}{}", a.text(), b.text()),
            Model::Between(a, low, high) => format!("{} BETWEEN {} AND {}", a.text(), low.text(), high.text()),
            Model::In(a, list) => {
                format!("{} IN ({})", a.text(), list.iter().map(|b| b.text()).collect::<Vec<_>>().join(" , "))
            }
            Model::Exists(index) => format!("attribute_exists({})", ATTRIBUTES[*index].0),
            Model::NotExists(index) => format!("attribute_not_exists ( {} )", ATTRIBUTES[*index].0),
            Model::Not(model) => format!("NOT {}", within(model, 2)),
            Model::And(models) => list(models, 2, " and "),
            Model::Or(models) => list(models, 1, " OR "),
        }
    }
}

fn term() -> impl Strategy<Value = Term> {
    prop_oneof![(0..ATTRIBUTES.len()).prop_map(Term::Attribute), (0..VALUES).prop_map(Term::Value)]
}

fn model() -> impl Strategy<Value = Model> {
    let operator = prop::sample::select(vec!["=", "<>", "<", "<=", ">", ">="]);
    let leaf = prop_oneof![
        4 => (operator, term(), term()).prop_map(|(operator, a, b)| Model::Compare(operator, a, b)),
        1 => (term(), term(), term()).prop_map(|(a, low, high)| Model::Between(a, low, high)),
        1 => (term(), prop::collection::vec(term(), 1..4)).prop_map(|(a, list)| Model::In(a, list)),
        1 => (0..ATTRIBUTES.len()).prop_map(Model::Exists),
        1 => (0..ATTRIBUTES.len()).prop_map(Model::NotExists),
    ];
    leaf.prop_recursive(5, 24, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|model| Model::Not(Box::new(model))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Model::And),
            prop::collection::vec(inner, 2..4).prop_map(Model::Or),
        ]
    })
}

/// Any condition.
pub(crate) fn condition() -> impl Strategy<Value = Generated> {
    model().prop_map(|model| Generated { text: model.text(), model })
}

/// An item with some of the attributes.
pub(crate) fn item() -> impl Strategy<Value = Item> {
    prop::collection::btree_map(prop::sample::select(vec!["a", "b", "c"]), 0..VALUES, 0..4).prop_map(|numbers| {
        Item(
            numbers
                .into_iter()
                .map(|(name, number)| (name.to_owned(), AttributeValue::N(number.to_string())))
                .collect(),
        )
    })
}
