//! The actions on a register in memory and a world that is made up; the clock moves by hand.

mod fixtures;
mod holds;
mod objects;
mod refusals;
mod walk;
mod watching;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use livemove_core::checkpoint::{Checkpoint, Checkpoints, Counts, Job, Task};
use livemove_core::item::KeySchema;
use livemove_core::mark::Run;
use livemove_core::phase::{Kind, Side};
use livemove_core::plan::End;
use livemove_core::ports::Millis;
use livemove_core::register::{PULSE, Signals, States};
use livemove_core::segment::Segment;
use livemove_core::steer::events::Delivery;
use livemove_core::steer::gate::Ttl;
use livemove_core::steer::watch::{Following, Mapping};
use livemove_core::testing::block_on;
use livemove_core::testing::memory::Memory;
use livemove_core::testing::register::MemoryRegister;
use serde_json::json;

use super::*;

const TABLE: &str = "table#orders";
const BUCKET: &str = "bucket#pictures";
/// Lease, call and skew of the plan used here.
const W: Millis = 1_000;

#[derive(Debug, Default)]
struct Hand(AtomicU64);

impl Clock for &Hand {
    fn now(&self) -> Millis {
        self.0.load(Ordering::Relaxed)
    }

    async fn sleep(&self, pause: Millis) {
        self.0.fetch_add(pause, Ordering::Relaxed);
    }
}

#[derive(Debug, Default)]
struct Made {
    tables: Mutex<BTreeMap<String, Result<TableProbe, &'static str>>>,
    buckets: Mutex<BTreeMap<String, BucketProbe>>,
    /// Nonces by name of the table or bucket.
    canaries: Mutex<Vec<(String, String)>>,
    ttl_is_stuck: Mutex<bool>,
    /// Streams and mappings, by name of the table; well where nothing is said.
    following: Mutex<BTreeMap<String, Following>>,
    /// The items of tables, by name.
    items: Mutex<BTreeMap<String, Memory>>,
    /// What is in failure queues, by their names; `None` = the stream has the records no more.
    given_up: Mutex<BTreeMap<String, Vec<Message>>>,
    /// Where events of buckets go, by name of the bucket; well where nothing is said.
    delivering: Mutex<BTreeMap<String, Delivery>>,
    /// What is in dead-letter queues, by their names.
    undelivered: Mutex<BTreeMap<String, Vec<Undelivered>>>,
    /// What copiers were asked to look at, by queue.
    looks: Mutex<Vec<(String, String)>>,
    /// Receipts of messages that were received and are hidden.
    hidden: Mutex<std::collections::BTreeSet<String>>,
    /// Pulses of buckets cannot be written.
    no_pulses: Mutex<bool>,
}

/// A message of a failure queue, and the keys of its records.
type Message = (GivenUp, Option<Vec<Lost>>);

impl Made {
    fn items(&self, name: &str) -> Memory {
        let schema = KeySchema { partition: "pk".to_owned(), sort: None };
        self.items.lock().unwrap().entry(name.to_owned()).or_insert_with(|| Memory::new(schema)).clone()
    }

    fn well(name: &str) -> Following {
        let stream = format!("arn:{name}/1");
        let mapping = Mapping { stream: stream.clone(), state: "Enabled".to_owned(), result: None };
        Following { stream: Some(stream), view: Some("NEW_AND_OLD_IMAGES".to_owned()), mapping: Some(mapping) }
    }
}

impl Made {
    fn delivered() -> Delivery {
        let mapping = Mapping { stream: "queue".to_owned(), state: "Enabled".to_owned(), result: None };
        Delivery { sent: true, mapping: Some(mapping), waiting: 0 }
    }
}

impl World for &Made {
    type Table = Memory;

    async fn open(&self, end: &End, _: Millis) -> Result<Memory, Error> {
        Ok(self.items(&end.name))
    }

    async fn following(&self, end: &End, function: &str) -> Result<Following, Error> {
        let expected = if end.name == "orders" { "forward" } else { "reverse" };
        assert_eq!(function, format!("livemove-orders-{expected}-replicator"));
        Ok(self.following.lock().unwrap().get(&end.name).cloned().unwrap_or_else(|| Made::well(&end.name)))
    }

    async fn given_up(&self, _: &End, queue: &str) -> Result<Vec<GivenUp>, Error> {
        let queues = self.given_up.lock().unwrap();
        Ok(queues.get(queue).into_iter().flatten().map(|(message, _)| message.clone()).take(1).collect())
    }

    async fn keys_of(&self, _: &End, _: &KeySchema, given_up: &GivenUp) -> Result<Option<Vec<Lost>>, Error> {
        let queues = self.given_up.lock().unwrap();
        let found = queues.values().flatten().find(|(message, _)| message == given_up);
        Ok(found.expect("a message").1.clone())
    }

