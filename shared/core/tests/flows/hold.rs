//! Records that cannot be applied: held by key, overtaken by nothing, put right from the source, released.

use livemove_core::error::Error;
use livemove_core::hold::{HOLDS_MAX, Hold, Holds, is_poison};
use livemove_core::holding::{Desk, replicate_holding};
use livemove_core::item::{Item, Key, KeySchema};
use livemove_core::lease::Cache;
use livemove_core::mark::{Marks, OperationId};
use livemove_core::phase::{Phase, Side, State};
use livemove_core::ports::{Action, Get, Inserted, Page, Table, Write, Written};
use livemove_core::redrive::{Redriven, redrive};
use livemove_core::replicate::Outcome;
use livemove_core::route::Pair;
use livemove_core::segment::Segment;
use livemove_core::testing::block_on;
use livemove_core::testing::memory::Memory;
use livemove_core::testing::register::MemoryRegister;

use super::world::{Hands, RUN, Still, World, gone, item, key, marked, moved, own, state};

const SUBJECT: &str = "table#orders";

/// A table that refuses items of this value, as one with a limit or an index of its own does.
struct Picky<'a> {
    table: &'a Memory,
    refuses: Option<&'static str>,
}

impl Table for Picky<'_> {
    fn schema(&self) -> &KeySchema {
        self.table.schema()
    }

    async fn get(&self, get: &Get) -> Result<Option<Item>, Error> {
        self.table.get(get).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, Error> {
        self.table.get_many(keys).await
    }

    async fn write(&self, write: &Write) -> Result<Written, Error> {
        let refuses = self.refuses.map(|value| item("x", value).0.remove("v"));
        let puts = |put: &Item| refuses.as_ref().is_some_and(|refused| put.0.get("v") == refused.as_ref());
        if matches!(&write.action, Action::Put(put) if puts(put)) {
            return Err(Error::Rejected { name: "ValidationException".to_owned(), message: "too large".to_owned() });
        }
        self.table.write(write).await
    }

    async fn insert(&self, items: &[Item]) -> Vec<Inserted> {
        self.table.insert(items).await
    }

    async fn scan(&self, segment: Segment, after: Option<&Key>, limit: u32) -> Result<Page, Error> {
        self.table.scan(segment, after, limit).await
    }
}

struct Stage {
    world: World,
    register: MemoryRegister<Key>,
    refuses: Option<&'static str>,
}

impl Stage {
    fn new() -> Stage {
        Stage { world: World::new(), register: MemoryRegister::default(), refuses: Some("poison") }
    }

    fn picky<'a>(&'a self, table: &'a Memory) -> Picky<'a> {
        Picky { table, refuses: self.refuses }
    }

    fn replicate(&self, state: &State, side: Side, records: &[usize]) -> Outcome {
        let table = self.world.pair().side(side);
        let changes: Vec<_> = records.iter().map(|index| table.record(*index).expect("a record")).collect();
        let (source, target) = (self.picky(&self.world.source), self.picky(&self.world.target));
        let cache = Cache::new(Still(state.clone()), Hands::at(7), 1_000);
        let desk = Desk { holds: &self.register, subject: SUBJECT, side };
        let pair = Pair { source: &source, target: &target };
        block_on(replicate_holding(desk, &cache, pair, &changes, 4)).expect("replicated")
    }

    fn holds(&self, side: Side) -> Vec<Hold> {
        block_on(self.register.holds(SUBJECT, side, None, HOLDS_MAX)).expect("read")
    }

    fn redrive(&self, state: &State, hold: &Hold) -> Result<Redriven, Error> {
        let (source, target) = (self.picky(&self.world.source), self.picky(&self.world.target));
        let cache = Cache::new(Still(state.clone()), Hands::at(8), 1_000);
        let desk = Desk { holds: &self.register, subject: SUBJECT, side: hold.side };
        block_on(redrive(desk, &cache, Pair { source: &source, target: &target }, hold))
    }

    fn seen(&self, name: &str) -> Option<Item> {
        livemove_core::mark::visible(self.world.target.peek(&key(name)))
    }
}

fn copying() -> State {
    state(Phase::Copy)
}

