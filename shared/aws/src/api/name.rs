//! How a call names a table: by its name, or by its ARN.

use crate::sites::{End, Sites};

/// A table as a call names it, `TableName` and the like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TableName<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// Account and Region, where they are given.
    place: Option<(&'a str, &'a str)>,
}

impl<'a> TableName<'a> {
    /// Reads a name or an ARN, `arn:aws:dynamodb:<Region>:<account>:table/<name>`. What is neither is a name that
    /// no table has.
    pub(super) fn parse(text: &'a str) -> TableName<'a> {
        let mut parts = text.splitn(6, ':');
        let (arn, _partition, service) = (parts.next(), parts.next(), parts.next());
        let (region, account, resource) = (parts.next(), parts.next(), parts.next());
        let table = resource.and_then(|resource| resource.strip_prefix("table/"));
        match (arn, service, region.zip(account), table) {
            (Some("arn"), Some("dynamodb"), Some((region, account)), Some(table)) => {
                let name = table.split_once('/').map_or(table, |(name, _)| name);
                TableName { name, place: Some((account, region)) }
            }
            _ => TableName { name: text, place: None },
        }
    }

    /// Whether it may mean a table at `end`: it does not name another place.
    pub(super) fn may_be_at(&self, end: &End) -> bool {
        self.place.is_none_or(|place| place == (end.account.as_str(), end.region.as_str()))
    }

    /// Whether it means a table at `end`: a bare name is one of this process's own account and Region.
    pub(super) fn is_at(&self, end: &End, sites: &Sites) -> bool {
        if self.place.is_some() { self.may_be_at(end) } else { sites.is_home(end) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(account: &str) -> End {
        End { account: account.to_owned(), region: "eu-west-1".to_owned() }
    }

    #[test]
    fn an_arn_names_the_table_and_its_place() {
        let named = TableName::parse("arn:aws:dynamodb:eu-west-1:111111111111:table/orders");
        assert_eq!(named.name, "orders");
        assert!(named.may_be_at(&end("111111111111")) && !named.may_be_at(&end("222222222222")));
        let index = TableName::parse("arn:aws-cn:dynamodb:eu-west-1:111111111111:table/orders/index/by-day");
        assert_eq!(index.name, "orders");
    }

    #[test]
    fn a_bare_name_may_be_anywhere_and_what_is_neither_is_a_name() {
        assert!(TableName::parse("orders").may_be_at(&end("111111111111")));
        for text in ["", "arn:aws:s3:::orders", "arn:aws:dynamodb:eu-west-1", "arn:aws:dynamodb:a:b:stream/orders"] {
            assert_eq!(TableName::parse(text).name, text);
        }
    }
}
