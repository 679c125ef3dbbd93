//! People who sign in, and their place in accounts.

use std::net::IpAddr;
use std::time::Duration;

use domain::{AccountId, Secret, Timestamp};

use crate::{Actor, Catalog, Error};

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

/// What came of a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignInVerdict {
    /// It is right.
    Right(Person),
    /// E-mail or password is wrong; nobody learns which.
    Wrong,
    /// Too many wrong ones: so long to wait.
    Wait(Duration),
}

impl Catalog {
    /// Whether anyone can sign in yet: the setup page exists only until then.
    pub async fn has_people(&self) -> Result<bool, Error> {
        todo!()
    }

    /// Makes a person. `Exists` for a known e-mail, `Invalid` for a poor password or e-mail.
    pub async fn insert_person(&self, _new: NewPerson, _actor: &Actor) -> Result<Person, Error> {
        todo!()
    }

    /// Makes the first person, operator and owner of an account; `Exists` once there is one.
    pub async fn insert_first_person(&self, _new: NewPerson, _actor: &Actor) -> Result<Person, Error> {
        todo!()
    }

    /// Checks a password with the waits of security-and-reliability 4.6; an unknown e-mail takes the same time and
    /// counts alike. `count_address` is false where the address says nothing (behind an unknown proxy).
    pub async fn check_password(
        &self,
        _email: &str,
        _password: &Secret,
        _address: Option<IpAddr>,
        _count_address: bool,
    ) -> Result<SignInVerdict, Error> {
        todo!()
    }

    /// Gives a person another password; ends all sessions.
    pub async fn set_password(&self, _email: &str, _password: &Secret, _actor: &Actor) -> Result<(), Error> {
        todo!()
    }

    /// Ends the wait after wrong passwords.
    pub async fn unlock(&self, _email: &str, _actor: &Actor) -> Result<(), Error> {
        todo!()
    }

    /// The accounts of a person, by display name; an operator is owner of every account.
    pub async fn memberships(&self, _person: &Person) -> Result<Vec<Member>, Error> {
        todo!()
    }

    /// Puts a person into an account, or changes the role there.
    pub async fn set_role(
        &self,
        _person: &Person,
        _account: &AccountId,
        _role: Role,
        _actor: &Actor,
    ) -> Result<(), Error> {
        todo!()
    }
}
