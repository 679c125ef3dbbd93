//! Who asks for a delivery, as far as a decision may depend on it.

use std::net::IpAddr;

/// What a visitor's `Accept` names, reduced to what can change an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Accepts {
    /// `image/avif` is named and not with `q=0`.
    pub avif: bool,
    /// `image/webp` is named and not with `q=0`.
    pub webp: bool,
    /// `image/webp` is named with `q=0`: then a WebP original goes out as something else.
    pub webp_refused: bool,
    /// `application/json` is named: refusals may be JSON.
    pub json: bool,
}

impl Accepts {
    /// Reads an `Accept` header (RFC 9110, 12.5.1). `*/*` and `image/*` name nothing (contract R-63).
    pub fn parse(header: &str) -> Self {
        let mut accepts = Accepts::default();
        for range in header.split(',').take(64) {
            let mut parts = range.split(';').map(str::trim);
            let named = parts.next().unwrap_or_default();
            let refused = parts.any(|p| {
                p.split_once('=').is_some_and(|(name, value)| {
                    name.trim().eq_ignore_ascii_case("q")
                        && value.trim().parse::<f32>().is_ok_and(|q| q <= 0.0)
                })
            });
            let webp = named.eq_ignore_ascii_case("image/webp");
            accepts.avif |= named.eq_ignore_ascii_case("image/avif") && !refused;
            accepts.webp |= webp && !refused;
            accepts.webp_refused |= webp && refused;
            accepts.json |= named.eq_ignore_ascii_case("application/json") && !refused;
        }
        accepts
    }
}

/// What else a visitor's request tells that a rendition may depend on, where its options ask for it (contract 8:
/// `width=auto`, `slow-connection-quality`). A hint that is absent or malformed says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Hints {
    /// `Accept`.
    pub accepts: Accepts,
    /// `Sec-CH-Width`: the width of the image as laid out, in physical pixels.
    pub width_pixels: Option<u32>,
    /// `Sec-CH-DPR`: physical pixels for each of the layout.
    pub dpr: Option<f32>,
    /// `Sec-CH-Viewport-Width`: the width of the viewport, in pixels of the layout.
    pub viewport_pixels: Option<u32>,
    /// `User-Agent` is that of a phone.
    pub is_mobile: bool,
    /// `Save-Data: on`.
    pub saves_data: bool,
    /// `ECT` names a mobile network of the third generation or worse.
    pub is_on_slow_network: bool,
    /// `RTT`, in milliseconds.
    pub rtt_ms: Option<u32>,
    /// `Downlink`, in megabits per second.
    pub downlink_mbps: Option<f32>,
}

impl From<Accepts> for Hints {
    fn from(accepts: Accepts) -> Self {
        Hints { accepts, ..Hints::default() }
    }
}

impl Hints {
    /// Whether the visitor's connection is slow or dear (contract 8, `slow-connection-quality`).
    pub fn is_slow(&self) -> bool {
        self.saves_data
            || self.is_on_slow_network
            || self.rtt_ms.is_some_and(|rtt| rtt > 150)
            || self.downlink_mbps.is_some_and(|downlink| downlink < 5.0)
    }
}

/// A request header that an answer may have depended on: it is named in `Vary`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestHeader {
    /// `Accept`.
    Accept,
    /// `Sec-CH-Width`.
    Width,
    /// `Sec-CH-DPR`.
    Dpr,
    /// `Sec-CH-Viewport-Width`.
    ViewportWidth,
    /// `User-Agent`.
    UserAgent,
    /// `Save-Data`.
    SaveData,
    /// `ECT`.
    Ect,
    /// `RTT`.
    Rtt,
    /// `Downlink`.
    Downlink,
}

impl RequestHeader {
    /// The header's name, as `Vary` has it.
    pub const fn name(self) -> &'static str {
        match self {
            RequestHeader::Accept => "Accept",
            RequestHeader::Width => "Sec-CH-Width",
            RequestHeader::Dpr => "Sec-CH-DPR",
            RequestHeader::ViewportWidth => "Sec-CH-Viewport-Width",
            RequestHeader::UserAgent => "User-Agent",
            RequestHeader::SaveData => "Save-Data",
            RequestHeader::Ect => "ECT",
            RequestHeader::Rtt => "RTT",
            RequestHeader::Downlink => "Downlink",
        }
    }
}

/// The one who asks: address and accepted formats. The server's front leaves it with every request that goes on to
/// the API or the dashboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Visitor {
    /// From the socket, or from a trusted proxy's header.
    pub address: Option<IpAddr>,
    /// Whether the address tells visitors apart; not so for loopback and private peers while no proxy is trusted.
    pub address_counts: bool,
    /// The formats that the visitor's browser names.
    pub accepts: Accepts,
}

/// The id of one request, for logs, error pages and the audit log: 16 hex digits, or what a trusted proxy calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(pub String);

impl RequestId {
    /// Whether a text may be one: 1 to 128 letters, digits, `.`, `-` and `_`, which can forge no line of a log.
    pub fn is_fit(text: &str) -> bool {
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        (1..=128).contains(&text.len()) && text.bytes().all(fits)
    }

    /// A new random id.
    pub fn random() -> Self {
        RequestId(hex::encode(rand::random::<[u8; 8]>()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: &str, webp: bool) {
        assert_eq!(Accepts::parse(header).webp, webp, "{header}");
    }

    #[test]
    fn only_a_named_format_counts() {
        check("image/avif,image/webp,image/apng,*/*;q=0.8", true);
        check("image/webp;q=0.1", true);
        check("IMAGE/WEBP", true);
        check("image/webp;q=0", false);
        check("image/webp; Q=0.000", false);
        check("*/*", false);
        check("image/*", false);
        check("", false);
        check(";;;,,,=", false);
        assert!(Accepts::parse("image/webp;q=0").webp_refused);
        assert!(!Accepts::parse("*/*").webp_refused);
    }
}
