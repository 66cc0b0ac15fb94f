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
mod tests;
