//! Unconditional writes of several items in one call.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue as Sdk, DeleteRequest, PutRequest, WriteRequest};
use livemove_core::error::Error;
use livemove_core::ports::Table as _;
use livemove_core::ports::transact::Replacement;

use super::expressions::invalid;
use super::pace::PAUSES;
use super::table::DynamoTable;
use super::value::{item_from_sdk, item_to_sdk};
use crate::sdk_error::Effect;

impl DynamoTable {
    /// Writes `items`, sending again what a call leaves unprocessed, all within the longest time of a call;
    /// answers the indexes of what was left in the end.
    pub(super) async fn replace_all(&self, items: &[Replacement]) -> Result<Vec<usize>, Error> {
        tokio::time::timeout(self.longest, self.send_until_processed(items)).await.unwrap_or_else(|_| {
            Err(Error::Ambiguous(format!("no answer for a batch to {} within {:?}", self.name, self.longest)))
        })
    }

    async fn send_until_processed(&self, items: &[Replacement]) -> Result<Vec<usize>, Error> {
        let mut left: Vec<usize> = (0..items.len()).collect();
        let mut pauses = PAUSES.into_iter();
        loop {
            left = match self.send_batch(items, &left).await {
                Ok(unprocessed) => unprocessed,
                // Nothing of this call was done.
                Err(Error::Throttled(_)) => left,
                Err(Error::Unavailable(_)) if left.len() < items.len() => return Ok(left),
                Err(error) => return Err(error),
            };
            match pauses.next() {
                Some(pause) if !left.is_empty() => tokio::time::sleep(pause).await,
                Some(_) | None => return Ok(left),
            }
        }
    }

    /// One call with the items at `places`; answers the places of those that it left unprocessed.
    async fn send_batch(&self, items: &[Replacement], places: &[usize]) -> Result<Vec<usize>, Error> {
        let mut by_key = HashMap::new();
        let mut requests = Vec::new();
        for (place, item) in places.iter().filter_map(|place| Some((*place, items.get(*place)?))) {
            let request = write_request(item)?;
            by_key.insert(self.key_id(&request)?, place);
            requests.push(request);
        }
        let call = self.call("dynamodb:BatchWriteItem", Effect::Writes);
        let request = self
            .once
            .batch_write_item()
            .request_items(&self.name, requests)
            .set_return_consumed_capacity(self.capacity())
            .set_return_item_collection_metrics(self.metrics());
        let answer = request.send().await.map_err(|error| call.failed(&error))?;
        self.consumed(answer.consumed_capacity());
        let sizes = answer.item_collection_metrics.and_then(|mut tables| tables.remove(&self.name));
        sizes.into_iter().flatten().for_each(|size| self.collection(size));
        let unprocessed = answer.unprocessed_items.and_then(|mut tables| tables.remove(&self.name)).unwrap_or_default();
        let place = |request| {
            let place = by_key.get(&self.key_id(request)?).copied();
            place.ok_or_else(|| Error::Invariant("an item came back unprocessed that was not sent".to_owned()))
        };
        let mut left = unprocessed.iter().map(place).collect::<Result<Vec<_>, _>>()?;
        left.sort_unstable();
        Ok(left)
    }

    fn key_id(&self, request: &WriteRequest) -> Result<String, Error> {
        let nothing: HashMap<String, Sdk> = HashMap::new();
        let attributes = match (request.put_request(), request.delete_request()) {
            (Some(put), _) => put.item(),
            (None, Some(delete)) => delete.key(),
            (None, None) => &nothing,
        };
        let key = self.schema().key_of(&item_from_sdk(attributes.clone())?);
        key.map(|key| key.id()).map_err(|error| invalid(error.to_string()))
    }
}

fn write_request(item: &Replacement) -> Result<WriteRequest, Error> {
    let request = WriteRequest::builder();
    let built = match item {
        Replacement::Put(item) => {
            PutRequest::builder().set_item(Some(item_to_sdk(&item.0))).build().map(|put| request.put_request(put))
        }
        Replacement::Delete(key) => DeleteRequest::builder()
            .set_key(Some(item_to_sdk(key.attributes())))
            .build()
            .map(|delete| request.delete_request(delete)),
    };
    built.map(|request| request.build()).map_err(|error| invalid(error.to_string()))
}
