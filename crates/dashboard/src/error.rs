//! Failures of pages: what a person is told, and what only the log sees.

use std::error::Error;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use catalog::{Role, count_refusal};
use domain::{Fault, Problem, sentence};

/// Why a page was not what was asked for. `welcome` makes the page of it, with the request at hand.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nobody is signed in, or not any more.
    SignedOut,
    /// The form does not belong to this session, or comes from another site.
    StaleForm,
    /// The role does not go as far.
    Role {
        /// The account's name.
        account: String,
        /// The role there.
        role: Role,
    },
    /// There is nothing here; the sentence says what was looked for.
    Missing(String),
    /// Refused, for a reason that a person can do something about.
    Refused {
        /// The reason by its number.
        status: StatusCode,
        /// A short word for scripts.
        code: &'static str,
        /// The reason in words.
        sentence: String,
        /// Whether the same again may help.
        retry: bool,
        /// Whole seconds after which it may, where that is known.
        retry_after_s: Option<u64>,
    },
    /// Our fault.
    Broken(Box<dyn Error + Send + Sync>),
}

impl Failure {
    /// No such page.
    pub(crate) fn no_page() -> Self {
        Failure::Missing("There is no such page.".into())
    }

    /// An error that is our fault.
    pub(crate) fn broken(error: impl Error + Send + Sync + 'static) -> Self {
        Failure::Broken(Box::new(error))
    }

    /// A state that cannot be.
    pub(crate) fn bug(what: &'static str) -> Self {
        Failure::Broken(what.into())
    }

    /// A refusal of a form that is no field's fault.
    pub(crate) fn refused(status: StatusCode, code: &'static str, sentence: impl Into<String>) -> Self {
        Failure::Refused { status, code, sentence: sentence.into(), retry: false, retry_after_s: None }
    }

    /// The word for scripts.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Failure::SignedOut => "signed_out",
            Failure::StaleForm => "csrf",
            Failure::Role { .. } => "forbidden",
            Failure::Missing(_) => "missing",
            Failure::Refused { code, .. } => code,
            Failure::Broken(_) => "internal",
        }
    }

    /// Whole seconds after which the same request may succeed, for those that are told to come back.
    pub(crate) fn retry_after_s(&self) -> Option<u64> {
        let Failure::Refused { status, retry_after_s, .. } = self else { return None };
        matches!(status.as_u16(), 429 | 503).then(|| retry_after_s.unwrap_or(1))
    }

    /// Whether the same request may succeed later.
    pub(crate) fn may_retry(&self) -> bool {
        matches!(self, Failure::Broken(_) | Failure::Refused { retry: true, .. })
    }
}

impl<E: Fault + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let problem = error.problem();
        count_refusal(&error);
        let status = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            return Failure::broken(error);
        }
        let (code, retry) = code_of(problem);
        let retry_after_s = error.limit().and_then(|limit| limit.retry_after_s);
        Failure::Refused { status, code, sentence: sentence(&error.to_string()), retry, retry_after_s }
    }
}

/// The word of a problem for scripts, and whether the same again may help.
fn code_of(problem: Problem) -> (&'static str, bool) {
    match problem {
        Problem::TooLarge => ("size", false),
        Problem::Damaged | Problem::RenderTimeout => ("damaged", false),
        Problem::NotAnImage => ("type", false),
        Problem::StorageFull => ("full", false),
        Problem::Busy | Problem::TooManyRequests | Problem::RightsUnavailable | Problem::Unavailable => {
            ("busy", true)
        }
        Problem::TooSlow | Problem::Aborted => ("slow", true),
        Problem::RouteMissing
        | Problem::ImageMissing
        | Problem::SigningKeyMissing
        | Problem::VariantMissing => ("missing", false),
        _ => ("refused", false),
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::SignedOut => f.write_str("Your session has ended. Sign in again."),
            Failure::StaleForm => {
                f.write_str("This form is too old. Reload the page and try again. Nothing was changed.")
            }
            Failure::Role { account, role } => {
                write!(f, "Your role in {account} is {}. Ask an admin for access.", role.word())
            }
            Failure::Missing(sentence) | Failure::Refused { sentence, .. } => f.write_str(sentence),
            Failure::Broken(_) => {
                f.write_str("Something went wrong on the server. It was written to its log.")
            }
        }
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        match self {
            Failure::SignedOut => StatusCode::UNAUTHORIZED,
            Failure::StaleForm | Failure::Role { .. } => StatusCode::FORBIDDEN,
            Failure::Missing(_) => StatusCode::NOT_FOUND,
            Failure::Refused { status, .. } => *status,
            Failure::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Bare: `welcome` puts the page in its place.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_keeps_its_status_and_a_broken_database_tells_nothing() {
        let failure = Failure::from(catalog::Error::TooMany {
            limit: "max_signing_keys",
            told: "8 of 8 signing keys".into(),
        });
        assert_eq!(
            (failure.status_code().as_u16(), failure.to_string().as_str()),
            (400, "8 of 8 signing keys.")
        );
        let failure = Failure::from(catalog::Error::Busy);
        assert!(failure.may_retry() && failure.status_code() == 503);
        let failure = Failure::from(catalog::Error::MasterKey);
        assert_eq!(failure.status_code(), 500);
        assert!(!failure.to_string().contains("master"));
    }

    #[test]
    fn a_role_is_named_with_its_account() {
        let failure = Failure::Role { account: "Fernhill".into(), role: Role::Viewer };
        assert_eq!(failure.to_string(), "Your role in Fernhill is viewer. Ask an admin for access.");
    }
}
