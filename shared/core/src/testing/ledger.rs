//! The objects' ledger in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::bucket::lock;
use super::memory::{Hook, NoHook};
use crate::error::Error;
use crate::mark::Run;
use crate::object::ledger::{Ledger, Row, Swept};
use crate::object::range::Range;
use crate::segment::Segment;

#[derive(Debug, Default)]
struct Book {
    rows: BTreeMap<String, Row>,
    ranges: BTreeMap<Run, Vec<Range>>,
}

/// A ledger in memory. Clones are the same ledger.
#[derive(Clone, Debug, Default)]
pub struct MemoryLedger<H = NoHook> {
    book: Arc<Mutex<Book>>,
    hook: H,
}

impl<H> MemoryLedger<H> {
    /// An empty ledger that calls `hook` before each call.
    pub fn with_hook(hook: H) -> MemoryLedger<H> {
        MemoryLedger { book: Arc::default(), hook }
    }

    /// All rows.
    pub fn rows(&self) -> BTreeMap<String, Row> {
        lock(&self.book).rows.clone()
    }
}

impl<H: Hook> Ledger for MemoryLedger<H> {
    async fn get(&self, key: &str) -> Result<Option<Row>, Error> {
        self.hook.pause().await;
        Ok(lock(&self.book).rows.get(key).cloned())
    }

    async fn put(&self, key: &str, row: &Row) -> Result<(), Error> {
        self.hook.pause().await;
        let mut book = lock(&self.book);
        if book.rows.get(key).map_or(0, |stored| stored.version) + 1 != row.version {
            return Err(Error::Conflict("another version of the row is stored".to_owned()));
        }
        book.rows.insert(key.to_owned(), row.clone());
        Ok(())
    }

    async fn sweep(&self, segment: Segment, after: Option<&str>, limit: u32) -> Result<Swept, Error> {
        self.hook.pause().await;
        let part = |key: &str| key.bytes().map(u32::from).sum::<u32>() % segment.total == segment.index;
        let mut book = lock(&self.book);
        let keys: Vec<String> =
            book.rows.keys().filter(|key| after.is_none_or(|after| key.as_str() > after)).cloned().collect();
        let page: Vec<&String> = keys.iter().take(limit as usize).collect();
        let next = (keys.len() > page.len()).then(|| page.last().map(|key| (*key).clone())).flatten();
        let mine: Vec<&String> = page.into_iter().filter(|key| part(key)).collect();
        let removed = mine.iter().filter(|key| book.rows.remove(**key).is_some()).count() as u64;
        Ok(Swept { removed, next })
    }

    async fn ranges(&self, run: Run) -> Result<Option<Vec<Range>>, Error> {
        self.hook.pause().await;
        Ok(lock(&self.book).ranges.get(&run).cloned())
    }

    async fn keep_ranges(&self, run: Run, ranges: &[Range]) -> Result<(), Error> {
        self.hook.pause().await;
        lock(&self.book).ranges.entry(run).or_insert_with(|| ranges.to_vec());
        Ok(())
    }
}
