//! What was done, said once on the page after it. The cookie carries a word of this list, never a text.

use actix_web::HttpRequest;
use actix_web::cookie::Cookie;
use actix_web::cookie::time::Duration;

use crate::Config;
use crate::session::lasting;

/// A success that the next page tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Toast {
    ImageDeleted,
    ImageSaved,
    MetadataSaved,
    FocusSaved,
    FocusCleared,
    NowPrivate,
    NowPublic,
    KeyCreated,
    KeyRotated,
    KeyChosen,
    KeyRevoked,
    RulesSaved,
    FlexibleSaved,
    RevocationsSaved,
    SchemeSaved,
    SchemeOff,
    SchemeReport,
    SchemeEnforced,
    VerifyingKeyAdded,
    VerifyingKeyRetired,
    VerifyingKeyRevoked,
    MountGiven,
    MountTaken,
    VariantCreated,
    VariantSaved,
    VariantDeleted,
}

impl Toast {
    /// The cookie's name.
    const COOKIE: &'static str = "toast";

    const ALL: [Toast; 26] = [
        Toast::ImageDeleted,
        Toast::ImageSaved,
        Toast::MetadataSaved,
        Toast::FocusSaved,
        Toast::FocusCleared,
        Toast::NowPrivate,
        Toast::NowPublic,
        Toast::KeyCreated,
        Toast::KeyRotated,
        Toast::KeyChosen,
        Toast::KeyRevoked,
        Toast::RulesSaved,
        Toast::FlexibleSaved,
        Toast::RevocationsSaved,
        Toast::SchemeSaved,
        Toast::SchemeOff,
        Toast::SchemeReport,
        Toast::SchemeEnforced,
        Toast::VerifyingKeyAdded,
        Toast::VerifyingKeyRetired,
        Toast::VerifyingKeyRevoked,
        Toast::MountGiven,
        Toast::MountTaken,
        Toast::VariantCreated,
        Toast::VariantSaved,
        Toast::VariantDeleted,
    ];

    fn word(self) -> &'static str {
        match self {
            Toast::ImageDeleted => "image-deleted",
            Toast::ImageSaved => "image-saved",
            Toast::MetadataSaved => "metadata-saved",
            Toast::FocusSaved => "focus-saved",
            Toast::FocusCleared => "focus-cleared",
            Toast::NowPrivate => "now-private",
            Toast::NowPublic => "now-public",
            Toast::KeyCreated => "key-created",
            Toast::KeyRotated => "key-rotated",
            Toast::KeyChosen => "key-chosen",
            Toast::KeyRevoked => "key-revoked",
            Toast::RulesSaved => "rules-saved",
            Toast::FlexibleSaved => "flexible-saved",
            Toast::RevocationsSaved => "revocations-saved",
            Toast::SchemeSaved => "scheme-saved",
            Toast::SchemeOff => "scheme-off",
            Toast::SchemeReport => "scheme-report",
            Toast::SchemeEnforced => "scheme-enforced",
            Toast::VerifyingKeyAdded => "verifying-key-added",
            Toast::VerifyingKeyRetired => "verifying-key-retired",
            Toast::VerifyingKeyRevoked => "verifying-key-revoked",
            Toast::MountGiven => "mount-given",
            Toast::MountTaken => "mount-taken",
            Toast::VariantCreated => "variant-created",
            Toast::VariantSaved => "variant-saved",
            Toast::VariantDeleted => "variant-deleted",
        }
    }

    /// The sentence.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Toast::ImageDeleted => "Image deleted.",
            Toast::ImageSaved => "Changes saved.",
            Toast::MetadataSaved => "Metadata saved.",
            Toast::FocusSaved => "Focal point saved. Crops keep it in view from now on.",
            Toast::FocusCleared => "Focal point removed.",
            Toast::NowPrivate => "The image is private. Only signed URLs deliver it.",
            Toast::NowPublic => "The image is public.",
            Toast::KeyCreated => "Signing key created.",
            Toast::KeyRotated => "Signing key rotated. New URLs are signed with the new one.",
            Toast::KeyChosen => "New URLs are signed with this signing key.",
            Toast::KeyRevoked => "Signing key revoked.",
            Toast::RulesSaved => "Rules saved.",
            Toast::FlexibleSaved => "Flexible variants changed.",
            Toast::RevocationsSaved => "Revocations saved.",
            Toast::SchemeSaved => "Settings of the signing scheme saved.",
            Toast::SchemeOff => "Signing scheme switched off.",
            Toast::SchemeReport => "Signing scheme reports: its signatures are judged and open nothing.",
            Toast::SchemeEnforced => "Signing scheme enforced: right signatures open what they cover.",
            Toast::VerifyingKeyAdded => "Key added.",
            Toast::VerifyingKeyRetired => "Key retiring. It verifies until the overlap ends.",
            Toast::VerifyingKeyRevoked => "Key revoked.",
            Toast::MountGiven => "Mount given to this account.",
            Toast::MountTaken => "Mount taken back.",
            Toast::VariantCreated => "Variant created.",
            Toast::VariantSaved => "Variant saved. Its renditions are made again as they are asked for.",
            Toast::VariantDeleted => "Variant deleted. Its URLs answer 403.",
        }
    }

    /// The toast that a request brings along.
    pub(crate) fn of(request: &HttpRequest) -> Option<Toast> {
        let cookie = request.cookie(Toast::COOKIE)?;
        Toast::ALL.into_iter().find(|toast| toast.word() == cookie.value())
    }

    /// The cookie that takes it to the next page.
    pub(crate) fn cookie(self, config: &Config) -> Cookie<'static> {
        let mut cookie = lasting(config, Toast::COOKIE, self.word().to_owned());
        cookie.set_max_age(Duration::minutes(1));
        cookie
    }

    /// The cookie that ends it.
    pub(crate) fn ended(config: &Config) -> Cookie<'static> {
        let mut cookie = lasting(config, Toast::COOKIE, String::new());
        cookie.make_removal();
        cookie
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_cookie_chooses_among_our_own_sentences_only() {
        for toast in Toast::ALL {
            let request =
                TestRequest::default().cookie(Cookie::new(Toast::COOKIE, toast.word())).to_http_request();
            assert_eq!(Toast::of(&request), Some(toast));
            assert!(toast.text().ends_with('.'));
        }
        let request =
            TestRequest::default().cookie(Cookie::new(Toast::COOKIE, "<b>hi</b>")).to_http_request();
        assert_eq!(Toast::of(&request), None);
    }
}
