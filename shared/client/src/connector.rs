//! Between the SDK and the network: calls on a table that moves are taken out here.

use std::fmt;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use livemove_aws::api::Invocation;
use livemove_gateway::plane::DataPlane;
use livemove_gateway::target::{Api, Target};
use livemove_gateway::wire::WireError;
use serde_json::{Map, Value};

const CONTENT_TYPE: &str = "application/x-amz-json-1.0";

/// The SDK's way to the network, with the data plane beside it.
pub(crate) struct Routed<P> {
    plane: Arc<P>,
    network: SharedHttpClient,
}

impl<P: DataPlane> Routed<P> {
    /// What `plane` serves, and `network` for the rest.
    pub(crate) fn new(plane: P, network: SharedHttpClient) -> Routed<P> {
        Routed { plane: Arc::new(plane), network }
    }
}

impl<P> fmt::Debug for Routed<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routed").finish_non_exhaustive()
    }
}

impl<P: DataPlane> HttpClient for Routed<P> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let network = self.network.http_connector(settings, components);
        SharedHttpConnector::new(RoutedConnector { plane: self.plane.clone(), network })
    }
}

struct RoutedConnector<P> {
    plane: Arc<P>,
    network: SharedHttpConnector,
}

impl<P> fmt::Debug for RoutedConnector<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoutedConnector").finish_non_exhaustive()
    }
}

impl<P: DataPlane> HttpConnector for RoutedConnector<P> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (plane, network) = (self.plane.clone(), self.network.clone());
        HttpConnectorFuture::new(async move {
            match serve(&*plane, &request).await {
                Some(answer) => answer,
                None => network.call(request).await,
            }
        })
    }
}

/// The data plane's answer, if the call is its business. What cannot be read as a call is DynamoDB's to judge.
async fn serve<P: DataPlane>(plane: &P, request: &HttpRequest) -> Option<Result<HttpResponse, ConnectorError>> {
    let target = Target::parse(request.headers().get("x-amz-target")?).ok()?;
    if target.api != Api::Tables {
        return None;
    }
    let input: Map<String, Value> = serde_json::from_slice(request.body().bytes()?).ok()?;
    let header = |name| request.headers().get(name);
    let invocation = match Invocation::of_sdk(header("amz-sdk-invocation-id"), header("amz-sdk-request")) {
        Ok(invocation) => invocation,
        Err(problem) => return Some(response(400, &WireError::new(400, "SerializationException", problem).body)),
    };
    match plane.call(target.operation, input, invocation.as_ref()).await {
        Ok(None) => None,
        Ok(Some(output)) => Some(response(200, &output)),
        Err(error) => {
            not_served(target.operation, &error);
            Some(response(error.status, &error.body))
        }
    }
}

fn response(status: u16, body: &Value) -> Result<HttpResponse, ConnectorError> {
    let status = StatusCode::try_from(status).map_err(|error| ConnectorError::other(error.into(), None))?;
    let mut response = HttpResponse::new(status, SdkBody::from(body.to_string()));
    response.headers_mut().insert("content-type", CONTENT_TYPE);
    Ok(response)
}

fn not_served(operation: &str, error: &WireError) {
    tracing::debug!(operation, status = error.status, error = error.name(), "call not served");
}
