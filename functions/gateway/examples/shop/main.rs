//! A small shop on DynamoDB that checks every answer it gets, with the AWS SDK as it is. It knows nothing of livemove.
//!
//! `shop TABLE NAME NOTE BOOK`: like `examples/shop.py`, which says what table it needs and what it promises, with
//! fewer operations. It ends on SIGTERM with its book in the file `BOOK` and one line of JSON, or on the first wrong
//! answer with exit code 1.

mod items;
mod money;
mod pages;
mod values;

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::io::Write as _;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use values::{Item, Key, key_of, n, s, wire_item};

type Failure = Box<dyn Error + Send + Sync>;

const ORDERS: u32 = 12;
const ACCOUNTS: u32 = 3;
const START: i64 = 1000;
/// Between two rounds.
const PAUSE: Duration = Duration::from_millis(100);

struct Shop {
    client: Client,
    table: String,
    name: String,
    note: String,
    /// What the shop was promised to find.
    book: BTreeMap<Key, Item>,
    operations: BTreeMap<&'static str, u32>,
    rounds: u32,
    dice: u64,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [table, name, note, book] = arguments.as_slice() else {
        return Err("give the table, the shop's name, the note on its orders and a file for its book".into());
    };
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let config = aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await;
    let mut shop = Shop {
        client: Client::new(&config),
        table: table.clone(),
        name: name.clone(),
        note: note.clone(),
        book: BTreeMap::new(),
        operations: BTreeMap::new(),
        rounds: 0,
        dice: 0x9E37_79B9_7F4A_7C15,
    };
    let mut stop = signal(SignalKind::terminate())?;
    shop.open().await?;
    while tokio::time::timeout(PAUSE, stop.recv()).await.is_err() {
        shop.round().await?;
    }
    shop.take_stock().await?;
    let items = shop.book.values().map(|item| format!("{}\n", wire_item(item)));
    std::fs::write(book, items.collect::<String>())?;
    let told = json!({"shop": shop.name, "rounds": shop.rounds, "operations": shop.operations});
    writeln!(std::io::stdout(), "{told}")?;
    Ok(())
}

impl Shop {
    async fn open(&mut self) -> Result<(), Failure> {
        for number in 0..ACCOUNTS {
            let mut account = key_of(&self.account(number));
            account.insert("balance".to_owned(), n(START));
            let put = self.client.put_item().table_name(&self.table).set_item(Some(account.clone()));
            put.condition_expression("attribute_not_exists(pk)").send().await?;
            self.did("PutItem");
            self.book.insert(self.account(number), account);
        }
        Ok(())
    }

    async fn round(&mut self) -> Result<(), Failure> {
        self.write_batch().await?;
        self.place().await?;
        self.pay().await?;
        self.browse().await?;
        self.transfer().await?;
        self.read_batch().await?;
        self.by_state().await?;
        self.cancel().await?;
        self.take_stock().await?;
        self.count().await?;
        self.rounds += 1;
        Ok(())
    }

    fn did(&mut self, operation: &'static str) {
        *self.operations.entry(operation).or_default() += 1;
    }

    fn order(&mut self, key: &Key) -> Item {
        let line = HashMap::from([("number".to_owned(), n(i64::from(self.roll(9)))), ("article".to_owned(), s(""))]);
        let due = i64::from(self.roll(u32::MAX)) * 1_000_000 + i64::from(self.roll(1_000_000));
        let mut order = key_of(key);
        order.extend([
            ("state".to_owned(), s(&format!("{}/open", self.name))),
            ("due".to_owned(), n(due)),
            ("lines".to_owned(), AttributeValue::L(vec![AttributeValue::M(line), AttributeValue::Null(true)])),
            ("exact".to_owned(), AttributeValue::N("12345678901234567890123456789012345678".to_owned())),
            ("seal".to_owned(), AttributeValue::B(Blob::new(due.to_be_bytes()))),
            ("note".to_owned(), s(&self.note)),
        ]);
        order
    }

    fn account(&self, number: u32) -> Key {
        (format!("{}/account", self.name), number)
    }

    fn orders(&self) -> Vec<Key> {
        (0..ORDERS).map(|number| (format!("{}/orders", self.name), number)).collect()
    }

    /// The key of an order that is there, or not.
    fn pick(&mut self, is_there: bool) -> Result<Key, Failure> {
        let keys: Vec<Key> = self.orders().into_iter().filter(|key| self.book.contains_key(key) == is_there).collect();
        let count = u32::try_from(keys.len())?;
        let at = if count == 0 { 0 } else { self.roll(count) };
        keys.into_iter().nth(usize::try_from(at)?).ok_or_else(|| "there are no such orders".into())
    }

    /// A number below `sides`: xorshift.
    fn roll(&mut self, sides: u32) -> u32 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        u32::try_from(self.dice >> 32).unwrap_or_default() % sides
    }
}
