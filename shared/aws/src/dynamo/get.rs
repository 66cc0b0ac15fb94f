//! Reading one item.

use livemove_core::error::Error;
use livemove_core::item::{Item, Key};
use livemove_core::ports::{Consistency, Get};
use serde::{Deserialize, Serialize};

use super::expressions::Names;
use super::meter::Consumed;
use super::table::DynamoTable;
use crate::sdk_error::Effect;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    table_name: &'a str,
    key: &'a Key,
    consistent_read: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    projection_expression: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expression_attribute_names: Option<&'a Names>,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_consumed_capacity: Option<&'static str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    item: Option<Item>,
    consumed_capacity: Option<Consumed>,
}

impl DynamoTable {
    pub(super) async fn get_one(&self, get: &Get) -> Result<Option<Item>, Error> {
        let (projection, expressions) = self.projection(get)?;
        let body = Body {
            table_name: &self.name,
            key: &get.key,
            consistent_read: get.consistency == Consistency::Strong,
            projection_expression: projection.as_deref(),
            expression_attribute_names: expressions.parts().0,
            return_consumed_capacity: self.asks().capacity,
        };
        let answer: Answer =
            self.repeated("a read", || self.fetch(self.call("dynamodb:GetItem", Effect::Reads), &body)).await?;
        self.metered_by(answer.consumed_capacity, None);
        // Without an item, DynamoDB leaves it out; with a projection that meets nothing, the item is empty.
        Ok(answer.item)
    }
}
