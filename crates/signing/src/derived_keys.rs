//! What a secret became for a scope of signature version 4, kept: deriving it takes four times the work of using it.

use std::sync::RwLock;

use hmac::Hmac;
use sha2::Sha256;

/// Keys by their scopes, `day/region/service/terminator`. Only a scope that the key has rightly signed for is kept, so that
/// no stranger drives out what is in use.
#[derive(Default)]
pub(crate) struct DerivedKeys(RwLock<Vec<(Box<str>, Hmac<Sha256>)>>);

impl DerivedKeys {
    /// Most scopes that are kept: today's, yesterday's and tomorrow's, in a few regions.
    const MAX: usize = 8;

    /// The key of a scope, ready to compute.
    pub(crate) fn get(&self, scope: &str) -> Option<Hmac<Sha256>> {
        let kept = self.0.read().ok()?;
        kept.iter().find(|(known, _)| **known == *scope).map(|(_, key)| key.clone())
    }

    /// Keeps the key of a scope; the one that came first goes when there are too many.
    pub(crate) fn keep(&self, scope: &str, key: Hmac<Sha256>) {
        let Ok(mut kept) = self.0.write() else { return };
        if kept.iter().any(|(known, _)| **known == *scope) {
            return;
        }
        if kept.len() == Self::MAX {
            kept.remove(0);
        }
        kept.push((scope.into(), key));
    }
}

impl std::fmt::Debug for DerivedKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DerivedKeys(…)")
    }
}

#[cfg(test)]
mod tests {
    use hmac::{KeyInit as _, Mac as _};

    use super::*;

    fn key(text: &str) -> Hmac<Sha256> {
        Hmac::new_from_slice(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_few_scopes_are_kept_and_the_first_ones_go() {
        let keys = DerivedKeys::default();
        let scopes: Vec<String> =
            (0..DerivedKeys::MAX + 2).map(|day| format!("{day}/r/s3/aws4_request")).collect();
        for scope in &scopes {
            assert!(keys.get(scope).is_none());
            keys.keep(scope, key(scope));
            keys.keep(scope, key("another"));
        }
        for (number, scope) in scopes.iter().enumerate() {
            let mac = keys.get(scope).map(|key| key.finalize().into_bytes());
            assert_eq!(mac, (number >= 2).then(|| key(scope).finalize().into_bytes()), "{scope}");
        }
        assert_eq!(format!("{keys:?}"), "DerivedKeys(…)");
    }
}
