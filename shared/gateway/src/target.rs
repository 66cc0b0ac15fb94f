//! The operation that a request names in `X-Amz-Target`.

pub use livemove_aws::wire::Api;

use crate::wire::WireError;

/// An operation of one of the APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// Whose.
    pub api: Api,
    /// Its name: letters and digits, at most 64. Whether there is such an operation, the backend knows.
    pub operation: &'a str,
}

const OPERATION_MAX: usize = 64;

impl Target<'_> {
    /// Reads the header. The API of 2011 is among what is refused: it would reach tables past the data plane.
    ///
    /// # Errors
    /// `UnknownOperationException` for everything that is not `<api>.<operation>`.
    pub fn parse(header: &str) -> Result<Target<'_>, WireError> {
        let (api, operation) = header.split_once('.').ok_or_else(unknown)?;
        let api = match api {
            "DynamoDB_20120810" => Api::Tables,
            "DynamoDBStreams_20120810" => Api::Streams,
            _ => return Err(unknown()),
        };
        let well_formed = !operation.is_empty()
            && operation.len() <= OPERATION_MAX
            && operation.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if well_formed { Ok(Target { api, operation }) } else { Err(unknown()) }
    }
}

/// What DynamoDB answers to a request that names no operation of its.
pub(crate) fn unknown() -> WireError {
    WireError::new(400, "UnknownOperationException", "X-Amz-Target names no operation of DynamoDB")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_target_names_api_and_operation() {
        let tables = Target::parse("DynamoDB_20120810.GetItem").unwrap();
        assert_eq!((tables.api, tables.operation), (Api::Tables, "GetItem"));
        let streams = Target::parse("DynamoDBStreams_20120810.GetRecords").unwrap();
        assert_eq!((streams.api, streams.operation), (Api::Streams, "GetRecords"));
    }

    #[test]
    fn every_other_target_is_an_unknown_operation() {
        let long = format!("DynamoDB_20120810.{}", "a".repeat(65));
        for header in [
            "",
            "GetItem",
            "DynamoDB_20111205.GetItem",
            "DynamoDB_20120810.",
            "DynamoDB_20120810.Get.Item",
            "DynamoDB_20120810. GetItem",
            "dynamodb_20120810.GetItem",
            "DynamoDB_20120810.Get/../Item",
            &long,
        ] {
            assert_eq!(Target::parse(header).unwrap_err().name(), "UnknownOperationException", "{header}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_is_spelt_as_it_was_read(header in "(DynamoDB(Streams)?_20120810\\.)?\\PC{0,80}") {
            if let Ok(target) = Target::parse(&header) {
                let api = match target.api { Api::Tables => "DynamoDB", Api::Streams => "DynamoDBStreams" };
                prop_assert_eq!(format!("{api}_20120810.{}", target.operation), header);
            }
        }
    }
}
