//! People who sign in, and their place in accounts. How a password is checked stands in `sign_in.rs`.

use domain::{AccountId, Secret, Timestamp};

use crate::catalog::Writing;
use crate::database::{Connection, Lock, Row, is_orphan, is_taken, query, query_scalar};
use crate::rows::{account_id, time};
use crate::{Actor, Catalog, Error, audit};

/// What a member may do; each role includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Sees images and copies unsigned URLs.
    Viewer,
    /// Uploads, edits, deletes, signs URLs.
    Editor,
    /// Variants, signing keys, API tokens, delivery.
    Admin,
    /// Settings.
    Owner,
}

impl Role {
    /// Every role with its word.
    pub const ALL: [(Role, &'static str); 4] =
        [(Role::Viewer, "viewer"), (Role::Editor, "editor"), (Role::Admin, "admin"), (Role::Owner, "owner")];

    /// The word.
    pub fn word(self) -> &'static str {
        Role::ALL[self as usize].1
    }
}

/// Someone who signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The row's id.
    pub id: i64,
    /// The e-mail, as typed; compared without regard to case.
    pub email: String,
    /// The name for people.
    pub name: String,
    /// Runs the server.
    pub operator: bool,
    /// When the row was made.
    pub created_at: Timestamp,
}

/// A person's place in an account.
#[derive(Debug, Clone)]
pub struct Member {
    /// The account.
    pub account: AccountId,
    /// Its display name.
    pub display_name: String,
    /// The role.
    pub role: Role,
}

/// A new person.
#[derive(Debug, Clone)]
pub struct NewPerson {
    /// The e-mail: something, `@`, something; at most 254 characters.
    pub email: String,
    /// The name for people; the part before `@` where empty.
    pub name: String,
    /// 12 to 128 characters, none of the commonest passwords.
    pub password: Secret,
    /// The place in an account.
    pub place: Option<(AccountId, Role)>,
    /// Runs the server.
    pub operator: bool,
}

/// Characters of an e-mail.
const MAX_EMAIL_CHARS: usize = 254;

/// Characters of a person's name.
const MAX_NAME_CHARS: usize = 100;

impl Catalog {
    /// Whether anyone can sign in yet: the setup page exists only until then.
    pub async fn has_people(&self) -> Result<bool, Error> {
        let any = query_scalar("select exists (select 1 from people)");
        Ok(any.fetch_one(&self.inner.database).await?)
    }

    /// Makes a person. `Exists` for a known e-mail, `Invalid` for a poor password or e-mail.
    pub async fn insert_person(&self, new: NewPerson, actor: &Actor) -> Result<Person, Error> {
        check_email(&new.email)?;
        let hash = self.hash_new_password(&new.email, &new.password).await?;
        let writing = self.begin(lock_of(&new)).await?;
        self.insert_person_in(writing, new, &hash, actor).await
    }

    /// Makes the first person, operator and owner of an account; `Exists` once there is one.
    pub async fn insert_first_person(&self, new: NewPerson, actor: &Actor) -> Result<Person, Error> {
        check_email(&new.email)?;
        let hash = self.hash_new_password(&new.email, &new.password).await?;
        let mut writing = self.begin(lock_of(&new)).await?;
        // Whoever has the write lock is alone: of two at once the second finds a person here.
        if query_scalar("select exists (select 1 from people)").fetch_one(writing.db()).await? {
            return Err(Error::Exists);
        }
        self.insert_person_in(writing, NewPerson { operator: true, ..new }, &hash, actor).await
    }

    async fn insert_person_in(
        &self,
        mut writing: Writing,
        new: NewPerson,
        hash: &str,
        actor: &Actor,
    ) -> Result<Person, Error> {
        let person = insert(&mut writing, &new, hash).await?;
        if let Some((account, role)) = &new.place {
            put_member(writing.db(), &person, account, *role).await?;
        }
        let account = new.place.as_ref().map(|(account, _)| account);
        audit::note(&mut writing, account, actor, "person.create", &target(&person.email)).await?;
        self.commit(writing).await?;
        Ok(person)
    }

    /// The person with this e-mail, or `Missing`.
    pub async fn person_by_email(&self, email: &str) -> Result<Person, Error> {
        let row = query("select * from people where lower_email = $1").bind(email.to_lowercase());
        let row = row.fetch_optional(&self.inner.database).await?;
        Ok(row.as_ref().map(person).ok_or(Error::Missing)??)
    }

