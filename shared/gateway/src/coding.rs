//! Compressed bodies, bounded: what unpacks to more than a request may have is refused before it is unpacked.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::wire::WireError;

/// How the body of a request is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Plain,
    Gzip,
}

impl Coding {
    /// Reads `Content-Encoding`.
    ///
    /// # Errors
    /// `SerializationException` for a coding that is not known.
    pub(crate) fn parse(header: Option<&str>) -> Result<Coding, WireError> {
        match header.map(str::trim) {
            None | Some("" | "identity") => Ok(Coding::Plain),
            Some(coding) if coding.eq_ignore_ascii_case("gzip") => Ok(Coding::Gzip),
            Some(_) => Err(WireError::new(400, "SerializationException", "the only Content-Encoding served is gzip")),
        }
    }
}

/// Whether an `Accept-Encoding` wants gzip.
pub(crate) fn accepts_gzip(header: &str) -> bool {
    header.split(',').any(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        let gzip = parts.next().is_some_and(|coding| coding.eq_ignore_ascii_case("gzip"));
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Ok(1.0), str::parse::<f32>);
        gzip && weight.is_ok_and(|weight| weight > 0.0)
    })
}

/// Unpacks a body of at most `max` bytes. All of it has to be gzip, to the last byte.
///
/// # Errors
/// `RequestEntityTooLargeException` when there would be more; `SerializationException` when it is not gzip.
pub(crate) fn unpack(packed: &[u8], max: usize) -> Result<Vec<u8>, WireError> {
    let mut body = Vec::new();
    let bound = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(packed)
        .take(bound)
        .read_to_end(&mut body)
        .map_err(|_| WireError::new(400, "SerializationException", "the body is not gzip"))?;
    if body.len() > max { Err(too_large(max)) } else { Ok(body) }
}

/// The refusal of a body of more than `max` bytes.
pub(crate) fn too_large(max: usize) -> WireError {
    WireError::new(413, "RequestEntityTooLargeException", format!("a request may have {max} bytes"))
}

// Below this the head outweighs what is gained.
const WORTH_PACKING: usize = 1024;

/// Packs the body of an answer, if that makes it worth while.
pub(crate) fn pack(body: &[u8]) -> Option<Vec<u8>> {
    if body.len() < WORTH_PACKING {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body).ok()?;
    encoder.finish().ok().filter(|packed| packed.len() < body.len())
}

#[cfg(test)]
mod tests {
    use livemove_core::testing::fuzz::{bytes, cases};
    use proptest::prelude::*;

    use super::*;

    fn gzip(body: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_small_body_that_unpacks_to_a_large_one_is_refused() {
        let bomb = gzip(&vec![b'x'; 50_000_000]);
        assert!(bomb.len() < 100_000);
        assert_eq!(unpack(&bomb, 1_000_000).unwrap_err().status, 413);
        assert_eq!(unpack(&gzip(b"12345"), 5).unwrap(), b"12345");
        assert_eq!(unpack(&gzip(b"123456"), 5).unwrap_err().status, 413);
    }

    #[test]
    fn what_is_not_gzip_to_the_last_byte_is_refused() {
        let whole = gzip(b"{}");
        let mut longer = whole.clone();
        longer.extend(b"{}");
        for body in [&b"{}"[..], b"", &whole[..whole.len() - 1], &longer] {
            assert_eq!(unpack(body, 100).unwrap_err().name(), "SerializationException", "{body:?}");
        }
    }

    #[test]
    fn gzip_is_sent_to_who_wants_it() {
        for wants in ["gzip", "br, gzip", "gzip;q=0.1", "GZIP; q=1"] {
            assert!(accepts_gzip(wants), "{wants}");
        }
        for wants_not in ["", "identity", "br", "gzip;q=0", "gzip;q=0.0", "gzipped", "gzip;q=x"] {
            assert!(!accepts_gzip(wants_not), "{wants_not}");
        }
    }

    #[test]
    fn only_what_gets_smaller_is_packed() {
        assert_eq!(pack(&[b'x'; 1023]), None);
        let packed = pack(&[b'x'; 5000]).unwrap();
        assert!(packed.len() < 100);
        assert_eq!(unpack(&packed, 5000).unwrap(), vec![b'x'; 5000]);
    }

    proptest! {
        #![proptest_config(cases(300))]

        #[test]
        fn a_damaged_body_is_refused_or_unpacks_to_the_same(packed in bytes(gzip(b"{\"TableName\":\"orders\",\"Key\":{\"pk\":{\"S\":\"a\"}}}")), max in 0..200usize) {
            if let Ok(body) = unpack(&packed, max) {
                prop_assert!(body.len() <= max);
                // Its own checksum finds what was changed, but for parts of the head that say nothing of the body,
                // and for whole members one after the other.
                let whole = b"{\"TableName\":\"orders\",\"Key\":{\"pk\":{\"S\":\"a\"}}}";
                prop_assert!(body.is_empty() || body.chunks(whole.len()).all(|part| part == whole));
            }
        }

        #[test]
        fn any_bytes_are_unpacked_or_refused(body in proptest::collection::vec(any::<u8>(), 0..200), cut in any::<usize>()) {
            let _ = unpack(&body, 100);
            let mut packed = gzip(&body);
            packed.truncate(cut % (packed.len() + 1));
            if let Ok(unpacked) = unpack(&packed, 300) {
                prop_assert_eq!(unpacked, body);
            }
        }
    }
}
