//! Traces: a collector gets each request with what was done for it, and no secret.

use super::collector::{Collector, attribute};
use super::house::House;
use crate::harness::Reply;

async fn traced(collector: &Collector, more: &[(&str, &str)]) -> House {
    let endpoint = collector.endpoint();
    let named = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "100")];
    House::start(&[named.as_slice(), more].concat()).await
}

#[tokio::test]
async fn a_collector_gets_a_request_with_what_was_done_for_it() {
    let collector = Collector::start().await;
    let house = traced(&collector, &[("OTEL_SERVICE_NAME", "pictures")]).await;
    let cold = house.get(&house.public).await.expect(200);
    let span = collector.request(cold.header("x-request-id").unwrap()).await;
    assert_eq!(span.name, "GET delivery");
    assert_eq!(attribute(&span, "door").as_deref(), Some("delivery"));
    assert_eq!(attribute(&span, "http.response.status_code").as_deref(), Some("200"));
    assert_eq!(attribute(&span, "url.path"), Some(house.public.clone()));
    let below: Vec<String> = collector
        .spans()
        .into_iter()
        .filter(|other| other.trace_id == span.trace_id && other.span_id != span.span_id)
        .map(|other| other.name)
        .collect();
    for name in ["queue", "render", "storage", "database"] {
        assert!(below.iter().any(|other| other == name), "{name} in {below:?}");
    }
    let received = collector.received();
    assert!(received[0].head.starts_with("POST /v1/traces "), "{}", received[0].head);
    assert!(received[0].head.to_lowercase().contains("content-type: application/x-protobuf"));
    assert!(received[0].body.windows(8).any(|bytes| bytes == b"pictures"));
    let hit = house.get(&house.public).await.expect(200);
    collector.request(hit.header("x-request-id").unwrap()).await;
}

#[tokio::test]
async fn no_span_holds_a_secret() {
    let collector = Collector::start().await;
    let house = traced(&collector, &[]).await;
    let signed = house.sign().await;
    let signature = signed.split("sig=").nth(1).unwrap()[..64].to_owned();
    house.hide().await;
    house.get(&signed).await.expect(200);
    house.get(&format!("/nowhere/{}?next={}", house.token, signed)).await.expect(404);
    let page = house.request("GET", "/dashboard").header("cookie", "session=c00c1e5").send().await.unwrap();
    let last = Reply::of(page).await;
    collector.request(last.header("x-request-id").unwrap()).await;
    for received in collector.received() {
        let text = String::from_utf8_lossy(&received.body).into_owned();
        for secret in [signature.as_str(), &house.token, "c00c1e5"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

#[tokio::test]
async fn a_trace_goes_on_where_a_trusted_proxy_began_it_and_nowhere_else() {
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for (proxies, goes_on) in [("127.0.0.1", true), ("10.0.0.1", false)] {
        let collector = Collector::start().await;
        let house = traced(&collector, &[("DARKROOM_TRUSTED_PROXIES", proxies)]).await;
        let request = house.request("GET", "/client/v4/accounts").bearer_auth(&house.token);
        let reply = Reply::of(request.header("traceparent", parent).send().await.unwrap()).await.expect(200);
        let span = collector.request(reply.header("x-request-id").unwrap()).await;
        let trace: String = span.trace_id.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(trace == "0af7651916cd43dd8448eb211c80319c", goes_on, "{trace}");
    }
}

#[tokio::test]
async fn what_is_not_sent_yet_is_sent_at_the_stop() {
    let collector = Collector::start().await;
    let mut house = traced(&collector, &[("OTEL_BSP_SCHEDULE_DELAY", "600000")]).await;
    let reply = house.get("/dashboard/login").await.expect(200);
    assert!(collector.received().is_empty());
    assert_eq!(house.running.terminate().await, 0);
    collector.request(reply.header("x-request-id").unwrap()).await;
}

#[tokio::test]
async fn a_collector_that_is_gone_is_told_once_and_harms_nothing() {
    let collector = Collector::start().await;
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = format!("http://{gone}");
    let mut house = traced(&collector, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]).await;
    house.get(&house.public).await.expect(200);
    house.logged("the log tells it", |line| line.contains("traces cannot be sent")).await;
    house.get(&house.public).await.expect(200);
    assert_eq!(house.running.terminate().await, 0);
    assert!(collector.received().is_empty());
}

#[tokio::test]
async fn a_protocol_that_is_not_built_in_is_no_start() {
    let folder = tempfile::tempdir().unwrap();
    let serve = crate::harness::Cli::new(folder.path(), &["serve", "--bind", "127.0.0.1:0"]);
    let serve = serve.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317");
    let said = serve.env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc").run().await;
    assert!(said.code == 1 && said.err.contains("OTEL_EXPORTER_OTLP_PROTOCOL"), "{said:?}");
}
