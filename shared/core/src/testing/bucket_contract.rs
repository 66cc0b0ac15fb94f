//! The contract of [`Bucket`], held against every implementation.

use std::future::Future;

use crate::error::Error;
use crate::object::bucket::{Bucket, Description, Etag, Expect, Head, Removed, Tags, Transferred};

/// What an application does to a bucket, for arranging a check and for looking at its outcome.
pub trait Application: Sync {
    /// Puts an object.
    fn put(&self, key: &str, content: &[u8], description: &Description, tags: &Tags)
    -> impl Future<Output = ()> + Send;

    /// The bytes stored under a key.
    fn read(&self, key: &str) -> impl Future<Output = Option<Vec<u8>>> + Send;
}

/// Keys that have broken copiers before.
pub const ODD_KEYS: [&str; 12] = [
    "a b",
    "a+b",
    "a%20b",
    "100%",
    "ünïcødé/日本語",
    "/leading",
    "up/../side",
    "a//b",
    "quote\"'<&>",
    "tab\tline\n",
    "trailing/",
    "?q=1&r#f",
];

/// Checks the whole contract on two empty buckets.
///
/// # Errors
/// Those of the buckets; what breaks the contract panics.
pub async fn check<B: Bucket + Application>(source: &B, target: &B) -> Result<(), Error> {
    absent_objects(source).await?;
    transfers_carry_everything(source, target).await?;
    transfers_are_conditional_on_both_sides(source, target).await?;
    removals_are_conditional(source).await?;
    tags_are_replaced(source).await?;
    listings_are_ordered_and_go_on(source).await?;
    odd_keys_survive(source, target).await
}

fn description(text: &str) -> Description {
    Description {
        content_type: Some("text/x-contract; charset=utf-8".to_owned()),
        content_encoding: Some("identity".to_owned()),
        content_disposition: Some("attachment; filename=\"a b.txt\"".to_owned()),
        content_language: Some("de, en".to_owned()),
        cache_control: Some("max-age=60".to_owned()),
        expires: Some("Thu, 01 Dec 2039 16:00:00 GMT".to_owned()),
        redirect: None,
        metadata: [("colour".to_owned(), text.to_owned()), ("empty".to_owned(), String::new())].into(),
    }
}

fn tags(text: &str) -> Tags {
    [
        ("team".to_owned(), text.to_owned()),
        ("a b+c/d=e".to_owned(), "x y+z:@".to_owned()),
        ("none".to_owned(), String::new()),
    ]
    .into()
}

async fn seen<B: Bucket>(bucket: &B, key: &str) -> Head {
    bucket.head(key).await.unwrap().unwrap()
}

async fn absent_objects<B: Bucket>(bucket: &B) -> Result<(), Error> {
    assert_eq!(bucket.head("contract/nothing").await?, None);
    assert_eq!(bucket.remove("contract/nothing", &Etag("0".repeat(32))).await?, Removed::Gone);
    bucket.set_tags("contract/nothing", &tags("x")).await?;
    bucket.alive().await
}

async fn transfers_carry_everything<B: Bucket + Application>(source: &B, target: &B) -> Result<(), Error> {
    let key = "contract/everything";
    source.put(key, b"content", &description("red"), &tags("blue")).await;
    let head = seen(source, key).await;
    assert_eq!((head.size, &head.description, &head.tags), (7, &description("red"), &tags("blue")));
    let Transferred::Written(etag) = target.transfer(source, key, &head, &Expect::Absent).await? else {
        panic!("not transferred");
    };
    let copy = seen(target, key).await;
    assert_eq!((copy.size, &copy.description, &copy.tags, &copy.etag), (7, &head.description, &head.tags, &etag));
    assert_eq!(target.read(key).await.as_deref(), Some(&b"content"[..]));
    let empty = "contract/empty";
    source.put(empty, b"", &Description::default(), &Tags::new()).await;
    let head = seen(source, empty).await;
    assert!(matches!(target.transfer(source, empty, &head, &Expect::Absent).await?, Transferred::Written(_)));
    let copy = seen(target, empty).await;
    assert_eq!((copy.size, copy.description, copy.tags), (0, head.description, Tags::new()));
    Ok(())
}

