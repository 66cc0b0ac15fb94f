//! The forms of messages are those of the page that the module names; the names in them are made up.

use super::*;

fn orders() -> Access {
    let end = End { account: "222222222222".to_owned(), region: "eu-west-1".to_owned() };
    Access::to_table("arn:aws:iam::222222222222:role/peer".to_owned(), &end, "orders-new")
}

fn all_in(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

const SESSION: &str = "arn:aws:sts::222222222222:assumed-role/livemove-orders-peer/livemove-backfill";

#[test]
fn a_denial_names_who_needs_which_statement() {
    let message = format!(
        "User: {SESSION} is not authorized to perform: dynamodb:PartiQLInsert on resource: \
         arn:aws:dynamodb:eu-west-1:222222222222:table/orders-new because no identity-based policy allows the \
         dynamodb:PartiQLInsert action"
    );
    let text = text("dynamodb:PartiQLInsert", "table orders-new", Some(&orders()), &message);
    all_in(
        &text,
        &[
            "dynamodb:PartiQLInsert on table orders-new",
            "denied to arn:aws:iam::222222222222:role/livemove-orders-peer",
            r#"add to its policy {"Effect":"Allow","Action":"dynamodb:PartiQLInsert","Resource":"arn:aws:dynamodb:eu-west-1:222222222222:table/orders-new"}"#,
        ],
    );
}

#[test]
fn what_the_message_leaves_out_is_what_is_known_of_the_call() {
    for message in ["no message", "", "Access Denied"] {
        let text = text("dynamodb:Scan", "table orders-new", Some(&orders()), message);
        let statement = r#"{"Effect":"Allow","Action":"dynamodb:Scan","Resource":"arn:aws:dynamodb:eu-west-1:222222222222:table/orders-new"}"#;
        all_in(&text, &["denied to arn:aws:iam::222222222222:role/peer", statement]);
    }
    let text = text("sqs:ReceiveMessage", "queue dead", None, "no message");
    all_in(&text, &["the function's role", r#""Resource":"queue dead""#]);
}

#[test]
fn a_denial_by_the_key_names_the_key_and_its_policy() {
    let key = "arn:aws:kms:eu-west-1:222222222222:key/1234";
    let message = format!(
        "User: {SESSION} is not authorized to perform: kms:Decrypt on resource: {key} because no resource-based policy \
         allows the kms:Decrypt action"
    );
    let said = text("dynamodb:GetItem", "table orders-new", Some(&orders()), &message);
    all_in(
        &said,
        &["dynamodb:GetItem on table orders-new", "kms:Decrypt on", key, "resource-based policy", "key's own policy"],
    );
    let message = format!(
        "User: {SESSION} is not authorized to perform: kms:Decrypt on the resource associated with this ciphertext because \
         no identity-based policy allows the kms:Decrypt action"
    );
    let said = text("dynamodb:GetItem", "table orders-new", Some(&orders()), &message);
    all_in(&said, &["kms:Decrypt on the key that encrypts table orders-new"]);
    assert!(!said.contains("table/orders-new"), "{said}");
}

#[test]
fn an_explicit_deny_is_not_said_to_be_mended_by_a_statement_alone() {
    for (end, kind) in [
        ("with an explicit deny in a service control policy", "service control policy"),
        ("with an explicit deny in an identity-based policy", "identity-based policy"),
        ("with an explicit deny in a resource-based policy.", "resource-based policy"),
    ] {
        let message =
            format!("User: {SESSION} is not authorized to perform: dynamodb:PutItem on resource: arn:a {end}");
        let said = text("dynamodb:PutItem", "table orders-new", Some(&orders()), &message);
        all_in(&said, &[&format!("explicit deny in the {kind}, and allow it by")]);
    }
    let message = format!(
        "User: {SESSION} is not authorized to perform: dynamodb:PutItem because no permissions boundary allows the \
         dynamodb:PutItem action"
    );
    all_in(
        &text("dynamodb:PutItem", "table orders-new", Some(&orders()), &message),
        &["let the permissions boundary allow it"],
    );
}

#[test]
fn a_denial_of_s3_does_not_name_the_object() {
    let access = Access::to_bucket("peer".to_owned(), "eu-west-1", "files-new");
    let message = format!(
        "User: {SESSION} is not authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::files-new/customers/7/bill.pdf\" \
         because no identity-based policy allows the s3:GetObject action"
    );
    let said = text("s3:GetObject", "bucket files-new", Some(&access), &message);
    assert!(!said.contains("customers") && !said.contains("bill"), "{said}");
    all_in(&said, &[r#""Resource":"arn:aws:s3:::files-new/*""#]);
    let said = text("s3:ListBucket", "bucket files-new", Some(&access), "Access Denied");
    all_in(&said, &[r#""Resource":"arn:aws:s3:::files-new""#]);
}

#[test]
fn partitions_are_those_of_the_region() {
    let bucket = |region| Access::to_bucket(String::new(), region, "b").arn;
    assert_eq!(bucket("cn-north-1"), "arn:aws-cn:s3:::b");
    assert_eq!(bucket("us-gov-west-1"), "arn:aws-us-gov:s3:::b");
    assert_eq!(role("arn:aws:iam::111111111111:user/operator"), "arn:aws:iam::111111111111:user/operator");
}
