//! Looking at a table's stream and at the event source mapping that reads it.

use aws_sdk_dynamodb::Client;
use livemove_core::error::Error;
use livemove_core::plan::End;
use livemove_core::steer::watch::{Following, Mapping};

use super::call;
use super::table::describe;
use crate::sdk_error::Effect;

pub(super) async fn look(
    dynamodb: &Client,
    lambda: &aws_sdk_lambda::Client,
    end: &End,
    function: &str,
) -> Result<Following, Error> {
    let table = describe(dynamodb, end).await?;
    let specification = table.stream_specification.filter(|stream| stream.stream_enabled);
    let view = specification.and_then(|stream| stream.stream_view_type).map(|view| view.as_str().to_owned());
    let mapping = mapping(lambda, function, table.latest_stream_arn.as_deref()).await?;
    Ok(Following { stream: table.latest_stream_arn, view, mapping })
}

/// The function's mapping of that stream, or else of any other one.
async fn mapping(
    lambda: &aws_sdk_lambda::Client,
    function: &str,
    stream: Option<&str>,
) -> Result<Option<Mapping>, Error> {
    let mut found = mappings(lambda, function).await?;
    found.sort_by_key(|mapping| Some(mapping.stream.as_str()) != stream);
    Ok(found.into_iter().next())
}

/// The function's mapping of the queue of that name.
pub(super) async fn mapping_of_queue(
    lambda: &aws_sdk_lambda::Client,
    function: &str,
    queue: &str,
) -> Result<Option<Mapping>, Error> {
    let found = mappings(lambda, function).await?;
    Ok(found.into_iter().find(|mapping| mapping.stream.rsplit(':').next() == Some(queue)))
}

async fn mappings(lambda: &aws_sdk_lambda::Client, function: &str) -> Result<Vec<Mapping>, Error> {
    let request = lambda.list_event_source_mappings().function_name(function);
    let answer = request.send().await.map_err(|error| {
        call("lambda:ListEventSourceMappings", &format!("function {function}"), Effect::Reads).failed(&error)
    })?;
    Ok(answer
        .event_source_mappings
        .unwrap_or_default()
        .into_iter()
        .map(|mapping| Mapping {
            stream: mapping.event_source_arn.unwrap_or_default(),
            state: mapping.state.unwrap_or_default(),
            result: mapping.last_processing_result,
        })
        .collect())
}
