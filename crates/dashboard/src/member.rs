//! A person in an account: what a page below `/dashboard/{account}/` begins with.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use catalog::{Account, Actor, Image, ImageChange, Role};
use domain::{AccountId, ImageId};

use crate::error::Failure;
use crate::visit::Visit;
use crate::words::encoded;

/// A signed-in person in an account that is open to them. To all others the account does not exist.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) visit: Visit,
    pub(crate) account: Rc<Account>,
    pub(crate) role: Role,
    /// All accounts of the person, this one too.
    pub(crate) places: Rc<Vec<catalog::Member>>,
}

impl Member {
    async fn find(visit: Visit, request: &HttpRequest) -> Result<Member, Failure> {
        let person = &visit.signed_in()?.session.person;
        let id: AccountId = request.match_info().query("account").parse().map_err(|_| Failure::no_page())?;
        let places = visit.dashboard.catalog().memberships(person).await?;
        let role = places.iter().find(|place| place.account == id).map(|place| place.role);
        let role = role.ok_or_else(Failure::no_page)?;
        let account = visit.dashboard.catalog().account(&id).await?;
        Ok(Member { account: Rc::new(account), role, places: Rc::new(places), visit })
    }

    /// Lets a role and those above it pass.
    pub(crate) fn require(&self, role: Role) -> Result<(), Failure> {
        if self.role >= role {
            return Ok(());
        }
        Err(Failure::Role { account: self.account.display_name.clone(), role: self.role })
    }

    /// Whether the person runs the server.
    pub(crate) fn is_operator(&self) -> bool {
        self.visit.signed_in.as_ref().is_some_and(|signed_in| signed_in.session.person.operator)
    }

    /// Who acts, for the audit log.
    pub(crate) fn actor(&self) -> Actor {
        self.visit.actor()
    }

    /// Changes an image of this account in this person's name.
    pub(crate) async fn change(&self, id: &ImageId, change: ImageChange) -> Result<Image, catalog::Error> {
        self.visit.dashboard.catalog().update_image(&self.account.id, id, change, &self.actor()).await
    }

    /// The e-mail of who is signed in.
    pub(crate) fn email(&self) -> String {
        self.visit
            .signed_in
            .as_ref()
            .map(|signed_in| signed_in.session.person.email.clone())
            .unwrap_or_default()
    }

    /// A path of this account.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/dashboard/{}/{rest}", self.account.id)
    }

    /// A path of this account about an image.
    pub(crate) fn image_path(&self, rest: &str, id: &ImageId) -> String {
        format!("/dashboard/{}/{rest}?id={}", self.account.id, encoded(id.as_str()))
    }
}

impl FromRequest for Member {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Member, Failure>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, visit) = (request.clone(), Visit::from_request(request, payload));
        Box::pin(async move {
            let member = Member::find(visit.await?, &request).await?;
            request.extensions_mut().insert(member.clone());
            Ok(member)
        })
    }
}
