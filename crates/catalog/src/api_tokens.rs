//! API tokens: what lets a program act for an account. Only a digest is stored.

use std::sync::Arc;

use domain::{AccountId, Timestamp};

use crate::api_token::{ApiToken, IssuedToken, NewToken, Scopes, digest, is_well_formed, random_value};
use crate::catalog::Writing;
use crate::changes::Change;
use crate::database::{Lock, Row, is_orphan, query, query_scalar};
use crate::rows::{account_id, maybe_time, time};
use crate::{Actor, Catalog, Error, audit};

/// Characters of a label.
const MAX_LABEL_CHARS: usize = 100;

impl Catalog {
    /// Issues a token. `TooMany` where the account has as many live ones as the limit allows.
    pub async fn issue_token(
        &self,
        account: &AccountId,
        new: NewToken,
        actor: &Actor,
    ) -> Result<IssuedToken, Error> {
        if new.label.chars().count() > MAX_LABEL_CHARS || new.label.chars().any(char::is_control) {
            return Err(Error::Invalid(format!("a token's label has at most {MAX_LABEL_CHARS} characters")));
        }
        let value = random_value();
        let mut writing = self.begin(Lock::Account(*account)).await?;
        self.check_room_for_token(&mut writing, account).await?;
        let token = ApiToken {
            id: hex::encode(rand::random::<[u8; 8]>()),
            account: *account,
            label: new.label,
            scopes: new.scopes,
            created_at: writing.now,
            expires_at: new.expires_at,
            revoked_at: None,
            last_used_at: None,
        };
        insert(&mut writing, &token, &digest(value.reveal())).await?;
        writing.changes(Change::Token(digest(value.reveal())));
        audit::note(&mut writing, Some(account), actor, "token.issue", &format!("token:{}", token.id))
            .await?;
        self.commit(writing).await?;
        Ok(IssuedToken { token, value })
    }

    /// The live token with this value; none where it is unknown, expired or revoked. Answered from memory where
    /// memory is fresh, so its last use may be an older one; counts this one.
    pub async fn token(&self, value: &str) -> Result<Option<ApiToken>, Error> {
        if !is_well_formed(value) {
            return Ok(None);
        }
        let (digest, now) = (digest(value), self.now());
        let memory = &self.inner.memory;
        let known = memory.token(&digest).filter(|_| memory.is_fresh());
        let live = match known {
            Some(live) => live,
            None => match self.load_token(&digest).await? {
                Some(live) => live,
                None => return Ok(None),
            },
        };
        if live.revoked_at.is_some() || live.expires_at.is_some_and(|end| end <= now) {
            return Ok(None);
        }
        self.inner.tally.count_token(&live.id, now);
        Ok(Some(ApiToken::clone(&live)))
    }

    /// The tokens of an account, newest first. Uses by other processes are noted within a minute.
    pub async fn tokens(&self, account: &AccountId) -> Result<Vec<ApiToken>, Error> {
        let _whole = self.inner.flushing.read().await;
        let rows = query("select * from api_tokens where account = $1 order by created_at desc, id")
            .bind(&account.as_bytes()[..])
            .fetch_all(&self.inner.database)
            .await?;
        let mut tokens = rows.iter().map(token).collect::<Result<Vec<ApiToken>, Error>>()?;
        self.inner.tally.look(|counts| {
            for ((id, _), asked) in &counts.tokens {
                if let Some(token) = tokens.iter_mut().find(|token| *token.id == **id) {
                    token.last_used_at = token.last_used_at.max(Some(asked.last_at));
                }
            }
        });
        Ok(tokens)
    }

    /// Takes a token back at once. `Missing` where the account has none of that id.
    pub async fn revoke_token(&self, account: &AccountId, id: &str, actor: &Actor) -> Result<(), Error> {
        let mut writing = self.begin(Lock::Account(*account)).await?;
        let now = writing.now;
        // The first time counts; to revoke again is no error.
        let digest: Option<Vec<u8>> = query_scalar(
            "update api_tokens set revoked_at = coalesce(revoked_at, $3) where account = $1 and id = $2
             returning digest",
        )
        .bind(&account.as_bytes()[..])
        .bind(id)
        .bind(now.as_micros())
        .fetch_optional(writing.db())
        .await?;
        writing.changes(Change::Token(hex::encode(digest.ok_or(Error::Missing)?)));
        audit::note(&mut writing, Some(account), actor, "token.revoke", &format!("token:{id}")).await?;
        self.commit(writing).await
    }

    async fn check_room_for_token(&self, writing: &mut Writing, account: &AccountId) -> Result<(), Error> {
        let limit = self.inner.config.max_tokens;
        let now = writing.now;
        let count: i64 = query_scalar(
            "select count(*) from api_tokens
             where account = $1 and revoked_at is null and (expires_at is null or expires_at > $2)",
        )
        .bind(&account.as_bytes()[..])
        .bind(now.as_micros())
        .fetch_one(writing.db())
        .await?;
        if count < limit.into() {
            return Ok(());
        }
        let told = format!("this account has {count} API tokens; the limit is {limit}");
        Err(Error::TooMany { limit: "max_tokens", told })
    }

    /// Unknown ones are not kept: nobody may fill memory with guesses, nor take every connection.
    async fn load_token(&self, digest: &str) -> Result<Option<Arc<ApiToken>>, Error> {
        let _turn = self.inner.memory.turn().await?;
        let began = self.inner.memory.begin();
        let row = query("select * from api_tokens where digest = $1")
            .bind(hex::decode(digest).unwrap_or_default())
            .fetch_optional(&self.inner.database)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let live = Arc::new(token(&row)?);
        self.inner.memory.keep_token(began, digest, &live);
        Ok(Some(live))
    }
}

async fn insert(writing: &mut Writing, token: &ApiToken, digest: &str) -> Result<(), Error> {
    let inserted = query(
        "insert into api_tokens (id, account, digest, label, scopes, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&token.id)
    .bind(&token.account.as_bytes()[..])
    .bind(hex::decode(digest).unwrap_or_default())
    .bind(&token.label)
    .bind(i64::from(token.scopes.0))
    .bind(token.created_at.as_micros())
    .bind(token.expires_at.map(Timestamp::as_micros))
    .execute(writing.db())
    .await;
    match inserted {
        Err(error) if is_orphan(&error) => Err(Error::AccountMissing),
        inserted => Ok(inserted.map(|_| ())?),
    }
}

fn token(row: &Row) -> Result<ApiToken, Error> {
    Ok(ApiToken {
        id: row.try_get("id")?,
        account: account_id(row, "account")?,
        label: row.try_get("label")?,
        scopes: Scopes(row.try_get::<i64>("scopes")? as u16),
        created_at: time(row, "created_at")?,
        expires_at: maybe_time(row, "expires_at")?,
        revoked_at: maybe_time(row, "revoked_at")?,
        last_used_at: maybe_time(row, "last_used_at")?,
    })
}
