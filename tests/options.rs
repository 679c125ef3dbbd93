//! Every option in URLs of a real server: what is taken, what is refused and by which name, and what answers vary on.

use crate::harness::{Reply, TestImage, TestServer, drawn};

/// What no option takes.
const WRONG: [&str; 9] = ["~", "-1", "nan", "99999999999", "1e3", "<script>", "%zz", "true;false", "é"];

/// Values that are taken, one or more of each option, with what they need beside them.
const RIGHT: [&str; 47] = [
    "w=120",
    "w=auto,wbreakpoints=100;200",
    "w=auto,wmobile=300,wdesktop=600",
    "h=80",
    "w=60,dpr=2",
    "w=60,h=60,fit=scale-down",
    "w=60,h=60,fit=contain",
    "w=60,h=60,fit=cover",
    "w=60,h=60,fit=crop",
    "w=60,h=60,fit=aspect-crop",
    "w=60,h=60,fit=pad,background=%23ff8800",
    "w=60,h=60,fit=squeeze",
    "w=60,h=60,fit=scale-up",
    "w=60,h=60,fit=cover,g=auto",
    "w=60,h=60,fit=cover,g=entropy",
    "w=60,h=60,fit=cover,g=focal",
    "w=60,h=60,fit=cover,g=0.25x0.75",
    "w=60,trim=10;20;10;0.25",
    "w=60,trim=border,trim.border.color=white,trim.border.tolerance=5,trim.border.keep=2",
    "w=60,trim.top=10,trim.left=0.1,trim.width=100,trim.height=0.5",
    "w=60,flip=h",
    "w=60,rotate=90",
    "w=60,brightness=1.5",
    "w=60,contrast=0.5",
    "w=60,saturation=0",
    "w=60,gamma=1.8",
    "w=60,blur=5",
    "w=60,sharpen=2",
    "w=60,border=4",
    "w=60,border.color=red,border.top=1,border.right=2,border.bottom=3,border.left=4",
    "w=60,metadata=none",
    "w=60,q=50",
    "w=60,q=medium-high",
    "w=60,f=jpeg,q=auto",
    "w=60,scq=20",
    "w=60,f=jpeg,max_bytes=2000",
    "w=60,f=webp",
    "w=60,f=avif",
    "w=60,f=png",
    "w=60,f=png,q=50",
    "w=60,f=gif",
    "w=60,f=baseline-jpeg",
    "w=60,f=svg",
    "w=60,anim=false",
    "w=60,compression=fast",
    "w=60,upscale=interpolate",
    "w=60,onerror=redirect",
];

async fn open(server: &TestServer) -> TestImage<'_> {
    let account = server.account().await;
    account.set("flexible_variants", "all").await;
    account.with_image("cat.jpg").await
}

#[tokio::test]
async fn every_option_with_every_wrong_value_is_refused_by_its_name() {
    let server = TestServer::start().await;
    let cat = open(&server).await;
    for words in variant::Options::WORDS {
        let name = words.iter().max_by_key(|word| word.len()).expect("a word");
        let name = if words.contains(&"zoom") { "zoom" } else { name };
        for (word, value) in words.iter().flat_map(|word| WRONG.map(|value| (word, value))) {
            let reply = cat.get(&format!("{word}={value}")).await.expect(400);
            let text = reply.text();
            assert!(text.starts_with("ERROR 9401: "), "{word}={value}: {text}");
            assert!(text.to_lowercase().contains(name), "{word}={value}: {text}");
            assert_eq!(reply.header("cf-images"), Some("err=9401"), "{word}={value}");
        }
    }
    assert_eq!(server.renders(), 0);
}

#[tokio::test]
async fn every_option_with_a_right_value_makes_a_picture() {
    let server = TestServer::start().await;
    let cat = open(&server).await;
    for last in RIGHT {
        let reply = cat.get(last).await.expect(200);
        assert!(
            reply.header("content-type").is_some_and(|kind| kind.starts_with("image/")),
            "{last}: {reply}"
        );
        assert_eq!(reply.header("warning"), None, "{last}");
        let again = cat.get(last).await.expect(200);
        assert_eq!((reply.header("etag"), &reply.body), (again.header("etag"), &again.body), "{last}");
    }
    let is_tried = |word: &str| {
        RIGHT.iter().any(|last| last.split(',').any(|pair| pair.split('=').next() == Some(word)))
    };
    let elsewhere = ["draw", "zoom", "segment"];
    for words in variant::Options::WORDS {
        assert!(
            words.iter().any(|word| is_tried(word) || elsewhere.contains(word)),
            "{words:?} is not tried"
        );
    }
}

