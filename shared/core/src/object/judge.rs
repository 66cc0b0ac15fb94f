//! Judging two looks at a key: what has to be done so that the gaining bucket equals the losing one. Pure.

use super::bucket::{Etag, Expect, Head};
use super::ledger::Row;
use crate::mark::Run;
use crate::phase::target_of;

/// What two entity tags say of the contents of two objects of equal size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// The contents are equal.
    Same,
    /// They differ.
    Different,
    /// The tags are not comparable: other parts, or encrypted by a key of KMS or of the customer.
    Unknown,
}

/// Compares two entity tags; `opaque` when one of the two says nothing about its content.
pub fn likeness(one: &Etag, other: &Etag, opaque: bool) -> Likeness {
    if one == other {
        Likeness::Same
    } else if opaque || one.parts().is_some() || other.parts().is_some() {
        Likeness::Unknown
    } else {
        Likeness::Different
    }
}

/// Whether both objects are known to hold the same bytes, by their tags or by the ledger's proof.
pub fn same_content(row: &Row, run: Run, losing: &Head, gaining: &Head) -> bool {
    if losing.size != gaining.size {
        return false;
    }
    likeness(&losing.etag, &gaining.etag, losing.opaque || gaining.opaque) == Likeness::Same
        || row.proves_same(run, losing, gaining)
}

/// What has to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: both hold the same, or nothing.
    Agreed,
    /// Transfer the object.
    Copy(Expect),
    /// Only the tags differ.
    Retag,
    /// Remove this content from the gaining bucket.
    Remove(Etag),
    /// Nothing may be done: the gaining bucket holds something that is not known to be a copy.
    Foreign,
}

/// Judges a key in `run` by its ledger row and a look at both buckets.
pub fn judge(row: &Row, run: Run, losing: Option<&Head>, gaining: Option<&Head>) -> Verdict {
    match (losing, gaining) {
        (None, None) => Verdict::Agreed,
        (Some(_), None) => Verdict::Copy(Expect::Absent),
        (None, Some(held)) if row.accounts_for(target_of(run), gaining) => Verdict::Remove(held.etag.clone()),
        (None, Some(_)) => Verdict::Foreign,
        (Some(wanted), Some(held)) => {
            let same = same_content(row, run, wanted, held);
            if same && wanted.description == held.description {
                if wanted.tags == held.tags { Verdict::Agreed } else { Verdict::Retag }
            } else if same || row.accounts_for(target_of(run), gaining) {
                Verdict::Copy(Expect::Content(held.etag.clone()))
            } else {
                Verdict::Foreign
            }
        }
    }
}
