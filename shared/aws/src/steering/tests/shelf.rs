//! A table in memory with the limit that DynamoDB has: an item of 400 KB.

use livemove_core::error::Error;
use livemove_core::item::{Item, Key, KeySchema};
use livemove_core::ports::{Action, Get, Inserted, Page, Table, Write, Written};
use livemove_core::segment::Segment;
use livemove_core::testing::memory::Memory;
use serde_dynamo::AttributeValue;

const LARGEST: usize = 400 * 1024;

#[derive(Debug)]
pub(super) struct Shelf(pub(super) Memory);

fn size(item: &Item) -> usize {
    let text = |value: &AttributeValue| if let AttributeValue::S(text) = value { text.len() } else { 1 };
    item.0.iter().map(|(name, value)| name.len() + text(value)).sum()
}

impl Table for Shelf {
    fn schema(&self) -> &KeySchema {
        self.0.schema()
    }

    async fn get(&self, get: &Get) -> Result<Option<Item>, Error> {
        self.0.get(get).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, Error> {
        self.0.get_many(keys).await
    }

    async fn write(&self, write: &Write) -> Result<Written, Error> {
        if matches!(&write.action, Action::Put(item) if size(item) > LARGEST) {
            let message = "Item size has exceeded the maximum allowed size".to_owned();
            return Err(Error::Rejected { name: "ValidationException".to_owned(), message });
        }
        self.0.write(write).await
    }

    async fn insert(&self, items: &[Item]) -> Vec<Inserted> {
        self.0.insert(items).await
    }

    async fn scan(&self, segment: Segment, after: Option<&Key>, limit: u32) -> Result<Page, Error> {
        self.0.scan(segment, after, limit).await
    }
}
