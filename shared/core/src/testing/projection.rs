//! What a read shows of a stored item.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::expression::Kind;
use crate::expression::bindings::Bindings;
use crate::expression::evaluate::project;
use crate::expression::path::{Path, projection};
use crate::item::Item;
use crate::mark::RESERVED;
use crate::ports::Get;

/// The paths that are shown beside the marks; `None` for all.
pub(super) struct Projection(Option<Vec<Path>>);

impl Projection {
    /// That of a read.
    ///
    /// # Errors
    /// A `ValidationException` as DynamoDB's.
    pub(super) fn of(get: &Get) -> Result<Projection, Error> {
        let values = BTreeMap::new();
        let bindings = Bindings { names: &get.names, values: &values };
        let texts: Vec<_> = get.projection.iter().map(|text| (Kind::Projection, text.as_str())).collect();
        let paths = get.projection.as_deref().map(projection).transpose()?;
        texts.iter().try_for_each(|(kind, text)| bindings.check_defined(*kind, text))?;
        bindings.check_used(&texts)?;
        Ok(Projection(paths.map(|paths| paths.iter().map(|path| path.resolved(&get.names)).collect())))
    }

    /// What it shows of `item`.
    pub(super) fn of_item(&self, item: Item) -> Item {
        let Some(paths) = &self.0 else { return item };
        let mut shown = project(&item, paths);
        shown.0.extend(item.0.into_iter().filter(|(name, _)| name.starts_with(RESERVED)));
        shown
    }
}
