//! `GATEWAY_*`: what the gateway needs beside the configuration that it shares with the functions.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;

use super::{ConfigError, Environment, variable};

const LISTEN: &str = "GATEWAY_LISTEN";
const KEY_ID: &str = "GATEWAY_ACCESS_KEY_ID";
const SECRET: &str = "GATEWAY_SECRET_ACCESS_KEY";
const KEYS: &str = "make up a key id and a secret of 16 characters or more for the gateway's clients, and set both";
const COUNT: &str = "set it to a whole number from 1 up, or leave it out";

/// Every variable of [`GatewayConfig`].
const VARIABLES: [&str; 7] = [
    LISTEN,
    KEY_ID,
    SECRET,
    "GATEWAY_MAX_IN_FLIGHT",
    "GATEWAY_MAX_CONNECTIONS",
    "GATEWAY_MAX_BODY_BYTES",
    "GATEWAY_DRAIN_SECONDS",
];

/// As short as a secret may be, in bytes.
const SECRET_MIN: usize = 16;
const LISTEN_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8000);

/// How a gateway is to be run; `None` is the gateway's own default.
#[derive(Clone, PartialEq, Eq)]
pub struct GatewayConfig {
    /// `GATEWAY_LISTEN`: address and port, `127.0.0.1:8000` where it is not set.
    pub listen: SocketAddr,
    /// `GATEWAY_ACCESS_KEY_ID` and `GATEWAY_SECRET_ACCESS_KEY`: what calls must be signed with. Always there when
    /// other machines can reach the address.
    pub access_key: Option<(String, String)>,
    /// `GATEWAY_MAX_IN_FLIGHT`: calls at once.
    pub max_in_flight: Option<usize>,
    /// `GATEWAY_MAX_CONNECTIONS`: connections at once.
    pub max_connections: Option<usize>,
    /// `GATEWAY_MAX_BODY_BYTES`: the largest body of a request.
    pub max_body_bytes: Option<usize>,
    /// `GATEWAY_THREADS`: threads that serve calls.
    pub threads: Option<usize>,
    /// `GATEWAY_DRAIN_SECONDS`: how long calls under way may go on after a stop.
    pub drain_seconds: Option<usize>,
}

impl fmt::Debug for GatewayConfig {
    // The secret stays one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key_id = self.access_key.as_ref().map(|(id, _)| id);
        f.debug_struct("GatewayConfig").field("listen", &self.listen).field("key_id", &key_id).finish_non_exhaustive()
    }
}

impl GatewayConfig {
    /// Reads the environment of this process.
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable that is wrong.
    pub fn from_env() -> Result<GatewayConfig, ConfigError> {
        GatewayConfig::read(variable)
    }

    /// Reads variables through `get`; an empty variable counts as missing.
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable that is wrong.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<GatewayConfig, ConfigError> {
        let env = Environment(get);
        env.readable(&VARIABLES)?;
        let listen = env.address(LISTEN)?;
        let access_key = env.access_key()?;
        if access_key.is_none() && !listen.ip().is_loopback() {
            let problem = format!("is not set, and {LISTEN} {listen} can be reached from other machines");
            return Err(ConfigError { name: KEY_ID, problem, remedy: KEYS });
        }
        Ok(GatewayConfig {
            listen,
            access_key,
            max_in_flight: env.count("GATEWAY_MAX_IN_FLIGHT")?,
            max_connections: env.count("GATEWAY_MAX_CONNECTIONS")?,
            max_body_bytes: env.count("GATEWAY_MAX_BODY_BYTES")?,
            threads: env.count("GATEWAY_THREADS")?,
            drain_seconds: env.count("GATEWAY_DRAIN_SECONDS")?,
        })
    }
}

