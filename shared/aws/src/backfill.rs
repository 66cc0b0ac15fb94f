//! The jobs' function: plans a job, or works on one segment of it until it is done or time is up.

use std::time::Duration;

use livemove_core::checkpoint::{Counts, Task};
use livemove_core::drive::{self, Limits, Progress};
use livemove_core::error::Error;
use livemove_core::job;
use livemove_core::object;
use livemove_core::phase::{Kind, Side};
use livemove_core::plan::SubjectPlan;
use livemove_core::ports::{Clock, Millis};
use livemove_core::route::Pair;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::control::Control;
use crate::dynamo::DynamoTable;
use crate::metrics::{DIFFERING, Line, READ, WRITTEN};
use crate::objects::S3Bucket;
use crate::segments::{PlanRequest, SegmentTask, plan};
use crate::startup::{Function, SystemClock};

/// Items a page: DynamoDB cuts pages at 1 MB anyway.
const PAGE_ITEMS: u32 = 500;
/// Objects between two saved positions: each takes several calls and its content.
const PAGE_OBJECTS: u32 = 100;

/// Plans jobs and works on their segments.
#[derive(Debug)]
pub struct Backfill<'a> {
    function: &'a Function,
    control: &'a Control,
}

/// One invocation, as Lambda tells of it.
#[derive(Clone, Copy, Debug)]
pub struct Invocation<'a> {
    /// Its id; different for every one.
    pub id: &'a str,
    /// When it is ended from outside.
    pub deadline: Millis,
}

/// Where a segment stands, as the state machine reads it.
#[derive(Clone, Debug, Serialize)]
struct SegmentAnswer<'a> {
    done: bool,
    subject: &'a str,
    index: u32,
    counts: &'a Counts,
}

impl<'a> Backfill<'a> {
    /// Works by what the control table says.
    pub fn new(function: &'a Function, control: &'a Control) -> Backfill<'a> {
        Backfill { function, control }
    }

    /// Answers one invocation: a plan for `{"job":"plan",…}`, else the work on one segment. Safe to repeat.
    ///
    /// # Errors
    /// `InvalidRequest`, and those of planning and of the jobs, by fixed names.
    pub async fn handle(&self, request: Value, invocation: Invocation<'_>) -> Result<Value, Error> {
        let result = match Request::read(request)? {
            Request::Plan(request) => self.plan(&request).await,
            Request::Segment(request) => self.segment(&request, invocation).await,
        };
        result.inspect_err(|error| tracing::warn!(error_type = error.name(), %error, "job failed"))
    }

    async fn plan(&self, request: &PlanRequest) -> Result<Value, Error> {
        let segments = plan(self.control, request, SystemClock.now()).await?;
        tracing::info!(job = ?request.job, run = %request.run, restart = request.restart, segments = segments.len(), "planned");
        Ok(json!({"segments": segments}))
    }

    async fn segment(&self, request: &SegmentTask, invocation: Invocation<'_>) -> Result<Value, Error> {
        let task = &request.task;
        let (_, plan) = livemove_core::register::States::load(self.control, &task.subject).await?.ok_or_else(|| {
            Error::refused("NotRegistered", format!("{} has no state", task.subject), "run preflight first")
        })?;
        let worked = match plan.kind {
            Kind::Table => self.table(request, &plan, invocation).await,
            Kind::Bucket => self.bucket(request, &plan, invocation).await,
        };
        let progress = match worked {
            Ok(progress) => progress,
            Err(error) => {
                self.note(task, &error).await;
                return Err(error);
            }
        };
        self.record(request, &progress);
        let answer = SegmentAnswer {
            done: progress.done,
            subject: &task.subject,
            index: task.segment.index,
            counts: &progress.counts,
        };
        serde_json::to_value(answer).map_err(|error| Error::Invariant(format!("the answer is no JSON: {error}")))
    }

    /// What was met in the middle of a segment stands in its checkpoint already; this is for what was met before.
    async fn note(&self, task: &Task, error: &Error) {
        let noted = drive::note::<Value, _>(self.control, task, error, SystemClock.now()).await;
        if let Err(error) = noted {
            tracing::warn!(error_type = error.name(), %error, "why the segment failed is not noted");
        }
    }

    async fn table(
        &self,
        request: &SegmentTask,
        plan: &SubjectPlan,
        invocation: Invocation<'_>,
    ) -> Result<Progress, Error> {
        let longest = Duration::from_millis(plan.timing.call_ms);
        let open = |side| {
            let end = plan.end(side);
            async move { DynamoTable::open(&self.function.sites, &end.into(), &end.name, longest).await }
        };
        let (source, target) = futures_util::try_join!(open(Side::Source), open(Side::Target))?;
        let pair = Pair { source: &source, target: &target };
        let phases = self.control.phases(&request.task.subject);
        job::run(pair, &phases, &SystemClock, self.control, &request.task, limits(plan, invocation)).await
    }

    async fn bucket(
        &self,
        request: &SegmentTask,
        plan: &SubjectPlan,
        invocation: Invocation<'_>,
    ) -> Result<Progress, Error> {
        let source = S3Bucket::open(&self.function.sites, plan.end(Side::Source))?;
        let target = S3Bucket::open(&self.function.sites, plan.end(Side::Target))?;
        let ledger = self.control.ledger(&plan.end(Side::Source).name);
        let pair = object::Pair { source: &source, target: &target, ledger: &ledger, clock: &SystemClock };
        let phases = self.control.phases(&request.task.subject);
        let limits = Limits { page_items: PAGE_OBJECTS, ..limits(plan, invocation) };
        object::job::run(pair, self.control, &phases, self.control, &request.task, invocation.id, limits).await
    }

    fn record(&self, request: &SegmentTask, progress: &Progress) {
        let (task, counts) = (&request.task, &progress.counts);
        tracing::info!(
            subject = task.subject, job = ?task.job, run = %task.run, index = task.segment.index,
            total = task.segment.total, done = progress.done, read = counts.read, written = counts.written,
            kept = counts.kept, native = counts.native, differing = counts.differing, "segment"
        );
        // Counts are those of the whole segment: they count once, at its end.
        if progress.done {
            let config = &self.function.config;
            Line::new([("Migration", config.migration.clone()), ("Function", config.function.clone())])
                .value(READ, counts.read)
                .value(WRITTEN, counts.written)
                .value(DIFFERING, counts.differing)
                .emit(SystemClock.now());
        }
    }
}

