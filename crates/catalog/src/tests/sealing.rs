//! Sealed secrets open with their key, in their place, unaltered; else not at all.

use proptest::prelude::*;

use crate::sealing::{Place, Sealer};
use crate::testing::master_key;

const PLACE: Place<'static> = Place { table: "signing_keys", row: "a/default", column: "secret" };

proptest! {
    #[test]
    fn what_is_sealed_opens_as_it_was(secret in proptest::collection::vec(any::<u8>(), 0..200)) {
        let sealer = Sealer::new(&master_key()).unwrap();
        let sealed = sealer.seal(PLACE, &secret);
        prop_assert_eq!(sealer.unseal(PLACE, &sealed).unwrap().to_vec(), secret.clone());
        prop_assert_ne!(sealer.seal(PLACE, &secret), sealed, "each time another nonce");
    }

    #[test]
    fn a_changed_byte_opens_nothing(place in any::<proptest::sample::Index>(), change in 1_u8..) {
        let sealer = Sealer::new(&master_key()).unwrap();
        let mut sealed = sealer.seal(PLACE, b"a secret");
        let index = place.index(sealed.len());
        sealed[index] ^= change;
        prop_assert!(sealer.unseal(PLACE, &sealed).is_none());
    }

    #[test]
    fn any_bytes_open_nothing_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        prop_assert!(Sealer::new(&master_key()).unwrap().unseal(PLACE, &bytes).is_none());
    }
}

#[test]
fn another_place_or_key_opens_nothing() {
    let sealer = Sealer::new(&master_key()).unwrap();
    let sealed = sealer.seal(PLACE, b"a secret");
    let places = [
        Place { table: "canary", ..PLACE },
        Place { row: "b/default", ..PLACE },
        Place { column: "value", ..PLACE },
        // The same letters, cut elsewhere.
        Place { row: "a/defaults", column: "ecret", ..PLACE },
    ];
    for place in places {
        assert!(sealer.unseal(place, &sealed).is_none(), "{place:?}");
    }
    assert!(Sealer::new(&master_key()).unwrap().unseal(PLACE, &sealed).is_none());
    assert!(!format!("{sealer:?}").contains(|c: char| c.is_ascii_digit()));
}

#[test]
fn a_master_key_is_32_bytes_of_base64url() {
    use domain::Secret;
    let text = master_key().reveal().to_owned();
    for good in [text.clone(), format!("{text}="), format!("{text}\n")] {
        assert!(Sealer::new(&Secret::new(good)).is_ok());
    }
    for bad in ["", "short", &"k".repeat(44), &"!".repeat(43)] {
        assert!(Sealer::new(&Secret::new(bad)).is_err(), "{bad}");
    }
}
