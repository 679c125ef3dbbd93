//! What a signed URL is to demand beside what it does already: `POST /narrow`. It needs no key, as the command line and
//! every holder of the URL know; here programs have it done that write no signatures themselves.

use domain::Timestamp;
use serde::Deserialize;
use signing::{Constraints, Policy};

use super::wish::Wish;
use crate::error::Failure;

/// The fields of one URL.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Narrowing {
    pub(super) url: String,
    expires_in_s: Option<i64>,
    expires_at_s: Option<i64>,
    not_before_s: Option<i64>,
    networks: Vec<String>,
    referers: Vec<String>,
    variants: Vec<String>,
    session: Option<String>,
    subject: Option<String>,
    token_id: Option<String>,
    uses: Option<u64>,
    pub(super) prefix_segments: Option<u8>,
    pub(super) cookie: bool,
}

impl Narrowing {
    /// What it demands. It has an end of its own only where that is said: the URL has one already, or never ends.
    pub(super) fn constraints(
        &self,
        policy: &Policy,
        now: Timestamp,
        id: impl FnOnce() -> String,
    ) -> Result<Constraints, Failure> {
        let wish = Wish {
            expires_in_s: self.expires_in_s,
            expires_at_s: self.expires_at_s,
            not_before_s: self.not_before_s,
            networks: self.networks.clone(),
            referers: self.referers.clone(),
            variants: self.variants.clone(),
            session: self.session.clone(),
            subject: self.subject.clone(),
            token_id: self.token_id.clone(),
            uses: self.uses,
            ..Wish::default()
        };
        let ends = self.expires_in_s.is_some() || self.expires_at_s.is_some();
        let expires_s = if ends { wish.expires_s(policy, now)? } else { None };
        Ok(Constraints { expires_s, prefix_segments: self.prefix_segments, ..wish.constraints(id) })
    }
}
