//! What is kept in the control table as JSON, from what a hand in the console or another version may leave there.

use livemove_core::canonical::Digest;
use livemove_core::certificate::{Certificate, Direction};
use livemove_core::checkpoint::{Checkpoint, Counts, Failure, Job, Task};
use livemove_core::hold::{Hold, Seen};
use livemove_core::item::{Item, Key, KeySchema};
use livemove_core::mark::Run;
use livemove_core::object::bucket::Etag;
use livemove_core::object::ledger::{Intent, Known, Row, Sequencer, Written};
use livemove_core::object::range::{Range, covers_all};
use livemove_core::phase::{Phase, Side, State};
use livemove_core::register::{ApprovalRequest, Canary, JobSummary, Report, SegmentStatus};
use livemove_core::segment::Segment;
use livemove_core::steer::watch::Watch;
use livemove_core::testing::fuzz::{cases, json, says};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json as literal, to_value};

fn key() -> Key {
    let item: Item = serde_json::from_str(r#"{"pk":{"S":"a"},"sk":{"N":"1.50"}}"#).unwrap();
    KeySchema { partition: "pk".to_owned(), sort: Some("sk".to_owned()) }.key(item).unwrap()
}

fn counts() -> Counts {
    let digest = Digest::of(b"x");
    Counts {
        read: 9,
        written: 2,
        kept: 3,
        differing: 1,
        native: 4,
        large: 6,
        source_digest: digest,
        target_digest: digest,
    }
}

fn checkpoint<P>(after: P) -> Checkpoint<P> {
    Checkpoint {
        version: 7,
        after: Some(after),
        second_half: true,
        done: false,
        busy_until: 99,
        counts: counts(),
        failure: failure(),
    }
}

fn failure() -> Option<Failure> {
    Some(Failure { error: "AccessDenied".to_owned(), message: "m".to_owned(), at: 3 })
}

fn state() -> State {
    State {
        phase: Phase::Handoff,
        sealed: true,
        sealed_at: 5,
        marked: true,
        broken: Some("a gap".to_owned()),
        ..State::first(3)
    }
}

fn row() -> Row {
    let written = Written { etag: Etag("e-2".to_owned()), size: 8, description: Digest::of(b"d") };
    Row {
        version: 3,
        run: Run(1),
        sequencer: Some(Sequencer::new("0055AED6DCD90281E5").unwrap()),
        source: Known::Content(Etag("e".to_owned())),
        target: Known::Absent,
        intents: vec![Intent { on: Side::Target, content: Some(written) }, Intent { on: Side::Source, content: None }],
        holder: Some("h".to_owned()),
        busy_until: 7,
    }
}

fn certificate() -> Certificate {
    Certificate {
        migration: "orders".to_owned(),
        subject: "table#orders".to_owned(),
        run: Run(1),
        direction: Direction::Forward,
        build: "1".to_owned(),
        issued_at: 2,
        sealed_at: 1,
        segments: 4,
        counts: counts(),
        source_digest: Digest::of(b"x"),
        target_digest: Digest::of(b"x"),
        position: Some("p".to_owned()),
    }
}

/// Whoever reads a damaged one refuses it, or reads all that stands there.
fn judge<T: Serialize + DeserializeOwned>(given: &Value) -> Result<(), TestCaseError> {
    if let Ok(read) = serde_json::from_value::<T>(given.clone()) {
        let told = to_value(&read).unwrap();
        prop_assert!(says(&told, given), "{told} for {given}");
    }
    Ok(())
}

macro_rules! rows {
    ($($name:ident: $kind:ty = $valid:expr;)+) => {
        $(proptest! {
            #![proptest_config(cases(200))]
            #[test]
            fn $name(given in Just(to_value($valid).unwrap()).prop_flat_map(json)) {
                judge::<$kind>(&given)?;
            }
        })+

        #[test]
        fn undamaged_rows_come_back() {
            $(
                let valid: $kind = $valid;
                assert_eq!(serde_json::from_value::<$kind>(to_value(&valid).unwrap()).unwrap(), valid);
            )+
        }
    };
}

rows! {
    states: State = state();
    checkpoints_of_tables: Checkpoint<Key> = checkpoint(key());
    checkpoints_of_buckets: Checkpoint<String> = checkpoint("photos/ü 1.jpg".to_owned());
    rows_of_objects: Row = row();
    watches: Watch = Watch { at: 5, stream: Some("arn:aws:dynamodb:a:b:table/c/stream/d".to_owned()), stopped: Some(4), written: Some("n".to_owned()) };
    certificates: Certificate = certificate();
    canaries: Canary = Canary { nonce: "n".to_owned(), run: Run(2), sent: 1, seen: Some(2) };
    reports: Report = Report { at: 1, record_at: 2, position: Some("3".to_owned()), records: 4, failed: 5, denied: Some("d".to_owned()) };
    requests_for_approval: ApprovalRequest = ApprovalRequest { token: "t".to_owned(), run: Run(1), at: 4 };
    statuses: SegmentStatus = SegmentStatus { segment: Segment { index: 1, total: 4 }, done: true, busy_until: 0, counts: counts(), failure: failure() };
    holds: Hold = Hold {
        run: Run(1), side: Side::Source, key: key(), first: "1".to_owned(), last: "2".to_owned(), records: 2,
        error: "e".to_owned(), message: "m".to_owned(), since: 1, at: 2, version: 3, object: Some(Seen { etag: Some("e".to_owned()), version: None }),
    };
    tasks: Task = Task { subject: "table#orders".to_owned(), run: Run(1), job: Job::Copy, segment: Segment { index: 1, total: 4 } };
}

fn ranges() -> Vec<Range> {
    let range = |after: &str, until: &str| {
        let end = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Range { after: end(after), until: end(until) }
    };
    vec![range("", "f"), range("f", "m"), range("m", "")]
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn ranges_that_are_read_have_each_key_once(given in Just(to_value(ranges()).unwrap()).prop_flat_map(json), key in "[a-z]{0,3}") {
        if let Ok(read) = serde_json::from_value::<Vec<Range>>(given)
            && covers_all(&read)
        {
            let within = |range: &&Range| range.after.as_deref().is_none_or(|after| after < key.as_str()) && range.reaches(&key);
            prop_assert_eq!(read.iter().filter(within).count(), 1, "{:?}", read);
        }
    }
}

#[test]
fn ranges_with_a_gap_or_an_overlap_are_refused() {
    assert!(covers_all(&ranges()) && covers_all(&[Range::default()]) && !covers_all(&[]));
    for without in 0..3 {
        let mut gap = ranges();
        gap.remove(without);
        assert!(!covers_all(&gap), "{without}");
    }
    let (mut twice, mut back) = (ranges(), ranges());
    twice[1].until = Some("z".to_owned());
    back[1] = Range { after: Some("f".to_owned()), until: Some("a".to_owned()) };
    back[2].after = Some("a".to_owned());
    assert!(!covers_all(&twice) && !covers_all(&back));
}

#[test]
fn a_part_that_does_not_exist_is_no_segment() {
    for (index, total) in [(0, 0), (4, 4), (7, 4), (0, u32::MAX)] {
        let task = literal!({"subject": "table#orders", "run": 1, "job": "copy", "index": index, "total": total});
        let error = serde_json::from_value::<Task>(task).unwrap_err().to_string();
        assert!(error.contains(&format!("no segment {index} of {total}")), "{error}");
    }
}

#[test]
fn a_part_of_another_total_or_told_twice_does_not_finish_a_job() {
    let done = |index, total| SegmentStatus {
        segment: Segment { index, total },
        done: true,
        busy_until: 0,
        counts: counts(),
        failure: None,
    };
    for wrong in [done(0, 3), done(9, 4), done(1, 4)] {
        let summary = JobSummary::of(&[done(1, 4), done(2, 4), done(3, 4), wrong]);
        assert!(!summary.is_done() && summary.segments == 4, "{summary:?}");
    }
    assert!(JobSummary::of(&[done(1, 4), done(2, 4), done(3, 4), done(0, 4)]).is_done());
}

#[test]
fn a_run_of_more_than_six_digits_is_refused() {
    assert_eq!(serde_json::from_value::<Run>(literal!(999_999)).unwrap(), Run::MAX);
    for run in [1_000_000, u32::MAX] {
        assert!(serde_json::from_value::<Run>(literal!(run)).unwrap_err().to_string().contains(&run.to_string()));
    }
}

#[test]
fn figures_at_their_end_stay_there() {
    let mut all = Counts { read: u64::MAX, ..counts() };
    all.add(&counts());
    assert_eq!((all.read, all.written), (u64::MAX, 4));
}

#[test]
fn a_sequencer_that_is_no_hexadecimal_number_comes_after_no_event() {
    for text in ["", "zz", "0055AED6DCD90281E5 ", "+1", &"0".repeat(65)] {
        assert_eq!(Sequencer::new(text), None, "{text}");
    }
    let mut kept = to_value(row()).unwrap();
    kept["sequencer"] = literal!("~");
    assert!(serde_json::from_value::<Row>(kept).unwrap_err().to_string().contains("`~` is not a sequencer"));
}

#[test]
fn what_another_version_wrote_besides_is_refused_by_its_name() {
    let mut kept = to_value(checkpoint(key())).unwrap();
    kept["third_half"] = literal!(true);
    assert!(serde_json::from_value::<Checkpoint<Key>>(kept).unwrap_err().to_string().contains("third_half"));
}

#[test]
fn a_list_is_not_read_as_what_an_object_was() {
    let held = |seen: Value| {
        let key = literal!({"pk": {"S": "a"}});
        serde_json::from_value::<Hold>(literal!({
            "run": 1, "side": "source", "key": key, "first": "1", "last": "1", "records": 1, "error": "e",
            "message": "m", "since": 1, "at": 1, "version": 1, "object": seen,
        }))
    };
    assert_eq!(held(literal!({})).unwrap().object, Some(Seen::default()));
    assert!(held(literal!([])).is_err());
}
