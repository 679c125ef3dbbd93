//! The last use of a key, as lists and questions show it.

use catalog::LastUse;

use crate::words::Moment;

/// The last delivery that a key signed.
pub(crate) struct Used {
    pub(crate) at: Moment,
    /// `card · 203.0.113.24`.
    pub(crate) of: String,
}

impl Used {
    /// What is known of it.
    pub(crate) fn of(last: &LastUse) -> Used {
        let variant = match last.variant.as_str() {
            catalog::FLEXIBLE => "options in the URL",
            name => name,
        };
        let address = last.address.map(|address| format!(" · {address}")).unwrap_or_default();
        Used { at: Moment::new(last.at), of: format!("{variant}{address}") }
    }
}
