//! The migration plan: what moves from where to where, as the operator writes it.

mod check;
mod rules;

use serde::{Deserialize, Serialize};

pub use check::PlanProblem;
pub use rules::{LEASE_MIN_MS, SEGMENTS_MAX, WRITES_IN_FLIGHT_MAX};

use crate::phase::{Kind, Side};
use crate::ports::Millis;

/// A whole migration: the input of the state machine.
///
/// Read it with [`Plan::parse`], which also checks everything that can be known without asking AWS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The migration's id: that of the deployed stack.
    pub migration: String,
    /// The tables that move.
    #[serde(default)]
    pub tables: Vec<TablePlan>,
    /// The buckets that move.
    #[serde(default)]
    pub buckets: Vec<BucketPlan>,
    /// Whether somebody must say yes before the first key moves.
    #[serde(default)]
    pub approval: Approval,
    /// The times that the protocol's waits are made of.
    #[serde(default)]
    pub timing: Timing,
    /// How many writes a worker keeps in flight.
    #[serde(default = "default_writes_in_flight")]
    pub writes_in_flight: u32,
}

/// One table that moves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TablePlan {
    /// Where it is.
    #[serde(with = "table_end")]
    pub source: End,
    /// Where it goes.
    #[serde(with = "table_end")]
    pub target: End,
    /// Into how many parts its scans are cut.
    #[serde(default = "default_segments")]
    pub segments: u32,
    /// In which order copy and handoff come.
    #[serde(default)]
    pub entry: Entry,
}

/// One bucket that moves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BucketPlan {
    /// Where it is.
    #[serde(with = "bucket_end")]
    pub source: End,
    /// Where it goes.
    #[serde(with = "bucket_end")]
    pub target: End,
    /// Into how many key ranges its listings are cut.
    #[serde(default = "default_segments")]
    pub segments: u32,
}

/// One end of a move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// The 12-digit account id.
    pub account: String,
    /// The Region's code, for example `eu-west-1`.
    pub region: String,
    /// The name of the table or bucket.
    pub name: String,
}

/// In which order a table's copy and its handoff come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entry {
    /// Copy and verify first, then hand keys off: handoff is short.
    #[default]
    CopyFirst,
    /// Hand keys off from the start, into an empty table; the copy runs meanwhile.
    NewFirst,
}

/// Who lets the handoff begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Approval {
    /// The gates alone.
    Automatic,
    /// The gates, and somebody who answers the state machine's task token.
    #[default]
    Manual,
}

/// The times that the protocol's waits are made of, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timing {
    /// How long a process may use the phase it has read.
    pub lease_ms: u64,
    /// The longest that one backend call may take.
    pub call_ms: u64,
    /// The most by which two clocks may differ.
    pub skew_ms: u64,
}

/// What is kept of the plan with the state of one table or bucket: all that its functions need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectPlan {
    /// Table or bucket.
    pub kind: Kind,
    /// Where it is.
    pub source: End,
    /// Where it goes.
    pub target: End,
    /// Into how many parts its scans or listings are cut.
    pub segments: u32,
    /// In which order copy and handoff come; always copy-first for buckets.
    pub entry: Entry,
    /// The times that the protocol's waits are made of.
    pub timing: Timing,
    /// How many writes a worker keeps in flight.
    pub writes_in_flight: u32,
}

impl Default for Timing {
    fn default() -> Timing {
        Timing { lease_ms: 5_000, call_ms: 3_000, skew_ms: 1_000 }
    }
}

impl Timing {
    /// How long after a change of phase nobody acts on the phase before any more.
    pub fn wait_ms(&self) -> Millis {
        self.lease_ms.saturating_add(self.call_ms).saturating_add(self.skew_ms)
    }
}

impl Plan {
    /// Reads and checks a plan.
    ///
    /// # Errors
    /// Every problem found, not only the first.
    pub fn parse(json: &str) -> Result<Plan, Vec<PlanProblem>> {
        check::parse(json)
    }

    /// As [`Plan::parse`], of JSON that has been read already.
    ///
    /// # Errors
    /// Every problem found, not only the first.
    pub fn from_value(json: serde_json::Value) -> Result<Plan, Vec<PlanProblem>> {
        check::from_value(json)
    }

