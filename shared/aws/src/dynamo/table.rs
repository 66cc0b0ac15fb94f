//! One DynamoDB table behind the core's port.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    ConsumedCapacity, ItemCollectionMetrics, KeySchemaElement, KeyType, Projection, ProjectionType,
    ReturnConsumedCapacity, ReturnItemCollectionMetrics, TableDescription,
};
use livemove_core::error::Error;
use livemove_core::item::{Item, Key, KeySchema};
use livemove_core::mark;
use livemove_core::ports::pages::{Index, Projected};
use livemove_core::ports::transact::{ReadEntry, Replacement, Snapshot, Transacted, Transaction, Transactions};
use livemove_core::ports::{Get, Inserted, Page, Table, Write, Written};
use livemove_core::segment::Segment;

use super::expressions::{Expressions, demand_room};
use super::meter::{Asks, Collection, Consumed, Meter};
use super::value::{item_from_sdk, item_to_sdk};
use crate::denial::Access;
use crate::sdk_error::{Call, Effect};
use crate::sites::{Calls, End, Retry, Sites};
use crate::wire::Wire;

/// A DynamoDB table of one end of a migration.
///
/// Reads and inserts are idempotent and repeated by the SDK; writes are sent once, but for throttling, which
/// certainly did nothing. No call takes longer than the time given to [`DynamoTable::open`].
#[derive(Clone, Debug)]
pub struct DynamoTable {
    pub(super) repeating: Client,
    pub(super) once: Client,
    pub(super) wire: Arc<Wire>,
    pub(super) name: String,
    pub(super) longest: Duration,
    pub(super) meter: Option<Arc<Meter>>,
    schema: KeySchema,
    pub(super) indexes: BTreeMap<String, Index>,
    resource: String,
    access: Option<Access>,
}

impl DynamoTable {
    /// The table `name` at `end`; asks DynamoDB for its key schema.
    ///
    /// # Errors
    /// `NoPeerRole`, or what DescribeTable answers: [`Error::Denied`], [`Error::Rejected`]
    /// (`ResourceNotFoundException`), [`Error::Unavailable`].
    pub async fn open(sites: &Sites, end: &End, name: &str, longest: Duration) -> Result<DynamoTable, Error> {
        let repeating = sites.dynamodb(end, Calls { longest, retry: Retry::Idempotent })?;
        let once = sites.dynamodb(end, Calls { longest, retry: Retry::Never })?;
        let wire = sites.wire(end)?;
        let access = Some(Access::to_table(sites.role(end), end, name));
        DynamoTable::described(repeating, once, wire, name, (format!("table {name} in {end}"), access), longest).await
    }

    /// As [`DynamoTable::open`], with clients of one's own: `repeating` may send a request again, `once` must
    /// not, and `wire` never does. `resource` is what errors call the table, and who is denied what.
    ///
    /// # Errors
    /// What DescribeTable answers.
    pub async fn described(
        repeating: Client,
        once: Client,
        wire: Arc<Wire>,
        name: &str,
        (resource, access): (String, Option<Access>),
        longest: Duration,
    ) -> Result<DynamoTable, Error> {
        let described = repeating.describe_table().table_name(name).send().await;
        let described = described.map_err(|error| {
            let (action, effect) = ("dynamodb:DescribeTable", Effect::Reads);
            Call { action, resource: &resource, effect, access: access.as_ref() }.failed(&error)
        })?;
        let undescribed = |what: &str| Error::Invariant(format!("{resource} was described without {what}"));
        let table = described.table.ok_or_else(|| undescribed("anything"))?;
        let schema = key_schema(table.key_schema()).ok_or_else(|| undescribed("a partition key"))?;
        let indexes = indexes(&table).ok_or_else(|| undescribed("the partition key of an index"))?;
        let (name, meter) = (name.to_owned(), None);
        Ok(DynamoTable { repeating, once, wire, name, longest, meter, schema, indexes, resource, access })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same table through other clients.
    #[must_use]
    pub fn through(&self, repeating: Client, once: Client, wire: Arc<Wire>) -> DynamoTable {
        DynamoTable { repeating, once, wire, ..self.clone() }
    }

    /// The same table, with what its calls consume added to `meter`.
    #[must_use]
    pub fn metered(&self, meter: Arc<Meter>) -> DynamoTable {
        DynamoTable { meter: Some(meter), ..self.clone() }
    }

    /// What to ask for with every call.
    pub(super) fn capacity(&self) -> Option<ReturnConsumedCapacity> {
        self.meter.as_ref().and_then(|meter| meter.capacity())
    }

    /// Adds what a call consumed to the meter, if there is one.
    pub(super) fn consumed<'a>(&self, consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) {
        if let Some(meter) = &self.meter {
            meter.add(consumed.into_iter().map(Consumed::from));
        }
    }

    /// What to ask for with every write.
    pub(super) fn metrics(&self) -> Option<ReturnItemCollectionMetrics> {
        self.meter.as_ref().and_then(|meter| meter.metrics())
    }

