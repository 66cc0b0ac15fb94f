//! Single items.

use aws_sdk_dynamodb::types::ReturnValue;

use crate::values::{check, key_of, n, s};
use crate::{Failure, Shop};

impl Shop {
    /// A new order can be placed once.
    pub(crate) async fn place(&mut self) -> Result<(), Failure> {
        let key = self.pick(false)?;
        let order = self.order(&key);
        let put = self.client.put_item().table_name(&self.table).set_item(Some(order.clone()));
        let put = put.condition_expression("attribute_not_exists(pk)");
        put.clone().send().await?;
        self.book.insert(key, order);
        let again = put.send().await;
        self.did("PutItem");
        self.did("PutItem");
        let refused = again
            .err()
            .and_then(|error| error.into_service_error().is_conditional_check_failed_exception().then_some(()));
        check("an order placed twice", &refused, &Some(()))
    }

    /// An update answers with what there is then; a strong read says the same.
    pub(crate) async fn pay(&mut self) -> Result<(), Failure> {
        let key = self.pick(true)?;
        let mut paid = self.book.get(&key).cloned().unwrap_or_default();
        paid.insert("state".to_owned(), s(&format!("{}/paid", self.name)));
        let update = self.client.update_item().table_name(&self.table).set_key(Some(key_of(&key)));
        let update = update.update_expression("SET #state = :paid").condition_expression("attribute_exists(pk)");
        let update = update.expression_attribute_names("#state", "state");
        let update = update.expression_attribute_values(":paid", s(&format!("{}/paid", self.name)));
        let answer = update.return_values(ReturnValue::AllNew).send().await?;
        self.did("UpdateItem");
        check("a paid order", &answer.attributes, &Some(paid.clone()))?;
        self.book.insert(key.clone(), paid);
        for key in [key, self.pick(false)?] {
            let get = self.client.get_item().table_name(&self.table).set_key(Some(key_of(&key))).consistent_read(true);
            let answer = get.send().await?;
            self.did("GetItem");
            check("an order", &answer.item.as_ref(), &self.book.get(&key))?;
        }
        Ok(())
    }

    /// A delete answers with what was there; then there is nothing.
    pub(crate) async fn cancel(&mut self) -> Result<(), Failure> {
        let key = self.pick(true)?;
        let delete = self.client.delete_item().table_name(&self.table).set_key(Some(key_of(&key)));
        let delete = delete.return_values(ReturnValue::AllOld);
        for expected in [self.book.remove(&key), None] {
            let answer = delete.clone().send().await?;
            self.did("DeleteItem");
            check("a cancelled order", &answer.attributes, &expected)?;
        }
        Ok(())
    }

    /// One round more.
    pub(crate) async fn count(&mut self) -> Result<(), Failure> {
        let key = (format!("{}/rounds", self.name), 0);
        let update = self.client.update_item().table_name(&self.table).set_key(Some(key_of(&key)));
        let update = update.update_expression("ADD done :one").expression_attribute_values(":one", n(1));
        let answer = update.return_values(ReturnValue::AllNew).send().await?;
        self.did("UpdateItem");
        let mut rounds = key_of(&key);
        rounds.insert("done".to_owned(), n(i64::from(self.rounds) + 1));
        check("the number of rounds", &answer.attributes, &Some(rounds.clone()))?;
        self.book.insert(key, rounds);
        Ok(())
    }
}