fn limits(plan: &SubjectPlan, invocation: Invocation<'_>) -> Limits {
    Limits {
        deadline: invocation.deadline,
        call: plan.timing.call_ms,
        page_items: PAGE_ITEMS,
        in_flight: usize::try_from(plan.writes_in_flight).unwrap_or(usize::MAX),
    }
}

/// What the function can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Request {
    Plan(PlanRequest),
    Segment(SegmentTask),
}

impl Request {
    /// Reads a request, all of it: a field that is not known may be one that was meant.
    ///
    /// # Errors
    /// `InvalidRequest` with what is wrong.
    fn read(mut request: Value) -> Result<Request, Error> {
        if request.get("job").and_then(Value::as_str) != Some("plan") {
            return parse(request).map(Request::Segment);
        }
        if let Some(fields) = request.as_object_mut() {
            fields.remove("job");
        }
        parse(request).map(Request::Plan)
    }
}

fn parse<T: DeserializeOwned>(request: Value) -> Result<T, Error> {
    serde_json::from_value(request).map_err(|error| {
        Error::refused(
            "InvalidRequest",
            format!("the request cannot be read: {error}"),
            "send {\"job\":\"plan\",\"for\":job,\"migration\",\"run\",\"restart\"} or one of the segments that it answers",
        )
    })
}

#[cfg(test)]
mod tests {
    use livemove_core::testing::fuzz::{cases, json as damaged, says};
    use proptest::prelude::*;
    use serde_json::to_value;

    use super::*;

    fn requests() -> [Value; 2] {
        [
            json!({"job": "plan", "for": "copy", "migration": "orders", "run": 1, "restart": true, "only": "table"}),
            json!({"job": "verify", "migration": "orders", "run": 2, "subject": "table#orders", "index": 1, "total": 4}),
        ]
    }

    #[test]
    fn a_field_that_is_not_known_is_refused_and_not_left_out() {
        for request in requests() {
            assert!(Request::read(request.clone()).is_ok());
            let mut misspelt = request;
            misspelt["restrat"] = json!(true);
            let error = Request::read(misspelt).unwrap_err();
            assert!(error.name() == "InvalidRequest" && error.to_string().contains("restrat"), "{error}");
        }
    }

    proptest! {
        #![proptest_config(cases(300))]

        #[test]
        fn a_request_that_is_read_is_the_one_that_was_given(given in prop::sample::select(requests().to_vec()).prop_flat_map(damaged)) {
            let told = match Request::read(given.clone()) {
                Err(error) => return { prop_assert_eq!(error.name(), "InvalidRequest"); Ok(()) },
                Ok(Request::Segment(task)) => to_value(task).unwrap(),
                Ok(Request::Plan(plan)) => {
                    let mut told = to_value(plan).unwrap();
                    told["job"] = json!("plan");
                    told
                }
            };
            prop_assert!(says(&told, &given), "{} for {}", told, given);
        }
    }
}
