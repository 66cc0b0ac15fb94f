//! Items at DynamoDB's limit of 400 KB: what happens to them when marks are to be added.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::Poll;

use livemove_core::batch::{BatchWrite, batch};
use livemove_core::checkpoint::{Counts, Job};
use livemove_core::copy::copy_page;
use livemove_core::drive::Limits;
use livemove_core::error::Error;
use livemove_core::handoff::handoff;
use livemove_core::item::{Item, Key, KeySchema};
use livemove_core::job;
use livemove_core::mark::{Marks, OperationId, Run, visible};
use livemove_core::phase::{Phase, Side, State};
use livemove_core::ports::{Clock, Consistency, Get, Inserted, Page, Returning, Table, Write, Written};
use livemove_core::read::{GetRequest, get};
use livemove_core::route::Pair;
use livemove_core::segment::Segment;
use livemove_core::size::{self, ITEM_MAX, MARKS_MAX};
use livemove_core::testing::block_on;
use livemove_core::testing::memory::Memory;
use livemove_core::testing::register::MemoryRegister;
use livemove_core::transact::{Earlier, Part, TransactRequest, transact};
use livemove_core::write::{Asked, Change, Operation, WriteRequest, write};
use serde_dynamo::AttributeValue;

use crate::world::{Hands, RUN, Still, World, item, key, marked, moved, own, state, task};

/// The most that an application may have in an item that moves.
const MOST: usize = ITEM_MAX - MARKS_MAX;
const PHASES: [Phase; 5] = [Phase::Old, Phase::Copy, Phase::Guarded, Phase::Handoff, Phase::New];

fn of_size(name: &str, bytes: usize) -> Item {
    let filled = |length| item(name, &"x".repeat(length));
    filled(bytes - size::of(&filled(0)))
}

fn put(item: Item) -> WriteRequest {
    WriteRequest {
        key: key("k"),
        change: Change::Put(item),
        condition: None,
        names: BTreeMap::new(),
        values: BTreeMap::new(),
        returning: Returning::Nothing,
        operation: None,
    }
}

/// Sets `v` so that the item has so many bytes without marks, under the longest stamp.
fn grow(bytes: usize) -> WriteRequest {
    let v = of_size("k", bytes).0.remove("v").expect("a value");
    WriteRequest {
        change: Change::Update(Some("SET v = :v".to_owned())),
        values: BTreeMap::from([(":v".to_owned(), v)]),
        operation: OperationId::new(format!("{bytes:064}")).map(|id| Operation { id, asked: Asked::First }),
        ..put(Item::default())
    }
}

fn send(world: &World, state: &State, request: &WriteRequest) -> Result<Option<Item>, Error> {
    block_on(write(world.pair(), state, request))
}

fn read(world: &World, state: &State) -> Option<Item> {
    let request =
        GetRequest { key: key("k"), consistency: Consistency::Strong, projection: None, names: BTreeMap::new() };
    block_on(get(world.pair(), state, &request)).expect("read")
}

fn run_job(world: &World, phase: Phase, job: Job) -> Counts {
    let limits = Limits { deadline: 600_000, call: 1_000, page_items: 10, in_flight: 2 };
    let (phases, clock, register) = (Still(state(phase)), Hands::at(1), MemoryRegister::default());
    let progress = block_on(job::run(world.pair(), &phases, &clock, &register, &task(job), limits));
    progress.expect("a segment").counts
}

#[test]
fn a_put_that_leaves_no_room_for_marks_is_refused_by_name_in_every_phase_alike() {
    for phase in PHASES {
        let (world, state) = (World::new(), state(phase));
        send(&world, &state, &put(of_size("k", MOST))).expect("it fits");
        let before = read(&world, &state);
        let whole = of_size("k", MOST + 1);
        let single = send(&world, &state, &put(whole.clone()));
        let batched = vec![BatchWrite::Put { key: key("k"), item: whole.clone() }];
        let batched = block_on(batch(world.pair(), &state, &batched)).map(|_| None);
        let parts = vec![Part::Write(put(whole))];
        let request = TransactRequest { parts, token: None, earlier: Earlier::Impossible };
        let transacted = block_on(transact(world.pair(), &state, &request)).map(|()| None);
        for refused in [single, batched, transacted] {
            assert_eq!(refused.expect_err("too large").name(), "ItemTooLarge", "{phase}");
        }
        assert!(read(&world, &state) == before, "{phase}: nothing half done");
    }
}

#[test]
fn without_marks_an_item_may_have_all_of_its_400_kb() {
    let world = World::new();
    send(&world, &state(Phase::Final), &put(of_size("k", ITEM_MAX))).expect("as in DynamoDB");
    let error = send(&world, &state(Phase::Final), &put(of_size("k", ITEM_MAX + 1))).expect_err("as in DynamoDB");
    assert_eq!(error.name(), "ValidationException");
}

