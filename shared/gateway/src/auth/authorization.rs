//! The `Authorization` header of Signature Version 4.

use livemove_aws::wire::signature::{ALGORITHM, SERVICE};

const SIGNATURE_LENGTH: usize = 64;

/// The parts of the header. Each is well formed; whether they are true is another question.
#[derive(Debug, PartialEq)]
pub(super) struct Authorization<'a> {
    pub(super) key_id: &'a str,
    /// `20260131`
    pub(super) date: &'a str,
    /// Any: the gateway's clients sign for the Region of their own configuration.
    pub(super) region: &'a str,
    /// As given: lower case, in order, divided by `;`.
    pub(super) signed: &'a str,
    /// 64 lower-case hexadecimal digits.
    pub(super) signature: &'a str,
}

impl<'a> Authorization<'a> {
    /// Reads the header; `None` if it is anything else than each part once.
    pub(super) fn parse(header: &'a str) -> Option<Authorization<'a>> {
        let rest = header.strip_prefix(ALGORITHM)?.strip_prefix(' ')?;
        let (mut credential, mut signed, mut signature) = (None, None, None);
        for part in rest.split(',').map(str::trim) {
            let (name, value) = part.split_once('=')?;
            let place = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed,
                "Signature" => &mut signature,
                _ => return None,
            };
            if place.replace(value).is_some() {
                return None;
            }
        }
        let (key_id, scope) = credential?.split_once('/')?;
        let [date, region, service, end] = scope.split('/').collect::<Vec<_>>().try_into().ok()?;
        let parsed = Authorization { key_id, date, region, signed: signed?, signature: signature? };
        (service == SERVICE && end == "aws4_request" && parsed.is_well_formed()).then_some(parsed)
    }

    fn is_well_formed(&self) -> bool {
        let names: Vec<_> = self.signed_headers().collect();
        let ascending = names.windows(2).all(|pair| pair[0] < pair[1]);
        let lower = |name: &&str| !name.is_empty() && !name.bytes().any(|byte| byte.is_ascii_uppercase());
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        !self.key_id.is_empty()
            && !self.region.is_empty()
            && ascending
            && names.iter().all(lower)
            && self.signature.len() == SIGNATURE_LENGTH
            && self.signature.bytes().all(hex)
    }

    /// The names of the headers under the signature.
    pub(super) fn signed_headers(&self) -> impl Iterator<Item = &'a str> {
        self.signed.split(';')
    }
}
