//! Lists of images: every image once, in order, both ways; filters, searches, cursors.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::database::query;
use crate::testing::On;
use crate::{Error, ImageFilter, MetaFilter, MetaOperator, MetaValue, Order, Page};

async fn page(
    test: &TestCatalog,
    filter: &ImageFilter,
    order: Order,
    after: Option<&str>,
    limit: u32,
) -> Page<Image> {
    let account = account_of(&test.catalog).await;
    test.catalog.page_images(&account, filter, order, after, limit).await.unwrap()
}

fn ids(page: &Page<Image>) -> Vec<String> {
    page.items.iter().map(|image| image.id.to_string()).collect()
}

/// The ids that a filter finds, by name.
async fn found(test: &TestCatalog, filter: ImageFilter) -> Vec<String> {
    let mut ids = ids(&page(test, &filter, Order::Oldest, None, 100).await);
    ids.sort();
    let account = account_of(&test.catalog).await;
    assert_eq!(test.catalog.count_images(&account, &filter, 100).await.unwrap() as usize, ids.len());
    ids
}

/// A catalog with so many images, of which some came at the same moment.
async fn with_images(moments: &[u8]) -> TestCatalog {
    let hands = Hands::new();
    let test = fresh_with(hands.clock(), |_| {}).await;
    let account = account_of(&test.catalog).await;
    for (number, later) in moments.iter().enumerate() {
        hands.pass(Duration::from_secs((*later).into()));
        put_image(&test.catalog, new_image(account, &format!("image-{number:03}"))).await;
    }
    test
}

async fn check_every_image_once(moments: Vec<u8>, limit: u32, order: Order) {
    let test = with_images(&moments).await;
    let mut expected: Vec<String> = (0..moments.len()).map(|number| format!("image-{number:03}")).collect();
    if order == Order::Newest {
        expected.reverse();
    }
    let filter = ImageFilter::default();
    let (mut pages, mut after) = (Vec::new(), None::<String>);
    loop {
        let next = page(&test, &filter, order, after.as_deref(), limit).await;
        assert_eq!(next.previous.is_some(), !pages.is_empty());
        after = next.next.as_ref().map(|cursor| cursor.as_str().to_owned());
        pages.push(next);
        if after.is_none() {
            break;
        }
    }
    let forwards: Vec<String> = pages.iter().flat_map(ids).collect();
    assert_eq!(forwards, expected);

    // Back again, page by page.
    for index in (1..pages.len()).rev() {
        let cursor = pages[index].previous.as_ref().unwrap().as_str();
        let back = page(&test, &filter, order, Some(cursor), limit).await;
        assert_eq!(ids(&back), ids(&pages[index - 1]));
        assert_eq!(back.previous.is_some(), index > 1);
        assert_eq!(
            back.next.as_ref().map(crate::Cursor::as_str),
            pages[index - 1].next.as_ref().map(crate::Cursor::as_str)
        );
    }
}

/// Each case has a database of its own, and one of PostgreSQL's is slow to make.
const CASES: u32 = match super::ON {
    On::Sqlite => 16,
    On::Postgres => 4,
};

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..ProptestConfig::default() })]

    #[test]
    fn paging_shows_every_image_once_in_order_both_ways(
        moments in proptest::collection::vec(0_u8..2, 0..23),
        limit in 1_u32..9,
        newest in any::<bool>(),
    ) {
        let order = if newest { Order::Newest } else { Order::Oldest };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check_every_image_once(moments, limit, order));
    }

    #[test]
    fn any_text_is_a_cursor_or_not_without_panic(text in "\\PC{0,80}|[A-Za-z0-9_-]{40,48}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let test = with_images(&[1]).await;
            let account = account_of(&test.catalog).await;
            let filter = ImageFilter { search: Some(text.clone()), ..ImageFilter::default() };
            let answer = test.catalog.page_images(&account, &filter, Order::Newest, Some(&text), 1).await;
            assert!(matches!(answer, Err(Error::Invalid(_))));
            test.catalog.page_images(&account, &filter, Order::Newest, None, 1).await.unwrap();
        });
    }

    #[test]
    fn an_altered_cursor_is_refused(place in 0_usize..44, letter in "[A-Za-z0-9_-]") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let test = with_images(&[1, 1, 1]).await;
            let account = account_of(&test.catalog).await;
            let filter = ImageFilter::default();
            let cursor = page(&test, &filter, Order::Newest, None, 1).await.next.unwrap().as_str().to_owned();
            let mut altered = cursor.clone();
            altered.replace_range(place..=place, &letter);
            let answer = test.catalog.page_images(&account, &filter, Order::Newest, Some(&altered), 1).await;
            assert!(altered == cursor || matches!(answer, Err(Error::Invalid(_))));
        });
    }
}

