//! The rules for single values of a plan: each answers the remedy when the value breaks it.

/// The most segments of a whole plan: the state machine hands them out from one list, which with the longest
/// names must stay under the 256 KB that Step Functions passes between states.
pub const SEGMENTS_MAX: u64 = 500;
/// The most writes in flight: memory of a worker is bounded by it.
pub const WRITES_IN_FLIGHT_MAX: u64 = 256;

/// The shortest lease: what a process may remember of a phase, and of there being none.
pub const LEASE_MIN_MS: u64 = 200;

/// A rule for a text: `None` = fine, else the remedy.
pub(super) type TextRule = fn(&str) -> Option<&'static str>;

fn unless(fine: bool, remedy: &'static str) -> Option<&'static str> {
    (!fine).then_some(remedy)
}

pub(super) fn migration(id: &str) -> Option<&'static str> {
    let letters = id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    unless(
        (1..=20).contains(&id.len()) && letters,
        "use the stack's MigrationId: 1 to 20 lower-case letters, digits and hyphens",
    )
}

pub(super) fn account(id: &str) -> Option<&'static str> {
    unless(id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit()), "use the 12-digit account id, as text")
}

pub(super) fn region(code: &str) -> Option<&'static str> {
    let parts: Vec<&str> = code.split('-').collect();
    let words = |parts: &[&str]| parts.iter().all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_lowercase()));
    let number = |part: &&str| (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let fine = match parts.split_last() {
        Some((last, first)) => (2..=3).contains(&first.len()) && words(first) && number(last) && first[0].len() == 2,
        None => false,
    };
    unless(fine, "use the Region's code, for example eu-west-1")
}

// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
pub(super) fn table(name: &str) -> Option<&'static str> {
    let letters = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    unless(
        (3..=255).contains(&name.len()) && letters,
        "use the table's name, not its ARN: 3 to 255 letters, digits, underscores, hyphens and dots",
    )
}

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
pub(super) fn bucket(name: &str) -> Option<&'static str> {
    let end = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let letters = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'));
    let ends = end(name.as_bytes().first()) && end(name.as_bytes().last());
    let address = name.parse::<std::net::Ipv4Addr>().is_ok();
    unless(
        (3..=63).contains(&name.len()) && letters && ends && !name.contains("..") && !address,
        "use the bucket's name, not its ARN: 3 to 63 lower-case letters, digits, hyphens and single dots, \
         beginning and ending with a letter or digit, and not an IP address",
    )
}
