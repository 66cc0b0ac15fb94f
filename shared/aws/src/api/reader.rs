//! The reader: GetItem and BatchGetItem on migrating tables, and where a table or bucket is served from.

use futures_util::stream::{self, StreamExt as _};
use lambda_runtime::Diagnostic;
use livemove_core::error::Error;
use livemove_core::item::Item;
use livemove_core::phase::{Kind, Phase, Side};
use livemove_core::plan::{End, SubjectPlan};
use livemove_core::read;
use livemove_core::register::States;
use serde_json::{Map, Value, json};

use super::answer::answer;
use super::payload::{Call, open};
use super::requests::{BatchPart, ReadOperation, TableGet, read_operation};
use super::tables::{Tables, registered};
use crate::sites::Sites;

/// How many items of a batch are read at a time.
const IN_FLIGHT: usize = 16;
/// What a batch may answer, in bytes of JSON: below the 6 MB of a Lambda response.
const ANSWER_MAX: usize = 5_000_000;

/// Reads as one DynamoDB table would, whatever the phase.
#[derive(Debug)]
pub struct Reader<'a, S> {
    tables: Tables<'a, S>,
}

impl<'a, S: States> Reader<'a, S> {
    /// A reader that finds its tables through `states`.
    pub fn new(sites: &'a Sites, states: &'a S) -> Reader<'a, S> {
        Reader { tables: Tables::new(sites, states) }
    }

    /// Answers one invocation.
    ///
    /// # Errors
    /// For direct invocations, DynamoDB's exceptions and livemove's refusals by name.
    pub async fn answer(&self, payload: Value) -> Result<Value, Diagnostic> {
        let (door, call) = open(payload);
        let operation = call.as_ref().map(|call| call.operation.clone()).unwrap_or_default();
        let result = match call {
            Ok(call) => self.serve(call).await,
            Err(error) => Err(error),
        };
        answer(door, &operation, result)
    }

    async fn serve(&self, call: Call) -> Result<Value, Error> {
        match read_operation(call)? {
            ReadOperation::Get(get) => Ok(match self.get(&get).await? {
                Some(item) => json!({"Item": item}),
                None => json!({}),
            }),
            // Boxed for its size, as in `tables`.
            ReadOperation::BatchGet(parts) => Box::pin(self.batch(&parts)).await,
            ReadOperation::Describe(subject) => Box::pin(self.describe(&subject)).await,
        }
    }

    async fn get(&self, get: &TableGet) -> Result<Option<Item>, Error> {
        self.tables
            .run(&get.table, async |schema, pair, state| read::get(pair, state, &get.request(schema)?).await)
            .await
    }

    async fn batch(&self, parts: &[BatchPart]) -> Result<Value, Error> {
        let gets = parts.iter().enumerate().flat_map(|(part, of)| of.gets.iter().map(move |get| (part, get)));
        let reads = stream::iter(gets).map(async |(part, get)| (part, get, self.get(get).await)).buffered(IN_FLIGHT);
        let mut answer = Batch::new(parts);
        let mut reads = std::pin::pin!(reads);
        while let Some((part, get, read)) = reads.next().await {
            answer.add(part, get, read)?;
        }
        answer.finish()
    }

    /// Never from a lease: an application may use the answer for a lease of its own.
    async fn describe(&self, subject: &str) -> Result<Value, Error> {
        let (state, plan) = registered(self.tables.states(), subject).await?;
        Ok(json!({
            "subject": subject,
            "run": state.run,
            "phase": state.phase,
            "sealed": state.sealed,
            "serving": state.serving(),
            "writable": plan.kind == Kind::Table || state.phase != Phase::Guarded,
            "source": place(&plan, plan.end(Side::Source)),
            "target": place(&plan, plan.end(Side::Target)),
            "lease_ms": plan.timing.lease_ms,
        }))
    }
}

fn place(plan: &SubjectPlan, end: &End) -> Value {
    match plan.kind {
        Kind::Table => json!({"account": end.account, "region": end.region, "table": end.name}),
        Kind::Bucket => json!({"account": end.account, "region": end.region, "bucket": end.name}),
    }
}

/// The answer to a BatchGetItem, as it grows.
struct Batch<'a> {
    parts: &'a [BatchPart],
    found: Vec<Vec<Value>>,
    left: Vec<Vec<&'a Item>>,
    bytes: usize,
    throttled: Option<Error>,
}

impl<'a> Batch<'a> {
    fn new(parts: &'a [BatchPart]) -> Batch<'a> {
        let (found, left) = parts.iter().map(|_| (Vec::new(), Vec::new())).unzip();
        Batch { parts, found, left, bytes: 0, throttled: None }
    }

    // Throttled keys and those whose items do not fit go back to be asked for again.
    fn add(&mut self, part: usize, get: &'a TableGet, read: Result<Option<Item>, Error>) -> Result<(), Error> {
        let (Some(found), Some(left)) = (self.found.get_mut(part), self.left.get_mut(part)) else {
            return Ok(());
        };
        match read {
            Ok(None) => {}
            Ok(Some(item)) => {
                let item = json!(item);
                let bytes = item.to_string().len();
                if self.bytes + bytes > ANSWER_MAX {
                    left.push(&get.key);
                } else {
                    self.bytes += bytes;
                    found.push(item);
                }
            }
            Err(error @ Error::Throttled(_)) => {
                left.push(&get.key);
                self.throttled = Some(error);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    // As DynamoDB does: an error when nothing at all could be read.
    fn finish(self) -> Result<Value, Error> {
        let asked: usize = self.parts.iter().map(|part| part.gets.len()).sum();
        let left: usize = self.left.iter().map(Vec::len).sum();
        if let (Some(error), true) = (self.throttled, left == asked) {
            return Err(error);
        }
        let table = |part: &BatchPart| part.gets.first().map(|get| get.table.clone());
        let mut responses = Map::new();
        let mut unprocessed = Map::new();
        for ((part, found), left) in self.parts.iter().zip(self.found).zip(self.left) {
            let Some(table) = table(part) else { continue };
            responses.insert(table.clone(), Value::Array(found));
            if !left.is_empty() {
                let mut again = part.given.clone();
                again.insert("Keys".to_owned(), json!(left));
                unprocessed.insert(table, Value::Object(again));
            }
        }
        Ok(json!({"Responses": responses, "UnprocessedKeys": unprocessed}))
    }
}
