//! Configuration: the only place that reads the environment.
//!
//! Every variable is set by `template.yaml`; a wrong one stops the function at start-up with its name and what
//! to set. The AWS SDK reads its own variables (credentials, endpoints) itself.

mod gateway;

use livemove_core::phase::Side;

use crate::sites::End;

pub use gateway::GatewayConfig;

/// A variable of the environment that is missing or wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("environment variable {name} {problem}; {remedy}")]
pub struct ConfigError {
    /// The variable.
    pub name: &'static str,
    /// What is wrong with it.
    pub problem: String,
    /// What to set.
    pub remedy: &'static str,
}

/// What a function knows at start-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `MIGRATION_ID`: which migration this stack belongs to.
    pub migration: String,
    /// `CONTROL_TABLE`, `CONTROL_ACCOUNT`, `CONTROL_REGION`.
    pub control: ControlTable,
    /// `ACCOUNT_ID`, `AWS_REGION`: where the function runs.
    pub home: End,
    /// `AWS_LAMBDA_FUNCTION_NAME`: names the sessions of the assumed role.
    pub function: String,
    /// `PEER_ROLE_ARN`, `EXTERNAL_ID`: how to reach the other account, where there is one.
    pub peer: Option<Peer>,
    /// `STREAM_SIDE`: whose events a replicator or copier gets.
    pub stream_side: Option<Side>,
    /// `WIRED_*`: what the stack is wired to.
    pub wired: Wired,
    /// `AWS_ENDPOINT_URL` or `AWS_ENDPOINT_URL_S3` is set: a local AWS, whose buckets are addressed by path.
    pub path_style_buckets: bool,
}

/// The table of states, checkpoints and ledgers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlTable {
    /// Where it is.
    pub end: End,
    /// Its name.
    pub table: String,
}

/// The role of the other site.
#[derive(Clone, PartialEq, Eq)]
pub struct Peer {
    /// The role to assume.
    pub role_arn: String,
    /// The external id its trust policy demands.
    pub external_id: String,
}

impl std::fmt::Debug for Peer {
    // The external id is a shared secret of the two sites.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peer").field("role_arn", &self.role_arn).finish_non_exhaustive()
    }
}

/// The resources named by the stack's parameters; `None` = not wired.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wired {
    /// `WIRED_TABLE_SOURCE`.
    pub table_source: Option<String>,
    /// `WIRED_TABLE_TARGET`.
    pub table_target: Option<String>,
    /// `WIRED_BUCKET_SOURCE`.
    pub bucket_source: Option<String>,
    /// `WIRED_BUCKET_TARGET`.
    pub bucket_target: Option<String>,
}

impl Config {
    /// Reads the environment of this process.
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable that is missing or wrong.
    pub fn from_env() -> Result<Config, ConfigError> {
        Config::read(variable)
    }

