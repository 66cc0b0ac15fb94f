//! Transactions.

use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::types::{ConditionCheck, Get, TransactGetItem, TransactWriteItem, Update};

use crate::values::{Key, check, key_of, n, number};
use crate::{ACCOUNTS, Failure, START, Shop};

impl Shop {
    /// Money goes from one account to the next, and too much of it does not; the sum stays the same.
    pub(crate) async fn transfer(&mut self) -> Result<(), Failure> {
        let from = self.roll(ACCOUNTS);
        let (payer, other) = (self.account(from), self.account((from + 1) % ACCOUNTS));
        for (amount, is_done) in [(i64::from(self.roll(5)) + 1, true), (START * i64::from(ACCOUNTS) + 1, false)] {
            let change = |key: &Key, expression: &str| {
                let update = Update::builder().table_name(&self.table).set_key(Some(key_of(key)));
                update.update_expression(expression).expression_attribute_values(":amount", n(amount))
            };
            let pays = change(&payer, "SET balance = balance - :amount").condition_expression("balance >= :amount");
            let gets = change(&other, "SET balance = balance + :amount");
            let open = ConditionCheck::builder().table_name(&self.table).set_key(Some(key_of(&self.account(ACCOUNTS))));
            let open = open.condition_expression("attribute_not_exists(pk)").build()?;
            let transaction = self
                .client
                .transact_write_items()
                .transact_items(TransactWriteItem::builder().update(pays.build()?).build())
                .transact_items(TransactWriteItem::builder().update(gets.build()?).build())
                .transact_items(TransactWriteItem::builder().condition_check(open).build());
            let refused = match transaction.send().await {
                Ok(_) => None,
                Err(error) => Some(error.into_service_error()),
            };
            self.did("TransactWriteItems");
            if let Some(error) = refused.as_ref().filter(|error| is_done || !error.is_transaction_canceled_exception())
            {
                return Err(format!("a transfer: {}", DisplayErrorContext(error)).into());
            }
            check("whether a transfer was done", &refused.is_none(), &is_done)?;
            for (key, change) in [(&payer, -amount), (&other, amount)].into_iter().filter(|_| is_done) {
                let account = self.book.entry(key.clone()).or_default();
                let balance = number(account, "balance") + change;
                account.insert("balance".to_owned(), n(balance));
            }
        }
        self.count_money().await
    }

    /// All accounts at one moment.
    async fn count_money(&mut self) -> Result<(), Failure> {
        let mut read = self.client.transact_get_items();
        let accounts: Vec<Key> = (0..ACCOUNTS).map(|number| self.account(number)).collect();
        for key in &accounts {
            let get = Get::builder().table_name(&self.table).set_key(Some(key_of(key))).build()?;
            read = read.transact_items(TransactGetItem::builder().get(get).build());
        }
        let answer = read.send().await?;
        self.did("TransactGetItems");
        let found: Vec<_> = answer.responses.unwrap_or_default().into_iter().map(|one| one.item).collect();
        let expected: Vec<_> = accounts.iter().map(|key| self.book.get(key).cloned()).collect();
        check("the accounts", &found, &expected)
    }
}
