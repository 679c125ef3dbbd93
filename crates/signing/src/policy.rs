//! What an account decides about the verification of its URLs (signing-schemes 1.5).

/// An account's rules for verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// A URL without `exp` is refused.
    pub require_exp: bool,
    /// Names of query pairs that are dropped before the text is built; a trailing `*` names a prefix.
    pub ignore_params: Vec<String>,
    /// Under `/cdn-cgi/imagedelivery/` the path without that prefix is tried too.
    pub moved_urls: bool,
    /// Seconds added to now for not-before checks only; at most 60.
    pub leeway_s: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Policy { require_exp: true, ignore_params: Vec::new(), moved_urls: false, leeway_s: 0 }
    }
}

impl Policy {
    /// Checks one entry of `ignore_params`; says why it is refused (it would match a control name).
    pub fn check_ignore_param(_entry: &str) -> Result<(), domain::Invalid> {
        todo!()
    }
}