    /// The accounts of a person, by display name; an operator is owner of every account.
    pub async fn memberships(&self, person: &Person) -> Result<Vec<Member>, Error> {
        let question = if person.operator {
            query("select id, display_name, 'owner' as role from accounts order by display_name, id")
        } else {
            query(
                "select a.id, a.display_name, m.role from members m join accounts a on a.id = m.account
                 where m.person = $1 order by a.display_name, a.id",
            )
            .bind(person.id)
        };
        question.fetch_all(&self.inner.database).await?.iter().map(member).collect()
    }

    /// Puts a person into an account, or changes the role there; ends the person's sessions, so that none rides on.
    pub async fn set_role(
        &self,
        person: &Person,
        account: &AccountId,
        role: Role,
        actor: &Actor,
    ) -> Result<(), Error> {
        let mut writing = self.begin(Lock::Member(*account)).await?;
        put_member(writing.db(), person, account, role).await?;
        query("delete from sessions where person = $1").bind(person.id).execute(writing.db()).await?;
        let target = format!("{} {}", target(&person.email), role.word());
        audit::note(&mut writing, Some(account), actor, "person.role", &target).await?;
        self.commit(writing).await
    }
}

/// What a new person is written under.
fn lock_of(new: &NewPerson) -> Lock {
    new.place.map_or(Lock::People, |(account, _)| Lock::Member(account))
}

/// What the audit log calls a person.
pub(crate) fn target(email: &str) -> String {
    format!("person:{email}")
}

/// Refuses what is no e-mail: something, `@`, something, without blanks.
fn check_email(email: &str) -> Result<(), Error> {
    let parts = email.rsplit_once('@').filter(|(name, host)| !name.is_empty() && !host.is_empty());
    let plain = !email.chars().any(|c| c.is_whitespace() || c.is_control());
    if parts.is_some() && plain && email.chars().count() <= MAX_EMAIL_CHARS {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "this is no e-mail: something@something, at most {MAX_EMAIL_CHARS} characters"
    )))
}

/// The name for people: the part of the e-mail before `@` where none is given.
fn fitting_name(new: &NewPerson) -> String {
    let name = new.name.trim();
    let name = if name.is_empty() { new.email.split('@').next().unwrap_or_default() } else { name };
    name.chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS).collect()
}

async fn insert(writing: &mut Writing, new: &NewPerson, hash: &str) -> Result<Person, Error> {
    let created_at = writing.now;
    let inserted = query(
        "insert into people (email, lower_email, name, password, operator, created_at)
         values ($1, $2, $3, $4, $5, $6) returning *",
    )
    .bind(&new.email)
    .bind(new.email.to_lowercase())
    .bind(fitting_name(new))
    .bind(hash)
    .bind(new.operator)
    .bind(created_at.as_micros())
    .fetch_one(writing.db())
    .await;
    match inserted {
        Err(error) if is_taken(&error, "people.lower_email") => Err(Error::Exists),
        inserted => Ok(person(&inserted?)?),
    }
}

async fn put_member(
    db: &mut Connection,
    person: &Person,
    account: &AccountId,
    role: Role,
) -> Result<(), Error> {
    let put = query(
        "insert into members (person, account, role) values ($1, $2, $3)
         on conflict (person, account) do update set role = excluded.role",
    )
    .bind(person.id)
    .bind(&account.as_bytes()[..])
    .bind(role.word())
    .execute(db)
    .await;
    match put {
        Err(error) if is_orphan(&error) => Err(Error::AccountMissing),
        put => Ok(put.map(|_| ())?),
    }
}

/// The person in a row.
pub(crate) fn person(row: &Row) -> Result<Person, sqlx::Error> {
    Ok(Person {
        id: row.try_get("id")?,
        email: row.try_get("email")?,
        name: row.try_get("name")?,
        operator: row.try_get("operator")?,
        created_at: time(row, "created_at")?,
    })
}

fn member(row: &Row) -> Result<Member, Error> {
    let word: &str = row.try_get("role")?;
    let role = Role::ALL.into_iter().find(|(_, known)| *known == word).map(|(role, _)| role);
    Ok(Member {
        account: account_id(row, "id")?,
        display_name: row.try_get("display_name")?,
        // The schema lets no other word in.
        role: role.unwrap_or(Role::Viewer),
    })
}
