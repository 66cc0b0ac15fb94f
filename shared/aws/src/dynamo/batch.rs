//! Reading many items in one call.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue as Sdk, KeysAndAttributes};
use livemove_core::error::Error;
use livemove_core::item::{Item, Key};
use livemove_core::ports::Table as _;

use super::pace::PAUSES;
use super::table::DynamoTable;
use super::value::{item_from_sdk, item_to_sdk};
use crate::sdk_error::Effect;

type Keys = Vec<HashMap<String, Sdk>>;

impl DynamoTable {
    /// Reads `keys`, strongly consistent, asking again for what was left unprocessed, all within the longest
    /// time of a call.
    pub(super) async fn get_batch(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, Error> {
        let found = tokio::time::timeout(self.longest, self.find(keys)).await.unwrap_or_else(|_| {
            Err(Error::Unavailable(format!("no answer for a read of {} within {:?}", self.name, self.longest)))
        })?;
        Ok(keys.iter().map(|key| found.get(&key.id()).cloned()).collect())
    }

    async fn find(&self, keys: &[Key]) -> Result<HashMap<String, Item>, Error> {
        let mut left: Keys = keys.iter().map(|key| item_to_sdk(key.attributes())).collect();
        let mut found = HashMap::new();
        let mut pauses = PAUSES.into_iter();
        while !left.is_empty() {
            let asked = left.len();
            let (items, unprocessed) = self.ask(left).await?;
            left = unprocessed;
            for item in items {
                let item = item_from_sdk(item)?;
                let key = self.schema().key_of(&item).map_err(|error| Error::Invariant(error.to_string()))?;
                found.insert(key.id(), item);
            }
            if left.len() == asked {
                let Some(pause) = pauses.next() else {
                    return Err(Error::Throttled(format!("{asked} keys of {} stay unprocessed", self.name)));
                };
                tokio::time::sleep(pause).await;
            }
        }
        Ok(found)
    }

    // The items found and the keys left unprocessed.
    async fn ask(&self, keys: Keys) -> Result<(Keys, Keys), Error> {
        let call = self.call("dynamodb:BatchGetItem", Effect::Reads);
        let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
        let wanted = wanted.map_err(|error| Error::Invariant(error.to_string()))?;
        let request = self.repeating.batch_get_item().request_items(&self.name, wanted);
        let answer = request.set_return_consumed_capacity(self.capacity()).send().await;
        let answer = answer.map_err(|error| call.failed(&error))?;
        self.consumed(answer.consumed_capacity());
        let items = answer.responses.and_then(|mut tables| tables.remove(&self.name)).unwrap_or_default();
        let left = answer.unprocessed_keys.and_then(|mut tables| tables.remove(&self.name));
        Ok((items, left.map(|left| left.keys).unwrap_or_default()))
    }
}
