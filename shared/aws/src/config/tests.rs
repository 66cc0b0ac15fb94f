//! The environment, read and refused.

use std::collections::BTreeMap;

use livemove_core::testing::fuzz::cases;
use proptest::prelude::*;

use super::*;

fn base() -> BTreeMap<&'static str, &'static str> {
    BTreeMap::from([
        ("MIGRATION_ID", "orders"),
        ("CONTROL_TABLE", "livemove-orders-control"),
        ("CONTROL_ACCOUNT", "111111111111"),
        ("CONTROL_REGION", "us-east-1"),
        ("ACCOUNT_ID", "222222222222"),
        ("AWS_REGION", "eu-west-1"),
    ])
}

fn read(variables: &BTreeMap<&'static str, &'static str>) -> Result<Config, ConfigError> {
    Config::read(|name| variables.get(name).map(|value| (*value).to_owned()))
}

#[test]
fn the_smallest_environment_is_enough() {
    let config = read(&base()).unwrap();
    assert_eq!(config.control.end.account, "111111111111");
    assert_eq!(config.home.region, "eu-west-1");
    assert_eq!((config.peer, config.stream_side, config.path_style_buckets), (None, None, false));
}

#[test]
fn every_required_variable_is_named_when_it_is_missing_or_empty() {
    for name in base().into_keys() {
        let mut variables = base();
        variables.insert(name, "");
        assert_eq!(read(&variables).unwrap_err().name, name);
        variables.remove(name);
        assert_eq!(read(&variables).unwrap_err().name, name);
    }
}

#[test]
fn a_variable_that_is_no_text_is_refused_and_not_taken_for_unset() {
    for name in VARIABLES {
        let mut variables = base();
        variables.insert(name, "a\u{FFFD}");
        let error = read(&variables).unwrap_err();
        assert_eq!((error.name, error.problem.as_str()), (name, "is not UTF-8"));
    }
}

#[test]
fn a_region_with_a_blank_is_refused() {
    for (name, value) in [("AWS_REGION", "eu-west-1 "), ("CONTROL_REGION", "EU-WEST-1")] {
        let mut variables = base();
        variables.insert(name, value);
        let error = read(&variables).unwrap_err();
        assert!(error.name == name && error.problem.contains(value), "{error}");
    }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn what_is_read_is_what_was_set(which in 0..VARIABLES.len(), value in prop_oneof!["\\PC{0,20}", "source|target|[0-9]{11,13}"]) {
        let (name, mut variables) = (VARIABLES[which], base());
        variables.extend([("STREAM_SIDE", "source"), ("PEER_ROLE_ARN", "arn"), ("EXTERNAL_ID", "id")]);
        let get = |asked: &str| if asked == name { Some(value.clone()) } else { variables.get(asked).map(|v| (*v).to_owned()) };
        match Config::read(get) {
            Err(error) => prop_assert_eq!(error.name, name),
            Ok(config) => {
                let peer = config.peer.as_ref();
                let told = match name {
                    "MIGRATION_ID" => Some(config.migration),
                    "CONTROL_ACCOUNT" => Some(config.control.end.account),
                    "CONTROL_REGION" => Some(config.control.end.region),
                    "CONTROL_TABLE" => Some(config.control.table),
                    "ACCOUNT_ID" => Some(config.home.account),
                    "AWS_REGION" => Some(config.home.region),
                    "PEER_ROLE_ARN" => peer.map(|peer| peer.role_arn.clone()),
                    "EXTERNAL_ID" => peer.map(|peer| peer.external_id.clone()),
                    "STREAM_SIDE" => config.stream_side.map(|side| format!("{side:?}").to_lowercase()),
                    _ => return Ok(()),
                };
                prop_assert_eq!(told.unwrap_or_default(), value);
            }
        }
    }
}

#[test]
fn a_peer_role_needs_its_external_id_and_never_shows_it() {
    let mut variables = base();
    variables.insert("PEER_ROLE_ARN", "arn:aws:iam::111111111111:role/livemove-orders-peer");
    assert_eq!(read(&variables).unwrap_err().name, "EXTERNAL_ID");
    variables.insert("EXTERNAL_ID", "between-us");
    let config = read(&variables).unwrap();
    assert_eq!(config.peer.as_ref().unwrap().external_id, "between-us");
    assert!(!format!("{config:?}").contains("between-us"));
}

#[test]
fn wrong_accounts_and_sides_are_refused_with_their_value() {
    let mut variables = base();
    variables.insert("STREAM_SIDE", "left");
    let error = read(&variables).unwrap_err();
    assert!(error.name == "STREAM_SIDE" && error.problem.contains("left"), "{error}");
    variables.insert("STREAM_SIDE", "target");
    assert_eq!(read(&variables).unwrap().required_stream_side(), Ok(Side::Target));
    variables.insert("ACCOUNT_ID", "12");
    assert_eq!(read(&variables).unwrap_err().name, "ACCOUNT_ID");
}
