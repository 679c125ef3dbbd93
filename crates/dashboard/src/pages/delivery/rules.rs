//! The plain rules of an account as a form: how each setting stands in its fields, and what a sent form changes.
//! Settings have the names and texts of the command line.

use catalog::AccountPolicy;
use domain::sentence;

use super::measure::{Measure, SIZE, TIME};
use crate::fields::Fields;

/// The rules that stand in the form: what is asked before it is done has a form of its own.
const NAMES: [&str; 11] = [
    "browser_ttl",
    "corp",
    "require_exp",
    "max_lifetime",
    "min_prefix_depth",
    "leeway",
    "moved_urls",
    "ignore_params",
    "hide_existence",
    "collapse_refusals",
    LENDING,
];

/// The rule that has no effect where objects lie on a disk.
const LENDING: &str = "redirect_to_storage";

/// Seconds of a day, and bytes of a megabyte: the units in which an empty field stands.
const DAY_S: u64 = 86_400;
const MB: u64 = 1_000_000;

/// What is wrong with a form: the field's id, and why.
pub(crate) type WrongFields = Vec<(&'static str, String)>;

/// Values of a choice, with their words.
type Choices = &'static [(&'static str, &'static str)];

const CORP: Choices =
    &[("cross-origin", "Any site"), ("same-site", "Sites of this domain"), ("same-origin", "This host only")];

const HIDE_EXISTENCE: Choices = &[
    ("auto", "Automatic: from the first private image with an ID of your own"),
    ("on", "Always"),
    ("off", "Never"),
];

/// A form of rules: what stands in its fields, and what is wrong with them.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) browser_ttl: Measure,
    corp: String,
    pub(crate) require_exp: bool,
    /// Empty for any length.
    pub(crate) max_lifetime: Measure,
    pub(crate) min_prefix_depth: String,
    pub(crate) leeway: String,
    pub(crate) moved_urls: bool,
    pub(crate) ignore_params: String,
    hide_existence: String,
    pub(crate) collapse_refusals: bool,
    /// Empty for never.
    pub(crate) redirect_to_storage: Measure,
    /// Objects lie in a bucket that can hand them out itself.
    pub(crate) lends: bool,
    wrong: WrongFields,
}

impl Rules {
    /// The rules as they are.
    pub(crate) fn of(policy: &AccountPolicy, lends: bool) -> Rules {
        let settings = policy.settings();
        let text =
            |name: &str| settings.iter().find(|(known, _)| *known == name).map_or("", |(_, text)| text);
        Rules {
            browser_ttl: Measure::of(text("browser_ttl").parse().ok(), TIME, DAY_S),
            corp: text("corp").to_owned(),
            require_exp: text("require_exp") == "true",
            max_lifetime: Measure::of(text("max_lifetime").parse().ok(), TIME, DAY_S),
            min_prefix_depth: text("min_prefix_depth").to_owned(),
            leeway: text("leeway").to_owned(),
            moved_urls: text("moved_urls") == "true",
            ignore_params: text("ignore_params").replace(',', ", "),
            hide_existence: text("hide_existence").to_owned(),
            collapse_refusals: text("collapse_refusals") == "true",
            redirect_to_storage: Measure::of(text(LENDING).parse().ok(), SIZE, MB),
            lends,
            wrong: Vec::new(),
        }
    }

    /// The rules as they were typed.
    pub(crate) fn typed(fields: &Fields, lends: bool) -> Rules {
        let text = |name: &str| fields.get(name).trim().to_owned();
        let measure =
            |name: &str, units| Measure::typed(fields.get(name), fields.get(&format!("{name}_unit")), units);
        Rules {
            browser_ttl: measure("browser_ttl", TIME),
            corp: text("corp"),
            require_exp: !fields.get("require_exp").is_empty(),
            max_lifetime: measure("max_lifetime", TIME),
            min_prefix_depth: text("min_prefix_depth"),
            leeway: text("leeway"),
            moved_urls: !fields.get("moved_urls").is_empty(),
            ignore_params: text("ignore_params"),
            hide_existence: text("hide_existence"),
            collapse_refusals: !fields.get("collapse_refusals").is_empty(),
            redirect_to_storage: measure(LENDING, SIZE),
            lends,
            wrong: Vec::new(),
        }
    }

