//! Valid inputs, damaged in one to three places: what a wrong sender, a hand in the console, another version or a
//! broken disk makes of them.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Map, Value, json};

/// What is done to bytes.
#[derive(Clone, Debug)]
enum Cut {
    Flip(Index, u8),
    Remove(Index, usize),
    Insert(Index, Vec<u8>),
    Double(Index, usize),
    End(Index),
}

fn cut() -> impl Strategy<Value = Cut> {
    let at = any::<Index>;
    prop_oneof![
        3 => (at(), 0..8u8).prop_map(|(at, bit)| Cut::Flip(at, bit)),
        2 => (at(), 1..9usize).prop_map(|(at, count)| Cut::Remove(at, count)),
        2 => (at(), vec(any::<u8>(), 1..4)).prop_map(|(at, more)| Cut::Insert(at, more)),
        1 => (at(), 1..9usize).prop_map(|(at, count)| Cut::Double(at, count)),
        1 => at().prop_map(Cut::End),
    ]
}

fn apply_cut(bytes: &mut Vec<u8>, cut: &Cut) {
    let length = bytes.len();
    let place = |at: &Index| at.index(length + 1);
    match cut {
        Cut::Flip(at, bit) => {
            if let Some(byte) = bytes.get_mut(place(at)) {
                *byte ^= 1 << bit;
            }
        }
        Cut::Remove(at, count) => {
            bytes.drain(place(at)..length.min(place(at) + count));
        }
        Cut::Insert(at, more) => {
            bytes.splice(place(at)..place(at), more.iter().copied());
        }
        Cut::Double(at, count) => {
            let part = bytes[place(at)..length.min(place(at) + count)].to_vec();
            bytes.splice(place(at)..place(at), part);
        }
        Cut::End(at) => bytes.truncate(place(at)),
    }
}

/// `valid` with bits flipped, bytes removed, inserted and doubled, or cut off.
pub fn bytes(valid: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    vec(cut(), 1..4).prop_map(move |cuts| {
        let mut damaged = valid.clone();
        cuts.iter().for_each(|cut| apply_cut(&mut damaged, cut));
        damaged
    })
}

/// As [`bytes`], for what can only be text.
pub fn text(valid: String) -> impl Strategy<Value = String> {
    bytes(valid.into_bytes()).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// What is done to one value within JSON.
#[derive(Clone, Debug)]
enum Change {
    Replace(Value),
    Drop,
    Add(String, Value),
    Rename(String),
    Double,
    Swap(Index),
    Text(Vec<Cut>),
    Step(i64),
}

fn odd() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(1e300),
        json!(u32::MAX),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(1_000_000),
        json!(""),
        json!("1"),
        json!("source"),
        json!("x".repeat(300)),
        json!([]),
        json!({}),
        json!([{}]),
        json!({"S": "a", "N": "1"}),
        json!({"S": 1}),
    ])
}

fn change() -> impl Strategy<Value = Change> {
    let name = prop_oneof![
        "[a-zA-Z_]{1,8}",
        prop::sample::select(vec!["S", "N", "Event", "Records", "version", "total", "done"]).prop_map(str::to_owned),
    ];
    prop_oneof![
        4 => odd().prop_map(Change::Replace),
        3 => Just(Change::Drop),
        2 => (name.clone(), odd()).prop_map(|(name, value)| Change::Add(name, value)),
        1 => name.prop_map(Change::Rename),
        1 => Just(Change::Double),
        2 => any::<Index>().prop_map(Change::Swap),
        3 => vec(cut(), 1..3).prop_map(Change::Text),
        2 => prop::sample::select(vec![-1, 1, 1000, i64::MAX]).prop_map(Change::Step),
    ]
}

/// `valid` with members and elements replaced, dropped, added, renamed, doubled and swapped, texts cut and numbers
/// changed.
pub fn json(valid: Value) -> impl Strategy<Value = Value> {
    vec((any::<Index>(), change()), 1..4).prop_map(move |changes| {
        let mut damaged = valid.clone();
        for (at, change) in &changes {
            let places = places(&damaged);
            let place = places[at.index(places.len())].clone();
            apply(&mut damaged, &places, &place, change);
        }
        damaged
    })
}

/// The way to every value within, as JSON pointers.
fn places(value: &Value) -> Vec<String> {
    fn walk(value: &Value, here: &str, found: &mut Vec<String>) {
        found.push(here.to_owned());
        match value {
            Value::Object(members) => members.iter().for_each(|(name, member)| {
                let name = name.replace('~', "~0").replace('/', "~1");
                walk(member, &format!("{here}/{name}"), found);
            }),
            Value::Array(elements) => {
                elements.iter().enumerate().for_each(|(at, element)| walk(element, &format!("{here}/{at}"), found));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut found = Vec::new();
    walk(value, "", &mut found);
    found
}

fn apply(whole: &mut Value, places: &[String], place: &str, change: &Change) {
    match change {
        Change::Replace(value) => set(whole, place, value.clone()),
        Change::Drop => drop_at(whole, place),
        Change::Add(name, value) => match whole.pointer_mut(place) {
            Some(Value::Object(members)) => {
                members.insert(name.clone(), value.clone());
            }
            Some(Value::Array(elements)) => elements.push(value.clone()),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => {}
        },
        Change::Rename(name) => {
            if let Some((members, old)) = member(whole, place)
                && let Some(value) = members.remove(&old)
            {
                members.insert(name.clone(), value);
            }
        }
        Change::Double => {
            if let Some(Value::Array(elements)) = whole.pointer_mut(place)
                && let Some(first) = elements.first().cloned()
            {
                elements.push(first);
            }
        }
        Change::Swap(other) => {
            let other = &places[other.index(places.len())];
            if let (Some(one), Some(two)) = (whole.pointer(place).cloned(), whole.pointer(other).cloned()) {
                set(whole, place, two);
                set(whole, other, one);
            }
        }
        Change::Text(cuts) => {
            if let Some(Value::String(text)) = whole.pointer_mut(place) {
                let mut bytes = std::mem::take(text).into_bytes();
                cuts.iter().for_each(|cut| apply_cut(&mut bytes, cut));
                *text = String::from_utf8_lossy(&bytes).into_owned();
            }
        }
        Change::Step(by) => {
            if let Some(Value::Number(number)) = whole.pointer_mut(place)
                && let Some(stepped) = number.as_i64().and_then(|number| number.checked_add(*by))
            {
                *number = stepped.into();
            }
        }
    }
}

fn set(whole: &mut Value, place: &str, value: Value) {
    if let Some(slot) = whole.pointer_mut(place) {
        *slot = value;
    }
}

fn drop_at(whole: &mut Value, place: &str) {
    if let Some((members, name)) = member(whole, place) {
        members.remove(&name);
        return;
    }
    if let Some((parent, at)) = place.rsplit_once('/')
        && let Some(Value::Array(elements)) = whole.pointer_mut(parent)
        && let Ok(at) = at.parse::<usize>()
        && at < elements.len()
    {
        elements.remove(at);
    }
}

/// The object that the place is in, and its name there.
fn member<'a>(whole: &'a mut Value, place: &str) -> Option<(&'a mut Map<String, Value>, String)> {
    let (parent, name) = place.rsplit_once('/')?;
    let members = whole.pointer_mut(parent)?.as_object_mut()?;
    Some((members, name.replace("~1", "/").replace("~0", "~")))
}
