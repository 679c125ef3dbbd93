//! Fixtures that read aloud: `server.account().with_image("cat.jpg").private().await`.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

use catalog::{Account, Actor, NewAccount, NewPerson, NewToken, Role, Scopes, Variant};
use domain::{Secret, Timestamp};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Reply, TestServer, drawn};

type Boxed<'s, T> = Pin<Box<dyn Future<Output = T> + 's>>;

/// An account that is being fetched or made.
pub(crate) struct AccountFixture<'s> {
    server: &'s TestServer,
    handle: &'static str,
}

impl<'s> AccountFixture<'s> {
    pub(super) fn new(server: &'s TestServer, handle: &'static str) -> Self {
        AccountFixture { server, handle }
    }

    /// The account with one image; see [`TestAccount::with_image`].
    pub(crate) fn with_image(self, name: &str) -> ImageFixture<'s> {
        ImageFixture::new(Owner::Wanted(self), name)
    }
}

impl<'s> IntoFuture for AccountFixture<'s> {
    type Output = TestAccount<'s>;
    type IntoFuture = Boxed<'s, TestAccount<'s>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let catalog = self.server.catalog();
            let handle = self.handle.parse().expect("a handle");
            let account = match catalog.account_by_handle(&handle).await {
                Ok(account) => account,
                Err(_) => {
                    catalog.insert_account(new_account(self.handle), &actor()).await.expect("a new account")
                }
            };
            let mut account = TestAccount { server: self.server, account, token: String::new() };
            account.token = account.issue_token("admin").await;
            account
        })
    }
}

/// An account with a token that may do everything.
#[derive(Clone)]
pub(crate) struct TestAccount<'s> {
    pub(crate) server: &'s TestServer,
    pub(crate) account: Account,
    pub(crate) token: String,
}

impl<'s> TestAccount<'s> {
    /// The path of something below its images in the API: `api_path("/v1/keys")`.
    pub(crate) fn api_path(&self, rest: &str) -> String {
        format!("/client/v4/accounts/{}/images{rest}", self.account.id)
    }

    /// An API request with its token, no body.
    pub(crate) async fn api(&self, method: &str, rest: &str) -> Reply {
        let bearer = format!("Bearer {}", self.token);
        self.server.ask(method, &self.api_path(rest), &[("authorization", &bearer)]).await
    }

    /// An API request with its token and a JSON body.
    pub(crate) async fn api_json(&self, method: &str, rest: &str, body: &Value) -> Reply {
        let request = self.server.request(method, &self.api_path(rest)).bearer_auth(&self.token).json(body);
        Reply::of(request.send().await.expect("the server answers")).await
    }

    /// An API request with its token and a form.
    pub(crate) async fn api_form(&self, method: &str, rest: &str, form: reqwest::multipart::Form) -> Reply {
        let request =
            self.server.request(method, &self.api_path(rest)).bearer_auth(&self.token).multipart(form);
        Reply::of(request.send().await.expect("the server answers")).await
    }

    /// A new API token with these scopes or bundles.
    pub(crate) async fn issue_token(&self, scopes: &str) -> String {
        let scopes = Scopes::parse(scopes).expect("scopes");
        let new = NewToken { label: "test".into(), scopes, expires_at: None };
        let issued = self.server.catalog().issue_token(&self.account.id, new, &actor()).await;
        issued.expect("a new token").value.reveal().to_owned()
    }

    /// Changes one setting.
    pub(crate) async fn set(&self, name: &str, value: &str) {
        let settings = [(name.to_owned(), value.to_owned())];
        self.server.catalog().update_account(&self.account.id, &settings, &actor()).await.expect("a setting");
    }

    /// Makes a variant of these options.
    pub(crate) async fn with_variant(&self, name: &str, options: &str) -> &Self {
        self.variant(name, options, false).await
    }

    /// Makes a variant that delivers private images without a signature too.
    pub(crate) async fn with_public_variant(&self, name: &str, options: &str) -> &Self {
        self.variant(name, options, true).await
    }

    async fn variant(&self, name: &str, options: &str, always_public: bool) -> &Self {
        let new = Variant {
            name: name.parse().expect("a variant's name"),
            options: variant::Options::parse(options).expect("options"),
            always_public,
            browser_ttl_s: None,
            created_at: Timestamp::from_seconds(0),
        };
        self.server.catalog().insert_variant(&self.account.id, new, &actor()).await.expect("a new variant");
        self
    }

    /// Someone who signs in to this account.
    pub(crate) async fn with_person(&self, email: &str, password: &str, role: Role) -> &Self {
        let new = NewPerson {
            email: email.into(),
            name: String::new(),
            password: Secret::new(password),
            place: Some((self.account.id, role)),
            operator: role == Role::Owner,
        };
        self.server.catalog().insert_person(new, &actor()).await.expect("a new person");
        self
    }

