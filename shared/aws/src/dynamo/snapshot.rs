//! One read transaction.

use aws_sdk_dynamodb::operation::transact_get_items::TransactGetItemsError;
use aws_sdk_dynamodb::types::{Get as SdkGet, TransactGetItem};
use livemove_core::error::Error;
use livemove_core::ports::Get;
use livemove_core::ports::transact::{ReadEntry, Snapshot};

use super::expressions::invalid;
use super::foreign;
use super::table::DynamoTable;
use super::transact::reasons;
use super::value::{item_from_sdk, item_to_sdk};
use crate::sdk_error::Effect;

impl DynamoTable {
    /// Reads `entries` at one moment.
    pub(super) async fn read_together(&self, entries: &[ReadEntry]) -> Result<Snapshot, Error> {
        let items = entries.iter().map(|entry| self.read_entry(entry)).collect::<Result<Vec<_>, _>>()?;
        let request = self.repeating.transact_get_items().set_transact_items(Some(items));
        let answer = match request.set_return_consumed_capacity(self.capacity()).send().await {
            Ok(answer) => answer,
            Err(error) => match error.as_service_error() {
                Some(TransactGetItemsError::TransactionCanceledException(cancelled)) => {
                    return reasons(cancelled.cancellation_reasons(), entries.len()).map(Snapshot::Cancelled);
                }
                Some(_) | None => return Err(self.call("dynamodb:GetItem", Effect::Reads).failed(&error)),
            },
        };
        self.consumed(answer.consumed_capacity());
        let found = answer
            .responses
            .unwrap_or_default()
            .into_iter()
            .map(|response| response.item.filter(|item| !item.is_empty()).map(item_from_sdk).transpose());
        found.collect::<Result<Vec<_>, _>>().map(Snapshot::Read)
    }

    fn read_entry(&self, entry: &ReadEntry) -> Result<TransactGetItem, Error> {
        match entry {
            ReadEntry::Get(get) => self.get_entry(get),
            ReadEntry::Foreign(entry) => foreign::read_entry(entry),
        }
    }

    fn get_entry(&self, get: &Get) -> Result<TransactGetItem, Error> {
        let (projection, expressions) = self.projection(get)?;
        let get = SdkGet::builder()
            .table_name(&self.name)
            .set_key(Some(item_to_sdk(get.key.attributes())))
            .set_projection_expression(projection)
            .set_expression_attribute_names(expressions.to_sdk().0)
            .build();
        Ok(TransactGetItem::builder().get(get.map_err(|error| invalid(error.to_string()))?).build())
    }
}
