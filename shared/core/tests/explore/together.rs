//! Calls of a site that concern several items.

use livemove_core::error::Error;
use livemove_core::ports::transact::{
    Entry, ReadEntry, Reason, Replacement, Snapshot, Transacted, Transaction, Transactions,
};
use shuttle::future::yield_now;
use shuttle::rand::{Rng, thread_rng};

use crate::bug::Bug;
use crate::site::Site;

impl Transactions for Site {
    async fn transact(&self, transaction: &Transaction) -> Result<Transacted, Error> {
        let _call = self.begin();
        self.before().await?;
        if self.faults && thread_rng().gen_bool(0.02) {
            return Ok(Transacted::Cancelled(vec![Reason::conflict(); transaction.entries.len()]));
        }
        let outcome = match self.bug {
            Bug::PartialTransaction => self.one_by_one(&transaction.entries).await?,
            _ => self.memory.transact(transaction).await?,
        };
        self.after().await?;
        // Often, for it is then that a token shows what it is good for.
        if self.faults && transaction.token.is_some() && thread_rng().gen_bool(0.3) {
            return Err(Error::Ambiguous("fault".into()));
        }
        Ok(outcome)
    }

    async fn snapshot(&self, entries: &[ReadEntry]) -> Result<Snapshot, Error> {
        let _call = self.begin();
        self.before().await?;
        if self.faults && thread_rng().gen_bool(0.02) {
            return Ok(Snapshot::Cancelled(vec![Reason::conflict(); entries.len()]));
        }
        let snapshot = self.memory.snapshot(entries).await?;
        self.after().await.map_err(|_| Error::Unavailable("fault".into()))?;
        Ok(snapshot)
    }

    async fn replace(&self, items: &[Replacement]) -> Result<Vec<usize>, Error> {
        let _call = self.begin();
        self.before().await?;
        let mut left = Vec::new();
        for (index, item) in items.iter().enumerate() {
            if self.faults && thread_rng().gen_bool(0.05) {
                left.push(index);
            } else {
                self.memory.replace(std::slice::from_ref(item)).await?;
            }
            yield_now().await;
        }
        self.after().await?;
        Ok(left)
    }
}

impl Site {
    /// What a transaction is not: each entry by itself, until one is refused.
    async fn one_by_one(&self, entries: &[Entry]) -> Result<Transacted, Error> {
        for (index, entry) in entries.iter().enumerate() {
            let alone = Transaction { entries: vec![entry.clone()], token: None };
            if let Transacted::Cancelled(reason) = self.memory.transact(&alone).await? {
                let mut reasons = vec![Reason::none(); entries.len()];
                reasons.splice(index..=index, reason);
                return Ok(Transacted::Cancelled(reasons));
            }
            yield_now().await;
        }
        Ok(Transacted::Applied)
    }
}
