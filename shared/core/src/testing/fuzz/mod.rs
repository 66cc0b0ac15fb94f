//! Inputs for fuzz tests of everything that decodes: values of every kind, and valid inputs that are damaged.
//!
//! A fuzz test stands beside the decoder that it is about and asks three things: nothing panics, nothing takes
//! longer or more memory than its input allows, and nothing is accepted in silence: what is decoded says all that
//! was given ([`says`]), or it is refused.

mod damage;
mod says;
mod values;

use proptest::test_runner::Config;

pub use damage::{bytes, json, text};
pub use says::says;
pub use values::{any_json, any_number, item, value};

/// How a fuzz test is run: `few` cases, or as many as `LIVEMOVE_CASES` says. What fails is printed, not kept: it
/// becomes a test of its own, named after what went wrong.
///
/// # Panics
/// When `LIVEMOVE_CASES` is no number.
#[allow(clippy::disallowed_methods, reason = "tests only")]
pub fn cases(few: u32) -> Config {
    let asked = std::env::var("LIVEMOVE_CASES").ok().filter(|text| !text.is_empty());
    let asked = asked.map(|text| text.parse().unwrap_or_else(|_| panic!("LIVEMOVE_CASES is `{text}`, not a number")));
    Config { cases: asked.unwrap_or(few), failure_persistence: None, ..Config::default() }
}