#[test]
fn an_update_that_outgrows_its_marks_is_refused_by_name_and_nothing_is_half_done() {
    for phase in [Phase::Guarded, Phase::Handoff, Phase::New] {
        let (world, state) = (World::new(), state(phase));
        send(&world, &state, &put(item("k", "small"))).expect("written");
        let before = (world.source.items(), world.target.items());
        let error = send(&world, &state, &grow(ITEM_MAX - 20)).expect_err("too large");
        assert_eq!(error.name(), "ItemTooLarge", "{phase}");
        assert!(error.to_string().contains("at most 409450 bytes"), "{error}");
        assert!((world.source.items(), world.target.items()) == before, "{phase}");
        send(&world, &state, &grow(MOST)).expect("it fits");
        assert!(read(&world, &state) == Some(of_size("k", MOST)), "{phase}");
    }
}

#[test]
fn whatever_may_be_written_can_be_copied_handed_over_and_followed_back() {
    let world = World::new();
    send(&world, &state(Phase::Guarded), &grow(MOST)).expect("written");
    assert_eq!(world.replicate(&state(Phase::Guarded), Side::Source, &[0]).written, 1);
    block_on(handoff(world.pair(), RUN, &key("k"))).expect("handed over");
    send(&world, &state(Phase::Handoff), &grow(MOST - 1)).expect("written");
    let records = [world.target.records_len() - 1];
    assert_eq!(world.replicate(&state(Phase::New), Side::Target, &records).written, 1);
    assert!(visible(world.source.peek(&key("k"))) == Some(of_size("k", MOST - 1)));
}

#[test]
fn an_item_too_large_to_move_is_found_before_any_key_moves() {
    let world = World::new();
    world.source.put_raw(of_size("k", ITEM_MAX));
    world.source.put_raw(of_size("fits", MOST));
    assert_eq!(run_job(&world, Phase::Copy, Job::Copy), Counts { read: 2, written: 2, large: 1, ..Counts::default() });
    let found = run_job(&world, Phase::Copy, Job::Verify);
    assert_eq!((found.differing, found.large), (0, 1), "counted once, though both halves see it");
    world.source.put_raw(of_size("k", MOST));
    assert_eq!(run_job(&world, Phase::Copy, Job::Verify).large, 0);
}

#[test]
fn an_item_that_cannot_be_copied_with_its_marks_is_left_out_and_counted_and_the_others_go_on() {
    let world = World::new();
    world.target.put_raw(marked(of_size("k", ITEM_MAX - 9), own(RUN)));
    world.target.put_raw(marked(item("small", "1"), own(RUN)));
    // On the way back a copy says that its key had moved, in one byte less than the item says that it is native. So
    // the item here grew past the protocol.
    world.target.put_raw(of_size("k", ITEM_MAX));
    let (counts, _) =
        block_on(copy_page(world.pair(), &livemove_core::testing::Timeless, Run(2), Segment::WHOLE, None, 10, 2))
            .expect("copied");
    assert_eq!((counts.read, counts.written, counts.large), (2, 1, 1));
    assert_eq!(world.source.peek(&key("k")), None);
}

#[test]
fn repair_goes_on_past_an_item_that_is_too_large() {
    let world = World::new();
    world.source.put_raw(of_size("k", ITEM_MAX));
    world.source.put_raw(item("small", "1"));
    let counts = run_job(&world, Phase::Copy, Job::Repair);
    assert_eq!((counts.written, counts.large), (1, 1));
    assert!(counts.differing >= 1, "{counts:?}");
}

#[test]
fn in_handoff_an_item_too_large_to_move_is_still_read_and_its_writes_are_refused_by_name() {
    let (world, state) = (World::new(), state(Phase::Handoff));
    world.source.put_raw(of_size("k", ITEM_MAX));
    assert!(read(&world, &state) == Some(of_size("k", ITEM_MAX)));
    let error = send(&world, &state, &put(item("k", "small"))).expect_err("it cannot be frozen");
    assert_eq!(error.name(), "ItemTooLarge");
    assert!(world.source.peek(&key("k")) == Some(of_size("k", ITEM_MAX)) && world.target.is_empty());
    // The remedy works: what was made smaller in the losing table moves as any other.
    world.source.put_raw(of_size("k", MOST));
    send(&world, &state, &put(item("k", "small"))).expect("written");
    assert_eq!(read(&world, &state), Some(item("k", "small")));
}

