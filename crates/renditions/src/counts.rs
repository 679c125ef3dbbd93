//! What is counted on the way to a rendition. Handles are made once: a hit must not pay for looking one up.

use std::sync::LazyLock;
use std::time::Duration;

use metrics::Counter;
use variant::Format;

/// A place where renditions are found.
pub(crate) struct Cache {
    hits: LazyLock<Counter>,
    misses: LazyLock<Counter>,
}

/// Renditions in memory.
pub(crate) static MEMORY: Cache = Cache {
    hits: LazyLock::new(|| metrics::counter!("darkroom_cache_hits_total", "cache" => "memory")),
    misses: LazyLock::new(|| metrics::counter!("darkroom_cache_misses_total", "cache" => "memory")),
};

/// Renditions at rest.
pub(crate) static REST: Cache = Cache {
    hits: LazyLock::new(|| metrics::counter!("darkroom_cache_hits_total", "cache" => "rest")),
    misses: LazyLock::new(|| metrics::counter!("darkroom_cache_misses_total", "cache" => "rest")),
};

impl Cache {
    /// Counts a look into it.
    pub(crate) fn count(&self, found: bool) {
        let counter = if found { &self.hits } else { &self.misses };
        counter.increment(1);
    }
}

/// Counts a rendition that was made.
pub(crate) fn rendered(format: Format, took: Duration) {
    let format = word(format);
    metrics::counter!("darkroom_renders_total", "format" => format).increment(1);
    metrics::histogram!("darkroom_render_seconds", "format" => format).record(took);
}

/// A format as labels name it: `jpeg`.
pub(crate) fn word(format: Format) -> &'static str {
    format.media_type().trim_start_matches("image/")
}