    /// The plans of the single tables and buckets; buckets first, because items may point at objects.
    pub fn subjects(&self) -> Vec<SubjectPlan> {
        let plan = |kind, source: &End, target: &End, segments, entry| SubjectPlan {
            kind,
            source: source.clone(),
            target: target.clone(),
            segments,
            entry,
            timing: self.timing,
            writes_in_flight: self.writes_in_flight,
        };
        let buckets =
            self.buckets.iter().map(|b| plan(Kind::Bucket, &b.source, &b.target, b.segments, Entry::CopyFirst));
        let tables = self.tables.iter().map(|t| plan(Kind::Table, &t.source, &t.target, t.segments, t.entry));
        buckets.chain(tables).collect()
    }
}

impl SubjectPlan {
    /// The subject's id in the control table and in tasks, see [`subject_id`].
    pub fn subject(&self) -> String {
        subject_id(self.kind, &self.source.name)
    }

    /// Reads one as it is kept, and holds it to the rules of plans.
    ///
    /// # Errors
    /// Every problem found, as [`Plan::parse`] names it.
    pub fn parse(json: &str) -> Result<SubjectPlan, Vec<PlanProblem>> {
        let plan: SubjectPlan = serde_json::from_str(json).map_err(|error| vec![check::unreadable(&error)])?;
        // As it was kept, to the last field: a struct is read from a list, too, and fields have defaults.
        let (told, given) = (serde_json::to_value(&plan), serde_json::from_str::<serde_json::Value>(json));
        if told.ok() != given.ok() {
            return Err(vec![check::incomplete()]);
        }
        let alone = serde_json::to_value(plan.alone()).map_err(|error| vec![check::unreadable(&error)])?;
        let subjects = check::from_value(alone)?.subjects();
        if subjects.first() == Some(&plan) { Ok(plan) } else { Err(vec![check::copy_first()]) }
    }

    /// A plan of this subject alone.
    fn alone(&self) -> Plan {
        let (source, target, segments) = (self.source.clone(), self.target.clone(), self.segments);
        let (mut tables, mut buckets) = (Vec::new(), Vec::new());
        match self.kind {
            Kind::Table => tables.push(TablePlan { source, target, segments, entry: self.entry }),
            Kind::Bucket => buckets.push(BucketPlan { source, target, segments }),
        }
        let (migration, approval) = ("alone".to_owned(), Approval::default());
        Plan { migration, tables, buckets, approval, timing: self.timing, writes_in_flight: self.writes_in_flight }
    }

    /// The end on that side.
    pub fn end(&self, side: Side) -> &End {
        match side {
            Side::Source => &self.source,
            Side::Target => &self.target,
        }
    }
}

/// `table#<name>` or `bucket#<name>`; the name is that at the plan's source, whatever the run's direction.
pub fn subject_id(kind: Kind, source_name: &str) -> String {
    match kind {
        Kind::Table => format!("table#{source_name}"),
        Kind::Bucket => format!("bucket#{source_name}"),
    }
}

fn default_segments() -> u32 {
    4
}

fn default_writes_in_flight() -> u32 {
    16
}

/// Ends are written with the word for what they name: `table` or `bucket`.
macro_rules! end_with {
    ($module:ident, $word:ident) => {
        mod $module {
            use serde::{Deserialize, Deserializer, Serialize, Serializer};

            use super::End;

            #[derive(Serialize, Deserialize)]
            #[serde(deny_unknown_fields)]
            struct Wire {
                account: String,
                region: String,
                $word: String,
            }

            pub(super) fn serialize<S: Serializer>(end: &End, to: S) -> Result<S::Ok, S::Error> {
                let End { account, region, name } = end.clone();
                Wire { account, region, $word: name }.serialize(to)
            }

            pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<End, D::Error> {
                let wire = Wire::deserialize(from)?;
                Ok(End { account: wire.account, region: wire.region, name: wire.$word })
            }
        }
    };
}
end_with!(table_end, table);
end_with!(bucket_end, bucket);

#[cfg(test)]
mod tests;
