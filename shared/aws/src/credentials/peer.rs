//! The role of the other account, assumed by STS.

use aws_config::SdkConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, Result as Provided, future};
use aws_sdk_dynamodb::error::DisplayErrorContext;

use crate::config::Peer;
use crate::denial;

/// Assumes the role anew each time it is asked.
#[derive(Debug)]
pub(crate) struct PeerRole {
    provider: AssumeRoleProvider,
    arn: String,
    home_role: String,
}

/// STS does not let the role be assumed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NotAssumed(String);

impl PeerRole {
    /// The role `peer`, assumed with the credentials of `own`, whose role errors call `home_role`.
    pub(crate) async fn new(own: &SdkConfig, peer: &Peer, session: String, home_role: String) -> PeerRole {
        let provider = AssumeRoleProvider::builder(&peer.role_arn)
            .external_id(&peer.external_id)
            .session_name(session)
            .configure(own)
            .build()
            .await;
        PeerRole { provider, arn: peer.role_arn.clone(), home_role }
    }

    async fn assume(&self) -> Provided {
        self.provider.provide_credentials().await.map_err(|error| self.named(error))
    }

    fn named(&self, error: CredentialsError) -> CredentialsError {
        let text = DisplayErrorContext(&error).to_string();
        if !text.contains("AccessDenied") {
            return error;
        }
        CredentialsError::provider_error(NotAssumed(denial::of_assuming(&self.arn, &self.home_role)))
    }
}

impl ProvideCredentials for PeerRole {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.assume())
    }
}

/// What a call says that was not sent because STS does not let the role be assumed; `None` = that is not why.
pub(crate) fn denial<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a str> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(NotAssumed(text)) = error.downcast_ref() {
            return Some(text);
        }
        cause = error.source();
    }
    None
}
