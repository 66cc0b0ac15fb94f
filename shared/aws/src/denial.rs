//! What to do about a denial: who needs which statement.
//!
//! AWS names who was denied what on which resource, and by which kind of policy, where a service has that form of message:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>. What it leaves out is known here.
//! Messages are never quoted: those of S3 name objects.

use livemove_core::error::Error;
use serde::Serialize;

use crate::sites::End;

/// Who calls, and what the calls are about: for what AWS does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    role: String,
    arn: String,
    within: &'static str,
}

impl Access {
    /// Calls of `role` (an ARN, or words that lead to it) about the table `name` at `end`.
    pub fn to_table(role: String, end: &End, name: &str) -> Access {
        let (partition, End { account, region }) = (partition(&end.region), end);
        Access { role, arn: format!("arn:{partition}:dynamodb:{region}:{account}:table/{name}"), within: "" }
    }

    /// Calls of `role` about the bucket `name` in a Region and the objects in it.
    pub fn to_bucket(role: String, region: &str, name: &str) -> Access {
        Access { role, arn: format!("arn:{}:s3:::{name}", partition(region)), within: "/*" }
    }

    /// What a statement that allows the action names.
    fn resource(&self, action: &str) -> String {
        let whole = matches!(action, "s3:ListBucket" | "s3:ListBucketVersions");
        format!("{}{}", self.arn, if whole { "" } else { self.within })
    }
}

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
fn partition(region: &str) -> &'static str {
    match region {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// What a message of AWS says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said<'a> {
    role: Option<String>,
    action: Option<&'a str>,
    resource: Option<String>,
    /// The kind of policy that does not allow it.
    lacking: Option<&'a str>,
    /// The kind of policy that forbids it.
    forbidding: Option<&'a str>,
}

impl<'a> Said<'a> {
    fn of(message: &'a str) -> Said<'a> {
        let word = |after: &str| {
            let (_, rest) = message.split_once(after)?;
            rest.split_whitespace().next().map(|word| word.trim_matches(['"', ',']).trim_end_matches('.'))
        };
        let between = |before: &str, after: &str| {
            let (found, _) = message.split_once(before)?.1.split_once(after)?;
            Some(found)
        };
        Said {
            role: word("User: ").filter(|text| text.starts_with("arn:")).map(role),
            action: word("not authorized to perform: ").filter(|text| text.contains(':')),
            resource: word("on resource: ").filter(|text| text.starts_with("arn:")).map(without_key),
            lacking: between("because no ", " allows"),
            forbidding: message.split_once("with an explicit deny in ").map(|(_, rest)| kind(rest)),
        }
    }
}

// An ARN of the policy may follow: it stays.
fn kind(text: &str) -> &str {
    let text = text.lines().next().unwrap_or_default().trim_end_matches('.');
    text.strip_prefix("an ").or(text.strip_prefix("a ")).unwrap_or(text)
}

/// The role of a session: `arn:aws:sts::<account>:assumed-role/<role>/<session>`.
fn role(user: &str) -> String {
    let of_session = || {
        let (account, rest) = user.split_once(":sts::")?.1.split_once(":assumed-role/")?;
        let partition = user.split(':').nth(1)?;
        Some(format!("arn:{partition}:iam::{account}:role/{}", rest.split('/').next()?))
    };
    of_session().unwrap_or_else(|| user.to_owned())
}

/// S3's resources may be objects, whose keys belong to the application.
fn without_key(arn: &str) -> String {
    match arn.split_once(":s3:::").and_then(|(_, path)| path.split_once('/')) {
        Some((_, key)) => format!("{}*", arn.strip_suffix(key).unwrap_or_default()),
        None => arn.to_owned(),
    }
}

/// A statement that allows it, as JSON in the order in which one writes it.
fn statement(action: &str, resource: &str) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Statement<'a> {
        effect: &'static str,
        action: &'a str,
        resource: &'a str,
    }
    serde_json::to_string(&Statement { effect: "Allow", action, resource }).unwrap_or_default()
}

/// What was denied to whom, and what to add or take away; `action` and `access` as far as they are known, `name` for
/// what has no ARN.
pub(crate) fn text(action: &str, name: &str, access: Option<&Access>, message: &str) -> String {
    let said = Said::of(message);
    let denied = said.action.unwrap_or(action);
    let role = said.role.or(access.map(|access| access.role.clone()));
    let role = role.unwrap_or_else(|| "the function's role".to_owned());
    // What is known here is about the call's own action; a key's action is about a key.
    let own = access.filter(|_| !denied.starts_with("kms:")).map(|access| access.resource(denied));
    let resource = said.resource.or(own).unwrap_or_else(|| match denied.starts_with("kms:") {
        true => format!("the key that encrypts {name}"),
        false => name.to_owned(),
    });
    let statement = statement(denied, &resource);
    let remedy = match (said.forbidding, said.lacking) {
        (Some(policy), _) => format!("take it out of the explicit deny in the {policy}, and allow it by {statement}"),
        (None, Some("identity-based policy") | None) => format!("add to its policy {statement}"),
        (None, Some(policy)) => format!("let the {policy} allow it: {statement}"),
    };
    let keys = if denied.starts_with("kms:") { "; the key's own policy must allow it as well" } else { "" };
    format!("{action} on {name}: {denied} on {resource} is denied to {role}; {remedy}{keys}")
}

/// That the role `arn` of the other site cannot be assumed by `home_role`.
pub(crate) fn of_assuming(arn: &str, home_role: &str) -> String {
    let statement = statement("sts:AssumeRole", arn);
    format!(
        "sts:AssumeRole on {arn} is denied to {home_role}; add to its policy {statement}, and let the trust policy of {arn} \
         name it with the same ExternalId: deploy both sites' stacks with one ExternalId"
    )
}

/// The first denial among errors, for a report: it has no value in it.
pub(crate) fn denied<'a>(mut errors: impl Iterator<Item = &'a Error>) -> Option<String> {
    errors.find(|error| matches!(error, Error::Denied(_))).map(ToString::to_string)
}

#[cfg(test)]
mod tests;