#[tokio::test]
async fn a_cursor_is_good_in_its_own_account_only() {
    let test = with_images(&[1, 1, 1]).await;
    let cursor = page(&test, &ImageFilter::default(), Order::Newest, None, 1).await.next.unwrap();
    let stranger = AccountId::random();
    let cursors = [cursor.as_str(), "", "%", "AAAA", &"A".repeat(44), &"A".repeat(4_000)];
    for after in cursors {
        let answer =
            test.catalog.page_images(&stranger, &ImageFilter::default(), Order::Newest, Some(after), 1).await;
        assert!(matches!(answer, Err(Error::Invalid(_))), "{after}");
    }
}

#[tokio::test]
async fn a_page_goes_on_where_images_came_and_went() {
    let hands = Hands::new();
    let test = fresh_with(hands.clock(), |_| {}).await;
    let account = account_of(&test.catalog).await;
    for name in ["a", "b", "c", "d", "e"] {
        hands.pass(Duration::from_secs(1));
        put_image(&test.catalog, new_image(account, name)).await;
    }
    let filter = ImageFilter::default();
    let first = page(&test, &filter, Order::Newest, None, 2).await;
    assert_eq!(ids(&first), ["e", "d"]);
    hands.pass(Duration::from_secs(1));
    put_image(&test.catalog, new_image(account, "f")).await;
    for gone in ["d", "c"] {
        test.catalog.remove_image(&account, &id(gone), &actor()).await.unwrap();
    }
    let second = page(&test, &filter, Order::Newest, first.next.as_ref().map(crate::Cursor::as_str), 2).await;
    assert_eq!(ids(&second), ["b", "a"]);
    for gone in ["f", "e"] {
        test.catalog.remove_image(&account, &id(gone), &actor()).await.unwrap();
    }
    let back =
        page(&test, &filter, Order::Newest, second.previous.as_ref().map(crate::Cursor::as_str), 2).await;
    assert_eq!(ids(&back), ["b", "a"], "nothing is left before: the list begins here");
    assert!(back.previous.is_none());
}

#[tokio::test]
async fn neighbours_are_the_next_in_time() {
    let test = with_images(&[1, 0, 1]).await;
    let account = account_of(&test.catalog).await;
    let names = ["image-000", "image-001", "image-002"];
    for (index, name) in names.iter().enumerate() {
        let image = test.catalog.image(&account, &id(name)).await.unwrap();
        let (newer, older) = test.catalog.neighbours(&image).await.unwrap();
        assert_eq!(newer.map(|id| id.to_string()).as_deref(), names.get(index + 1).copied(), "{name}");
        assert_eq!(
            older.map(|id| id.to_string()).as_deref(),
            index.checked_sub(1).map(|i| names[i]),
            "{name}"
        );
    }
}

#[tokio::test]
async fn drafts_are_not_listed() {
    let test = with_images(&[1, 1]).await;
    let mut writing = test.catalog.begin(crate::database::Lock::House).await.unwrap();
    query("update images set facts = null, format = null where id = 'image-000'")
        .execute(writing.db())
        .await
        .unwrap();
    test.catalog.commit(writing).await.unwrap();
    assert_eq!(found(&test, ImageFilter::default()).await, ["image-001"]);
}

#[tokio::test]
async fn a_count_stops_where_it_is_told() {
    let test = with_images(&[1; 7]).await;
    let account = account_of(&test.catalog).await;
    for (at_most, expected) in [(0, 0), (3, 3), (7, 7), (100, 7)] {
        let count = test.catalog.count_images(&account, &ImageFilter::default(), at_most).await.unwrap();
        assert_eq!(count, expected);
    }
}