#[test]
fn a_frozen_item_that_the_gaining_table_does_not_take_is_still_read() {
    let (world, state) = (World::new(), state(Phase::Handoff));
    let frozen = of_size("k", ITEM_MAX - 8);
    world.source.put_raw(marked(frozen.clone(), moved(RUN)));
    assert_eq!(block_on(handoff(world.pair(), RUN, &key("k"))).expect_err("one byte too many").name(), "ItemTooLarge");
    assert!(read(&world, &state) == Some(frozen));
    assert!(world.target.is_empty());
}

#[test]
fn where_the_copy_is_there_a_write_that_makes_a_frozen_item_smaller_moves_it() {
    let (world, state) = (World::new(), state(Phase::Handoff));
    let frozen = of_size("k", ITEM_MAX - 8);
    world.source.put_raw(marked(frozen.clone(), moved(RUN)));
    world.target.put_raw(frozen);
    send(&world, &state, &put(item("k", "small"))).expect("written");
    assert_eq!(read(&world, &state), Some(item("k", "small")));
    assert_eq!(Marks::of(&world.target.peek(&key("k")).expect("an item")).own, RUN);
}

#[test]
fn a_full_collection_passes_through_as_itself_and_a_key_frozen_before_it_is_still_read() {
    let name = "ItemCollectionSizeLimitExceededException";
    let world = World::new();
    let hot = |table: &Memory, is_full| Hot { is_full, ..Hot::of(table) };
    for (phase, full) in [(Phase::Copy, Side::Source), (Phase::Handoff, Side::Target), (Phase::New, Side::Target)] {
        let (source, target) = (hot(&world.source, full == Side::Source), hot(&world.target, full == Side::Target));
        let pair = Pair { source: &source, target: &target };
        world.source.put_raw(item("k", "before"));
        let error = block_on(write(pair, &state(phase), &put(item("k", "1")))).expect_err("full");
        assert_eq!(error.name(), name, "{phase}");
        let request =
            GetRequest { key: key("k"), consistency: Consistency::Strong, projection: None, names: BTreeMap::new() };
        let seen = block_on(get(pair, &state(phase), &request)).expect("read");
        assert_eq!(seen, (phase != Phase::New).then(|| item("k", "before")), "{phase}");
    }
}

#[test]
fn an_expression_with_no_room_for_livemoves_own_is_refused_by_name_in_every_phase_alike() {
    let long = |head: &str, length: usize| format!("{head}{}", "b".repeat(length - head.len()));
    let operators = |count: usize| vec!["v=v"; count.div_ceil(2)].join(" OR ");
    let conditions = [(long("attribute_exists(pk) OR v = :", 3950), "3949"), (operators(289), "287")];
    let updates = [(long("SET v = :", 4025), "4024")];
    for phase in PHASES.into_iter().chain([Phase::Final]) {
        let (world, state) = (World::new(), state(phase));
        for (condition, room) in &conditions {
            let request = WriteRequest { condition: Some(condition.clone()), ..put(item("k", "1")) };
            let error = send(&world, &state, &request).expect_err("too long");
            assert_eq!(error.name(), "ExpressionTooLong", "{phase}");
            assert!(error.to_string().contains(&format!("room for {room}")), "{error}");
            let parts = vec![Part::Check {
                key: key("k"),
                condition: condition.clone(),
                names: BTreeMap::new(),
                values: BTreeMap::new(),
            }];
            let request = TransactRequest { parts, token: None, earlier: Earlier::Impossible };
            let error = block_on(transact(world.pair(), &state, &request)).expect_err("too long");
            assert_eq!(error.name(), "ExpressionTooLong", "{phase}");
        }
        for (update, room) in &updates {
            let request = WriteRequest { change: Change::Update(Some(update.clone())), ..put(Item::default()) };
            let error = send(&world, &state, &request).expect_err("too long");
            assert!(error.to_string().contains(&format!("room for {room}")), "{error}");
        }
        assert!(world.source.is_empty() && world.target.is_empty(), "{phase}: nothing half done");
        let value = long(":", 3941);
        let fits = format!("v <> {value}");
        let values = BTreeMap::from([(value, AttributeValue::S("x".to_owned()))]);
        send(&world, &state, &WriteRequest { condition: Some(fits), values, ..put(item("k", "1")) }).expect("it fits");
    }
}

