//! Decoding of Query and Scan.

use livemove_core::error::Error;
use livemove_core::pages::PageRead;
use livemove_core::ports::Consistency;
use livemove_core::ports::pages::{Shown, Walk};
use livemove_core::segment::Segment;
use serde_json::{Value, json};

use super::refusal;
use crate::api::operations::page::ReadPage;
use crate::api::parameters::Parameters;

fn parameters(base: Value, more: Value) -> Parameters<'static> {
    let mut input = base.as_object().unwrap().clone();
    input.extend(more.as_object().unwrap().clone());
    Parameters::new("Query", input)
}

fn query(more: Value) -> Result<PageRead, Error> {
    let base = json!({"TableName": "orders", "KeyConditionExpression": "pk = :p",
        "ExpressionAttributeValues": {":p": {"S": "a"}}});
    Ok(ReadPage::query(parameters(base, more))?.page.0)
}

fn scan(more: Value) -> Result<PageRead, Error> {
    Ok(ReadPage::scan(parameters(json!({"TableName": "orders"}), more))?.page.0)
}

#[test]
fn a_query_is_decoded_in_full() {
    let page = query(json!({"IndexName": "by-day", "ScanIndexForward": false, "Limit": 7, "ConsistentRead": true,
        "FilterExpression": "#t > :p", "ExpressionAttributeNames": {"#t": "total"},
        "ProjectionExpression": "total", "ExclusiveStartKey": {"pk": {"S": "a"}, "sk": {"N": "1.0"}}}))
    .unwrap();
    assert_eq!(page.walk, Walk::Query { key_condition: "pk = :p".to_owned(), forward: false });
    assert_eq!((page.index.as_deref(), page.limit, page.consistency), (Some("by-day"), Some(7), Consistency::Strong));
    assert_eq!(page.filter.as_deref(), Some("#t > :p"));
    assert_eq!(page.shown, Shown::Expression("total".to_owned()));
    assert_eq!(json!(page.start), json!({"pk": {"S": "a"}, "sk": {"N": "1.0"}}));
}

#[test]
fn a_query_is_ascending_whole_and_eventually_consistent_unless_it_says_otherwise() {
    let page = query(json!({})).unwrap();
    assert_eq!(page.walk, Walk::Query { key_condition: "pk = :p".to_owned(), forward: true });
    assert_eq!((page.shown, page.consistency, page.start), (Shown::Whole, Consistency::Eventual, None));
    assert_eq!(query(json!({"IndexName": "by-day"})).unwrap().shown, Shown::Projected);
}

#[test]
fn what_is_selected_and_what_is_projected_must_agree() {
    assert_eq!(query(json!({"Select": "COUNT"})).unwrap().shown, Shown::Count);
    let all = json!({"Select": "ALL_ATTRIBUTES", "IndexName": "by-day"});
    assert_eq!(query(all).unwrap().shown, Shown::Whole);
    for wrong in [
        json!({"Select": "COUNT", "ProjectionExpression": "a"}),
        json!({"Select": "ALL_ATTRIBUTES", "ProjectionExpression": "a"}),
        json!({"Select": "SPECIFIC_ATTRIBUTES"}),
        json!({"Select": "ALL_PROJECTED_ATTRIBUTES"}),
        json!({"Select": "SOME"}),
    ] {
        let text = refusal(query(wrong), "ValidationException");
        assert!(text.contains("Select"), "{text}");
    }
}

#[test]
fn a_segment_of_a_scan_must_be_one_of_its_segments() {
    assert_eq!(scan(json!({})).unwrap().walk, Walk::Scan { segment: Segment::WHOLE });
    let third = scan(json!({"Segment": 2, "TotalSegments": 3})).unwrap();
    assert_eq!(third.walk, Walk::Scan { segment: Segment { index: 2, total: 3 } });
    for wrong in [
        json!({"Segment": 3, "TotalSegments": 3}),
        json!({"Segment": 0}),
        json!({"TotalSegments": 3}),
        json!({"Segment": 0, "TotalSegments": 1_000_001}),
    ] {
        let text = refusal(scan(wrong), "ValidationException");
        assert!(text.contains("Segment"), "{text}");
    }
}

#[test]
fn legacy_parameters_of_queries_are_refused_with_what_replaced_them() {
    for (name, remedy) in [
        ("KeyConditions", "KeyConditionExpression"),
        ("QueryFilter", "FilterExpression"),
        ("AttributesToGet", "ProjectionExpression"),
    ] {
        let text = refusal(query(json!({name: {}})), "ValidationException");
        assert!(text.contains(name) && text.contains(remedy), "{text}");
    }
    refusal(scan(json!({"ScanFilter": {}})), "ValidationException");
    refusal(query(json!({"Limit": 0})), "ValidationException");
    refusal(scan(json!({"KeyConditionExpression": "pk = :p"})), "ValidationException");
}

#[test]
fn reserved_names_are_refused_in_every_expression_of_a_query() {
    refusal(query(json!({"FilterExpression": "_lm_own = :p"})), "ReservedAttribute");
    refusal(query(json!({"ProjectionExpression": "_lm_t"})), "ReservedAttribute");
    refusal(query(json!({"KeyConditionExpression": "_lm_s = :p"})), "ReservedAttribute");
    refusal(query(json!({"ExpressionAttributeNames": {"#a": "_lm_mv"}})), "ReservedAttribute");
}
