//! A person's way through the dashboard's forms, as a browser without JavaScript sends them.

use catalog::Role;

use super::{Reply, TestAccount, TestServer};

const PASSWORD: &str = "correct horse battery staple";

/// Someone who is signed in.
pub(crate) struct Session<'s> {
    account: TestAccount<'s>,
    cookie: String,
}

impl<'s> Session<'s> {
    /// Makes a person of the account and signs in.
    pub(crate) async fn begin(account: &TestAccount<'s>, email: &str, role: Role) -> Session<'s> {
        account.with_person(email, PASSWORD, role).await;
        Session::enter(account, email, PASSWORD).await
    }

    /// Signs in somebody who is known.
    pub(crate) async fn enter(account: &TestAccount<'s>, email: &str, password: &str) -> Session<'s> {
        let reply = sign_in(account.server, email, password).await.expect(303);
        let cookie =
            reply.header("set-cookie").and_then(|cookie| cookie.split(';').next()).expect("a cookie");
        Session { account: account.clone(), cookie: cookie.to_owned() }
    }

    /// Signs out.
    pub(crate) async fn leave(self) -> Reply {
        self.post("images", "/dashboard/logout", &[]).await
    }

    /// Opens a page of the account.
    pub(crate) async fn open(&self, page: &str) -> Reply {
        self.account.server.get_with(&self.path(page), &[("cookie", &self.cookie)]).await
    }

    /// Opens a page and sends its form with these fields; the answer leads on to another page.
    pub(crate) async fn submit(&self, page: &str, fields: &[(&str, &str)]) -> Reply {
        self.send(page, page, fields).await.expect(303)
    }

    /// Opens a page and sends these fields with its token to another address of the account.
    pub(crate) async fn send(&self, page: &str, to: &str, fields: &[(&str, &str)]) -> Reply {
        self.post(page, &self.path(to), fields).await
    }

    async fn post(&self, page: &str, to: &str, fields: &[(&str, &str)]) -> Reply {
        let html = self.open(page).await.expect(200).text();
        let csrf =
            html.split("name=\"csrf-token\" content=\"").nth(1).and_then(|rest| rest.split('"').next());
        let mut all = vec![("csrf", csrf.expect("a token in the page"))];
        all.extend(fields);
        let server = self.account.server;
        let request = server.request("POST", to).header("cookie", &self.cookie);
        let request = request.header("origin", server.url("")).form(&all);
        Reply::of(request.send().await.expect("the server answers")).await
    }

    fn path(&self, page: &str) -> String {
        format!("/dashboard/{}/{page}", self.account.account.id)
    }
}

/// Sends an e-mail with a password to the sign-in page.
pub(crate) async fn sign_in(server: &TestServer, email: &str, password: &str) -> Reply {
    let request = server.request("POST", "/dashboard/login").header("origin", server.url(""));
    let request = request.form(&[("email", email), ("password", password)]);
    Reply::of(request.send().await.expect("the server answers")).await
}