    async fn delivering(&self, end: &End, function: &str, queue: &str) -> Result<Delivery, Error> {
        let expected = if end.name == "pictures" { "forward" } else { "reverse" };
        assert_eq!(function, format!("livemove-orders-{expected}-copier"));
        assert_eq!(queue, format!("livemove-orders-{expected}-objects"));
        Ok(self.delivering.lock().unwrap().get(&end.name).cloned().unwrap_or_else(Made::delivered))
    }

    async fn undelivered(&self, _: &End, queue: &str) -> Result<Vec<Undelivered>, Error> {
        // What was received is hidden for a while.
        let queues = self.undelivered.lock().unwrap();
        let mut hidden = self.hidden.lock().unwrap();
        let fresh = queues.get(queue).into_iter().flatten().find(|message| hidden.insert(message.receipt.clone()));
        Ok(fresh.into_iter().cloned().collect())
    }

    async fn look_again(&self, _: &End, queue: &str, key: &str) -> Result<(), Error> {
        self.looks.lock().unwrap().push((queue.to_owned(), key.to_owned()));
        Ok(())
    }

    async fn settled(&self, _: &End, queue: &str, receipt: &str) -> Result<(), Error> {
        if let Some(messages) = self.given_up.lock().unwrap().get_mut(queue) {
            messages.retain(|(message, _)| message.receipt != receipt);
        }
        if let Some(messages) = self.undelivered.lock().unwrap().get_mut(queue) {
            messages.retain(|message| message.receipt != receipt);
        }
        Ok(())
    }

    async fn probe_table(&self, end: &End) -> Result<TableProbe, Error> {
        match self.tables.lock().unwrap().get(&end.name) {
            Some(Ok(probe)) => Ok(probe.clone()),
            Some(Err(text)) => Err(Error::Denied((*text).to_owned())),
            None => {
                Err(Error::Rejected { name: "ResourceNotFoundException".to_owned(), message: "no table".to_owned() })
            }
        }
    }

    async fn probe_bucket(&self, end: &End) -> Result<BucketProbe, Error> {
        let found = self.buckets.lock().unwrap().get(&end.name).cloned();
        found.ok_or_else(|| Error::Rejected { name: "NoSuchBucket".to_owned(), message: "no bucket".to_owned() })
    }

    async fn ttl(&self, end: &End) -> Result<Ttl, Error> {
        Ok(self.probe_table(end).await?.ttl)
    }

    async fn switch_ttl(&self, end: &End, attribute: &str, expire: bool) -> Result<(), Error> {
        if *self.ttl_is_stuck.lock().unwrap() {
            return Err(Error::Rejected {
                name: "ValidationException".to_owned(),
                message: "not twice an hour".to_owned(),
            });
        }
        if let Some(Ok(table)) = self.tables.lock().unwrap().get_mut(&end.name) {
            table.ttl = if expire { Ttl::Enabled(attribute.to_owned()) } else { Ttl::Disabled };
        }
        Ok(())
    }

    async fn send_canary(&self, kind: Kind, end: &End, nonce: &str) -> Result<(), Error> {
        if kind == Kind::Bucket && nonce.starts_with(PULSE) && *self.no_pulses.lock().unwrap() {
            return Err(Error::Throttled("no pulse".to_owned()));
        }
        self.canaries.lock().unwrap().push((end.name.clone(), nonce.to_owned()));
        Ok(())
    }

    async fn clear_canary(&self, _: Kind, _: &End) -> Result<(), Error> {
        Ok(())
    }
}

/// A controller and everything around it.
#[derive(Debug, Default)]
struct Stage {
    register: MemoryRegister<String>,
    world: Made,
    clock: Hand,
}

impl Stage {
    fn new() -> Stage {
        let stage = Stage::default();
        stage.clock.0.store(1_000_000, Ordering::Relaxed);
        let table = |ttl| TableProbe {
            indexes: BTreeMap::new(),
            status: "ACTIVE".to_owned(),
            key: vec![("pk".to_owned(), "S".to_owned())],
            stream_view: Some("NEW_AND_OLD_IMAGES".to_owned()),
            ttl,
            sample: Sample::default(),
        };
        let mut source = table(Ttl::Enabled("expires".to_owned()));
        source.sample.items = 100;
        stage.world.tables.lock().unwrap().insert("orders".to_owned(), Ok(source));
        stage.world.tables.lock().unwrap().insert("orders-new".to_owned(), Ok(table(Ttl::Disabled)));
        for (name, region, empty) in [("pictures", "us-east-1", false), ("pictures-new", "eu-west-1", true)] {
            let probe = BucketProbe { region: region.to_owned(), event_bridge: true, versioning: None, empty };
            stage.world.buckets.lock().unwrap().insert(name.to_owned(), probe);
        }
        stage
    }

