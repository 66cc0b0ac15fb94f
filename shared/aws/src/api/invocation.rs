//! Which call of a client this is, and how often it has been sent: by that a write is known when it comes again.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use livemove_core::canonical::Digest;
use livemove_core::expression::update::Update;
use livemove_core::mark::OperationId;
use livemove_core::write::{Asked, Operation};
use serde_json::{Map, Value};

/// How many invocations a process remembers as not done yet. A client tries again within seconds.
const REMEMBERED: usize = 4096;
/// The bytes of a hash that make an id: 128 bits, 22 characters.
const ID_BYTES: usize = 16;

/// One sending of a call by its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    id: String,
    attempt: u32,
    /// Whether no other sending says the same.
    is_sole: bool,
}

impl Invocation {
    /// The `attempt`th sending, from 1 on, of the call that its client knows by `id`; the same may come again, as from
    /// Lambda, which repeats what was asynchronous as it was. `None` for an empty id, which tells no call from another.
    pub fn new(id: impl Into<String>, attempt: u32) -> Option<Invocation> {
        let id = id.into();
        (!id.is_empty()).then_some(Invocation { id, attempt, is_sole: false })
    }

    /// The same, of a client that says another attempt whenever it sends the call again.
    #[must_use]
    pub fn sole(self) -> Invocation {
        Invocation { is_sole: true, ..self }
    }

    /// As the headers of an AWS SDK have it: `amz-sdk-invocation-id` is the same for all attempts of a call, and
    /// `amz-sdk-request` says which one this is (`attempt=2; max=3`); one that says nothing of that is the first, as far
    /// as anybody knows.
    /// See <https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html>.
    ///
    /// # Errors
    /// What is wrong with the header, where it says an attempt that is none: taken for the first one, a write that
    /// was done could be done again.
    pub fn of_sdk(id: Option<&str>, request: Option<&str>) -> Result<Option<Invocation>, String> {
        let Some(id) = id else { return Ok(None) };
        let mut said = request.unwrap_or_default().split(';').filter_map(|part| part.trim().strip_prefix("attempt="));
        let attempt = match (said.next(), said.next()) {
            (None, _) => return Ok(Invocation::new(id, 1)),
            (Some(attempt), None) => attempt.trim().parse().ok().filter(|attempt| *attempt > 0).ok_or_else(|| {
                format!(
                    "header amz-sdk-request says attempt={}; send a whole number from 1 on, or none",
                    attempt.trim()
                )
            })?,
            (Some(_), Some(_)) => return Err("header amz-sdk-request says two attempts; send one".to_owned()),
        };
        Ok(Invocation::new(id, attempt).map(Invocation::sole))
    }
}

/// What this process knows of calls that it has answered: the last attempt of each, if none has done anything.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<Undone>);

#[derive(Debug, Default)]
struct Undone {
    last: HashMap<String, u32>,
    order: VecDeque<String>,
}

impl Attempts {
    /// Whether an attempt before this one may have done it.
    fn asked(&self, invocation: &Invocation) -> Asked {
        let before = self.undone().last.get(&invocation.id).copied().unwrap_or_default();
        match (invocation.attempt <= before.saturating_add(1), invocation.is_sole) {
            (true, true) => Asked::Never,
            (true, false) => Asked::First,
            (false, _) => Asked::Again,
        }
    }

    /// Remembers that this attempt did nothing, if none before it can have done anything.
    pub(super) fn nothing_done(&self, invocation: &Invocation) {
        if self.asked(invocation) == Asked::Again {
            return;
        }
        let mut undone = self.undone();
        if undone.last.insert(invocation.id.clone(), invocation.attempt).is_none() {
            undone.order.push_back(invocation.id.clone());
        }
        if undone.order.len() > REMEMBERED
            && let Some(oldest) = undone.order.pop_front()
        {
            undone.last.remove(&oldest);
        }
    }

    fn undone(&self) -> MutexGuard<'_, Undone> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that is being served.
#[derive(Clone, Debug)]
pub(super) struct Called<'a> {
    pub(super) operation: &'a str,
    /// All that is asked for, where it may matter whether it is done once or twice.
    input: Option<String>,
    invocation: Option<&'a Invocation>,
    attempts: &'a Attempts,
}

