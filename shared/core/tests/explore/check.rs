//! What clients saw, and whether one DynamoDB item could have shown it: linearizability of each key, and of the pair
//! that only transactions touch.

/// An item for the application: absent, or there with or without its value.
pub(crate) type Value = Option<Option<i64>>;

/// An operation on one key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Op {
    Read,
    /// Read through a filter that shows values of this one and above.
    ReadFrom(i64),
    /// Put an item with this value, or without any: an item of key attributes alone.
    Put(Option<i64>),
    /// Put if there is none.
    Insert(i64),
    /// Delete, answering what was there.
    Delete,
    /// Add one, answering the new value.
    Count,
    /// Remove the value; creates no item.
    Clear,
    /// Set this value if there is an item.
    SetExisting(i64),
    /// Delete, answering nothing.
    Remove,
    /// Add one, answering nothing.
    Add,
    /// Whether there is an item: refused if not.
    Check,
}

/// What a client was told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Answer {
    Saw(Value),
    Done,
    Refused,
    /// Done, and what it saw is not told.
    Unseen,
    /// No answer: done now, later or never.
    Unknown,
}

/// One operation of a client, with the moments at which it was begun and answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    pub(crate) key: usize,
    pub(crate) op: Op,
    pub(crate) answer: Answer,
    pub(crate) begun: u64,
    pub(crate) answered: u64,
}

/// What one item would do: its next value and the answer.
fn specified(value: Value, op: Op) -> (Value, Answer) {
    match op {
        Op::Read => (value, Answer::Saw(value)),
        Op::ReadFrom(least) => (value, Answer::Saw(value.filter(|number| number.is_some_and(|n| n >= least)))),
        Op::Put(new) => (Some(new), Answer::Done),
        Op::Insert(new) if value.is_none() => (Some(Some(new)), Answer::Done),
        Op::Insert(_) => (value, Answer::Refused),
        Op::Delete => (None, Answer::Saw(value)),
        Op::Count => {
            let next = Some(Some(value.flatten().unwrap_or(0) + 1));
            (next, Answer::Saw(next))
        }
        Op::Clear => (value.map(|_| None), Answer::Done),
        Op::SetExisting(new) if value.is_some() => (Some(Some(new)), Answer::Done),
        Op::SetExisting(_) => (value, Answer::Refused),
        Op::Remove => (None, Answer::Done),
        Op::Add => (Some(Some(value.flatten().unwrap_or(0) + 1)), Answer::Done),
        Op::Check if value.is_some() => (value, Answer::Done),
        Op::Check => (value, Answer::Refused),
    }
}

/// Whether some order of the events, each between its begin and its answer, explains all answers and ends in
/// `last`. Events without an answer may take effect at any later moment, or not at all.
pub(crate) fn explained(first: Value, last: Value, events: &[Event]) -> bool {
    assert!(events.len() < 64, "too many events for the bit set");
    search(first, last, (1u64 << events.len()) - 1, events)
}

fn search(value: Value, last: Value, left: u64, events: &[Event]) -> bool {
    let open = || (0..events.len()).filter(move |i| left & (1 << i) != 0);
    if value == last && open().all(|i| events[i].answer == Answer::Unknown) {
        return true;
    }
    let horizon = open().map(|i| events[i].answered).min().unwrap_or(u64::MAX);
    open().filter(|i| events[*i].begun <= horizon).any(|i| {
        let (next, answer) = specified(value, events[i].op);
        let fits = matches!(events[i].answer, Answer::Unknown | Answer::Unseen) || events[i].answer == answer;
        fits && search(next, last, left & !(1 << i), events)
    })
}

#[test]
fn a_lost_update_is_not_explained() {
    let at = |op, answer, begun, answered| Event { key: 0, op, answer, begun, answered };
    let one = at(Op::Count, Answer::Saw(Some(Some(1))), 1, 2);
    let again = at(Op::Count, Answer::Saw(Some(Some(1))), 3, 4);
    assert!(explained(None, Some(Some(1)), &[one]));
    assert!(!explained(None, Some(Some(1)), &[one, again]));
    assert!(!explained(None, Some(Some(2)), &[one]));
}

#[test]
fn a_write_that_is_said_to_be_done_happened_once() {
    let at = |op, answer, begun, answered| Event { key: 0, op, answer, begun, answered };
    let delete = at(Op::Delete, Answer::Unseen, 1, 2);
    assert!(explained(Some(Some(5)), None, &[delete]));
    assert!(!explained(Some(Some(5)), Some(Some(5)), &[delete]));
}

#[test]
fn an_unanswered_write_may_have_happened_or_not() {
    let put = Event { key: 0, op: Op::Put(Some(5)), answer: Answer::Unknown, begun: 1, answered: u64::MAX };
    assert!(explained(None, None, &[put]));
    assert!(explained(None, Some(Some(5)), &[put]));
    assert!(!explained(None, Some(Some(6)), &[put]));
}