impl<G: Fn(&str) -> Option<String>> Environment<G> {
    fn address(&self, name: &'static str) -> Result<SocketAddr, ConfigError> {
        let Some(text) = self.optional(name) else {
            return Ok(LISTEN_DEFAULT);
        };
        text.parse().map_err(|_| ConfigError {
            name,
            problem: format!("is `{text}`, not an address and a port"),
            remedy: "set it to one like 127.0.0.1:8000 or [::1]:8000",
        })
    }

    fn access_key(&self) -> Result<Option<(String, String)>, ConfigError> {
        let wrong = |name, problem: &str| ConfigError { name, problem: problem.to_owned(), remedy: KEYS };
        match (self.optional(KEY_ID), self.optional(SECRET)) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err(wrong(KEY_ID, "is not set, but the secret is")),
            (Some(_), None) => Err(wrong(SECRET, "is not set, but the key id is")),
            (Some(id), Some(_)) if !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                Err(wrong(KEY_ID, "is not of letters and digits alone"))
            }
            (Some(_), Some(secret)) if secret.len() < SECRET_MIN => Err(wrong(SECRET, "is too short")),
            (Some(id), Some(secret)) => Ok(Some((id, secret))),
        }
    }

    fn count(&self, name: &'static str) -> Result<Option<usize>, ConfigError> {
        let Some(text) = self.optional(name) else {
            return Ok(None);
        };
        let count: NonZeroUsize =
            text.parse().map_err(|_| ConfigError { name, problem: format!("is `{text}`"), remedy: COUNT })?;
        Ok(Some(count.get()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<GatewayConfig, ConfigError> {
        let value =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        GatewayConfig::read(value)
    }

    const KEY: (&str, &str) = (KEY_ID, "AKIDGATEWAY");
    const GOOD_SECRET: (&str, &str) = (SECRET, "sixteen-letters!");

    #[test]
    fn without_variables_a_gateway_is_for_this_machine_alone() {
        let config = read(&[]).unwrap();
        assert_eq!((config.listen.to_string().as_str(), config.access_key), ("127.0.0.1:8000", None));
        assert_eq!((config.max_in_flight, config.max_body_bytes), (None, None));
    }

    #[test]
    fn other_machines_reach_a_gateway_only_with_keys() {
        for open in ["0.0.0.0:8000", "10.0.0.1:8000", "[::]:8000"] {
            assert_eq!(read(&[(LISTEN, open)]).unwrap_err().name, KEY_ID, "{open}");
            assert!(read(&[(LISTEN, open), KEY, GOOD_SECRET]).is_ok(), "{open}");
        }
        for own in ["127.0.0.2:1", "[::1]:8000"] {
            assert!(read(&[(LISTEN, own)]).is_ok(), "{own}");
        }
    }

    #[test]
    fn keys_that_are_no_text_do_not_open_the_gateway() {
        for name in VARIABLES {
            assert_eq!(read(&[(name, "a\u{FFFD}")]).unwrap_err().name, name);
        }
    }

    #[test]
    fn wrong_variables_are_named_and_the_secret_never_shows() {
        let name = |variables: &[(&str, &str)]| read(variables).unwrap_err().name;
        assert_eq!(name(&[KEY]), SECRET);
        assert_eq!(name(&[GOOD_SECRET]), KEY_ID);
        assert_eq!(name(&[KEY, (SECRET, "short")]), SECRET);
        assert_eq!(name(&[(KEY_ID, "a/b"), GOOD_SECRET]), KEY_ID);
        assert_eq!(name(&[(LISTEN, "localhost")]), LISTEN);
        for count in ["0", "-1", "many", "1.5"] {
            for variable in ["GATEWAY_MAX_IN_FLIGHT", "GATEWAY_THREADS"] {
                assert_eq!(name(&[(variable, count)]), variable);
            }
        }
        let config = read(&[KEY, GOOD_SECRET, ("GATEWAY_MAX_CONNECTIONS", "7"), ("GATEWAY_THREADS", "3")]).unwrap();
        assert_eq!((config.max_connections, config.threads), (Some(7), Some(3)));
        assert!(!format!("{config:?}").contains(GOOD_SECRET.1));
    }
}
