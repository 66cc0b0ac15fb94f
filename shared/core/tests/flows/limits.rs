//! Items at DynamoDB's limit of 400 KB: what happens to them when marks are to be added.

use std::collections::BTreeMap;

use livemove_core::batch::{BatchWrite, batch};
use livemove_core::checkpoint::{Counts, Job};
use livemove_core::copy::copy_page;
use livemove_core::drive::Limits;
use livemove_core::error::Error;
use livemove_core::handoff::handoff;
use livemove_core::item::Item;
use livemove_core::job;
use livemove_core::mark::{Marks, OperationId, Run, visible};
use livemove_core::phase::{Phase, Side, State};
use livemove_core::ports::{Consistency, Returning};
use livemove_core::read::{GetRequest, get};
use livemove_core::segment::Segment;
use livemove_core::size::{self, ITEM_MAX, MARKS_MAX};
use livemove_core::testing::block_on;
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
    let (counts, _) = block_on(copy_page(world.pair(), Run(2), Segment::WHOLE, None, 10, 2)).expect("copied");
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
fn a_full_collection_passes_through_as_itself() {
    let name = "ItemCollectionSizeLimitExceededException";
    let error = Error::Rejected { name: name.to_owned(), message: "Collection size exceeded.".to_owned() };
    assert!(!size::is_too_large(&error), "it is not the item that is too large");
    assert_eq!(size::named(error, &key("k")).name(), name);
}

#[test]
fn an_expression_with_no_room_for_livemoves_own_is_refused_by_name_in_every_phase_alike() {
    let long = |head: &str, length: usize| format!("{head}{}", "b".repeat(length - head.len()));
    let operators = |count: usize| vec!["v=v"; count.div_ceil(2)].join(" OR ");
    let conditions = [(long("attribute_exists(pk) OR v = :", 3894), "3893"), (operators(287), "285")];
    let updates = [(long("SET v = :", 4011), "4010")];
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
        let value = long(":", 3885);
        let fits = format!("v <> {value}");
        let values = BTreeMap::from([(value, AttributeValue::S("x".to_owned()))]);
        send(&world, &state, &WriteRequest { condition: Some(fits), values, ..put(item("k", "1")) }).expect("it fits");
    }
}
