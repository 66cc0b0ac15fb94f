//! Names that belong to livemove.

use livemove_core::error::Error;
use livemove_core::expression::Kind;
use livemove_core::expression::reserved::check;
use livemove_core::item::Item;

use crate::{n, names, values};

fn refused(answer: Result<(), Error>, name: &str) {
    match answer {
        Err(Error::Refused { name: "ReservedAttribute", reason, .. }) => assert!(reason.contains(name), "{reason}"),
        other => panic!("{name}: {other:?}"),
    }
}

fn check_text(text: &str) -> Result<(), Error> {
    check(None, &[(Kind::Condition, text)], &names(&[]), &values(&[]))
}

#[test]
fn reserved_names_are_refused_wherever_they_stand() {
    let item = Item(values(&[("_lm_own", n("1"))]));
    refused(check(Some(&item), &[], &names(&[]), &values(&[])), "`_lm_own`");
    refused(check(None, &[], &names(&[("#a", "_lm_t")]), &values(&[])), "`_lm_t`");
    refused(check(None, &[], &names(&[("#_lm_a", "a")]), &values(&[])), "`#_lm_a`");
    refused(check(None, &[], &names(&[]), &values(&[(":_lm_a", n("1"))])), "`:_lm_a`");
    for (text, name) in [
        ("_lm_own = :v", "`_lm_own`"),
        ("a = :v AND attribute_exists(_lm_whatever.a)", "`_lm_whatever`"),
        ("#_lm_own = :v", "`#_lm_own`"),
        ("a.#_lm_own = :v", "`#_lm_own`"),
        ("a = :_lm_v", "`:_lm_v`"),
    ] {
        refused(check_text(text), name);
    }
    refused(check(None, &[(Kind::Update, "REMOVE _lm_mv")], &names(&[]), &values(&[])), "`_lm_mv`");
}

#[test]
fn other_names_are_the_application_s() {
    let item = Item(values(&[("lm_own", n("1")), ("a_lm_", n("1")), ("_LM_own", n("1"))]));
    let names = names(&[("#a", "a._lm_own"), ("#lm_", "_l")]);
    check(Some(&item), &[(Kind::Update, "SET a._lm_x = :v")], &names, &values(&[(":lm_", n("1"))])).unwrap();
}

#[test]
fn what_cannot_be_read_is_invalid() {
    assert_eq!(check_text("a ; _lm_own").unwrap_err().name(), "ValidationException");
}