#[tokio::test]
async fn filters_hold_all_at_once() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    let png = Facts { format: Format::Png, ..facts() };
    let new = [
        NewImage { creator: Some("ada".into()), private: true, ..new_image(account, "a") },
        NewImage { creator: Some("ada".into()), facts: png.clone(), ..new_image(account, "b") },
        NewImage { creator: Some(String::new()), facts: png, ..new_image(account, "c") },
        NewImage { private: true, ..new_image(account, "d") },
    ];
    for new in new {
        put_image(&test.catalog, new).await;
    }
    let all = ImageFilter::default;
    let ada = Some(Some("ada".to_owned()));
    let check =
        async |filter: ImageFilter, expected: &[&str]| assert_eq!(found(&test, filter).await, expected);
    check(ImageFilter { creator: ada.clone(), ..all() }, &["a", "b"]).await;
    check(ImageFilter { creator: Some(None), ..all() }, &["c", "d"]).await;
    check(ImageFilter { private: Some(true), ..all() }, &["a", "d"]).await;
    check(ImageFilter { private: Some(false), ..all() }, &["b", "c"]).await;
    check(ImageFilter { format: Some(Format::Png), ..all() }, &["b", "c"]).await;
    check(ImageFilter { format: Some(Format::Gif), ..all() }, &[]).await;
    check(ImageFilter { creator: ada, private: Some(false), format: Some(Format::Png), ..all() }, &["b"])
        .await;
}

#[tokio::test]
async fn a_search_finds_the_beginning_of_names_and_ids() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    for (id, filename) in [
        ("a1", "IMG_7.jpg"),
        ("img_8", "dog.jpg"),
        ("a3", "img.png"),
        ("a4", "100%_cat.jpg"),
        ("a5", "Äpfel.jpg"),
    ] {
        put_image(&test.catalog, NewImage { filename: filename.into(), ..new_image(account, id) }).await;
    }
    let check = async |search: &str, expected: &[&str]| {
        let filter = ImageFilter { search: Some(search.into()), ..ImageFilter::default() };
        assert_eq!(found(&test, filter).await, expected, "{search}");
    };
    check("img", &["a1", "a3", "img_8"]).await;
    check("IMG_", &["a1", "img_8"]).await;
    check("mg", &[]).await;
    check("100%", &["a4"]).await;
    check("1%", &[]).await;
    check("%", &[]).await;
    check("Äp", &["a5"]).await;
    check("A", &["a1", "a3", "a4", "a5"]).await;
    check("'; drop table images; --", &[]).await;
    check("", &["a1", "a3", "a4", "a5", "img_8"]).await;
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other}"),
    }
}

fn meta(field: &str, operator: MetaOperator, values: Vec<MetaValue>) -> MetaFilter {
    MetaFilter { field: field.into(), operator, values }
}

#[tokio::test]
async fn a_field_too_long_to_be_asked_for_is_kept_and_in_no_index() {
    let test = fresh_with(Clock::system(), |config| config.max_metadata_bytes = 20_000).await;
    let account = account_of(&test.catalog).await;
    // What does not compress: PostgreSQL refuses an index row of it.
    let long: String = (0..200).map(|_| hex::encode(rand::random::<[u8; 32]>())).collect();
    let metadata = object(json!({ long: "a", "short": "b" }));
    let kept =
        put_image(&test.catalog, NewImage { metadata: metadata.clone(), ..new_image(account, "cat") }).await;
    assert_eq!(kept.metadata, metadata);
    let short = vec![meta("short", MetaOperator::Eq, vec![MetaValue::Text("b".into())])];
    assert_eq!(found(&test, ImageFilter { metadata: short, ..ImageFilter::default() }).await, ["cat"]);
}

