//! Gathering what the gates ask for.

use livemove_core::checkpoint::Job;
use livemove_core::error::Error;
use livemove_core::phase::Kind;
use livemove_core::ports::Clock;
use livemove_core::register::{JobSummary, Register};
use livemove_core::steer::RunEnd;
use livemove_core::steer::gate::{Facts, Ttl};

use super::subjects::Subject;
use super::{Steering, World};

impl<R: Register, W: World, C: Clock> Steering<'_, R, W, C> {
    /// Everything the gates of one subject's run ask for.
    pub(super) async fn facts(&self, subject: &Subject) -> Result<Facts, Error> {
        let (id, run) = (subject.id.as_str(), subject.state.run);
        Ok(Facts {
            now: self.clock.now(),
            timing: subject.plan.timing,
            entry: subject.plan.entry,
            source_canary: self.register.canary(id, RunEnd::Source.side(run)).await?,
            target_canary: self.register.canary(id, RunEnd::Target.side(run)).await?,
            copy: self.job(subject, Job::Copy).await?,
            verify: self.job(subject, Job::Verify).await?,
            repair: self.job(subject, Job::Repair).await?,
            finish: self.job(subject, Job::Finish).await?,
            ttl: self.ttl_of_ends(subject).await?,
            certificate: self.register.certificate(id, run).await?,
            behind: self.behind(subject).await?,
        })
    }

    /// One job of the subject's run.
    pub(super) async fn job(&self, subject: &Subject, job: Job) -> Result<JobSummary, Error> {
        Ok(JobSummary::of(&self.register.segments(&subject.id, subject.state.run, job).await?))
    }

    /// Whether items expire at the run's source and at its target.
    pub(super) async fn ttl_of_ends(&self, subject: &Subject) -> Result<[Ttl; 2], Error> {
        if subject.plan.kind == Kind::Bucket {
            return Ok([Ttl::Disabled, Ttl::Disabled]);
        }
        let run = subject.state.run;
        let end = |end: RunEnd| subject.plan.end(end.side(run));
        Ok([self.world.ttl(end(RunEnd::Source)).await?, self.world.ttl(end(RunEnd::Target)).await?])
    }
}