#[test]
fn a_hot_key_slows_itself_and_not_its_neighbours_and_the_page_is_no_page_before_it_is_through() {
    let world = World::new();
    for number in 0..60 {
        world.source.put_raw(item(&format!("k{number:02}"), "v"));
    }
    let hot = Hot { refusals: AtomicU32::new(3), ..Hot::of(&world.target) };
    let cold = Hot::of(&world.source);
    let pair = Pair { source: &cold, target: &hot };
    let clock = Shared { now: AtomicU64::new(1), at_sleep: || hot.waited.lock().unwrap().push(world.target.len()) };
    let (counts, _) = block_on(copy_page(pair, &clock, RUN, Segment::WHOLE, None, 60, 4)).expect("copied");
    assert_eq!((counts.written, world.target.len()), (60, 60));
    // Its batch has 25 items; when it is waited for a second time, the other batches are there, too.
    assert_eq!(*hot.waited.lock().unwrap(), [24, 59, 59]);
    assert_eq!(clock.now(), 1 + 50 + 100 + 200, "each wait is longer than the one before");
    hot.refusals.store(u32::MAX, Ordering::SeqCst);
    world.target.delete_raw(&key("k07"));
    let failed = block_on(copy_page(pair, &clock, RUN, Segment::WHOLE, None, 60, 4));
    assert_eq!(failed.expect_err("no page").name(), "Throttled");
}

/// A clock that moves only when somebody sleeps; others go on then.
struct Shared<F> {
    now: AtomicU64,
    at_sleep: F,
}

impl<F: Fn() + Sync> Clock for Shared<F> {
    fn now(&self) -> u64 {
        self.now.load(Ordering::SeqCst)
    }

    async fn sleep(&self, pause: u64) {
        (self.at_sleep)();
        let mut slept = false;
        std::future::poll_fn(|context| {
            context.waker().wake_by_ref();
            if std::mem::replace(&mut slept, true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        self.now.fetch_add(pause, Ordering::SeqCst);
    }
}

/// A table of which one key is throttled so many times, or with a collection that is full.
struct Hot {
    table: Memory,
    refusals: AtomicU32,
    waited: Mutex<Vec<usize>>,
    is_full: bool,
}

impl Hot {
    fn of(table: &Memory) -> Hot {
        Hot { table: table.clone(), refusals: AtomicU32::new(0), waited: Mutex::default(), is_full: false }
    }
}

impl Table for Hot {
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
        // Conditions are judged first.
        let current = self.table.peek(&write.key);
        if self.is_full && write.guard.holds(current.as_ref()) {
            let name = "ItemCollectionSizeLimitExceededException".to_owned();
            return Err(Error::Rejected { name, message: "Collection size exceeded.".to_owned() });
        }
        self.table.write(write).await
    }

    async fn insert(&self, items: &[Item]) -> Vec<Inserted> {
        let mut inserted = Vec::new();
        for item in items {
            let is_hot = self.table.schema().key_of(item).is_ok_and(|it| it == key("k07"));
            let left = self.refusals.load(Ordering::SeqCst);
            if is_hot && left > 0 {
                self.refusals.store(left - 1, Ordering::SeqCst);
                inserted.push(Inserted::Failed(Error::Throttled("its partition is busy".to_owned())));
            } else {
                inserted.extend(self.table.insert(std::slice::from_ref(item)).await);
            }
        }
        inserted
    }

    async fn scan(&self, segment: Segment, after: Option<&Key>, limit: u32) -> Result<Page, Error> {
        self.table.scan(segment, after, limit).await
    }
}

#[test]
fn a_transaction_of_a_hundred_entries_is_a_hundred_entries_in_every_phase() {
    for phase in PHASES.into_iter().chain([Phase::Final]) {
        let (world, state) = (World::new(), state(phase));
        let part = |number: u32| {
            let name = format!("k{number}");
            Part::Write(WriteRequest { key: key(&name), ..put(item(&name, "1")) })
        };
        let request = TransactRequest {
            parts: (0..100).map(part).collect(),
            token: Some("t".to_owned()),
            earlier: Earlier::Possible,
        };
        block_on(transact(world.pair(), &state, &request)).expect("as in DynamoDB");
        let more = TransactRequest { parts: (0..101).map(part).collect(), token: None, earlier: Earlier::Impossible };
        let error = block_on(transact(world.pair(), &state, &more)).expect_err("as in DynamoDB");
        assert_eq!(error.name(), "ValidationException", "{phase}");
    }
}

#[test]
fn a_transaction_whose_marks_would_outgrow_4_mb_is_refused_by_name_in_every_phase_alike() {
    for phase in PHASES.into_iter().chain([Phase::Final]) {
        let (world, state) = (World::new(), state(phase));
        let of = |bytes: usize| {
            let part = |number: u32| {
                let name = format!("{number:02}");
                Part::Write(WriteRequest { key: key(&name), ..put(of_size(&name, bytes)) })
            };
            TransactRequest { parts: (0..32).map(part).collect(), token: None, earlier: Earlier::Impossible }
        };
        let error = block_on(transact(world.pair(), &state, &of(131_072 - 149))).expect_err("too large");
        assert_eq!(error.name(), "TransactionTooLarge", "{phase}");
        assert!(world.source.is_empty() && world.target.is_empty(), "{phase}: nothing half done");
        block_on(transact(world.pair(), &state, &of(131_072 - 150))).expect("it fits");
    }
}
