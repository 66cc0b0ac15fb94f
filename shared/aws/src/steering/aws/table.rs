//! Looking at a table, and its time to live.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{TableDescription, TimeToLiveSpecification, TimeToLiveStatus};
use livemove_core::error::Error;
use livemove_core::mark;
use livemove_core::plan::End;
use livemove_core::size;
use livemove_core::steer::gate::Ttl;

use super::call;
use crate::dynamo::{self, item_from_sdk};
use crate::sdk_error::Effect;
use crate::steering::world::{Sample, TableProbe};

const SAMPLE_ITEMS: i32 = 100;

pub(super) async fn probe(client: &Client, end: &End) -> Result<TableProbe, Error> {
    let table = describe(client, end).await?;
    let undescribed = || Error::Invariant(format!("{} was described with an index that has no key", resource(end)));
    let indexes = dynamo::indexes(&table).ok_or_else(undescribed)?;
    let stream = table.stream_specification.filter(|stream| stream.stream_enabled);
    Ok(TableProbe {
        key: key(table.key_schema.as_deref(), table.attribute_definitions.as_deref()),
        indexes,
        status: table.table_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
        stream_view: stream.and_then(|stream| stream.stream_view_type).map(|view| view.as_str().to_owned()),
        ttl: ttl(client, end).await?,
        sample: sample(client, end).await?,
    })
}

pub(super) async fn describe(client: &Client, end: &End) -> Result<TableDescription, Error> {
    let answer = client.describe_table().table_name(&end.name).send().await;
    let answer =
        answer.map_err(|error| call("dynamodb:DescribeTable", &resource(end), Effect::Reads).failed(&error))?;
    answer.table.ok_or_else(|| Error::Invariant(format!("{} was described as nothing", resource(end))))
}

pub(super) fn resource(end: &End) -> String {
    format!("table {} in {}/{}", end.name, end.account, end.region)
}

/// Name and type of each key attribute, partition first.
pub(super) fn key(
    schema: Option<&[aws_sdk_dynamodb::types::KeySchemaElement]>,
    definitions: Option<&[aws_sdk_dynamodb::types::AttributeDefinition]>,
) -> Vec<(String, String)> {
    let kind = |name: &str| {
        let definition = definitions.unwrap_or_default().iter().find(|definition| definition.attribute_name == name);
        definition.map(|definition| definition.attribute_type.as_str().to_owned()).unwrap_or_default()
    };
    // DynamoDB answers the partition key first.
    schema.unwrap_or_default().iter().map(|part| (part.attribute_name.clone(), kind(&part.attribute_name))).collect()
}

pub(super) async fn ttl(client: &Client, end: &End) -> Result<Ttl, Error> {
    let answer = client.describe_time_to_live().table_name(&end.name).send().await;
    let answer =
        answer.map_err(|error| call("dynamodb:DescribeTimeToLive", &resource(end), Effect::Reads).failed(&error))?;
    let Some(described) = answer.time_to_live_description else {
        return Ok(Ttl::Disabled);
    };
    Ok(match described.time_to_live_status {
        Some(TimeToLiveStatus::Enabled) => Ttl::Enabled(described.attribute_name.unwrap_or_default()),
        Some(TimeToLiveStatus::Enabling | TimeToLiveStatus::Disabling) => Ttl::Changing,
        _ => Ttl::Disabled,
    })
}

pub(super) async fn switch_ttl(client: &Client, end: &End, attribute: &str, expire: bool) -> Result<(), Error> {
    let specification = TimeToLiveSpecification::builder().attribute_name(attribute).enabled(expire).build();
    let specification = specification.map_err(|error| Error::Invariant(error.to_string()))?;
    let request = client.update_time_to_live().table_name(&end.name).time_to_live_specification(specification);
    let answer = request.send().await;
    answer.map_err(|error| call("dynamodb:UpdateTimeToLive", &resource(end), Effect::Writes).failed(&error))?;
    Ok(())
}

async fn sample(client: &Client, end: &End) -> Result<Sample, Error> {
    let answer = client.scan().table_name(&end.name).limit(SAMPLE_ITEMS).consistent_read(true).send().await;
    let answer = answer.map_err(|error| call("dynamodb:Scan", &resource(end), Effect::Reads).failed(&error))?;
    let mut sample = Sample::default();
    for item in answer.items.unwrap_or_default().iter().filter(|item| !item.contains_key(mark::CANARY)) {
        sample.items += 1;
        sample.reserved |= item.keys().any(|name| name.starts_with(mark::RESERVED));
        sample.largest_bytes = sample.largest_bytes.max(size::of(&item_from_sdk(item.clone())?) as u64);
    }
    Ok(sample)
}
