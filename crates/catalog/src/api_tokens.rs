//! API tokens: what lets a program act for an account. Only a digest is stored.

use domain::AccountId;

use crate::api_token::{ApiToken, IssuedToken, NewToken};
use crate::{Actor, Catalog, Error};

impl Catalog {
    /// Issues a token.
    pub async fn issue_token(
        &self,
        _account: &AccountId,
        _new: NewToken,
        _actor: &Actor,
    ) -> Result<IssuedToken, Error> {
        todo!()
    }

    /// The live token with this value; none where it is unknown, expired or revoked. Answered from memory where
    /// memory is fresh; notes the use, at most once a minute.
    pub async fn token(&self, _value: &str) -> Result<Option<ApiToken>, Error> {
        todo!()
    }

    /// The tokens of an account, newest first.
    pub async fn tokens(&self, _account: &AccountId) -> Result<Vec<ApiToken>, Error> {
        todo!()
    }

    /// Takes a token back at once. `Missing` where the account has none of that id.
    pub async fn revoke_token(&self, _account: &AccountId, _id: &str, _actor: &Actor) -> Result<(), Error> {
        todo!()
    }
}