async fn transfers_are_conditional_on_both_sides<B: Bucket + Application>(source: &B, target: &B) -> Result<(), Error> {
    let key = "contract/conditions";
    let plain = (Description::default(), Tags::new());
    source.put(key, b"one", &plain.0, &plain.1).await;
    let one = seen(source, key).await;
    source.put(key, b"two", &plain.0, &plain.1).await;
    let two = seen(source, key).await;
    assert_eq!(target.transfer(source, key, &one, &Expect::Absent).await?, Transferred::SourceChanged);
    assert_eq!(target.read(key).await, None);
    // Nothing there, but content expected.
    let expected = Expect::Content(one.etag.clone());
    assert_eq!(target.transfer(source, key, &two, &expected).await?, Transferred::TargetChanged);
    assert_eq!(target.read(key).await, None);
    target.put(key, b"theirs", &plain.0, &plain.1).await;
    for expected in [Expect::Absent, Expect::Content(two.etag.clone())] {
        assert_eq!(target.transfer(source, key, &two, &expected).await?, Transferred::TargetChanged);
        assert_eq!(target.read(key).await.as_deref(), Some(&b"theirs"[..]));
    }
    let theirs = Expect::Content(seen(target, key).await.etag);
    assert!(matches!(target.transfer(source, key, &two, &theirs).await?, Transferred::Written(_)));
    assert_eq!(target.read(key).await.as_deref(), Some(&b"two"[..]));
    assert_eq!(source.remove(key, &two.etag).await?, Removed::Gone);
    let expected = Expect::Content(seen(target, key).await.etag);
    assert_eq!(target.transfer(source, key, &two, &expected).await?, Transferred::SourceChanged);
    Ok(())
}

async fn removals_are_conditional<B: Bucket + Application>(bucket: &B) -> Result<(), Error> {
    let key = "contract/removal";
    bucket.put(key, b"one", &Description::default(), &Tags::new()).await;
    let one = seen(bucket, key).await;
    bucket.put(key, b"two", &Description::default(), &Tags::new()).await;
    assert_eq!(bucket.remove(key, &one.etag).await?, Removed::Changed);
    assert_eq!(bucket.read(key).await.as_deref(), Some(&b"two"[..]));
    let two = seen(bucket, key).await;
    assert_eq!(bucket.remove(key, &two.etag).await?, Removed::Gone);
    assert_eq!(bucket.head(key).await?, None);
    assert_eq!(bucket.remove(key, &two.etag).await?, Removed::Gone);
    Ok(())
}

async fn tags_are_replaced<B: Bucket + Application>(bucket: &B) -> Result<(), Error> {
    let key = "contract/tags";
    bucket.put(key, b"x", &Description::default(), &tags("before")).await;
    let before = seen(bucket, key).await;
    for wanted in [tags("after"), Tags::new()] {
        bucket.set_tags(key, &wanted).await?;
        let now = seen(bucket, key).await;
        assert_eq!((now.tags, now.etag), (wanted, before.etag.clone()));
    }
    Ok(())
}

async fn listings_are_ordered_and_go_on<B: Bucket + Application>(bucket: &B) -> Result<(), Error> {
    let keys: Vec<String> = (0..7).map(|i| format!("zz-list/{i}")).collect();
    for key in keys.iter().rev() {
        bucket.put(key, b"x", &Description::default(), &Tags::new()).await;
    }
    let mut found = Vec::new();
    let mut after = Some("zz-list/".to_owned());
    loop {
        let page = bucket.list(after.as_deref(), 3).await?;
        assert!(page.entries.len() <= 3);
        after = page.entries.last().map(|entry| entry.key.clone());
        found.extend(page.entries.into_iter().map(|entry| entry.key));
        if !page.more {
            break;
        }
    }
    assert_eq!(found, keys);
    Ok(())
}

async fn odd_keys_survive<B: Bucket + Application>(source: &B, target: &B) -> Result<(), Error> {
    let longest = "k".repeat(1024);
    let mut keys: Vec<String> = ODD_KEYS.iter().map(|key| (*key).to_owned()).chain([longest]).collect();
    for key in &keys {
        source.put(key, key.as_bytes(), &Description::default(), &Tags::new()).await;
        let head = seen(source, key).await;
        let transferred = target.transfer(source, key, &head, &Expect::Absent).await?;
        assert!(matches!(transferred, Transferred::Written(_)), "{key:?}: {transferred:?}");
        assert_eq!(target.read(key).await.as_deref(), Some(key.as_bytes()), "{key:?}");
    }
    keys.sort();
    let listed: Vec<String> = target.list(None, 1000).await?.entries.into_iter().map(|entry| entry.key).collect();
    let odd: Vec<&String> = listed.iter().filter(|key| keys.contains(key)).collect();
    assert_eq!(odd, keys.iter().collect::<Vec<_>>());
    for key in &keys {
        let etag = seen(target, key).await.etag;
        assert_eq!(target.remove(key, &etag).await?, Removed::Gone, "{key:?}");
        assert_eq!(target.head(key).await?, None, "{key:?}");
    }
    Ok(())
}