#[tokio::test]
async fn what_is_not_built_in_is_refused_by_a_clear_word_and_what_is_unknown_is_ignored_with_a_warning() {
    let server = TestServer::start().await;
    let cat = open(&server).await;
    for last in ["gravity=face", "zoom=0.5", "face-zoom=1", "segment=foreground", "upscale=generate"] {
        let text = cat.get(last).await.expect(400).text();
        assert!(
            text.starts_with("ERROR 9401: ") && text.contains("not built into this build"),
            "{last}: {text}"
        );
    }
    let reply = cat.get("w=40,later=5").await.expect(200);
    let warning = reply.header("warning").expect("a warning");
    assert_eq!(warning, "cf-images 299 \"option later is not known here and was ignored\"");
    let plain = cat.get("w=40").await.expect(200);
    assert_eq!((plain.header("etag"), plain.header("warning")), (reply.header("etag"), None));
}

#[tokio::test]
async fn r_79_json_tells_sizes_and_no_pixels() {
    let server = TestServer::start().await;
    let cat = open(&server).await;
    let reply = cat.get("w=40,f=json").await.expect(200);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let told = reply.json();
    let (width, height) = (told["width"].as_u64().unwrap(), told["height"].as_u64().unwrap());
    let shown = cat.get("w=40,f=png").await.expect(200).picture();
    assert_eq!((width, height), (shown.width().into(), shown.height().into()));
    let original = drawn::file("cat.jpg");
    assert_eq!(told["original"]["file_size"], original.len());
    assert_eq!(told["original"]["format"], "image/jpeg");
    assert!(told["original"]["width"].as_u64().unwrap() > width);
}

#[tokio::test]
async fn r_80_an_automatic_width_varies_on_the_hints() {
    let server = TestServer::start().await;
    let cat = open(&server).await;
    let ask = async |headers: &[(&str, &str)]| {
        let reply =
            server.get_with(&cat.path("w=auto,wbreakpoints=50;100;150,f=png"), headers).await.expect(200);
        assert_eq!(
            reply.header("vary"),
            Some("Sec-CH-Width, Sec-CH-DPR, Sec-CH-Viewport-Width, User-Agent"),
            "{reply}"
        );
        reply.picture().width()
    };
    assert_eq!(ask(&[("sec-ch-width", "51")]).await, 100);
    assert_eq!(ask(&[("sec-ch-viewport-width", "40")]).await, 50);
    assert_eq!(ask(&[("sec-ch-viewport-width", "40"), ("sec-ch-dpr", "2.5")]).await, 100);
    assert_eq!(ask(&[]).await, 150);
    let both = server
        .get_with(&cat.path("w=auto,scq=20"), &[("accept", "image/webp"), ("save-data", "on")])
        .await
        .expect(200);
    let names = both.header("vary").expect("Vary");
    for name in ["Accept", "Sec-CH-Width", "User-Agent", "Save-Data", "ECT", "RTT", "Downlink"] {
        assert!(names.split(", ").any(|known| known == name), "{names}");
    }
}

#[tokio::test]
async fn a_slow_connection_gets_fewer_bytes() {
    let server = TestServer::start().await;
    let cat = open(&server).await;
    let path = cat.path("f=jpeg,q=90,scq=20");
    let ask = async |headers: &[(&str, &str)]| server.get_with(&path, headers).await.expect(200).body.len();
    let fast = ask(&[("rtt", "50"), ("downlink", "10"), ("ect", "4g")]).await;
    for slow in [("save-data", "on"), ("ect", "3g"), ("rtt", "300"), ("downlink", "1.5")] {
        assert!(ask(&[slow]).await < fast, "{slow:?}");
    }
}

#[tokio::test]
async fn overlays_open_with_a_signature_or_in_a_variant_only() {
    let server = TestServer::start().await;
    let cat = open(&server).await;
    let account = server.account().await;
    let logo = account.with_image("logo.png").private().with_id("brand/logo").await;
    logo.get("public").await.expect(403);
    let draw = "w=120,f=png,draw=(image=brand%2Flogo;width=0.5;opacity=0.5)(text=Hi%20there;size=20;top=0)";
    let refused = cat.get(draw).await.expect(400).text();
    assert_eq!(refused, "ERROR 9401: Draw needs a signed URL or a named variant");
    let plain = cat.get("w=120,f=png").await.expect(200);
    let signed: Reply = server.get(&cat.signed(draw).await).await.expect(200);
    assert_ne!(signed.body, plain.body);
    assert_eq!(signed.picture().width(), plain.picture().width());
    account.with_variant("marked", "w=120,f=png,draw=(image=brand/logo;width=0.5;opacity=0.5)").await;
    assert_ne!(cat.get("marked").await.expect(200).body, plain.body);
    let unknown = server.get(&cat.signed("w=120,draw=(image=nothing)").await).await;
    let text = unknown.expect(400).text();
    assert!(text.starts_with("ERROR 9401: ") && text.to_lowercase().contains("draw"), "{text}");
}