    /// An image that is being uploaded by API. The name's ending says what is drawn for it: `cat.jpg`, `logo.png`.
    pub(crate) fn with_image(&self, name: &str) -> ImageFixture<'s> {
        ImageFixture::new(Owner::There(Box::new(self.clone())), name)
    }

    /// The secret of its signing key of that name.
    pub(crate) async fn secret(&self, name: &str) -> String {
        let name = name.parse().expect("a signing key's name");
        let key =
            self.server.catalog().signing_key(&self.account.id, Some(&name)).await.expect("a signing key");
        key.secret().reveal().to_owned()
    }

    /// Signs a path, perhaps with a query, with the key `default`, good for an hour.
    pub(crate) async fn sign(&self, path: &str) -> String {
        self.sign_until(path, self.server.clock.now().as_seconds() + 3600).await
    }

    /// Signs a path with the key `default` until a unix second.
    pub(crate) async fn sign_until(&self, path: &str, exp: i64) -> String {
        let joint = if path.contains('?') { '&' } else { '?' };
        sign(&format!("{path}{joint}exp={exp}"), &self.secret("default").await)
    }
}

/// An image that is being uploaded.
pub(crate) struct ImageFixture<'s> {
    owner: Owner<'s>,
    name: String,
    id: Option<String>,
    bytes: Vec<u8>,
    metadata: Option<Value>,
    private: bool,
}

enum Owner<'s> {
    Wanted(AccountFixture<'s>),
    There(Box<TestAccount<'s>>),
}

impl<'s> ImageFixture<'s> {
    fn new(owner: Owner<'s>, name: &str) -> Self {
        ImageFixture {
            owner,
            name: name.into(),
            id: None,
            bytes: drawn::file(name),
            metadata: None,
            private: false,
        }
    }

    /// Only a signed URL delivers it.
    pub(crate) fn private(mut self) -> Self {
        self.private = true;
        self
    }

    /// Under a custom id.
    pub(crate) fn with_id(mut self, id: &str) -> Self {
        self.id = Some(id.into());
        self
    }

    /// With these bytes instead of drawn ones.
    pub(crate) fn with_bytes(mut self, bytes: Vec<u8>) -> Self {
        self.bytes = bytes;
        self
    }

    /// With metadata.
    pub(crate) fn with_metadata(mut self, metadata: Value) -> Self {
        self.metadata = Some(metadata);
        self
    }

    async fn upload(self) -> TestImage<'s> {
        let account = match self.owner {
            Owner::Wanted(account) => account.await,
            Owner::There(account) => *account,
        };
        let file = reqwest::multipart::Part::bytes(self.bytes.clone()).file_name(self.name.clone());
        let mut form = reqwest::multipart::Form::new().part("file", file);
        if self.private {
            form = form.text("requireSignedURLs", "true");
        }
        if let Some(id) = self.id {
            form = form.text("id", id);
        }
        if let Some(metadata) = self.metadata {
            form = form.text("metadata", metadata.to_string());
        }
        let reply = account.api_form("POST", "/v1", form).await.expect(200);
        let id = reply.json()["result"]["id"].as_str().expect("an id").to_owned();
        TestImage { account, id, bytes: self.bytes, created: reply.json()["result"].clone() }
    }
}

impl<'s> IntoFuture for ImageFixture<'s> {
    type Output = TestImage<'s>;
    type IntoFuture = Boxed<'s, TestImage<'s>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.upload())
    }
}

/// An image that was uploaded.
#[derive(Clone)]
pub(crate) struct TestImage<'s> {
    pub(crate) account: TestAccount<'s>,
    pub(crate) id: String,
    pub(crate) bytes: Vec<u8>,
    /// What the API said of it then.
    pub(crate) created: Value,
}

impl TestImage<'_> {
    /// Its path in the API.
    pub(crate) fn api_path(&self) -> String {
        format!("/v1/{}", self.id.parse::<domain::ImageId>().expect("an id").to_path())
    }

    /// The path of its delivery URL.
    pub(crate) fn path(&self, last: &str) -> String {
        let id = self.id.parse().expect("an id");
        signing::DeliveryUrl::path_of(&self.account.account.hash, &id, last)
    }

    /// The path, signed with the key `default` for an hour.
    pub(crate) async fn signed(&self, last: &str) -> String {
        self.account.sign(&self.path(last)).await
    }

    /// Asks for a rendition.
    pub(crate) async fn get(&self, last: &str) -> Reply {
        self.account.server.get(&self.path(last)).await
    }

    /// Makes it private or public by API.
    pub(crate) async fn set_private(&self, private: bool) {
        let body = json!({ "requireSignedURLs": private });
        self.account.api_json("PATCH", &self.api_path(), &body).await.expect(200);
    }
}

/// Signs a path with its query as Cloudflare documents it (contract 7.1), by code of the tests' own.
pub(crate) fn sign(path_and_query: &str, secret: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key");
    mac.update(path_and_query.as_bytes());
    let sig: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{path_and_query}&sig={sig}")
}

fn new_account(handle: &str) -> NewAccount {
    NewAccount {
        handle: handle.parse().expect("a handle"),
        display_name: None,
        given: None,
        settings: Vec::new(),
    }
}

fn actor() -> Actor {
    Actor::command()
}
