//! A data plane that serves one table, `moving`, and does with each operation something else.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use livemove_aws::api::Invocation;
use livemove_gateway::plane::{DataPlane, Health};
use livemove_gateway::wire::WireError;
use serde_json::{Map, Value, json};
use tokio::sync::{Notify, Semaphore};

#[derive(Clone)]
pub(crate) struct TestPlane {
    /// The operations that came, in order.
    pub(crate) calls: Arc<Mutex<Vec<String>>>,
    /// `Scan` waits for a permit of this.
    pub(crate) gate: Arc<Semaphore>,
    /// A `Scan` has come to the gate.
    pub(crate) waiting: Arc<Notify>,
    /// By what the calls were known that came here, and those that were turned away.
    pub(crate) invocations: Arc<Mutex<Vec<Option<Invocation>>>>,
    pub(crate) turned_away: Arc<Mutex<Vec<Invocation>>>,
    pub(crate) ready: Arc<AtomicBool>,
    pub(crate) asked: Arc<Mutex<u32>>,
}

impl Default for TestPlane {
    fn default() -> TestPlane {
        TestPlane {
            calls: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
            waiting: Arc::default(),
            invocations: Arc::default(),
            turned_away: Arc::default(),
            ready: Arc::new(AtomicBool::new(true)),
            asked: Arc::default(),
        }
    }
}

impl TestPlane {
    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }
}

impl DataPlane for TestPlane {
    async fn call(
        &self,
        operation: &str,
        input: Map<String, Value>,
        invocation: Option<&Invocation>,
    ) -> Result<Option<Value>, WireError> {
        self.invocations.lock().unwrap().push(invocation.cloned());
        if input.get("TableName") != Some(&json!("moving")) {
            return Ok(None);
        }
        self.calls.lock().unwrap().push(operation.to_owned());
        match operation {
            "GetItem" => Ok(Some(json!({"Item": {"pk": {"S": "a"}, "n": {"N": "1"}}}))),
            "Query" => Ok(Some(json!({"Items": vec![json!({"pk": {"S": "same"}}); 1000], "Count": 1000}))),
            "PutItem" => {
                let mut error =
                    WireError::new(400, "ConditionalCheckFailedException", "The conditional request failed");
                error.body["Item"] = json!({"pk": {"S": "a"}});
                Err(error)
            }
            "Scan" => {
                self.waiting.notify_one();
                self.gate.acquire().await.unwrap().forget();
                Ok(Some(json!({"Items": [], "Count": 0})))
            }
            _ => Err(WireError::new(500, "InternalServerError", "broken")),
        }
    }

    fn turned_away(&self, invocation: &Invocation) {
        self.turned_away.lock().unwrap().push(invocation.clone());
    }

    async fn health(&self) -> Health {
        *self.asked.lock().unwrap() += 1;
        Health { ready: self.ready.load(Ordering::SeqCst), detail: json!({"moving": "handoff"}) }
    }
}
