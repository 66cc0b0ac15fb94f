//! A bucket in memory, with S3's conditions, entity tags and events.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::bucket_contract::Application;
use super::faults::Fault;
use super::memory::{Hook, NoHook};
use crate::canonical::Digest;
use crate::error::Error;
use crate::object::bucket::{
    Bucket, Description, Entry, Etag, Expect, Head, LIST_MAX, Listing, Removed, Tags, Transferred,
};
use crate::object::ledger::Sequencer;

/// Lets others run once at each step: one poll of a future is then one step of it, and dropping it between
/// two polls is a crash.
#[derive(Clone, Copy, Debug, Default)]
pub struct Yielding;

impl Hook for Yielding {
    async fn pause(&self) {
        let mut yielded = false;
        std::future::poll_fn(|context| {
            if std::mem::replace(&mut yielded, true) {
                return std::task::Poll::Ready(());
            }
            context.waker().wake_by_ref();
            std::task::Poll::Pending
        })
        .await;
    }
}

/// How a bucket makes entity tags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tagging {
    /// From the content, as S3 does for objects put whole.
    #[default]
    Content,
    /// Another one for every write, as with keys of KMS.
    Opaque,
}

/// A stored object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its bytes.
    pub content: Vec<u8>,
    /// Content headers and metadata.
    pub description: Description,
    /// Its tags.
    pub tags: Tags,
    etag: Etag,
}

/// An event, as the bucket emits it: something happened to this key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The key.
    pub key: String,
    /// Its place among the events of the key.
    pub sequencer: Sequencer,
}

#[derive(Debug, Default)]
struct Contents {
    objects: BTreeMap<String, Object>,
    events: Vec<Event>,
    writes: u64,
    faults: VecDeque<Fault>,
    archived: BTreeSet<String>,
    gone: bool,
}

/// A bucket in memory. Clones are the same bucket. Each call is one atomic step; a transfer is two: the source
/// is read, then the target written.
#[derive(Clone, Debug)]
pub struct MemoryBucket<H = NoHook> {
    contents: Arc<Mutex<Contents>>,
    tagging: Tagging,
    hook: H,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A test that failed while it held the lock is failing already.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemoryBucket {
    /// An empty bucket.
    pub fn new(tagging: Tagging) -> MemoryBucket {
        MemoryBucket::with_hook(tagging, NoHook)
    }
}

impl<H> MemoryBucket<H> {
    /// An empty bucket that calls `hook` before each atomic step.
    pub fn with_hook(tagging: Tagging, hook: H) -> MemoryBucket<H> {
        MemoryBucket { contents: Arc::default(), tagging, hook }
    }

    /// An application's write.
    pub fn put(&self, key: &str, content: &[u8], metadata: &[(&str, &str)], tags: &[(&str, &str)]) {
        let texts = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let description = Description {
            content_type: Some("text/plain".to_owned()),
            metadata: texts(metadata),
            ..Description::default()
        };
        self.store(key, content.to_vec(), description, texts(tags));
    }

    /// An application's removal.
    pub fn delete(&self, key: &str) {
        let mut contents = lock(&self.contents);
        if contents.objects.remove(key).is_some() {
            contents.emit(key);
        }
    }

    /// What is stored.
    pub fn objects(&self) -> BTreeMap<String, Object> {
        lock(&self.contents).objects.clone()
    }

    /// The bytes stored under a key.
    pub fn content(&self, key: &str) -> Option<Vec<u8>> {
        lock(&self.contents).objects.get(key).map(|object| object.content.clone())
    }

    /// All events so far.
    pub fn events(&self) -> Vec<Event> {
        lock(&self.contents).events.clone()
    }

    /// What happens to the next calls that write, in order.
    pub fn inject(&self, faults: impl IntoIterator<Item = Fault>) {
        lock(&self.contents).faults.extend(faults);
    }

    /// The object's content cannot be read any more, though it can be looked at; as in an archive of S3.
    pub fn archive(&self, key: &str) {
        lock(&self.contents).archived.insert(key.to_owned());
    }

    /// It can be read again.
    pub fn restore(&self, key: &str) {
        lock(&self.contents).archived.remove(key);
    }

    /// The bucket disappears: objects answer 404 as if they had been removed, the bucket answers an error.
    pub fn vanish(&self) {
        lock(&self.contents).gone = true;
    }

    fn store(&self, key: &str, content: Vec<u8>, description: Description, tags: Tags) -> Etag {
        let mut contents = lock(&self.contents);
        contents.writes += 1;
        let etag = match self.tagging {
            Tagging::Content => Etag(Digest::of(&content).to_string()),
            Tagging::Opaque => Etag(format!("opaque{}", contents.writes)),
        };
        contents.objects.insert(key.to_owned(), Object { content, description, tags, etag: etag.clone() });
        contents.emit(key);
        etag
    }

