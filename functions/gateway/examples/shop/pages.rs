//! Many items: queries, scans and batches.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use aws_sdk_dynamodb::types::{DeleteRequest, KeysAndAttributes, PutRequest, WriteRequest};

use crate::values::{Item, Key, check, key_in, key_of, number, s};
use crate::{Failure, ORDERS, Shop};

/// An index follows its table at a distance, on any DynamoDB: how often it is looked at, with pauses.
const INDEX_LOOKS: u32 = 150;
const INDEX_PAUSE: Duration = Duration::from_millis(200);

impl Shop {
    /// All orders in pages of every size, both ways.
    pub(crate) async fn browse(&mut self) -> Result<(), Failure> {
        let partition = format!("{}/orders", self.name);
        let orders: Vec<Item> =
            self.book.iter().filter(|(key, _)| key.0 == partition).map(|(_, item)| item.clone()).collect();
        for (forward, size) in [(true, 1), (false, 1), (true, 3), (false, 3), (true, 100)] {
            let query = self.client.query().table_name(&self.table).key_condition_expression("pk = :pk");
            let query = query.expression_attribute_values(":pk", s(&partition)).scan_index_forward(forward);
            let mut pages = query.consistent_read(true).into_paginator().page_size(size).send();
            let mut found = Vec::new();
            while let Some(page) = pages.next().await {
                self.did("Query");
                found.extend(page?.items.unwrap_or_default());
            }
            if !forward {
                found.reverse();
            }
            check(&format!("the orders, {size} a page"), &found, &orders)?;
        }
        Ok(())
    }

    /// The index has all paid orders by what is due first, soon after they were paid.
    pub(crate) async fn by_state(&mut self) -> Result<(), Failure> {
        let state = s(&format!("{}/paid", self.name));
        let paid = self.book.values().filter(|item| item.get("state") == Some(&state));
        let mut paid: Vec<Item> = paid.cloned().collect();
        paid.sort_by_key(|item| number(item, "due"));
        let mut found = Vec::new();
        for _ in 0..INDEX_LOOKS {
            found.clear();
            let query = self.client.query().table_name(&self.table).index_name("by-state");
            let query = query.key_condition_expression("#state = :state").expression_attribute_names("#state", "state");
            let query = query.expression_attribute_values(":state", state.clone());
            let mut pages = query.into_paginator().page_size(3).send();
            while let Some(page) = pages.next().await {
                self.did("Query");
                found.extend(page?.items.unwrap_or_default());
            }
            if found == paid {
                return Ok(());
            }
            tokio::time::sleep(INDEX_PAUSE).await;
        }
        check("the index", &found, &paid)
    }

    /// A scan finds everything once.
    pub(crate) async fn take_stock(&mut self) -> Result<(), Failure> {
        let scan = self.client.scan().table_name(&self.table).filter_expression("begins_with(pk, :name)");
        let scan = scan.expression_attribute_values(":name", s(&format!("{}/", self.name))).consistent_read(true);
        let mut pages = scan.into_paginator().page_size(100).send();
        let mut found = BTreeMap::new();
        while let Some(page) = pages.next().await {
            self.did("Scan");
            for item in page?.items.unwrap_or_default() {
                let twice = found.insert(key_in(&item)?, item);
                check("an item that comes twice", &twice, &None)?;
            }
        }
        check("the stock", &found, &self.book)
    }

    /// A batch of puts and deletes.
    pub(crate) async fn write_batch(&mut self) -> Result<(), Failure> {
        let mut batch = Vec::new();
        for number in 0..ORDERS {
            let key = (format!("{}/orders", self.name), number);
            // Some are always there afterwards, and some never.
            if number == 0 || (number > 2 && self.roll(10) < 6) {
                let order = self.order(&key);
                let put = PutRequest::builder().set_item(Some(order.clone())).build()?;
                batch.push(WriteRequest::builder().put_request(put).build());
                self.book.insert(key, order);
            } else {
                let delete = DeleteRequest::builder().set_key(Some(key_of(&key))).build()?;
                batch.push(WriteRequest::builder().delete_request(delete).build());
                self.book.remove(&key);
            }
        }
        let mut left = HashMap::from([(self.table.clone(), batch)]);
        while !left.is_empty() {
            let answer = self.client.batch_write_item().set_request_items(Some(left)).send().await?;
            self.did("BatchWriteItem");
            left = answer.unprocessed_items.unwrap_or_default();
        }
        Ok(())
    }

    /// All orders at once, some of which are not there.
    pub(crate) async fn read_batch(&mut self) -> Result<(), Failure> {
        let keys = self.orders().iter().map(key_of).collect();
        let keys = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build()?;
        let (mut left, mut found) = (HashMap::from([(self.table.clone(), keys)]), BTreeMap::new());
        while !left.is_empty() {
            let answer = self.client.batch_get_item().set_request_items(Some(left)).send().await?;
            self.did("BatchGetItem");
            for item in answer.responses.unwrap_or_default().into_values().flatten() {
                found.insert(key_in(&item)?, item);
            }
            left = answer.unprocessed_keys.unwrap_or_default();
        }
        let orders: BTreeSet<Key> = self.orders().into_iter().collect();
        let expected: BTreeMap<Key, Item> = self
            .book
            .iter()
            .filter(|(key, _)| orders.contains(*key))
            .map(|(key, item)| (key.clone(), item.clone()))
            .collect();
        check("a batch", &found, &expected)
    }
}