#[test]
fn a_poison_record_is_held_and_its_neighbours_go_on() {
    let stage = Stage::new();
    stage.world.source.put_raw(item("a", "poison"));
    stage.world.source.put_raw(item("b", "1"));
    let outcome = stage.replicate(&copying(), Side::Source, &[0, 1]);
    assert!(outcome.failed.is_empty(), "the shard is not blocked: {:?}", outcome.failed);
    assert_eq!((outcome.written, outcome.held.len()), (1, 1));
    assert_eq!((stage.seen("a"), stage.seen("b")), (None, Some(item("b", "1"))));
    let [hold] = &stage.holds(Side::Source)[..] else { panic!("one hold") };
    assert_eq!((&hold.key, hold.run, hold.error.as_str()), (&key("a"), RUN, "ValidationException"));
    let sequence = stage.world.source.record(0).unwrap().sequence;
    assert_eq!((hold.first.as_str(), hold.last.as_str(), hold.records), (sequence.as_str(), sequence.as_str(), 1));
}

#[test]
fn nothing_of_a_held_key_is_applied_and_all_of_it_is_noted_once() {
    let stage = Stage::new();
    for value in ["poison", "2", "3"] {
        stage.world.source.put_raw(item("a", value));
    }
    stage.replicate(&copying(), Side::Source, &[0]);
    for records in [&[1, 2][..], &[1], &[0], &[1, 2]] {
        let outcome = stage.replicate(&copying(), Side::Source, records);
        assert_eq!((outcome.written, outcome.held.len(), outcome.failed.len()), (0, 1, 0));
    }
    assert_eq!(stage.seen("a"), None);
    let [hold] = &stage.holds(Side::Source)[..] else { panic!("one hold") };
    assert_eq!((hold.records, hold.last.clone()), (3, stage.world.source.record(2).unwrap().sequence));
}

#[test]
fn redrive_puts_the_item_of_now_in_place_and_frees_the_key() {
    let stage = Stage::new();
    stage.world.source.put_raw(item("a", "poison"));
    stage.replicate(&copying(), Side::Source, &[0]);
    stage.world.source.put_raw(item("a", "2"));
    stage.replicate(&copying(), Side::Source, &[1]);
    // Written, but its record has not come yet.
    stage.world.source.put_raw(item("a", "3"));
    let hold = stage.holds(Side::Source).remove(0);
    assert_eq!(stage.redrive(&copying(), &hold).unwrap(), Redriven::Released);
    assert_eq!(stage.seen("a"), Some(item("a", "3")));
    assert!(stage.holds(Side::Source).is_empty());
    assert_eq!(stage.replicate(&copying(), Side::Source, &[2]).written, 1, "what comes later is applied again");
}

#[test]
fn a_record_held_back_that_comes_again_after_the_redrive_does_not_undo_it() {
    let stage = Stage::new();
    for value in ["poison", "2", "3"] {
        stage.world.source.put_raw(item("a", value));
    }
    for record in 0..3 {
        stage.replicate(&copying(), Side::Source, &[record]);
    }
    let hold = stage.holds(Side::Source).remove(0);
    stage.redrive(&copying(), &hold).unwrap();
    assert_eq!(stage.replicate(&copying(), Side::Source, &[1]).stale, 1);
    assert_eq!(stage.seen("a"), Some(item("a", "3")));
}

#[test]
fn a_copy_that_is_right_by_chance_gets_the_position_of_what_was_held_back() {
    let stage = Stage::new();
    for value in ["1", "poison", "2", "1"] {
        stage.world.source.put_raw(item("a", value));
    }
    for record in 0..4 {
        stage.replicate(&copying(), Side::Source, &[record]);
    }
    assert_eq!(stage.seen("a"), Some(item("a", "1")));
    let hold = stage.holds(Side::Source).remove(0);
    stage.redrive(&copying(), &hold).unwrap();
    assert_eq!(stage.replicate(&copying(), Side::Source, &[2]).stale, 1, "an older value over the newest");
    let records = stage.world.target.records_len();
    stage.redrive(&copying(), &hold).unwrap();
    assert_eq!(stage.world.target.records_len(), records, "once is enough");
}

#[test]
fn what_is_held_while_the_key_is_put_right_keeps_it_held() {
    let stage = Stage::new();
    stage.world.source.put_raw(item("a", "poison"));
    stage.replicate(&copying(), Side::Source, &[0]);
    let before = stage.holds(Side::Source).remove(0);
    stage.world.source.put_raw(item("a", "2"));
    stage.replicate(&copying(), Side::Source, &[1]);
    assert_eq!(stage.redrive(&copying(), &before).unwrap(), Redriven::Again);
    assert_eq!(stage.holds(Side::Source).len(), 1);
}

