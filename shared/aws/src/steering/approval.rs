//! `approval`: keep the task token of a state machine that waits for somebody's yes.

use livemove_core::error::Error;
use livemove_core::mark::Run;
use livemove_core::plan::Approval;
use livemove_core::ports::Clock;
use livemove_core::register::{ApprovalRequest, Register};
use serde::Serialize;

use super::{Steering, World};

/// Whether anybody is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Asked {
    /// What counts for this run.
    pub approval: Approval,
    /// A token is kept and waits for an answer; `status` shows the command.
    pub waiting: bool,
}

impl<R: Register, W: World, C: Clock> Steering<'_, R, W, C> {
    /// Keeps the token unless the approval is automatic.
    ///
    /// # Errors
    /// `WrongRun`, `NotRegistered`; those of the register.
    pub(super) async fn approval(
        &self,
        run: Run,
        token: Option<&str>,
        approval: Option<Approval>,
    ) -> Result<Asked, Error> {
        self.subjects_of(run, None).await?;
        let approval = match approval {
            Some(approval) => approval,
            None => self.plan().await?.approval,
        };
        let token = token.filter(|_| approval == Approval::Manual);
        if let Some(token) = token {
            let request = ApprovalRequest { token: token.to_owned(), run, at: self.clock.now() };
            self.register.request_approval(&self.site.migration, &request).await?;
            tracing::info!(run = run.0, "waiting for approval: action status shows the command");
        }
        Ok(Asked { approval, waiting: token.is_some() })
    }
}
