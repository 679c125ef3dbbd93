//! The client of a bucket: region, endpoint and credentials by the AWS chain, or given by hand.

use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    Builder, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    SharedCredentialsProvider, SharedHttpClient, StalledStreamProtectionConfig,
};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_types::service_config::ServiceConfigKey;

use super::circuit::{Patience, Question};
use super::credentials::{CredentialsEnd, Watched};
use crate::error::Refusal;
use crate::{Access, Bucket, Error};

/// Where a store has an endpoint of its own and nobody named a region: what such stores take.
const REGION_OF_OTHERS: &str = "us-east-1";

/// Where configuration comes from: environment, profile, web identity, container, machine; or by hand.
pub(super) fn chain(access: Option<&Access>) -> ConfigLoader {
    let loader = aws_config::defaults(BehaviorVersion::latest()).http_client(https());
    let Some(access) = access else { return loader };
    let (key, secret) = (access.access_key.as_str(), access.secret_key.reveal());
    loader
        .endpoint_url(&access.endpoint)
        .region(Region::new(access.region.clone()))
        .credentials_provider(Credentials::new(key, secret, None, None, "by hand"))
}

/// The client of a bucket, when its credentials end, and a question that nobody signs, to find out whether anyone is there.
pub(super) async fn connect(
    bucket: &Bucket,
    chain: ConfigLoader,
    patience: &Patience,
) -> Result<(Client, CredentialsEnd, Question), Error> {
    let config = placed(chain.load().await)?;
    let (config, end) = watched(config);
    let path_style = bucket.path_style().unwrap_or(endpoint(&config).is_some());
    let client = Client::from_conf(settings(&config, path_style, patience).build());
    let mut unsigned = config.into_builder();
    unsigned.set_credentials_provider(None);
    let asking = Client::from_conf(settings(&unsigned.build(), path_style, patience).allow_no_auth().build());
    let name = bucket.name().to_owned();
    let question: Question = Box::new(move || {
        let request = asking.head_bucket().bucket(&name).send();
        // Whatever it answers, it is there.
        Box::pin(async { request.await.map_or_else(|error| error.raw_response().is_some(), |_| true) })
    });
    Ok((client, end, question))
}

/// The same configuration with credentials of which it is known when they end.
fn watched(config: SdkConfig) -> (SdkConfig, CredentialsEnd) {
    let end = CredentialsEnd::default();
    let Some(provider) = config.credentials_provider() else { return (config, end) };
    let watched = SharedCredentialsProvider::new(Watched::new(provider, end.clone()));
    (config.into_builder().credentials_provider(watched).build(), end)
}

/// A configuration that names a place: a region, and an endpoint that is an address if there is one.
fn placed(config: SdkConfig) -> Result<SdkConfig, Error> {
    let refused = |why| Err(Error::Refused { why, cause: None });
    match (endpoint(&config), config.region()) {
        (Some(endpoint), _) if !is_address(&endpoint) => refused(Refusal::BadEndpoint),
        (Some(_), None) => Ok(config.into_builder().region(Region::from_static(REGION_OF_OTHERS)).build()),
        (None, None) => refused(Refusal::NoRegion),
        (_, Some(_)) => Ok(config),
    }
}

/// The endpoint that somebody named, for S3 or for all services.
fn endpoint(config: &SdkConfig) -> Option<String> {
    let key = ServiceConfigKey::builder().service_id("S3").env("AWS_ENDPOINT_URL").profile("endpoint_url");
    let for_s3 =
        config.service_config().zip(key.build().ok()).and_then(|(service, key)| service.load_config(key));
    for_s3.or_else(|| config.endpoint_url().map(str::to_owned))
}

fn is_address(endpoint: &str) -> bool {
    let rest = endpoint.strip_prefix("http://").or_else(|| endpoint.strip_prefix("https://"));
    let host = rest.and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    !host.is_empty() && !host.starts_with(':') && host.bytes().all(plain)
}

/// What every request has in common. Tries are ours ([`super::wire`]), so that a broken body counts as one and a
/// store that is gone is waited for once. Checksums only where S3 demands one: other servers refuse streamed ones.
fn settings(config: &SdkConfig, path_style: bool, patience: &Patience) -> Builder {
    Builder::from(config)
        .force_path_style(path_style)
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().connect_timeout(patience.connect).build())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
}

/// One client with one pool of connections for each storage.
fn https() -> SharedHttpClient {
    let builder = aws_smithy_http_client::Builder::new();
    builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_scheme_and_a_host() {
        for good in ["http://127.0.0.1:9000", "https://s3.example.org", "https://host/s3", "http://[::1]:80/"]
        {
            assert!(is_address(good), "{good}");
        }
        for bad in [
            "",
            "localhost:9000",
            "ftp://host",
            "http://",
            "http://:80",
            "http:///x",
            "http://a b",
            "http://k@h",
        ] {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
