//! The cutover certificate: the proof, from the frozen source, that nothing was lost.

use serde::{Deserialize, Serialize};

use crate::canonical::Digest;
use crate::checkpoint::Counts;
use crate::error::Error;
use crate::mark::Run;
use crate::phase::State;
use crate::ports::Millis;
use crate::register::JobSummary;

/// The proof of one run of one table or bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// The migration.
    pub migration: String,
    /// The table or bucket: `table#<name>` or `bucket#<name>`, by its name at the plan's source.
    pub subject: String,
    /// The run that it proves.
    pub run: Run,
    /// Which way the run went.
    pub direction: Direction,
    /// The version of livemove that compared.
    pub build: String,
    /// When it was issued.
    pub issued_at: Millis,
    /// When the source was sealed: what was compared stands still since then.
    pub sealed_at: Millis,
    /// How many segments were compared, all of them.
    pub segments: u32,
    /// What was compared: `read` items or objects, `native` of them judged by the target alone.
    pub counts: Counts,
    /// Sum of the digests of everything compared, on the source's side.
    pub source_digest: Digest,
    /// The same on the target's side: equal, or there is no certificate.
    pub target_digest: Digest,
    /// How far the replicator of the source's stream had come, as text; `None` if it never said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
}

/// Which way a run goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the plan's source to its target.
    Forward,
    /// From the plan's target to its source.
    Back,
}

impl Direction {
    /// The direction of a run.
    pub fn of(run: Run) -> Direction {
        if run.is_forward() { Direction::Forward } else { Direction::Back }
    }
}

/// Who issues a certificate about what, and when.
#[derive(Clone, Debug)]
pub struct Issue<'a> {
    /// The migration.
    pub migration: &'a str,
    /// The table or bucket.
    pub subject: &'a str,
    /// The version of livemove.
    pub build: &'a str,
    /// The time now.
    pub now: Millis,
    /// How far the replicator had come.
    pub position: Option<String>,
}

impl Certificate {
    /// Issues the certificate of a sealed run whose certify job is done.
    ///
    /// # Errors
    /// `NotIdentical`, and nothing is issued, when the run is not sealed, a segment is not done, anything
    /// differs or the digests of the two sides do.
    pub fn issue(issue: Issue<'_>, state: &State, certify: &JobSummary) -> Result<Certificate, Error> {
        let refused = |reason: String, remedy| {
            Err(Error::refused("NotIdentical", format!("{}: {reason}", issue.subject), remedy))
        };
        let counts = &certify.counts;
        if !state.sealed {
            return refused("the source is not sealed".to_owned(), "seal the run, then finish and certify");
        }
        if !certify.is_done() {
            let reason = format!("{} of {} segments are compared", certify.done, certify.segments);
            return refused(reason, "run the certify job until all segments are done");
        }
        if counts.differing > 0 || counts.source_digest != counts.target_digest {
            let reason =
                format!("{} differ; digests {} and {}", counts.differing, counts.source_digest, counts.target_digest);
            return refused(reason, "run the finish job again, then certify from the start");
        }
        Ok(Certificate {
            migration: issue.migration.to_owned(),
            subject: issue.subject.to_owned(),
            run: state.run,
            direction: Direction::of(state.run),
            build: issue.build.to_owned(),
            issued_at: issue.now,
            sealed_at: state.sealed_at,
            segments: certify.segments,
            counts: counts.clone(),
            source_digest: counts.source_digest,
            target_digest: counts.target_digest,
            position: issue.position,
        })
    }

    /// Whether it proves the run in `state` as it stands: that run, and its latest seal.
    pub fn proves(&self, state: &State) -> bool {
        self.run == state.run && state.sealed && self.sealed_at == state.sealed_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phase::Phase;

    fn sealed() -> State {
        State {
            version: 9,
            run: Run(2),
            phase: Phase::Handoff,
            sealed: true,
            sealed_at: 70,
            marked: true,
            since: 70,
            broken: None,
        }
    }

    fn done(differing: u64, target: &[u8]) -> JobSummary {
        let counts = Counts {
            read: 3,
            differing,
            source_digest: Digest::of(b"x"),
            target_digest: Digest::of(target),
            ..Counts::default()
        };
        JobSummary { segments: 2, done: 2, busy_until: 0, counts }
    }

    fn issue(state: &State, job: &JobSummary) -> Result<Certificate, Error> {
        let issue = Issue { migration: "orders", subject: "table#orders", build: "1.2.3", now: 99, position: None };
        Certificate::issue(issue, state, job)
    }

    #[test]
    fn identical_sides_are_certified_for_exactly_their_seal() {
        let certificate = issue(&sealed(), &done(0, b"x")).expect("identical");
        assert_eq!((certificate.run, certificate.direction, certificate.sealed_at), (Run(2), Direction::Back, 70));
        assert_eq!(certificate.source_digest, certificate.target_digest);
        assert!(certificate.proves(&sealed()));
        assert!(!certificate.proves(&State { run: Run(4), ..sealed() }));
        assert!(!certificate.proves(&State { sealed_at: 71, ..sealed() }));
        assert!(!certificate.proves(&State { sealed: false, ..sealed() }));
        let json = serde_json::to_string(&certificate).expect("json");
        assert_eq!(serde_json::from_str::<Certificate>(&json).expect("again"), certificate);
    }

    #[test]
    fn anything_less_is_refused() {
        let open = State { sealed: false, ..sealed() };
        let half = JobSummary { done: 1, ..done(0, b"x") };
        let cases = [
            (&open, done(0, b"x"), "not sealed"),
            (&sealed(), half, "1 of 2 segments"),
            (&sealed(), JobSummary::default(), "0 of 0 segments"),
            (&sealed(), done(1, b"x"), "1 differ"),
            (&sealed(), done(0, b"y"), "digests"),
        ];
        for (state, job, expected) in cases {
            let error = issue(state, &job).expect_err("must be refused");
            assert_eq!(error.name(), "NotIdentical");
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}
