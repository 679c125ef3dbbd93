//! Variants: made, changed, removed, within a limit.

use domain::VariantName;
use variant::Options;

use super::*;
use crate::{Error, Variant};

fn variant(name: &str, options: &str) -> Variant {
    Variant {
        name: name.parse().unwrap(),
        options: if options.is_empty() { Options::default() } else { Options::parse(options).unwrap() },
        always_public: false,
        browser_ttl_s: None,
        created_at: Timestamp::from_seconds(0),
    }
}

#[tokio::test]
async fn a_variant_is_found_as_it_was_made() {
    let test = fresh().await;
    let (catalog, account) = (&test.catalog, account_of(&test.catalog).await);
    let wide =
        "w=400,h=300,fit=cover,gravity=0.5x0.25,background=%23ff0000,metadata=keep,quality=80,format=webp";
    for (name, options) in
        [("hero", "w=1366,h=768,fit=cover"), ("all", wide), ("plain", ""), ("odd", "w=10,blur=5")]
    {
        let made = catalog.insert_variant(&account, variant(name, options), &actor()).await.unwrap();
        assert_eq!(catalog.variant(&account, &made.name).await.unwrap(), made);
    }
    let names: Vec<String> = catalog
        .variants(&account)
        .await
        .unwrap()
        .into_iter()
        .map(|variant| variant.name.to_string())
        .collect();
    assert_eq!(names, ["public", "all", "hero", "odd", "plain"]);
    let again = catalog.insert_variant(&account, variant("hero", "w=1"), &actor()).await;
    assert!(matches!(again, Err(Error::Exists)));
}

#[tokio::test]
async fn a_variant_is_changed_and_removed_but_public_stays() {
    let test = fresh().await;
    let (catalog, account) = (&test.catalog, account_of(&test.catalog).await);
    catalog.insert_variant(&account, variant("hero", "w=100"), &actor()).await.unwrap();
    let change = Variant { always_public: true, browser_ttl_s: Some(86_400), ..variant("hero", "w=200") };
    let changed = catalog.update_variant(&account, change.clone(), &actor()).await.unwrap();
    assert_eq!(
        (changed.options, changed.always_public, changed.browser_ttl_s),
        (change.options, true, Some(86_400))
    );
    let hero: VariantName = "hero".parse().unwrap();
    catalog.remove_variant(&account, &hero, &actor()).await.unwrap();
    assert!(matches!(catalog.variant(&account, &hero).await, Err(Error::VariantMissing)));
    assert!(matches!(catalog.remove_variant(&account, &hero, &actor()).await, Err(Error::VariantMissing)));
    let gone = catalog.update_variant(&account, variant("hero", "w=1"), &actor()).await;
    assert!(matches!(gone, Err(Error::VariantMissing)));
    catalog.remove_variant(&account, &VariantName::public(), &actor()).await.unwrap();
    assert_eq!(catalog.variants(&account).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_lifetime_out_of_range_is_refused() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    for seconds in [3_599, 31_536_001] {
        let new = Variant { browser_ttl_s: Some(seconds), ..variant("hero", "w=1") };
        assert!(matches!(test.catalog.insert_variant(&account, new, &actor()).await, Err(Error::Invalid(_))));
    }
}

#[tokio::test]
async fn an_account_has_so_many_variants_and_no_more() {
    let test = fresh_with(Clock::system(), |config| config.max_variants = 3).await;
    let account = account_of(&test.catalog).await;
    for name in ["one", "two"] {
        test.catalog.insert_variant(&account, variant(name, "w=1"), &actor()).await.unwrap();
    }
    let refused = test.catalog.insert_variant(&account, variant("three", "w=1"), &actor()).await.unwrap_err();
    assert_eq!(refused.to_string(), "this account has 3 variants; the limit is 3");
    assert_eq!(test.catalog.variants(&account).await.unwrap().len(), 3);
    let nobody = test.catalog.insert_variant(&AccountId::random(), variant("one", "w=1"), &actor()).await;
    assert!(matches!(nobody, Err(Error::AccountMissing)));
}
