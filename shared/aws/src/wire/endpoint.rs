//! Where the backend is.

use aws_types::SdkConfig;
use aws_types::service_config::ServiceConfigKey;
use hyper::Uri;
use hyper::header::HeaderValue;

use super::WireSetup;

const TABLES: &str = "DynamoDB";
const STREAMS: &str = "DynamoDB Streams";

/// Where calls go.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) uri: Uri,
    /// Its host as requests name it.
    pub(super) host: HeaderValue,
}

impl Endpoint {
    pub(super) fn is_secure(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }

    // Signatures are made for the path `/`, as all of AWS has it.
    fn parse(text: String) -> Result<Endpoint, WireSetup> {
        let uri: Option<Uri> = text.parse().ok();
        let scheme = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https"));
        let usable = |uri: &Uri| scheme(uri) && uri.path() == "/" && uri.query().is_none();
        let endpoint = uri.filter(usable).and_then(|uri| {
            let host = HeaderValue::from_str(uri.authority()?.as_str()).ok()?;
            Some(Endpoint { uri, host })
        });
        endpoint.ok_or(WireSetup::WrongEndpoint(text))
    }
}

/// The endpoints of tables and of streams: what the SDK's configuration says, the service's own setting first, else
/// AWS's own.
pub(super) fn endpoints(sdk: &SdkConfig, region: &str) -> Result<(Endpoint, Endpoint), WireSetup> {
    let of = |service: &'static str, host: &str| {
        let configured = configured(sdk, service).or_else(|| sdk.endpoint_url().map(str::to_owned));
        Endpoint::parse(configured.unwrap_or_else(|| format!("https://{host}.{region}.{}", domain(region))))
    };
    Ok((of(TABLES, "dynamodb")?, of(STREAMS, "streams.dynamodb")?))
}

fn configured(sdk: &SdkConfig, service: &'static str) -> Option<String> {
    let key = ServiceConfigKey::builder().service_id(service).env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
    sdk.service_config()?.load_config(key.ok()?)
}

fn domain(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

#[cfg(test)]
mod tests {
    use aws_types::service_config::LoadServiceConfig;

    use super::*;

    #[derive(Debug)]
    struct OfTables;

    impl LoadServiceConfig for OfTables {
        fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
            (key.service_id() == TABLES && key.env() == "AWS_ENDPOINT_URL").then(|| "http://127.0.0.1:1".to_owned())
        }
    }

    fn named(sdk: &SdkConfig, region: &str) -> (String, String) {
        let (tables, streams) = endpoints(sdk, region).unwrap();
        (tables.uri.to_string(), streams.uri.to_string())
    }

    fn both(tables: &str, streams: &str) -> (String, String) {
        (tables.to_owned(), streams.to_owned())
    }

    #[test]
    fn endpoints_are_those_of_the_region_unless_they_are_configured() {
        let sdk = SdkConfig::builder().build();
        assert_eq!(
            named(&sdk, "eu-west-1"),
            both("https://dynamodb.eu-west-1.amazonaws.com/", "https://streams.dynamodb.eu-west-1.amazonaws.com/")
        );
        assert_eq!(named(&sdk, "cn-north-1").0, "https://dynamodb.cn-north-1.amazonaws.com.cn/");
        let all = || SdkConfig::builder().endpoint_url("http://127.0.0.1:2");
        assert_eq!(named(&all().build(), "x"), both("http://127.0.0.1:2/", "http://127.0.0.1:2/"));
        assert_eq!(
            named(&all().service_config(OfTables).build(), "x"),
            both("http://127.0.0.1:1/", "http://127.0.0.1:2/")
        );
    }

    #[test]
    fn a_wrong_endpoint_is_named() {
        for wrong in ["127.0.0.1:8000", "ftp://a", "http://", "http://a/?b", "http://a/b"] {
            let sdk = SdkConfig::builder().endpoint_url(wrong).build();
            assert!(endpoints(&sdk, "x").unwrap_err().to_string().contains(wrong), "{wrong}");
        }
    }
}