impl<'a> Called<'a> {
    pub(super) fn new(
        operation: &'a str,
        input: &Map<String, Value>,
        invocation: Option<&'a Invocation>,
        attempts: &'a Attempts,
    ) -> Called<'a> {
        let input = if is_repeatable(operation, input) { None } else { serde_json::to_string(input).ok() };
        Called { operation, input, invocation, attempts }
    }

    /// Whether doing it twice is as good as once, so that a client may simply try again after a lost answer.
    pub(super) fn is_repeatable(&self) -> bool {
        self.input.is_none()
    }

    /// By what the operation is known: bound to all that is asked for, so that two calls of one invocation id can
    /// never be taken for each other. Without an invocation it is one that nobody else has.
    pub(super) fn known_by(&self) -> Option<Operation> {
        let input = self.input.as_ref()?;
        let (source, asked) = match self.invocation {
            Some(invocation) => (invocation.id.clone(), self.attempts.asked(invocation)),
            None => (fresh(), Asked::Never),
        };
        // Each part with its length, so that no two lists of parts read the same.
        let parts = [source.as_str(), self.operation, input];
        let text: String = parts.iter().map(|part| format!("{}:{part}", part.len())).collect();
        let digest = Digest::of(text.as_bytes());
        let id = OperationId::new(URL_SAFE_NO_PAD.encode(&digest.as_bytes()[..ID_BYTES]))?;
        Some(Operation { id, asked })
    }

    /// Remembers that nothing was done.
    pub(super) fn nothing_done(&self) {
        if let Some(invocation) = self.invocation {
            self.attempts.nothing_done(invocation);
        }
    }
}

/// Of the writes of one item, those without a condition and return values that put, delete, or assign values of their
/// own: in DynamoDB, too, an SDK does them again.
fn is_repeatable(operation: &str, input: &Map<String, Value>) -> bool {
    let text = |name: &str| input.get(name).and_then(Value::as_str);
    let repeats = match (operation, text("UpdateExpression")) {
        ("UpdateItem", Some(expression)) => Update::parse(expression).is_ok_and(|update| update.is_repeatable()),
        _ => true,
    };
    repeats && !input.contains_key("ConditionExpression") && text("ReturnValues").is_none_or(|asked| asked == "NONE")
}