    /// Reads variables through `get`; an empty variable counts as missing.
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable that is missing or wrong.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Config, ConfigError> {
        let env = Environment(get);
        env.readable(&VARIABLES)?;
        Ok(Config {
            migration: env.required("MIGRATION_ID", "set it to the MigrationId of the stack")?,
            control: ControlTable {
                end: End {
                    account: env.account("CONTROL_ACCOUNT", "set it to the account of the control table")?,
                    region: env.region("CONTROL_REGION", "set it to the Region of the control table")?,
                },
                table: env.required("CONTROL_TABLE", "set it to the name of the control table")?,
            },
            home: End {
                account: env.account("ACCOUNT_ID", "set it to the account of this function")?,
                region: env.region("AWS_REGION", "Lambda sets it; set it to the Region of this function elsewhere")?,
            },
            function: env.optional("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|| "local".to_owned()),
            peer: env.peer()?,
            stream_side: env.side("STREAM_SIDE")?,
            wired: Wired {
                table_source: env.optional("WIRED_TABLE_SOURCE"),
                table_target: env.optional("WIRED_TABLE_TARGET"),
                bucket_source: env.optional("WIRED_BUCKET_SOURCE"),
                bucket_target: env.optional("WIRED_BUCKET_TARGET"),
            },
            path_style_buckets: env.optional("AWS_ENDPOINT_URL_S3").or(env.optional("AWS_ENDPOINT_URL")).is_some(),
        })
    }

    /// `STREAM_SIDE`, for the functions that cannot do without.
    ///
    /// # Errors
    /// [`ConfigError`] when it is not set.
    pub fn required_stream_side(&self) -> Result<Side, ConfigError> {
        self.stream_side.ok_or(ConfigError {
            name: "STREAM_SIDE",
            problem: "is not set".to_owned(),
            remedy: SIDE_REMEDY,
        })
    }
}

#[allow(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
fn variable(name: &str) -> Option<String> {
    // What is not UTF-8 is no unset variable: it is refused where it is read.
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// The log filter, `RUST_LOG`; `info` where it is not set. Read before everything else, so that errors of the
/// configuration reach the log.
pub fn log_filter() -> String {
    variable("RUST_LOG").filter(|text| !text.is_empty()).unwrap_or_else(|| "info".to_owned())
}

/// Every variable of [`Config`].
const VARIABLES: [&str; 16] = [
    "MIGRATION_ID",
    "CONTROL_TABLE",
    "CONTROL_ACCOUNT",
    "CONTROL_REGION",
    "ACCOUNT_ID",
    "AWS_REGION",
    "AWS_LAMBDA_FUNCTION_NAME",
    "PEER_ROLE_ARN",
    "EXTERNAL_ID",
    "STREAM_SIDE",
    "WIRED_TABLE_SOURCE",
    "WIRED_TABLE_TARGET",
    "WIRED_BUCKET_SOURCE",
    "WIRED_BUCKET_TARGET",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL",
];

const SIDE_REMEDY: &str = "set it to `source` or `target`: whose events the function gets";

struct Environment<G>(G);

impl<G: Fn(&str) -> Option<String>> Environment<G> {
    fn optional(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    fn required(&self, name: &'static str, remedy: &'static str) -> Result<String, ConfigError> {
        self.optional(name).ok_or_else(|| ConfigError { name, problem: "is not set".to_owned(), remedy })
    }

    /// Refuses values that are no text: left out, a secret or a role would count as not set.
    fn readable(&self, names: &[&'static str]) -> Result<(), ConfigError> {
        let unreadable = |name: &&&'static str| self.optional(name).is_some_and(|value| value.contains('\u{FFFD}'));
        match names.iter().find(unreadable) {
            Some(name) => Err(ConfigError { name, problem: "is not UTF-8".to_owned(), remedy: "set it to plain text" }),
            None => Ok(()),
        }
    }

    fn region(&self, name: &'static str, remedy: &'static str) -> Result<String, ConfigError> {
        let value = self.required(name, remedy)?;
        if value.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
            return Ok(value);
        }
        Err(ConfigError { name, problem: format!("is `{value}`, not a Region's code"), remedy })
    }

    fn account(&self, name: &'static str, remedy: &'static str) -> Result<String, ConfigError> {
        let value = self.required(name, remedy)?;
        if value.len() == 12 && value.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(value);
        }
        Err(ConfigError { name, problem: format!("is `{value}`, not an account id of 12 digits"), remedy })
    }

    fn side(&self, name: &'static str) -> Result<Option<Side>, ConfigError> {
        match self.optional(name).as_deref() {
            None => Ok(None),
            Some("source") => Ok(Some(Side::Source)),
            Some("target") => Ok(Some(Side::Target)),
            Some(other) => Err(ConfigError { name, problem: format!("is `{other}`"), remedy: SIDE_REMEDY }),
        }
    }

    fn peer(&self) -> Result<Option<Peer>, ConfigError> {
        let Some(role_arn) = self.optional("PEER_ROLE_ARN") else {
            return Ok(None);
        };
        let external_id = self.required("EXTERNAL_ID", "set it to the ExternalId of both sites' stacks")?;
        Ok(Some(Peer { role_arn, external_id }))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use livemove_core::testing::fuzz::cases;
    use proptest::prelude::*;

    use super::*;

    fn base() -> BTreeMap<&'static str, &'static str> {
        BTreeMap::from([
            ("MIGRATION_ID", "orders"),
            ("CONTROL_TABLE", "livemove-orders-control"),
            ("CONTROL_ACCOUNT", "111111111111"),
            ("CONTROL_REGION", "us-east-1"),
            ("ACCOUNT_ID", "222222222222"),
            ("AWS_REGION", "eu-west-1"),
        ])
    }

    fn read(variables: &BTreeMap<&'static str, &'static str>) -> Result<Config, ConfigError> {
        Config::read(|name| variables.get(name).map(|value| (*value).to_owned()))
    }

    #[test]
    fn the_smallest_environment_is_enough() {
        let config = read(&base()).unwrap();
        assert_eq!(config.control.end.account, "111111111111");
        assert_eq!(config.home.region, "eu-west-1");
        assert_eq!((config.peer, config.stream_side, config.path_style_buckets), (None, None, false));
    }

    #[test]
    fn every_required_variable_is_named_when_it_is_missing_or_empty() {
        for name in base().into_keys() {
            let mut variables = base();
            variables.insert(name, "");
            assert_eq!(read(&variables).unwrap_err().name, name);
            variables.remove(name);
            assert_eq!(read(&variables).unwrap_err().name, name);
        }
    }

    #[test]
    fn a_variable_that_is_no_text_is_refused_and_not_taken_for_unset() {
        for name in VARIABLES {
            let mut variables = base();
            variables.insert(name, "a\u{FFFD}");
            let error = read(&variables).unwrap_err();
            assert_eq!((error.name, error.problem.as_str()), (name, "is not UTF-8"));
        }
    }

    #[test]
    fn a_region_with_a_blank_is_refused() {
        for (name, value) in [("AWS_REGION", "eu-west-1 "), ("CONTROL_REGION", "EU-WEST-1")] {
            let mut variables = base();
            variables.insert(name, value);
            let error = read(&variables).unwrap_err();
            assert!(error.name == name && error.problem.contains(value), "{error}");
        }
    }

    proptest! {
        #![proptest_config(cases(200))]

        #[test]
        fn what_is_read_is_what_was_set(which in 0..VARIABLES.len(), value in prop_oneof!["\\PC{0,20}", "source|target|[0-9]{11,13}"]) {
            let (name, mut variables) = (VARIABLES[which], base());
            variables.extend([("STREAM_SIDE", "source"), ("PEER_ROLE_ARN", "arn"), ("EXTERNAL_ID", "id")]);
            let get = |asked: &str| if asked == name { Some(value.clone()) } else { variables.get(asked).map(|v| (*v).to_owned()) };
            match Config::read(get) {
                Err(error) => prop_assert_eq!(error.name, name),
                Ok(config) => {
                    let peer = config.peer.as_ref();
                    let told = match name {
                        "MIGRATION_ID" => Some(config.migration),
                        "CONTROL_ACCOUNT" => Some(config.control.end.account),
                        "CONTROL_REGION" => Some(config.control.end.region),
                        "CONTROL_TABLE" => Some(config.control.table),
                        "ACCOUNT_ID" => Some(config.home.account),
                        "AWS_REGION" => Some(config.home.region),
                        "PEER_ROLE_ARN" => peer.map(|peer| peer.role_arn.clone()),
                        "EXTERNAL_ID" => peer.map(|peer| peer.external_id.clone()),
                        "STREAM_SIDE" => config.stream_side.map(|side| format!("{side:?}").to_lowercase()),
                        _ => return Ok(()),
                    };
                    prop_assert_eq!(told.unwrap_or_default(), value);
                }
            }
        }
    }

    #[test]
    fn a_peer_role_needs_its_external_id_and_never_shows_it() {
        let mut variables = base();
        variables.insert("PEER_ROLE_ARN", "arn:aws:iam::111111111111:role/livemove-orders-peer");
        assert_eq!(read(&variables).unwrap_err().name, "EXTERNAL_ID");
        variables.insert("EXTERNAL_ID", "between-us");
        let config = read(&variables).unwrap();
        assert_eq!(config.peer.as_ref().unwrap().external_id, "between-us");
        assert!(!format!("{config:?}").contains("between-us"));
    }

    #[test]
    fn wrong_accounts_and_sides_are_refused_with_their_value() {
        let mut variables = base();
        variables.insert("STREAM_SIDE", "left");
        let error = read(&variables).unwrap_err();
        assert!(error.name == "STREAM_SIDE" && error.problem.contains("left"), "{error}");
        variables.insert("STREAM_SIDE", "target");
        assert_eq!(read(&variables).unwrap().required_stream_side(), Ok(Side::Target));
        variables.insert("ACCOUNT_ID", "12");
        assert_eq!(read(&variables).unwrap_err().name, "ACCOUNT_ID");
    }
}