    /// The settings that differ from the account's, by name and text. What is wrong is noted in the form, and then
    /// nothing is to be changed.
    pub(crate) fn changes(&mut self, policy: &AccountPolicy) -> Option<Vec<(String, String)>> {
        let mut wished = policy.clone();
        // A field that is switched off is not sent.
        for name in NAMES.into_iter().filter(|name| self.lends || *name != LENDING) {
            if let Err(why) =
                self.text(name).and_then(|text| wished.set(name, &text).map_err(|why| why.to_string()))
            {
                self.wrong.push((name, sentence(&why)));
            }
        }
        let settings = wished.settings().into_iter().zip(policy.settings());
        let changed = settings.filter(|(wished, known)| wished.1 != known.1);
        let changes = changed.map(|((name, text), _)| (name.to_owned(), text)).collect();
        self.wrong.is_empty().then_some(changes)
    }

    /// Notes what the account said to a setting.
    pub(crate) fn refuse(&mut self, name: &'static str, why: &str) {
        self.wrong.push((name, sentence(why)));
    }

    /// A field as the command line would have it, or what is wrong with it.
    fn text(&self, name: &str) -> Result<String, String> {
        let yes = |is: bool| Ok(is.to_string());
        match name {
            "browser_ttl" => self
                .browser_ttl
                .amount()
                .filter(|seconds| (3_600..=31_536_000).contains(seconds))
                .map(|seconds| seconds.to_string())
                .ok_or_else(|| "type a time from 1 hour to 365 days".into()),
            "max_lifetime" if self.max_lifetime.number.is_empty() => Ok("none".into()),
            "max_lifetime" => self
                .max_lifetime
                .amount()
                .filter(|seconds| *seconds > 0)
                .map(|seconds| seconds.to_string())
                .ok_or_else(|| "type a time, or nothing for any".into()),
            LENDING if self.redirect_to_storage.number.is_empty() => Ok("none".into()),
            LENDING => self
                .redirect_to_storage
                .amount()
                .map(|bytes| bytes.to_string())
                .ok_or_else(|| "type a size, or nothing for never".into()),
            "corp" => Ok(self.corp.clone()),
            "hide_existence" => Ok(self.hide_existence.clone()),
            "min_prefix_depth" => Ok(self.min_prefix_depth.clone()),
            "leeway" => Ok(self.leeway.clone()),
            "ignore_params" => Ok(listed(&self.ignore_params)),
            "require_exp" => yes(self.require_exp),
            "moved_urls" => yes(self.moved_urls),
            _ => yes(self.collapse_refusals),
        }
    }

    /// What is said below the size from which files come from the bucket.
    pub(crate) fn lending_hint(&self) -> &'static str {
        if self.lends {
            "Originals and renditions from this size on are fetched from the bucket itself, by a redirect that ends with \
             the URL, and after 5 minutes at the latest. Until then the bucket knows nothing of a revoked key or of an \
             image that becomes private. Empty for never."
        } else {
            "Not possible here: objects lie on this server's own disk, and only a bucket can hand them out itself."
        }
    }

    /// What is wrong with a field; empty where nothing is.
    pub(crate) fn error(&self, name: &str) -> String {
        self.wrong.iter().find(|(known, _)| *known == name).map(|(_, why)| why.clone()).unwrap_or_default()
    }

    /// What is wrong: the field's id, and why.
    pub(crate) fn wrong(&self) -> &[(&'static str, String)] {
        &self.wrong
    }

    /// Who may embed: value, words, whether it is chosen.
    pub(crate) fn corp(&self) -> Vec<(&'static str, &'static str, bool)> {
        chosen(CORP, &self.corp)
    }

    /// Whether existence is hidden: value, words, whether it is chosen.
    pub(crate) fn hide_existence(&self) -> Vec<(&'static str, &'static str, bool)> {
        chosen(HIDE_EXISTENCE, &self.hide_existence)
    }
}

