//! What the builder makes a URL of: a variant of the account, or options as they are typed.

use catalog::{Flexible, Image, Variant};
use variant::{MetadataPolicy, Options};

use crate::error::Failure;
use crate::fields::Fields;
use crate::member::Member;
use crate::options_form::OptionsForm;

/// The value that stands for options in the list of variants; no variant can have this name.
pub(super) const OPTIONS: &str = "=";

/// What was picked.
pub(super) struct Pick {
    /// The name of the variant; empty where options were picked.
    pub(super) variant: String,
    /// What is wished for; none where it is wrong.
    pub(super) options: Option<Options>,
    /// The last part of the URL.
    pub(super) last: String,
    /// The fields, where options were picked.
    pub(super) form: Option<OptionsForm>,
    /// What the account's rules say of options in URLs, where they were picked.
    pub(super) rule: &'static str,
    /// The URL works only where it is signed.
    pub(super) needs_signature: bool,
    /// The account takes no options in URLs.
    pub(super) is_closed: bool,
}

impl Pick {
    /// What the address of the page picks, else `public`, which every account has.
    pub(super) fn of(
        member: &Member,
        image: &Image,
        variants: &[Variant],
        query: &Fields,
    ) -> Result<Pick, Failure> {
        if query.get("variant") == OPTIONS {
            return Ok(Pick::of_options(member, image, query));
        }
        let wanted = variants.iter().find(|variant| variant.name.as_str() == query.get("variant"));
        let variant =
            wanted.or(variants.first()).ok_or_else(|| Failure::bug("an account without variants"))?;
        Ok(Pick {
            variant: variant.name.to_string(),
            options: Some(variant.options.clone()),
            last: variant.name.to_string(),
            form: None,
            rule: "",
            needs_signature: image.private && !variant.always_public,
            is_closed: false,
        })
    }

    fn of_options(member: &Member, image: &Image, query: &Fields) -> Pick {
        let (options, form) = match OptionsForm::read(query) {
            Ok((options, form)) => (Some(options), form),
            Err(form) => (None, form),
        };
        let flexible = member.account.policy.flexible_variants;
        let tells_more = options
            .as_ref()
            .is_some_and(|options| options.draw.is_some() || options.metadata == Some(MetadataPolicy::Keep));
        Pick {
            variant: String::new(),
            last: options
                .as_ref()
                .map(Options::to_string)
                .filter(|text| !text.is_empty())
                .unwrap_or("f=auto".into()),
            options,
            form: Some(form),
            rule: rule(flexible, image.private, tells_more),
            needs_signature: image.private || flexible != Flexible::All || tells_more,
            is_closed: flexible == Flexible::Off,
        }
    }

    /// The part of the preview's address that says what is shown.
    pub(super) fn preview(&self) -> String {
        if self.form.is_none() {
            return format!("variant={}", self.variant);
        }
        format!("options={}", crate::words::encoded(&self.last))
    }
}

/// What the account's rules say of options in the URL of an image.
fn rule(flexible: Flexible, is_private: bool, tells_more: bool) -> &'static str {
    match flexible {
        Flexible::Off => {
            "Flexible variants are off for this account. You can try options here, then save them as a variant."
        }
        Flexible::Signed => "Options in the URL need a signature in this account.",
        Flexible::All if is_private => "This image is private. Options in its URL need a signature.",
        Flexible::All if tells_more => "Overlays and whole metadata need a signature.",
        Flexible::All => "",
    }
}
