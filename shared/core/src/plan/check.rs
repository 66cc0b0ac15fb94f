//! Reading a plan: every problem is found and named before anything is touched.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use super::rules::{self, TextRule};
use super::{LEASE_MIN_MS, Plan, SEGMENTS_MAX, WRITES_IN_FLIGHT_MAX};

/// One thing that is wrong with a plan.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct PlanProblem {
    /// Where: a JSON path, for example `$.tables[0].source.region`.
    pub field: String,
    /// What stands there, as JSON, cut at 100 characters; `nothing` when it is missing.
    pub value: String,
    /// What to do about it.
    pub remedy: String,
}

impl fmt::Display for PlanProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}: {}", self.field, self.value, self.remedy)
    }
}

pub(super) fn parse(json: &str) -> Result<Plan, Vec<PlanProblem>> {
    let value = serde_json::from_str(json).map_err(|error| {
        let remedy = format!("write the plan as one JSON object ({error})");
        vec![PlanProblem { field: "$".to_owned(), value: "not JSON".to_owned(), remedy }]
    })?;
    from_value(value)
}

/// What is kept, but is no subject's plan.
pub(super) fn unreadable(error: &serde_json::Error) -> PlanProblem {
    let remedy = format!("run preflight with the plan again ({error})");
    PlanProblem { field: "$".to_owned(), value: "not a subject's plan".to_owned(), remedy }
}

/// What says more or less than a subject's plan.
pub(super) fn incomplete() -> PlanProblem {
    let remedy = "run preflight with the plan again".to_owned();
    PlanProblem { field: "$".to_owned(), value: "not what was kept".to_owned(), remedy }
}

/// A bucket is always copied first.
pub(super) fn copy_first() -> PlanProblem {
    let remedy = "run preflight with the plan again: a bucket is always copied first".to_owned();
    PlanProblem { field: "$.entry".to_owned(), value: "\"new-first\"".to_owned(), remedy }
}

pub(super) fn from_value(json: Value) -> Result<Plan, Vec<PlanProblem>> {
    let mut checker = Checker::default();
    checker.plan(&json);
    if !checker.problems.is_empty() {
        return Err(checker.problems);
    }
    serde_json::from_value(json).map_err(|error| {
        vec![PlanProblem { field: "$".to_owned(), value: "the plan".to_owned(), remedy: error.to_string() }]
    })
}

/// Walks over the JSON and collects what is wrong.
#[derive(Default)]
struct Checker {
    problems: Vec<PlanProblem>,
    /// Where each table or bucket was named first.
    named: BTreeMap<[String; 3], String>,
    /// Where each subject id was claimed first.
    subjects: BTreeMap<(&'static str, String), String>,
    segments: u64,
}

/// What is particular to tables and to buckets.
struct Sort {
    list: &'static str,
    word: &'static str,
    fields: &'static [&'static str],
    name: TextRule,
}

const TABLES: Sort =
    Sort { list: "tables", word: "table", fields: &["source", "target", "segments", "entry"], name: rules::table };
const BUCKETS: Sort =
    Sort { list: "buckets", word: "bucket", fields: &["source", "target", "segments"], name: rules::bucket };

impl Checker {
    fn plan(&mut self, json: &Value) {
        let fields = ["migration", "tables", "buckets", "approval", "timing", "writes_in_flight"];
        let Some(plan) = self.object("$", Some(json), &fields) else {
            return;
        };
        self.text("$.migration", plan.get("migration"), rules::migration);
        let before = self.problems.len();
        let moves: usize = [TABLES, BUCKETS].into_iter().map(|sort| self.list(plan, &sort)).sum();
        if moves == 0 && self.problems.len() == before {
            self.problem("$", None, "name at least one table in `tables` or one bucket in `buckets`");
        }
        if self.segments > SEGMENTS_MAX {
            let total = Value::from(self.segments);
            self.problem("$..segments", Some(&total), format!("all segments together may be at most {SEGMENTS_MAX}"));
        }
        self.word("$.approval", plan.get("approval"), &["automatic", "manual"]);
        self.number("$.writes_in_flight", plan.get("writes_in_flight"), 1..=WRITES_IN_FLIGHT_MAX);
        if let Some(timing) = plan.get("timing") {
            self.timing(timing);
        }
    }

    fn timing(&mut self, json: &Value) {
        let Some(timing) = self.object("$.timing", Some(json), &["lease_ms", "call_ms", "skew_ms"]) else {
            return;
        };
        self.number("$.timing.lease_ms", timing.get("lease_ms"), LEASE_MIN_MS..=60_000);
        self.number("$.timing.call_ms", timing.get("call_ms"), 100..=60_000);
        self.number("$.timing.skew_ms", timing.get("skew_ms"), 0..=60_000);
    }