/// A text that no other process makes, nor this one a second time.
fn fresh() -> String {
    static PROCESS: LazyLock<[RandomState; 2]> = LazyLock::new(|| [RandomState::new(), RandomState::new()]);
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let [one, other] = &*PROCESS;
    format!("{:016x}{:016x}", one.hash_one(number), other.hash_one(number))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn known(id: Option<&str>, operation: &str, input: Value, attempts: &Attempts, attempt: u32) -> Operation {
        let (invocation, input) = (id.and_then(|id| Invocation::new(id, attempt)), input.as_object().unwrap().clone());
        Called::new(operation, &input, invocation.as_ref(), attempts).known_by().unwrap()
    }

    #[test]
    fn an_id_stands_for_one_call_and_everything_in_it() {
        let id = |id, operation, input| known(Some(id), operation, input, &Attempts::default(), 1).id;
        let item = |pk: &str, n: &str| json!({"pk": {"S": pk}, "n": {"N": n}});
        let put_in = |table: &str, item: Value| json!({"TableName": table, "Item": item, "ReturnValues": "ALL_OLD"});
        let put = |n: &str| put_in("t", item("a", n));
        let one = id("x", "PutItem", put("1"));
        assert_eq!(one, id("x", "PutItem", put("1")));
        assert_eq!(one.as_str().len(), 22);
        let others = [
            id("y", "PutItem", put("1")),
            id("x", "UpdateItem", put("1")),
            id("x", "PutItem", put("2")),
            id("x", "PutItem", put_in("u", item("a", "1"))),
            id("x", "PutItem", put_in("t", item("b", "1"))),
        ];
        assert!(!others.contains(&one), "{others:?}");
    }

    #[test]
    fn a_call_that_its_client_has_no_id_for_is_no_other() {
        let add = || json!({"UpdateExpression": "ADD n :one"});
        let id = || known(None, "UpdateItem", add(), &Attempts::default(), 1).id;
        assert_ne!(id(), id());
    }

    #[test]
    fn what_may_as_well_be_done_twice_is_known_by_nothing() {
        let attempts = Attempts::default();
        let sent = Invocation::new("a", 1).unwrap();
        let is_known = |operation, input: Value| {
            let called = Called::new(operation, input.as_object().unwrap(), Some(&sent), &attempts);
            assert_eq!(called.known_by().is_none(), called.is_repeatable());
            called.known_by().is_some()
        };
        let update = |expression: &str| json!({"UpdateExpression": expression});
        for expression in ["ADD n :one", "SET n = n + :one", "REMOVE l[0]", "no expression"] {
            assert!(is_known("UpdateItem", update(expression)), "{expression}");
        }
        assert!(!is_known("UpdateItem", update("SET n = :n, #m.x = :x REMOVE z")));
        assert!(!is_known("UpdateItem", json!({})));
        for operation in ["PutItem", "UpdateItem", "DeleteItem"] {
            assert!(!is_known(operation, json!({"ReturnValues": "NONE"})), "{operation}");
            assert!(is_known(operation, json!({"ReturnValues": "ALL_OLD"})), "{operation}");
            assert!(is_known(operation, json!({"ConditionExpression": "a = :a"})), "{operation}");
        }
    }

    #[test]
    fn sdks_say_the_id_and_the_attempt() {
        let of = |id, request| Invocation::of_sdk(id, request).unwrap();
        let sole = |attempt| Invocation::new("a", attempt).map(Invocation::sole);
        assert_eq!(of(Some("a"), Some("attempt=1; max=3")), sole(1));
        assert_eq!(of(Some("a"), Some("ttl=20260101T000000Z; attempt=2; max=3")), sole(2));
        assert_eq!(of(Some("a"), None), Invocation::new("a", 1));
        assert_eq!(of(None, Some("attempt=2")), None);
        assert_eq!(of(Some(""), Some("attempt=2")), None);
    }

    #[test]
    fn an_attempt_that_is_none_is_not_taken_for_the_first_one() {
        for wrong in ["attempt=many", "attempt=", "attempt=0", "attempt=99999999999", "attempt=1; attempt=2"] {
            assert!(Invocation::of_sdk(Some("a"), Some(wrong)).unwrap_err().contains("amz-sdk-request"), "{wrong}");
        }
    }

    #[test]
    fn an_attempt_is_the_first_as_long_as_all_before_it_did_nothing() {
        let attempts = Attempts::default();
        let sent = |attempt| Invocation::new("a", attempt).unwrap().sole();
        assert_eq!(attempts.asked(&sent(1)), Asked::Never);
        assert_eq!(attempts.asked(&sent(2)), Asked::Again);
        attempts.nothing_done(&sent(2));
        assert_eq!(attempts.asked(&sent(3)), Asked::Again, "of the first one nobody knows");
        attempts.nothing_done(&sent(1));
        assert_eq!(attempts.asked(&sent(2)), Asked::Never);
        assert_eq!(attempts.asked(&sent(3)), Asked::Again);
        attempts.nothing_done(&sent(2));
        assert_eq!(attempts.asked(&sent(3)), Asked::Never);
    }

    #[test]
    fn what_lambda_repeats_as_it_was_is_looked_for_each_time() {
        let attempts = Attempts::default();
        let sent = |attempt| Invocation::new("a", attempt).unwrap();
        assert_eq!(attempts.asked(&sent(1)), Asked::First);
        attempts.nothing_done(&sent(1));
        for attempt in [1, 2] {
            assert_eq!(attempts.asked(&sent(attempt)), Asked::First, "{attempt}");
        }
        assert_eq!(attempts.asked(&sent(2).sole()), Asked::Never, "the first did nothing");
        let input = Map::from_iter([("ReturnValues".to_owned(), "ALL_OLD".into())]);
        let unnamed = Called::new("PutItem", &input, None, &attempts).known_by().unwrap();
        assert_eq!(unnamed.asked, Asked::Never, "nobody else can know it");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let attempts = Attempts::default();
        let sent = |number: usize, attempt| Invocation::new(format!("call-{number}"), attempt).unwrap().sole();
        (0..=REMEMBERED).for_each(|number| attempts.nothing_done(&sent(number, 1)));
        assert_eq!(attempts.undone().last.len(), REMEMBERED);
        assert_eq!(attempts.asked(&sent(0, 2)), Asked::Again, "the oldest one");
        assert_eq!(attempts.asked(&sent(REMEMBERED, 2)), Asked::Never);
    }
}