#[test]
fn a_key_released_in_the_middle_of_a_batch_has_its_records_delivered_again() {
    /// Releases everything once the batch has read what is held.
    struct Meanwhile<'a>(&'a MemoryRegister<Key>);
    impl Holds for Meanwhile<'_> {
        async fn holds(&self, of: &str, side: Side, after: Option<&str>, limit: u32) -> Result<Vec<Hold>, Error> {
            let all = self.0.holds(of, side, after, limit).await?;
            for hold in &all {
                self.0.release(of, hold).await?;
            }
            Ok(all)
        }
        async fn hold(&self, of: &str, hold: &Hold) -> Result<(), Error> {
            self.0.hold(of, hold).await
        }
        async fn hold_on(&self, of: &str, hold: &Hold) -> Result<bool, Error> {
            self.0.hold_on(of, hold).await
        }
        async fn release(&self, of: &str, hold: &Hold) -> Result<bool, Error> {
            self.0.release(of, hold).await
        }
    }
    let stage = Stage::new();
    stage.world.source.put_raw(item("a", "poison"));
    stage.replicate(&copying(), Side::Source, &[0]);
    stage.world.source.put_raw(item("a", "2"));
    let changes = [stage.world.source.record(1).unwrap()];
    let holds = Meanwhile(&stage.register);
    let cache = Cache::new(Still(copying()), Hands::at(7), 1_000);
    let desk = Desk { holds: &holds, subject: SUBJECT, side: Side::Source };
    let outcome = block_on(replicate_holding(desk, &cache, stage.world.pair(), &changes, 1)).unwrap();
    assert_eq!((outcome.written, outcome.held.len(), outcome.failed.len()), (0, 0, 1));
    assert!(stage.holds(Side::Source).is_empty(), "it is not held again by that");
}

#[test]
fn a_key_whose_source_still_cannot_be_copied_stays_held() {
    let stage = Stage::new();
    stage.world.source.put_raw(item("a", "poison"));
    stage.replicate(&copying(), Side::Source, &[0]);
    let hold = stage.holds(Side::Source).remove(0);
    assert_eq!(stage.redrive(&copying(), &hold).unwrap_err().name(), "ValidationException");
    assert_eq!(stage.holds(Side::Source), [hold]);
}

#[test]
fn a_held_delete_leaves_a_tombstone() {
    let stage = Stage::new();
    stage.world.source.put_raw(item("a", "poison"));
    stage.replicate(&copying(), Side::Source, &[0]);
    stage.world.source.delete_raw(&key("a"));
    stage.replicate(&copying(), Side::Source, &[1]);
    let hold = stage.holds(Side::Source).remove(0);
    stage.redrive(&copying(), &hold).unwrap();
    let stored = Marks::of_option(stage.world.target.peek(&key("a")).as_ref());
    assert!(stored.tombstone, "else the backfill brings it back");
}

#[test]
fn a_redriven_copy_says_which_operation_wrote_the_item() {
    let stage = Stage::new();
    stage.world.source.put_raw(item("a", "poison"));
    stage.replicate(&copying(), Side::Source, &[0]);
    let stamped = Marks { stamp: OperationId::new("op"), ..Marks::default() };
    stage.world.source.put_raw(marked(item("a", "2"), stamped.clone()));
    // Equal data by another operation is no reason to leave it.
    stage.world.target.put_raw(item("a", "2"));
    let hold = stage.holds(Side::Source).remove(0);
    stage.redrive(&copying(), &hold).unwrap();
    assert_eq!(Marks::of_option(stage.world.target.peek(&key("a")).as_ref()).stamp, stamped.stamp);
}

#[test]
fn a_native_key_is_not_overwritten_and_a_half_moved_one_is_moved() {
    let stage = Stage::new();
    for name in ["a", "b"] {
        stage.world.source.put_raw(item(name, "poison"));
    }
    stage.replicate(&copying(), Side::Source, &[0, 1]);
    stage.world.source.put_raw(marked(item("a", "frozen"), moved(RUN)));
    stage.world.source.put_raw(marked(item("b", "frozen"), moved(RUN)));
    stage.world.target.put_raw(marked(item("a", "native"), own(RUN)));
    for hold in stage.holds(Side::Source) {
        assert_eq!(stage.redrive(&state(Phase::Handoff), &hold).unwrap(), Redriven::Released);
    }
    assert_eq!(stage.world.target.peek(&key("a")), Some(marked(item("a", "native"), own(RUN))));
    assert_eq!(stage.world.target.peek(&key("b")), Some(marked(item("b", "frozen"), own(RUN))));
}

