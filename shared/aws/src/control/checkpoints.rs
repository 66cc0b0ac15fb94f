//! Checkpoints of jobs, one row a segment.

use aws_sdk_dynamodb::types::AttributeValue;
use livemove_core::checkpoint::{Checkpoint, Checkpoints, Job, Task};
use livemove_core::error::Error;
use livemove_core::mark::Run;
use livemove_core::register::{Jobs, SegmentStatus};
use livemove_core::segment::Segment;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::row::{self, json, n};
use super::{Control, Order, Outcome};
use crate::sdk_error::Effect;

impl<P: Serialize + DeserializeOwned + Send + Sync> Checkpoints<P> for Control {
    async fn load(&self, task: &Task) -> Result<Checkpoint<P>, Error> {
        match self.row(&task.subject, &segment_key(task)).await? {
            Some(row) => row.json("checkpoint"),
            None => Ok(Checkpoint::default()),
        }
    }

    async fn save(&self, task: &Task, next: &Checkpoint<P>) -> Result<(), Error> {
        let attributes = [
            ("checkpoint", json(next)?),
            ("version", n(next.version)),
            ("busy_until", n(next.busy_until)),
            ("done", AttributeValue::Bool(next.done)),
            ("total", n(task.segment.total)),
        ];
        let item = row::item(&task.subject, &segment_key(task), attributes);
        let put = self.once.put_item().table_name(&self.table).set_item(Some(item));
        let put = match next.version {
            0 | 1 => put.condition_expression("attribute_not_exists(pk)"),
            version => put
                .condition_expression("#version = :before")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":before", n(version - 1)),
        };
        let outcome = match put.send().await {
            Ok(_) => Outcome::Applied,
            Err(error) if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => {
                Outcome::Refused
            }
            Err(error) => return Err(self.call("dynamodb:PutItem", Effect::Writes).failed(&error)),
        };
        match outcome {
            Outcome::Applied => Ok(()),
            Outcome::Refused => {
                let segment = task.segment.index;
                Err(Error::Conflict(format!("segment {segment} of {} was saved by another worker first", task.subject)))
            }
        }
    }
}

impl Jobs for Control {
    async fn segments(&self, subject: &str, run: Run, job: Job) -> Result<Vec<SegmentStatus>, Error> {
        let rows = self.rows(subject, &job_prefix(run, job), Order::Forwards, u32::MAX).await?;
        let status = |row: &row::Row| {
            let index = row.text("sk")?.rsplit('#').next().and_then(|text| text.parse().ok());
            let index = index.ok_or_else(|| row.broken("sk"))?;
            let checkpoint: Checkpoint<serde_json::Value> = row.json("checkpoint")?;
            let segment = Segment { index, total: row.number("total")? };
            Ok(SegmentStatus {
                segment,
                done: checkpoint.done,
                busy_until: checkpoint.busy_until,
                counts: checkpoint.counts,
                failure: checkpoint.failure,
            })
        };
        rows.iter().map(status).collect()
    }

    async fn forget(&self, subject: &str, run: Run, job: Job) -> Result<(), Error> {
        for row in self.rows(subject, &job_prefix(run, job), Order::Forwards, u32::MAX).await? {
            let request =
                self.repeating.delete_item().table_name(&self.table).set_key(Some(row::key(subject, row.text("sk")?)));
            request.send().await.map_err(|error| self.call("dynamodb:DeleteItem", Effect::Writes).failed(&error))?;
        }
        Ok(())
    }
}

fn segment_key(task: &Task) -> String {
    format!("{}{:05}", job_prefix(task.run, task.job), task.segment.index)
}

fn job_prefix(run: Run, job: Job) -> String {
    let job = match job {
        Job::Copy => "copy",
        Job::Verify => "verify",
        Job::Repair => "repair",
        Job::Finish => "finish",
        Job::Certify => "certify",
        Job::Sweep => "sweep",
    };
    format!("segment#{:06}#{job}#", run.0)
}
