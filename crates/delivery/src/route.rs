//! Which requests are deliveries: told from the raw path alone, before any router.

/// Whether a raw path can be a delivery: its first segment has the shape of an account's hash, or it stands below
/// `/cdn-cgi/imagedelivery/`. No other door has such paths.
pub(crate) fn is_delivery(path: &str) -> bool {
    path.starts_with("/cdn-cgi/imagedelivery/") || has_hash_first(path)
}

fn has_hash_first(path: &str) -> bool {
    let bytes = path.as_bytes();
    bytes.len() > 24
        && bytes[0] == b'/'
        && bytes[23] == b'/'
        && bytes[1..23].iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_that_begins_with_a_hash_is_a_delivery() {
        for ours in [
            "/cheeW4oKsx5ljh8e8BoL2A/cat/public",
            "/cheeW4oKsx5ljh8e8BoL2A/x",
            "/cdn-cgi/imagedelivery/cheeW4oKsx5ljh8e8BoL2A/cat/public",
            "/cdn-cgi/imagedelivery/",
        ] {
            assert!(is_delivery(ours), "{ours}");
        }
        for other in ["/", "/dashboard/login", "/client/v4/accounts", "/cheeW4oKsx5ljh8e8BoL2A", "/healthz"] {
            assert!(!is_delivery(other), "{other}");
        }
    }
}
