//! What those learn who check or copy a whole house, and that a copy holds removals back.

use super::*;
use crate::{Totals, WrongTotals};

#[tokio::test]
async fn every_original_is_told_once_in_pieces() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    let mut expected = Vec::new();
    for number in 0..5 {
        let image = put_image(&test.catalog, new_image(account, &format!("image-{number}"))).await;
        expected.push((image.id, image.object, image.bytes, image.sha256));
    }
    let (mut told, mut after) = (Vec::new(), 0);
    loop {
        let piece = test.catalog.owned_originals(after, 2).await.unwrap();
        let Some(last) = piece.last() else { break };
        after = last.number;
        assert!(piece.iter().all(|original| original.account == account && original.day == 20_000));
        told.extend(piece.into_iter().map(|one| (one.image, one.object, one.bytes, one.sha256)));
    }
    assert_eq!(told, expected);
    assert_eq!(test.catalog.owned_totals().await.unwrap(), Totals { images: 5, bytes: 5_000 });
    let stranger = ObjectId::random();
    let owned = test.catalog.owned_objects(&[expected[0].1, stranger, expected[3].1]).await.unwrap();
    assert_eq!(owned.len(), 2);
    assert!(!owned.contains(&stranger));
}

#[tokio::test]
async fn totals_that_do_not_add_up_are_told() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    put_image(&test.catalog, new_image(account, "cat")).await;
    assert_eq!(test.catalog.wrong_totals().await.unwrap(), []);
    assert_eq!(test.catalog.integrity_problems().await.unwrap(), Vec::<String>::new());
    let mut writing = test.catalog.begin(crate::database::Lock::House).await.unwrap();
    query("update accounts set images = 7").execute(writing.db()).await.unwrap();
    test.catalog.commit(writing).await.unwrap();
    let (kept, counted) = (Totals { images: 7, bytes: 1_000 }, Totals { images: 1, bytes: 1_000 });
    let wrong = WrongTotals { handle: "default".parse().unwrap(), kept, counted };
    assert_eq!(test.catalog.wrong_totals().await.unwrap(), [wrong]);
}

#[tokio::test]
async fn removals_are_held_until_the_hold_ends_or_its_time_is_over() {
    let hands = Hands::new();
    let test = fresh_at(hands.clock()).await;
    let account = account_of(&test.catalog).await;
    put_image(&test.catalog, new_image(account, "cat")).await;
    assert!(!test.catalog.removals_held().await.unwrap());
    let minute = Duration::from_secs(60);
    let hold = test.catalog.hold_removals(minute).await.unwrap();
    test.catalog.remove_image(&account, &id("cat"), &actor()).await.unwrap();
    assert!(test.catalog.removals_held().await.unwrap());
    assert_eq!(test.catalog.doomed_count().await.unwrap(), 1);
    hands.pass(minute / 2);
    assert!(test.catalog.renew_hold(&hold, minute).await.unwrap());
    hands.pass(minute / 2);
    assert!(test.catalog.removals_held().await.unwrap());
    hands.pass(minute);
    assert!(!test.catalog.removals_held().await.unwrap(), "whoever held it may have died");
    assert!(!test.catalog.renew_hold(&hold, minute).await.unwrap());
    let hold = test.catalog.hold_removals(minute).await.unwrap();
    test.catalog.release_hold(hold).await.unwrap();
    assert!(!test.catalog.removals_held().await.unwrap());
}
