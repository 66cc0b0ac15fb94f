//! Checkpoints of jobs, one row a segment.

use aws_sdk_dynamodb::types::AttributeValue;
use livemove_core::checkpoint::{Checkpoint, Checkpoints, Job, Task};
use livemove_core::error::Error;
use livemove_core::mark::Run;
use livemove_core::register::{Jobs, SegmentStatus};
use livemove_core::segment::Segment;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::row::{self, CHECKSUM, Row, checksum, json, n, written};
use super::{Control, Order, Outcome};
use crate::sdk_error::Effect;

impl<P: Serialize + DeserializeOwned + Send + Sync> Checkpoints<P> for Control {
    async fn load(&self, task: &Task) -> Result<Checkpoint<P>, Error> {
        match self.row(&task.subject, &segment_key(task)).await? {
            Some(row) => checkpoint(&row, task),
            None => Ok(Checkpoint::default()),
        }
    }

    async fn save(&self, task: &Task, next: &Checkpoint<P>) -> Result<(), Error> {
        let item = row::item(&task.subject, &segment_key(task), attributes(task, next)?);
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

fn attributes<P: Serialize>(task: &Task, next: &Checkpoint<P>) -> Result<[(&'static str, AttributeValue); 6], Error> {
    let (kept, total) = (json(next)?, task.segment.total.to_string());
    Ok([
        (CHECKSUM, checksum(&[&task.subject, &segment_key(task), &total, written(&kept)])),
        ("checkpoint", kept),
        ("version", n(next.version)),
        ("busy_until", n(next.busy_until)),
        ("done", AttributeValue::Bool(next.done)),
        ("total", n(task.segment.total)),
    ])
}

/// How to go on with a segment whose checkpoint cannot be believed: from its beginning.
const ANEW: &str = "remove the row from the control table: the segment starts from its beginning";

/// A checkpoint as it was kept for this very task. What was kept for another number of parts says nothing of it.
fn checkpoint<P: DeserializeOwned>(row: &Row, task: &Task) -> Result<Checkpoint<P>, Error> {
    let total: u32 = row.number("total")?;
    if total != task.segment.total {
        let Segment { index, total: asked } = task.segment;
        return Err(Error::refused(
            "WrongSegment",
            format!("segment {index} of {asked} of {} was begun as one of {total}", task.subject),
            "send the segments as the job's plan has them",
        ));
    }
    kept(row, &task.subject, &segment_key(task))
}

/// A checkpoint as it was saved.
fn kept<P: DeserializeOwned>(row: &Row, pk: &str, sk: &str) -> Result<Checkpoint<P>, Error> {
    let total: u32 = row.number("total")?;
    row.check(&[pk, sk, &total.to_string(), row.text("checkpoint")?], ANEW)?;
    row.json("checkpoint")
}

fn status(row: &Row) -> Result<SegmentStatus, Error> {
    let (pk, sk) = (row.text("pk")?, row.text("sk")?);
    let index = sk.rsplit('#').next().and_then(|text| text.parse().ok()).ok_or_else(|| row.broken("sk"))?;
    let segment = Segment::new(index, row.number("total")?).map_err(|_| row.broken("total"))?;
    let checkpoint: Checkpoint<serde_json::Value> = kept(row, pk, sk)?;
    Ok(SegmentStatus {
        segment,
        done: checkpoint.done,
        busy_until: checkpoint.busy_until,
        counts: checkpoint.counts,
        failure: checkpoint.failure,
    })
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

#[cfg(test)]
mod tests {
    use livemove_core::testing::fuzz::cases;
    use proptest::prelude::*;

    use super::*;
    use crate::control::fuzz::damaged;

    fn task(index: u32, total: u32) -> Task {
        Task { subject: "table#orders".to_owned(), run: Run(1), job: Job::Copy, segment: Segment { index, total } }
    }

    fn saved() -> Checkpoint<String> {
        Checkpoint { version: 3, after: Some("photos/1.jpg".to_owned()), ..Checkpoint::default() }
    }

    fn stored() -> std::collections::HashMap<String, AttributeValue> {
        row::item(&task(1, 4).subject, &segment_key(&task(1, 4)), attributes(&task(1, 4), &saved()).unwrap())
    }

    #[test]
    fn a_position_is_not_taken_over_by_a_segment_of_another_total() {
        assert_eq!(checkpoint::<String>(&Row(stored()), &task(1, 4)).unwrap(), saved());
        let error = checkpoint::<String>(&Row(stored()), &task(1, 3)).unwrap_err();
        assert_eq!(error.name(), "WrongSegment");
        assert!(error.to_string().contains("segment 1 of 3 of table#orders was begun as one of 4"), "{error}");
    }

    #[test]
    fn a_position_that_was_changed_by_hand_passes_over_nothing() {
        let mut row = stored();
        let further = row["checkpoint"].as_s().unwrap().replace("photos/1", "photos/9");
        row.insert("checkpoint".to_owned(), row::s(further));
        assert_eq!(checkpoint::<String>(&Row(row.clone()), &task(1, 4)).unwrap_err().name(), "UnreadableRow");
        assert_eq!(status(&Row(row)).unwrap_err().name(), "UnreadableRow");
        // Nor does that of another segment.
        assert!(checkpoint::<String>(&Row(stored()), &task(2, 4)).is_err());
    }

    proptest! {
        #![proptest_config(cases(200))]

        #[test]
        fn a_damaged_checkpoint_is_refused_or_says_the_same(row in damaged(stored())) {
            if let Ok(read) = checkpoint::<String>(&Row(row.clone()), &task(1, 4)) {
                prop_assert_eq!(&read, &saved());
            }
            if let Ok(status) = status(&Row(row)) {
                prop_assert_eq!((status.segment, status.done), (task(1, 4).segment, false));
            }
        }
    }
}
