//! The sweeper: after the point of no return, tombstones and marks go. One pass may be undone by a late
//! writer, so passes are repeated until one finds nothing.

use crate::checkpoint::Counts;
use crate::error::Error;
use crate::item::Item;
use crate::mark::{ALL, Marks};
use crate::ports::{Action, Guard, Table, Write, Written};
use crate::scan::keys_of;

/// Sweeps scanned items of the table that won; `written` counts what was removed. Idempotent.
///
/// # Errors
/// Those of the table.
pub async fn sweep<T: Table>(home: &T, items: Vec<Item>) -> Result<Counts, Error> {
    let mut counts = Counts { read: items.len() as u64, ..Counts::default() };
    let keys = keys_of(home, &items)?;
    for (key, item) in keys.into_iter().zip(items) {
        let marks = Marks::of(&item);
        let (action, guard) = if marks.tombstone || marks.canary.is_some() {
            (Action::Delete, Guard::Invisible)
        } else if marks != Marks::default() {
            (Action::Update { expression: None, set: Default::default(), remove: ALL.to_vec() }, Guard::Visible)
        } else {
            counts.kept += 1;
            continue;
        };
        if let Written::Applied(_) = home.write(&Write::new(key, action, guard)).await? {
            counts.written += 1;
        }
    }
    Ok(counts)
}
