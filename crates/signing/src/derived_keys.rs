//! What a secret became for a scope of signature version 4, kept: deriving it takes four times the work of using it.

use std::sync::RwLock;

use crate::hashing::{Mac, Sha256};

/// Keys by their scopes, `day/region/service/terminator`. Only a scope that the key has rightly signed for is kept, so that
/// no stranger drives out what is in use.
#[derive(Default)]
pub(crate) struct DerivedKeys(RwLock<Vec<(Box<str>, Mac<Sha256>)>>);

impl DerivedKeys {
    /// Most scopes that are kept: today's, yesterday's and tomorrow's, in a few regions.
    const MAX: usize = 8;

    /// What the key of a scope makes, where it is kept.
    pub(crate) fn with<T>(&self, scope: &str, make: impl FnOnce(&Mac<Sha256>) -> T) -> Option<T> {
        let kept = self.0.read().ok()?;
        kept.iter().find(|(known, _)| **known == *scope).map(|(_, key)| make(key))
    }

    /// Keeps the key of a scope; the one that came first goes when there are too many.
    pub(crate) fn keep(&self, scope: &str, key: Mac<Sha256>) {
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
    use super::*;

    fn key(text: &str) -> Mac<Sha256> {
        Mac::new(text.as_bytes())
    }

    #[test]
    fn a_few_scopes_are_kept_and_the_first_ones_go() {
        let keys = DerivedKeys::default();
        let scopes: Vec<String> =
            (0..DerivedKeys::MAX + 2).map(|day| format!("{day}/r/s3/aws4_request")).collect();
        for scope in &scopes {
            assert!(keys.with(scope, |_| ()).is_none());
            keys.keep(scope, key(scope));
            keys.keep(scope, key("another"));
        }
        for (number, scope) in scopes.iter().enumerate() {
            let mac = keys.with(scope, |key| key.of(["text"]));
            assert_eq!(mac, (number >= 2).then(|| key(scope).of(["text"])), "{scope}");
        }
        assert_eq!(format!("{keys:?}"), "DerivedKeys(…)");
    }
}