    fn get(&self, key: &str) -> Option<Object> {
        let contents = lock(&self.contents);
        contents.objects.get(key).filter(|_| !contents.gone).cloned()
    }

    /// The fault of the next write; the error that comes before it, if any.
    fn before(&self) -> Result<Fault, Error> {
        match lock(&self.contents).faults.pop_front().unwrap_or(Fault::None) {
            Fault::Reject | Fault::CrashBefore => Err(Error::Throttled("injected".to_owned())),
            Fault::Conflict => Err(Error::Conflict("injected".to_owned())),
            fault @ (Fault::None | Fault::LoseAnswer | Fault::CrashAfter) => Ok(fault),
        }
    }
}

fn after<T>(fault: Fault, answer: T) -> Result<T, Error> {
    match fault {
        Fault::LoseAnswer | Fault::CrashAfter => Err(Error::Ambiguous("injected".to_owned())),
        Fault::None | Fault::Reject | Fault::Conflict | Fault::CrashBefore => Ok(answer),
    }
}

impl Contents {
    fn emit(&mut self, key: &str) {
        // Of varying length, as S3's.
        let sequencer = Sequencer::new(&format!("{:06X}", self.events.len() + 1)).unwrap();
        self.events.push(Event { key: key.to_owned(), sequencer });
    }
}

impl<H: Hook> Application for MemoryBucket<H> {
    async fn put(&self, key: &str, content: &[u8], description: &Description, tags: &Tags) {
        self.store(key, content.to_vec(), description.clone(), tags.clone());
    }

    async fn read(&self, key: &str) -> Option<Vec<u8>> {
        self.content(key)
    }
}

impl<H: Hook> Bucket for MemoryBucket<H> {
    async fn head(&self, key: &str) -> Result<Option<Head>, Error> {
        self.hook.pause().await;
        Ok(self.get(key).map(|object| Head {
            etag: object.etag,
            size: object.content.len() as u64,
            version: None,
            last_modified: 0,
            opaque: self.tagging == Tagging::Opaque,
            storage_class: None,
            description: object.description,
            tags: object.tags,
        }))
    }

    async fn transfer(&self, from: &Self, key: &str, seen: &Head, expected: &Expect) -> Result<Transferred, Error> {
        self.hook.pause().await;
        if lock(&from.contents).archived.contains(key) {
            let message = "The operation is not valid for the object's access tier".to_owned();
            return Err(Error::Rejected { name: "InvalidObjectState".to_owned(), message });
        }
        let Some(object) = from.get(key).filter(|object| object.etag == seen.etag) else {
            return Ok(Transferred::SourceChanged);
        };
        self.hook.pause().await;
        let fault = self.before()?;
        let current = self.get(key).map(|object| object.etag);
        let fits = match expected {
            Expect::Absent => current.is_none(),
            Expect::Content(etag) => current.as_ref() == Some(etag),
        };
        if !fits {
            return after(fault, Transferred::TargetChanged);
        }
        let etag = self.store(key, object.content, seen.description.clone(), seen.tags.clone());
        after(fault, Transferred::Written(etag))
    }

    async fn set_tags(&self, key: &str, tags: &Tags) -> Result<(), Error> {
        self.hook.pause().await;
        let fault = self.before()?;
        if let Some(object) = lock(&self.contents).objects.get_mut(key) {
            object.tags = tags.clone();
        }
        after(fault, ())
    }

    async fn remove(&self, key: &str, content: &Etag) -> Result<Removed, Error> {
        self.hook.pause().await;
        let fault = self.before()?;
        match self.get(key) {
            Some(object) if object.etag != *content => after(fault, Removed::Changed),
            _ => {
                self.delete(key);
                after(fault, Removed::Gone)
            }
        }
    }

    async fn list(&self, after: Option<&str>, limit: u32) -> Result<Listing, Error> {
        self.hook.pause().await;
        let limit = limit.min(LIST_MAX) as usize;
        let contents = lock(&self.contents);
        let mut rest = contents.objects.iter().filter(|(key, _)| after.is_none_or(|after| key.as_str() > after));
        let entries = rest
            .by_ref()
            .take(limit)
            .map(|(key, object)| Entry {
                key: key.clone(),
                etag: object.etag.clone(),
                size: object.content.len() as u64,
            })
            .collect();
        Ok(Listing { entries, more: rest.next().is_some() })
    }

    async fn alive(&self) -> Result<(), Error> {
        self.hook.pause().await;
        if lock(&self.contents).gone { Err(Error::Unavailable("NoSuchBucket".to_owned())) } else { Ok(()) }
    }
}

/// Runs a future for at most `steps` polls; `None` = it was dropped then: the process crashed.
pub fn run_steps<F: Future>(future: F, steps: usize) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    (0..steps).find_map(|_| match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    })
}