    fn table(&self, name: &str, change: impl FnOnce(&mut TableProbe)) {
        change(self.world.tables.lock().unwrap().get_mut(name).unwrap().as_mut().unwrap());
    }

    fn steering(&self) -> Steering<'_, MemoryRegister<String>, &Made, &Hand> {
        let site = Site {
            migration: "orders".to_owned(),
            account: "111111111111".to_owned(),
            region: "us-east-1".to_owned(),
            peer_role_arn: Some("arn:aws:iam::222222222222:role/livemove-orders-peer".to_owned()),
            wired: Wired {
                table_source: Some("orders".to_owned()),
                table_target: Some("orders-new".to_owned()),
                bucket_source: Some("pictures".to_owned()),
                bucket_target: Some("pictures-new".to_owned()),
            },
        };
        Steering::new(&self.register, &self.world, &self.clock, site)
    }

    fn ask(&self, request: Value) -> Result<Value, Error> {
        block_on(self.steering().handle(request))
    }

    #[track_caller]
    fn refused(&self, request: Value, name: &str) -> String {
        let error = self.ask(request).expect_err("must be refused");
        assert_eq!(error.name(), name, "{error}");
        error.to_string()
    }

    fn pass(&self, millis: Millis) {
        self.clock.0.fetch_add(millis, Ordering::Relaxed);
    }

    /// All segments of a job are done, and found this.
    fn did(&self, subject: &str, run: u32, job: Job, counts: Counts) {
        for index in 0..2 {
            let task = Task { subject: subject.to_owned(), run: Run(run), job, segment: Segment { index, total: 2 } };
            let before: Checkpoint<String> = block_on(self.register.load_checkpoint(&task));
            let next = Checkpoint { version: before.version + 1, done: true, counts: counts.clone(), ..before };
            block_on(Checkpoints::save(&self.register, &task, &next)).unwrap();
        }
    }

    fn see_canaries(&self) {
        for (name, nonce) in self.world.canaries.lock().unwrap().drain(..) {
            let (subject, kind_new) =
                if name.starts_with("orders") { (TABLE, "orders-new") } else { (BUCKET, "pictures-new") };
            let side = if name == kind_new { Side::Target } else { Side::Source };
            block_on(self.register.canary_seen(subject, side, &nonce, 7)).unwrap();
        }
    }

    fn ttl(&self, name: &str) -> Ttl {
        self.world.tables.lock().unwrap()[name].as_ref().unwrap().ttl.clone()
    }

    fn phase_of(&self, subject: &str) -> (u32, String) {
        let (state, _) = block_on(States::load(&self.register, subject)).unwrap().unwrap();
        (state.run.0, state.phase.to_string())
    }
}

/// `load` of checkpoints, told apart from that of states.
trait LoadCheckpoint {
    async fn load_checkpoint(&self, task: &Task) -> Checkpoint<String>;
}

impl LoadCheckpoint for MemoryRegister<String> {
    async fn load_checkpoint(&self, task: &Task) -> Checkpoint<String> {
        Checkpoints::load(self, task).await.unwrap()
    }
}

fn plan() -> Value {
    let end =
        |account: &str, region: &str, word: &str, name: &str| json!({"account": account, "region": region, word: name});
    json!({
        "migration": "orders",
        "tables": [{
            "source": end("111111111111", "us-east-1", "table", "orders"),
            "target": end("222222222222", "eu-west-1", "table", "orders-new"),
            "segments": 2
        }],
        "buckets": [{
            "source": end("111111111111", "us-east-1", "bucket", "pictures"),
            "target": end("222222222222", "eu-west-1", "bucket", "pictures-new"),
            "segments": 2
        }],
        "timing": {"lease_ms": 500, "call_ms": 400, "skew_ms": 100}
    })
}

fn preflight() -> Value {
    json!({"action": "preflight", "migration": "orders", "plan": plan()})
}

fn begin(direction: &str) -> Value {
    json!({"action": "begin", "migration": "orders", "direction": direction})
}

fn arm(run: u32, stream: &str) -> Value {
    json!({"action": "arm", "migration": "orders", "run": run, "stream": stream})
}

fn step(action: &str, run: u32, to: &str) -> Value {
    json!({"action": action, "migration": "orders", "run": run, "to": to})
}

fn of_run(action: &str, run: u32) -> Value {
    json!({"action": action, "migration": "orders", "run": run})
}

fn plain(action: &str) -> Value {
    json!({"action": action, "migration": "orders"})
}
