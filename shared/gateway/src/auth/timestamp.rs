//! `X-Amz-Date`.

use std::time::{Duration, SystemTime};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

const FORM: &[u8; 16] = b"00000000T000000Z";
/// How far a client's clock may be from the gateway's, as with DynamoDB.
const SKEW: Duration = Duration::from_secs(5 * 60);

/// A moment, and how the request wrote it: `20260131T235959Z`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Timestamp<'a> {
    text: &'a str,
    instant: SystemTime,
}

impl<'a> Timestamp<'a> {
    /// Reads the header; `None` for any other form and for days that no calendar has.
    pub(super) fn parse(text: &'a str) -> Option<Timestamp<'a>> {
        let fits = |(byte, form): (u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == *form };
        if text.len() != FORM.len() || !text.bytes().zip(FORM).all(fits) {
            return None;
        }
        let (date, time) = (&text[..8], &text[9..15]);
        let long =
            format!("{}-{}-{}T{}:{}:{}Z", &date[..4], &date[4..6], &date[6..], &time[..2], &time[2..4], &time[4..]);
        let instant = DateTime::from_str(&long, Format::DateTime).ok()?.try_into().ok()?;
        Some(Timestamp { text, instant })
    }

    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// The day, as the scope of a signature has it.
    pub(super) fn date(&self) -> &'a str {
        &self.text[..8]
    }

    pub(super) fn instant(&self) -> SystemTime {
        self.instant
    }

    /// Whether it is within the clocks' tolerance.
    pub(super) fn is_near(&self, now: SystemTime) -> bool {
        let apart = now.duration_since(self.instant).unwrap_or_else(|error| error.duration());
        apart <= SKEW
    }
}
