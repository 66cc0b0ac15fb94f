//! What the functions at the streams tell the controller: canaries seen, batches done.

use livemove_core::error::Error;
use livemove_core::mark::Run;
use livemove_core::phase::Side;
use livemove_core::ports::Millis;
use livemove_core::register::{Canary, PULSE, Report, Signals, Watches};
use livemove_core::steer::watch::Watch;

use super::Control;
use super::row::{self, json, n, s};
use crate::sdk_error::Effect;

impl Signals for Control {
    async fn canary_sent(&self, subject: &str, side: Side, canary: &Canary) -> Result<(), Error> {
        let attributes = [("nonce", s(&canary.nonce)), ("run", n(canary.run.0)), ("sent", n(canary.sent))];
        let mut item = row::item(subject, &canary_key(side, &canary.nonce), attributes);
        item.extend(canary.seen.map(|seen| ("seen".to_owned(), n(seen))));
        // A repeated call must not take back that this very canary was seen meanwhile.
        let request = self
            .repeating
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk) OR #nonce <> :nonce")
            .expression_attribute_names("#nonce", "nonce")
            .expression_attribute_values(":nonce", s(&canary.nonce));
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => Ok(()),
            Err(error) => Err(self.call("dynamodb:PutItem", Effect::Writes).failed(&error)),
        }
    }

    async fn canary_seen(&self, subject: &str, side: Side, nonce: &str, at: Millis) -> Result<(), Error> {
        let request = self
            .repeating
            .update_item()
            .table_name(&self.table)
            .set_key(Some(row::key(subject, &canary_key(side, nonce))))
            .update_expression("SET #seen = :at")
            .condition_expression("#nonce = :nonce AND attribute_not_exists(#seen)")
            .expression_attribute_names("#seen", "seen")
            .expression_attribute_names("#nonce", "nonce")
            .expression_attribute_values(":nonce", s(nonce))
            .expression_attribute_values(":at", n(at));
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => Ok(()),
            Err(error) => Err(self.call("dynamodb:UpdateItem", Effect::Writes).failed(&error)),
        }
    }

    async fn canary(&self, subject: &str, side: Side) -> Result<Option<Canary>, Error> {
        self.stored_canary(subject, &canary_key(side, "")).await
    }

    async fn pulse(&self, subject: &str, side: Side) -> Result<Option<Canary>, Error> {
        self.stored_canary(subject, &canary_key(side, PULSE)).await
    }

    async fn report(&self, subject: &str, side: Side, batch: &Report) -> Result<(), Error> {
        let names = ["at", "record_at", "position", "records", "failed", "denied"];
        let texts = [("position", &batch.position), ("denied", &batch.denied)];
        let (mut set, mut remove) = (String::from("SET #at = :at, #record_at = :record_at"), Vec::new());
        for (name, text) in texts {
            match text {
                Some(_) => set.push_str(&format!(", #{name} = :{name}")),
                None => remove.push(format!("#{name}")),
            }
        }
        let removed = if remove.is_empty() { String::new() } else { format!(" REMOVE {}", remove.join(", ")) };
        let mut request = self
            .once
            .update_item()
            .table_name(&self.table)
            .set_key(Some(row::key(subject, &report_key(side))))
            .update_expression(format!("{set}{removed} ADD #records :records, #failed :failed"))
            .expression_attribute_values(":at", n(batch.at))
            .expression_attribute_values(":record_at", n(batch.record_at))
            .expression_attribute_values(":records", n(batch.records))
            .expression_attribute_values(":failed", n(batch.failed));
        for name in names {
            request = request.expression_attribute_names(format!("#{name}"), name);
        }
        for (name, text) in texts {
            if let Some(text) = text {
                request = request.expression_attribute_values(format!(":{name}"), s(text));
            }
        }
        request.send().await.map_err(|error| self.call("dynamodb:UpdateItem", Effect::Writes).failed(&error))?;
        Ok(())
    }

    async fn reported(&self, subject: &str, side: Side) -> Result<Option<Report>, Error> {
        let Some(row) = self.row(subject, &report_key(side)).await? else {
            return Ok(None);
        };
        Ok(Some(Report {
            at: row.number("at")?,
            record_at: row.number("record_at")?,
            position: row.optional_text("position")?.map(str::to_owned),
            records: row.number("records")?,
            failed: row.number("failed")?,
            denied: row.text("denied").ok().map(str::to_owned),
        }))
    }
}

impl Watches for Control {
    async fn watch(&self, subject: &str, side: Side) -> Result<Option<Watch>, Error> {
        match self.row(subject, &watch_key(side)).await? {
            Some(row) => row.json("watch").map(Some),
            None => Ok(None),
        }
    }

    async fn keep_watch(&self, subject: &str, side: Side, watch: &Watch) -> Result<(), Error> {
        self.put(row::item(subject, &watch_key(side), [("watch", json(watch)?)])).await
    }
}

impl Control {
    async fn stored_canary(&self, subject: &str, sort_key: &str) -> Result<Option<Canary>, Error> {
        let Some(row) = self.row(subject, sort_key).await? else {
            return Ok(None);
        };
        Ok(Some(Canary {
            nonce: row.text("nonce")?.to_owned(),
            run: Run(row.number("run")?),
            sent: row.number("sent")?,
            seen: row.optional_number("seen")?,
        }))
    }
}

fn canary_key(side: Side, nonce: &str) -> String {
    let kind = if nonce.starts_with(PULSE) { "pulse" } else { "canary" };
    format!("{kind}#{}", name(side))
}

fn watch_key(side: Side) -> String {
    format!("watch#{}", name(side))
}

fn report_key(side: Side) -> String {
    format!("replicator#{}", name(side))
}

pub(super) fn name(side: Side) -> &'static str {
    match side {
        Side::Source => "source",
        Side::Target => "target",
    }
}