    /// Adds what a write told of an item collection to the meter, if there is one.
    pub(super) fn collection(&self, metrics: ItemCollectionMetrics) {
        if let (Some(meter), Some(collection)) = (&self.meter, Collection::of_sdk(metrics)) {
            meter.add_collection(collection);
        }
    }

    /// [`DynamoTable::capacity`] and [`DynamoTable::metrics`], as the protocol has them.
    pub(super) fn asks(&self) -> Asks {
        self.meter.as_ref().map(|meter| meter.asks()).unwrap_or_default()
    }

    /// Adds what a call told of its cost to the meter, if there is one.
    pub(super) fn metered_by(&self, consumed: Option<Consumed>, collection: Option<Collection>) {
        if let Some(meter) = &self.meter {
            meter.add(consumed);
            collection.into_iter().for_each(|collection| meter.add_collection(collection));
        }
    }

    pub(super) fn call(&self, action: &'static str, effect: Effect) -> Call<'_> {
        Call { action, resource: &self.resource, effect, access: self.access.as_ref() }
    }

    /// The projection of a read, with the marks where the application asked for any, and its names.
    pub(super) fn projection(&self, get: &Get) -> Result<(Option<String>, Expressions), Error> {
        let mut expressions = Expressions::with(get.names.clone(), Default::default())?;
        let projection = get.projection.as_ref().map(|asked| {
            let marks = mark::ALL.map(|name| expressions.name(name)).join(", ");
            format!("{asked}, {marks}")
        });
        if let Some(projection) = &projection {
            demand_room(get.projection.as_deref(), projection)?;
        }
        Ok((projection, expressions))
    }
}

/// The key schema in a DescribeTable answer; `None` without a partition key.
pub(super) fn key_schema(elements: &[KeySchemaElement]) -> Option<KeySchema> {
    let name = |kind: KeyType| {
        elements.iter().find(|element| element.key_type == kind).map(|element| element.attribute_name.clone())
    };
    Some(KeySchema { partition: name(KeyType::Hash)?, sort: name(KeyType::Range) })
}

/// The secondary indexes in a DescribeTable answer; `None` when one has no partition key.
pub(crate) fn indexes(table: &TableDescription) -> Option<BTreeMap<String, Index>> {
    let mut indexes = BTreeMap::new();
    for index in table.local_secondary_indexes() {
        let (name, keys) = (index.index_name()?.to_owned(), key_schema(index.key_schema())?);
        indexes.insert(name, Index { keys, local: true, projected: projected(index.projection()) });
    }
    for index in table.global_secondary_indexes() {
        let (name, keys) = (index.index_name()?.to_owned(), key_schema(index.key_schema())?);
        indexes.insert(name, Index { keys, local: false, projected: projected(index.projection()) });
    }
    Some(indexes)
}

fn projected(projection: Option<&Projection>) -> Projected {
    let all = projection.is_none_or(|projection| projection.projection_type() == Some(&ProjectionType::All));
    let more = || projection.map(|projection| projection.non_key_attributes().to_vec()).unwrap_or_default();
    if all { Projected::All } else { Projected::Only(more()) }
}

impl Table for DynamoTable {
    fn schema(&self) -> &KeySchema {
        &self.schema
    }

    async fn get(&self, get: &Get) -> Result<Option<Item>, Error> {
        self.get_one(get).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, Error> {
        self.get_batch(keys).await
    }

    async fn write(&self, write: &Write) -> Result<Written, Error> {
        self.write_once(write).await
    }

    async fn insert(&self, items: &[Item]) -> Vec<Inserted> {
        self.insert_all(items).await
    }

    async fn scan(&self, segment: Segment, after: Option<&Key>, limit: u32) -> Result<Page, Error> {
        let number = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        let request = self
            .repeating
            .scan()
            .table_name(&self.name)
            .consistent_read(true)
            .segment(number(segment.index))
            .total_segments(number(segment.total))
            .limit(number(limit))
            .set_exclusive_start_key(after.map(|key| item_to_sdk(key.attributes())));
        let answer = request.send().await.map_err(|error| self.call("dynamodb:Scan", Effect::Reads).failed(&error))?;
        // An answer without a list of items is not an empty page: a job would pass over what is there.
        let items =
            answer.items.ok_or_else(|| self.call("dynamodb:Scan", Effect::Reads).lost("the answer has no Items"))?;
        let items = items.into_iter().map(item_from_sdk).collect::<Result<_, _>>()?;
        let next = answer.last_evaluated_key.filter(|key| !key.is_empty()).map(item_from_sdk).transpose()?;
        let next = next.map(|key| self.schema.key(key)).transpose();
        Ok(Page { items, next: next.map_err(|error| Error::Invariant(format!("last evaluated key: {error}")))? })
    }
}

impl Transactions for DynamoTable {
    async fn transact(&self, transaction: &Transaction) -> Result<Transacted, Error> {
        self.transact_once(transaction).await
    }

    async fn snapshot(&self, entries: &[ReadEntry]) -> Result<Snapshot, Error> {
        self.read_together(entries).await
    }

    async fn replace(&self, items: &[Replacement]) -> Result<Vec<usize>, Error> {
        self.replace_all(items).await
    }
}