#[test]
fn the_way_back_is_put_right_too_and_stays_moved() {
    let stage = Stage::new();
    stage.world.source.put_raw(marked(item("a", "1"), moved(RUN)));
    stage.world.target.put_raw(marked(item("a", "poison"), own(RUN)));
    stage.world.target.put_raw(marked(item("b", "poison"), own(RUN)));
    stage.replicate(&state(Phase::New), Side::Target, &[0, 1]);
    stage.world.target.put_raw(marked(item("a", "2"), own(RUN)));
    stage.world.target.put_raw(gone("b", own(RUN)));
    for hold in stage.holds(Side::Target) {
        assert_eq!(stage.redrive(&state(Phase::New), &hold).unwrap(), Redriven::Released);
    }
    let stored = |name| stage.world.source.peek(&key(name));
    assert_eq!(livemove_core::mark::visible(stored("a")), Some(item("a", "2")));
    assert_eq!(livemove_core::mark::visible(stored("b")), None);
    for name in ["a", "b"] {
        let marks = Marks::of_option(stored(name).as_ref());
        assert_eq!(marks.moved, RUN, "a late client could take {name} back");
    }
}

#[test]
fn the_side_that_gains_keys_does_not_speak_for_those_it_does_not_own() {
    let stage = Stage::new();
    stage.world.target.put_raw(marked(item("a", "poison"), own(RUN)));
    stage.replicate(&state(Phase::Handoff), Side::Target, &[0]);
    // A copy of what the source has, older than that.
    stage.world.target.put_raw(item("a", "copy"));
    stage.world.source.put_raw(item("a", "right"));
    let hold = stage.holds(Side::Target).remove(0);
    assert_eq!(stage.redrive(&state(Phase::Handoff), &hold).unwrap(), Redriven::Released);
    assert_eq!(stage.world.source.peek(&key("a")), Some(item("a", "right")));
}

#[test]
fn a_hold_of_what_is_not_replicated_any_more_is_void_and_writes_nothing() {
    let stage = Stage::new();
    stage.world.source.put_raw(item("a", "poison"));
    stage.replicate(&copying(), Side::Source, &[0]);
    stage.world.source.put_raw(item("a", "2"));
    let hold = stage.holds(Side::Source).remove(0);
    let sealed = State { sealed: true, ..state(Phase::Handoff) };
    assert_eq!(stage.redrive(&sealed, &hold).unwrap(), Redriven::Void);
    assert_eq!((stage.seen("a"), stage.holds(Side::Source).len()), (None, 0));
}

#[test]
fn more_poison_than_a_table_can_have_is_no_poison_and_waits() {
    let stage = Stage::new();
    let most = HOLDS_MAX as usize;
    for n in 0..most + 2 {
        stage.world.source.put_raw(item(&n.to_string(), "poison"));
    }
    let all: Vec<usize> = (0..most + 2).collect();
    let outcome = stage.replicate(&copying(), Side::Source, &all);
    assert_eq!((outcome.held.len(), outcome.failed.len()), (most, 2));
    let outcome = stage.replicate(&copying(), Side::Source, &all);
    assert_eq!((outcome.held.len(), outcome.failed.len()), (most, 2));
}

#[test]
fn only_errors_of_the_record_itself_are_poison() {
    let rejected = |name: &str| Error::Rejected { name: name.to_owned(), message: String::new() };
    assert!(is_poison(&rejected("ValidationException")));
    assert!(is_poison(&rejected("ItemCollectionSizeLimitExceededException")));
    for other in [
        rejected("ResourceNotFoundException"),
        rejected("Http418"),
        Error::Throttled(String::new()),
        Error::Unavailable(String::new()),
        Error::Ambiguous(String::new()),
        Error::Denied(String::new()),
        Error::Conflict(String::new()),
    ] {
        assert!(!is_poison(&other), "{other} concerns every key alike");
    }
}