    /// Answers how many entries the list has.
    fn list(&mut self, plan: &Map<String, Value>, sort: &Sort) -> usize {
        let entries = match plan.get(sort.list) {
            None => return 0,
            Some(Value::Array(entries)) => entries,
            Some(other) => {
                self.problem(&format!("$.{}", sort.list), Some(other), format!("write a list of {}s", sort.word));
                return 0;
            }
        };
        for (index, entry) in entries.iter().enumerate() {
            self.entry(&format!("$.{}[{index}]", sort.list), entry, sort);
        }
        entries.len()
    }

    fn entry(&mut self, path: &str, json: &Value, sort: &Sort) {
        let Some(entry) = self.object(path, Some(json), sort.fields) else {
            return;
        };
        let source = self.end(&format!("{path}.source"), entry.get("source"), sort);
        let target = self.end(&format!("{path}.target"), entry.get("target"), sort);
        let segments = format!("{path}.segments");
        self.number(&segments, entry.get("segments"), 1..=SEGMENTS_MAX);
        let count = entry.get("segments").map_or(u64::from(super::default_segments()), |n| n.as_u64().unwrap_or(0));
        self.segments = self.segments.saturating_add(if count > SEGMENTS_MAX { 0 } else { count });
        if sort.fields.contains(&"entry") {
            self.word(&format!("{path}.entry"), entry.get("entry"), &["copy-first", "new-first"]);
        }
        if let Some([_, _, name]) = &source {
            let first = self.subjects.entry((sort.word, name.clone())).or_insert_with(|| path.to_owned()).clone();
            if first != path {
                let remedy =
                    format!("{first} moves a {} of this name already: use another migration for this one", sort.word);
                self.problem(&format!("{path}.source.{}", sort.word), Some(&Value::from(name.as_str())), remedy);
            }
        }
        for (side, end) in [("source", source), ("target", target)] {
            if let Some(end) = end {
                self.unique(&format!("{path}.{side}"), end, sort);
            }
        }
    }

    /// No table or bucket may have two parts in a plan. A bucket's name is unique whatever its account.
    fn unique(&mut self, path: &str, end: [String; 3], sort: &Sort) {
        let [account, region, name] = end;
        let id = match sort.word {
            "bucket" => [String::new(), String::new(), name.clone()],
            _ => [account, region, format!("table/{name}")],
        };
        let first = self.named.entry(id).or_insert_with(|| path.to_owned()).clone();
        if first != path {
            let remedy = format!("it is the same {} as {first}: each may have one part in a plan", sort.word);
            self.problem(&format!("{path}.{}", sort.word), Some(&Value::from(name)), remedy);
        }
    }

    /// Answers account, Region and name if all three are fine.
    fn end(&mut self, path: &str, json: Option<&Value>, sort: &Sort) -> Option<[String; 3]> {
        let end = self.object(path, json, &["account", "region", sort.word])?;
        let account = self.text(&format!("{path}.account"), end.get("account"), rules::account);
        let region = self.text(&format!("{path}.region"), end.get("region"), rules::region);
        let name = self.text(&format!("{path}.{}", sort.word), end.get(sort.word), sort.name);
        Some([account?, region?, name?])
    }

    fn object<'a>(&mut self, path: &str, json: Option<&'a Value>, fields: &[&str]) -> Option<&'a Map<String, Value>> {
        let known = fields.join(", ");
        let Some(Value::Object(object)) = json else {
            self.problem(path, json, format!("write an object with the fields {known}"));
            return None;
        };
        for (name, value) in object.iter().filter(|(name, _)| !fields.contains(&name.as_str())) {
            self.problem(
                &format!("{path}.{name}"),
                Some(value),
                format!("no such field: remove it or use one of {known}"),
            );
        }
        Some(object)
    }

    fn text(&mut self, path: &str, json: Option<&Value>, rule: TextRule) -> Option<String> {
        let text = json.and_then(Value::as_str);
        match rule(text.unwrap_or_default()) {
            Some(remedy) => {
                self.problem(path, json, remedy);
                None
            }
            None => text.map(str::to_owned),
        }
    }

    /// An optional word out of a few.
    fn word(&mut self, path: &str, json: Option<&Value>, words: &[&str]) {
        if json.is_some_and(|value| !value.as_str().is_some_and(|text| words.contains(&text))) {
            self.problem(path, json, format!("use one of {}, or leave it out", words.join(", ")));
        }
    }

    /// An optional whole number.
    fn number(&mut self, path: &str, json: Option<&Value>, range: std::ops::RangeInclusive<u64>) {
        if json.is_some_and(|value| !value.as_u64().is_some_and(|n| range.contains(&n))) {
            self.problem(
                path,
                json,
                format!("use a whole number from {} to {}, or leave it out", range.start(), range.end()),
            );
        }
    }

    fn problem(&mut self, field: &str, value: Option<&Value>, remedy: impl Into<String>) {
        let text = value.map_or("nothing".to_owned(), Value::to_string);
        let value = text.chars().take(100).collect();
        self.problems.push(PlanProblem { field: field.to_owned(), value, remedy: remedy.into() });
    }
}