/// What was typed one in a line, or with commas or spaces between, with commas between.
pub(crate) fn listed(text: &str) -> String {
    let entries = text.split([',', '\n', '\r', '\t', ' ']).filter(|entry| !entry.is_empty());
    entries.collect::<Vec<&str>>().join(",")
}

/// The values of a choice with the one that is set.
pub(crate) fn chosen(choices: Choices, set: &str) -> Vec<(&'static str, &'static str, bool)> {
    choices.iter().map(|(value, words)| (*value, *words, *value == set)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A form as a browser sends it where nothing was touched.
    fn untouched() -> String {
        "browser_ttl=2&browser_ttl_unit=86400&corp=cross-origin&require_exp=1&max_lifetime=&max_lifetime_unit=86400&\
         min_prefix_depth=1&leeway=0&ignore_params=&hide_existence=auto&redirect_to_storage=&\
         redirect_to_storage_unit=1000000"
            .to_owned()
    }

    fn changes(form: &str) -> Result<Vec<(String, String)>, WrongFields> {
        let mut rules = Rules::typed(&Fields::parse(form), true);
        rules.changes(&AccountPolicy::default()).ok_or_else(|| rules.wrong().to_vec())
    }

    #[test]
    fn only_what_was_changed_is_written() {
        assert_eq!(changes(&untouched()), Ok(Vec::new()));
        let form = untouched().replace("&require_exp=1", "").replace("browser_ttl=2", "browser_ttl=30");
        let form = form.replace("ignore_params=", "ignore_params=utm_*%0D%0Afbclid%2C+gclid");
        let told = changes(&form).unwrap();
        let told: Vec<String> = told.iter().map(|(name, text)| format!("{name}={text}")).collect();
        assert_eq!(told, ["require_exp=false", "ignore_params=utm_*,fbclid,gclid", "browser_ttl=2592000"]);
    }

    #[test]
    fn each_wrong_field_is_named_and_nothing_is_changed() {
        let form = untouched()
            .replace("browser_ttl=2&", "browser_ttl=0&")
            .replace("leeway=0", "leeway=61")
            .replace("max_lifetime=&", "max_lifetime=soon&")
            .replace("ignore_params=", "ignore_params=sig");
        let wrong = changes(&form).unwrap_err();
        let named: Vec<&str> = wrong.iter().map(|(name, _)| *name).collect();
        assert_eq!(named, ["browser_ttl", "max_lifetime", "leeway", "ignore_params"]);
        assert!(wrong.iter().all(|(_, why)| why.ends_with('.')), "{wrong:?}");
    }

    #[test]
    fn what_comes_from_the_bucket_itself_is_typed_as_a_size_and_kept_where_there_is_none() {
        let form = |size: &str| untouched().replace("storage=&", &format!("storage={size}&"));
        assert_eq!(changes(&form("5")), Ok(vec![(LENDING.into(), "5000000".into())]));
        assert_eq!(changes(&form("0")), Ok(vec![(LENDING.into(), "0".into())]));
        for size in ["all", "1.5", "999999999"] {
            assert_eq!(changes(&form(size)).unwrap_err()[0].0, LENDING, "{size}");
        }
        let set = AccountPolicy { redirect_to_storage_bytes: Some(9), ..AccountPolicy::default() };
        let sent = Fields::parse(&untouched());
        assert_eq!(Rules::typed(&sent, true).changes(&set), Some(vec![(LENDING.into(), "none".into())]));
        assert_eq!(Rules::typed(&sent, false).changes(&set), Some(Vec::new()), "on a disk nobody typed it");
    }

    #[test]
    fn what_was_typed_stands_in_the_form_again() {
        let rules = Rules::typed(
            &Fields::parse("browser_ttl=x&browser_ttl_unit=3600&ignore_params=a%2C&leeway=+9"),
            true,
        );
        assert_eq!(
            (rules.browser_ttl.number.as_str(), rules.ignore_params.as_str(), rules.leeway.as_str()),
            ("x", "a,", "9")
        );
        assert!(rules.browser_ttl.units().any(|(unit_s, _, chosen)| unit_s == 3_600 && chosen));
    }
}