#[tokio::test]
async fn metadata_is_compared_as_the_contract_says() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    for (name, metadata) in [
        ("a", json!({ "status": "active", "size": 5, "ok": true, "n": { "x": { "y": "deep" } } })),
        (
            "b",
            json!({ "status": "5", "size": 7.5, "tags": ["red", "blue"], "list": [{ "id": 1 }, { "id": 2 }] }),
        ),
        ("c", json!({ "status": 5, "size": "9", "ok": "true", "tags": ["green"] })),
        ("d", json!({ "status": null, "a.b": 1, "odd key": 1, "n": { "x": 3 } })),
    ] {
        put_image(&test.catalog, NewImage { metadata: object(metadata), ..new_image(account, name) }).await;
    }
    use MetaOperator::{Eq, Gt, Gte, In, Lt, Lte};
    let any = |text: &str| MetaValue::Any(text.into());
    let text = |text: &str| MetaValue::Text(text.into());
    let number = MetaValue::Number;
    let rows: &[(&str, MetaOperator, Vec<MetaValue>, &[&str])] = &[
        ("status", Eq, vec![any("active")], &["a"]),
        ("status", Eq, vec![any("5")], &["b", "c"]),
        ("status", Eq, vec![text("5")], &["b"]),
        ("status", Eq, vec![number(5.0)], &["c"]),
        ("ok", Eq, vec![any("true")], &["a", "c"]),
        ("ok", Eq, vec![MetaValue::Boolean(true)], &["a"]),
        ("ok", Eq, vec![MetaValue::Boolean(false)], &[]),
        ("size", Gt, vec![number(5.0)], &["b"]),
        ("size", Gte, vec![number(5.0)], &["a", "b"]),
        ("size", Lt, vec![number(7.5)], &["a"]),
        ("size", Lte, vec![number(7.5)], &["a", "b"]),
        ("size", Gt, vec![any("5")], &["b", "c"]),
        ("n.x.y", Eq, vec![any("deep")], &["a"]),
        ("n.x", Eq, vec![any("3")], &["d"]),
        ("tags", Eq, vec![any("blue")], &["b"]),
        ("tags", In, vec![any("red"), any("green")], &["b", "c"]),
        ("list.id", Eq, vec![number(2.0)], &["b"]),
        ("status", In, vec![number(5.0), number(6.0)], &["c"]),
        ("status", Eq, vec![any("null")], &[]),
        ("nosuch", Eq, vec![any("x")], &[]),
        ("a.b", Eq, vec![any("1")], &[]),
    ];
    for (field, operator, values, expected) in rows {
        let metadata = vec![meta(field, *operator, values.clone())];
        let filter = ImageFilter { metadata, ..ImageFilter::default() };
        assert_eq!(found(&test, filter).await, *expected, "{field} {operator:?} {values:?}");
    }
    let both = vec![meta("status", Eq, vec![any("5")]), meta("tags", Eq, vec![any("red")])];
    assert_eq!(found(&test, ImageFilter { metadata: both, ..ImageFilter::default() }).await, ["b"]);

    let change =
        crate::ImageChange { metadata: Some(object(json!({ "status": "new" }))), ..Default::default() };
    test.catalog.update_image(&account, &id("a"), change, &actor()).await.unwrap();
    let active = vec![meta("status", Eq, vec![any("active")])];
    assert_eq!(found(&test, ImageFilter { metadata: active, ..ImageFilter::default() }).await, [""; 0]);
}

#[tokio::test]
async fn conditions_that_the_contract_does_not_know_are_refused() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    let any = |text: &str| MetaValue::Any(text.into());
    let one = |field: &str| meta(field, MetaOperator::Eq, vec![any("x")]);
    let long = "x".repeat(101);
    let bad = [
        vec![one(""), one("a")],
        vec![one("a.b.c.d.e.f")],
        vec![one("a..b")],
        vec![one("a b")],
        vec![one("<field>")],
        vec![one(&long)],
        vec![meta("a", MetaOperator::Eq, vec![])],
        vec![meta("a", MetaOperator::Eq, vec![any("x"), any("y")])],
        vec![meta("a", MetaOperator::In, vec![any("x"); 11])],
        vec![meta("a", MetaOperator::In, vec![])],
        vec![meta("a", MetaOperator::Gt, vec![any("many")])],
        vec![meta("a", MetaOperator::Gt, vec![MetaValue::Number(f64::NAN)])],
    ];
    for metadata in bad {
        let filter = ImageFilter { metadata, ..ImageFilter::default() };
        let answer = test.catalog.page_images(&account, &filter, Order::Newest, None, 1).await;
        assert!(matches!(answer, Err(Error::Invalid(_))), "{filter:?}");
    }
    let filter = ImageFilter { metadata: vec![one("a"); 6], ..ImageFilter::default() };
    let answer = test.catalog.page_images(&account, &filter, Order::Newest, None, 1).await.unwrap_err();
    assert_eq!(answer.to_string(), "Too many metadata filters: 6 provided, maximum 5 allowed");
    let filter = ImageFilter { metadata: vec![one("a.b.c.d.e"); 5], ..ImageFilter::default() };
    assert!(test.catalog.page_images(&account, &filter, Order::Newest, None, 1).await.is_ok());
}
