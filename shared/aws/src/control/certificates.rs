//! Certificates, one row a run.

use livemove_core::certificate::Certificate;
use livemove_core::error::Error;
use livemove_core::mark::Run;
use livemove_core::register::Certificates;

use super::Control;
use super::row::{self, json};

impl Certificates for Control {
    async fn keep(&self, certificate: &Certificate) -> Result<(), Error> {
        let sk = sort_key(certificate.run);
        self.put(row::item(&certificate.subject, &sk, [("certificate", json(certificate)?)])).await
    }

    async fn certificate(&self, subject: &str, run: Run) -> Result<Option<Certificate>, Error> {
        self.row(subject, &sort_key(run)).await?.map(|row| row.json("certificate")).transpose()
    }
}

fn sort_key(run: Run) -> String {
    format!("certificate#{:06}", run.0)
}
