//! Light, dark, or as the system has it. The cookie is read here, so that the first paint is right.

use actix_web::HttpRequest;

/// The theme of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Theme {
    /// As the system has it.
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    /// The cookie's name.
    pub(crate) const COOKIE: &'static str = "theme";

    const ALL: [Theme; 3] = [Theme::System, Theme::Light, Theme::Dark];

    /// The theme that a request's cookie names.
    pub(crate) fn of(request: &HttpRequest) -> Theme {
        request.cookie(Theme::COOKIE).and_then(|cookie| Theme::parse(cookie.value())).unwrap_or_default()
    }

    /// Reads the word.
    pub(crate) fn parse(word: &str) -> Option<Theme> {
        Theme::ALL.into_iter().find(|theme| theme.word() == word)
    }

    /// The word in cookie, form and `data-theme`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Theme::System => "system",
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }

    /// The one that the toggle leads to.
    pub(crate) fn next(self) -> Theme {
        match self {
            Theme::System => Theme::Light,
            Theme::Light => Theme::Dark,
            Theme::Dark => Theme::System,
        }
    }

    /// Its icon.
    pub(crate) fn icon(self) -> &'static str {
        match self {
            Theme::System => "sun-moon",
            Theme::Light => "sun",
            Theme::Dark => "moon",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_theme_is_read_as_it_is_written_and_the_toggle_visits_all() {
        for theme in Theme::ALL {
            assert_eq!(Theme::parse(theme.word()), Some(theme));
            assert_eq!(theme.next().next().next(), theme);
        }
        for bad in ["", "Dark", "blue", "dark\"><script>"] {
            assert_eq!(Theme::parse(bad), None, "{bad}");
        }
    }
}
