//! What the controller can be asked.

use livemove_core::certificate::Direction;
use livemove_core::error::Error;
use livemove_core::mark::Run;
use livemove_core::phase::{Kind, Phase, Side};
use livemove_core::plan::Approval;
use livemove_core::steer::RunEnd;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A held key, by its place among all of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct After {
    /// The table or bucket.
    pub subject: String,
    /// Whose stream or events.
    pub side: Side,
    /// The name of its row, after `hold#<side>#`.
    pub name: String,
}

/// A request: `{"action": …, "migration": …}` and what the action needs.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(Serialize))]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
pub enum Request {
    /// Check a plan against the world and register its tables and buckets.
    Preflight {
        /// The migration.
        migration: String,
        /// The plan, not checked yet.
        plan: Value,
    },
    /// Open a run of that direction, or find the one to go on with.
    Begin {
        /// The migration.
        migration: String,
        /// Which way.
        direction: Direction,
    },
    /// Prove that the stream of one end of the run arrives.
    Arm {
        /// The migration.
        migration: String,
        /// The run.
        run: Run,
        /// Whose stream.
        stream: RunEnd,
    },
    /// Take one phase up.
    Advance {
        /// The migration.
        migration: String,
        /// The run.
        run: Run,
        /// The phase to be in.
        to: Phase,
        /// Of these only; all where nothing is said.
        #[serde(default)]
        only: Option<Kind>,
    },
    /// Take one phase back.
    Retreat {
        /// The migration.
        migration: String,
        /// The run.
        run: Run,
        /// The phase to be in: copy, then old.
        to: Phase,
    },
    /// Stop the run's replicator for good.
    Seal {
        /// The migration.
        migration: String,
        /// The run.
        run: Run,
        /// Of these only; all where nothing is said.
        #[serde(default)]
        only: Option<Kind>,
    },
    /// Say whether the verification found both sides identical.
    Verified {
        /// The migration.
        migration: String,
        /// The run.
        run: Run,
    },
    /// Issue the certificates.
    Certify {
        /// The migration.
        migration: String,
        /// The run.
        run: Run,
        /// Of these only; all where nothing is said.
        #[serde(default)]
        only: Option<Kind>,
    },
    /// Keep the task token that waits for somebody's approval.
    Approval {
        /// The migration.
        migration: String,
        /// The run.
        run: Run,
        /// The state machine's task token.
        #[serde(default)]
        token: Option<String>,
        /// What the execution's input says; else the plan's word counts.
        #[serde(default)]
        approval: Option<Approval>,
    },
    /// Say everything an operator wants to know.
    Status {
        /// The migration.
        migration: String,
    },
    /// Put held keys right from their source and release them.
    Redrive {
        /// The migration.
        migration: String,
        /// How many keys at most; a hundred where nothing is said.
        #[serde(default)]
        limit: Option<u32>,
        /// Go on after this one: the `next` of the answer before.
        #[serde(default)]
        after: Option<After>,
    },
    /// Say why segments failed, as a state machine ends with it.
    Failures {
        /// The migration.
        migration: String,
    },
    /// Look for gaps in what is replicated.
    Watch {
        /// The migration.
        migration: String,
    },
    /// Answer a health check.
    Health {
        /// The migration.
        migration: String,
    },
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// `InvalidRequest` with what is wrong.
    pub fn read(event: Value) -> Result<Request, Error> {
        serde_json::from_value(event).map_err(|error| {
            Error::refused(
                "InvalidRequest",
                error.to_string(),
                "send an action with its fields: preflight, begin, arm, advance, retreat, seal, verified, certify, approval, status, redrive, failures, watch or health",
            )
        })
    }

    /// The migration it is about.
    pub fn migration(&self) -> &str {
        match self {
            Request::Preflight { migration, .. }
            | Request::Begin { migration, .. }
            | Request::Arm { migration, .. }
            | Request::Advance { migration, .. }
            | Request::Retreat { migration, .. }
            | Request::Seal { migration, .. }
            | Request::Verified { migration, .. }
            | Request::Certify { migration, .. }
            | Request::Approval { migration, .. }
            | Request::Status { migration }
            | Request::Redrive { migration, .. }
            | Request::Failures { migration }
            | Request::Watch { migration }
            | Request::Health { migration } => migration,
        }
    }

    /// The action's name.
    pub fn name(&self) -> &'static str {
        match self {
            Request::Preflight { .. } => "preflight",
            Request::Begin { .. } => "begin",
            Request::Arm { .. } => "arm",
            Request::Advance { .. } => "advance",
            Request::Retreat { .. } => "retreat",
            Request::Seal { .. } => "seal",
            Request::Verified { .. } => "verified",
            Request::Certify { .. } => "certify",
            Request::Approval { .. } => "approval",
            Request::Status { .. } => "status",
            Request::Redrive { .. } => "redrive",
            Request::Failures { .. } => "failures",
            Request::Watch { .. } => "watch",
            Request::Health { .. } => "health",
        }
    }
}

#[cfg(test)]
mod tests {
    use livemove_core::testing::fuzz::{any_json, cases, json, says};
    use proptest::prelude::*;
    use serde_json::to_value;

    use super::*;

    fn fixture() -> impl Strategy<Value = Value> {
        let names = ["preflight", "begin", "arm", "advance", "retreat", "seal", "verified", "certify", "approval"];
        let more = ["status", "redrive", "failures", "watch", "health"];
        let read = |name: &&str| -> Value {
            let path = format!("{}/../../events/control-{name}.json", env!("CARGO_MANIFEST_DIR"));
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
        };
        prop::sample::select(names.iter().chain(&more).map(read).collect::<Vec<_>>())
    }

    fn judge(given: Value) -> Result<(), TestCaseError> {
        match Request::read(given.clone()) {
            Err(error) => prop_assert_eq!(error.name(), "InvalidRequest"),
            Ok(request) => {
                let told = to_value(&request).unwrap();
                prop_assert!(says(&told, &given) && told["action"] == request.name(), "{told} for {given}");
            }
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(cases(400))]

        #[test]
        fn a_request_that_is_read_is_the_one_that_was_given(given in fixture().prop_flat_map(json)) {
            judge(given)?;
        }

        #[test]
        fn any_json_is_refused_by_name(given in any_json(&["action", "migration", "run", "to", "only", "status", "plan"])) {
            judge(given)?;
        }
    }
}
