//! The shortest whole way: a photograph goes in by API, the picture comes out.

use crate::harness::{TestServer, drawn};

#[tokio::test]
async fn an_uploaded_photograph_comes_out_in_the_right_size_and_format() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").with_bytes(drawn::photograph(1800, 1200, 85)).await;
    assert_eq!(cat.created["filename"], "cat.jpg");
    let url = cat.created["variants"][0].as_str().unwrap();
    assert_eq!(url, server.url(&cat.path("public")));

    let plain = cat.get("public").await.expect(200);
    assert_eq!(plain.header("content-type"), Some("image/jpeg"));
    assert_eq!((plain.picture().width(), plain.picture().height()), (1152, 768));
    for corner in 0..4 {
        assert_eq!(drawn::corner_shown(&plain.picture(), corner), corner);
    }

    let webp = server
        .get_with(&cat.path("public"), &[("accept", "image/avif,image/webp,*/*;q=0.8")])
        .await
        .expect(200);
    assert_eq!(webp.header("content-type"), Some("image/webp"));
    assert_eq!((webp.picture().width(), webp.picture().height()), (1152, 768));
}

#[tokio::test]
async fn a_private_photograph_comes_out_only_by_a_signed_url() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").private().await;
    let refused = cat.get("public").await.expect(403);
    assert!(refused.text().starts_with("ERROR 9425: "), "{refused}");
    let signed = cat.signed("public").await;
    assert_eq!(server.get(&signed).await.expect(200).picture().width(), 900);
}
