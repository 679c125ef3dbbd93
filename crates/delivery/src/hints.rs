//! What a request's headers tell that a rendition may depend on. What is absent or malformed says nothing.

use std::str::FromStr;

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderMap, HeaderName};
use domain::{Accepts, Hints};
use variant::Options;

/// The widest screen that is believed, in pixels.
const MAX_PIXELS: u32 = 20_000;

// Each of these stands in `Vary` where it had a say; older names of the same hints would not, so they are not read.
static SEC_CH_WIDTH: HeaderName = HeaderName::from_static("sec-ch-width");
static SEC_CH_DPR: HeaderName = HeaderName::from_static("sec-ch-dpr");
static SEC_CH_VIEWPORT_WIDTH: HeaderName = HeaderName::from_static("sec-ch-viewport-width");
static SAVE_DATA: HeaderName = HeaderName::from_static("save-data");
static ECT: HeaderName = HeaderName::from_static("ect");
static RTT: HeaderName = HeaderName::from_static("rtt");
static DOWNLINK: HeaderName = HeaderName::from_static("downlink");

/// What a request tells of what these options ask for; nearly all ask for nothing, and then no header is read.
pub(crate) fn hints(request: &HttpRequest, accepts: Accepts, options: &Options) -> Hints {
    let (headers, mut hints) = (request.headers(), Hints::from(accepts));
    if options.ask_for_width() {
        let pixels = |name: &HeaderName| {
            number::<u32>(headers, name).filter(|pixels| (1..=MAX_PIXELS).contains(pixels))
        };
        hints.width_pixels = pixels(&SEC_CH_WIDTH);
        hints.dpr = number::<f32>(headers, &SEC_CH_DPR).filter(|dpr| (0.1..=8.0).contains(dpr));
        hints.viewport_pixels = pixels(&SEC_CH_VIEWPORT_WIDTH);
        hints.is_mobile = text(headers, &header::USER_AGENT).is_some_and(|agent| agent.contains("Mobi"));
    }
    if options.ask_for_speed() {
        hints.saves_data = text(headers, &SAVE_DATA).is_some_and(|value| value.eq_ignore_ascii_case("on"));
        hints.is_on_slow_network = matches!(text(headers, &ECT), Some("slow-2g" | "2g" | "3g"));
        hints.rtt_ms = number(headers, &RTT);
        hints.downlink_mbps = number(headers, &DOWNLINK).filter(|downlink| *downlink >= 0.0);
    }
    hints
}

/// `Accept` of a request, reduced to what can change an answer.
pub(crate) fn accepts(request: &HttpRequest) -> Accepts {
    let mut accepts = Accepts::default();
    for value in request.headers().get_all(header::ACCEPT) {
        let one = Accepts::parse(value.to_str().unwrap_or_default());
        accepts = Accepts {
            avif: accepts.avif || one.avif,
            webp: accepts.webp || one.webp,
            webp_refused: accepts.webp_refused || one.webp_refused,
            json: accepts.json || one.json,
        };
    }
    accepts
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}

fn number<T: FromStr>(headers: &HeaderMap, name: &HeaderName) -> Option<T> {
    text(headers, name).filter(|text| text.len() <= 12).and_then(|text| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    /// Options that ask for all hints.
    const ALL: &str = "w=auto,scq=50";

    fn of(headers: &[(&str, &str)], options: &str) -> Hints {
        let request = headers
            .iter()
            .fold(TestRequest::default(), |request, header| request.append_header((header.0, header.1)));
        let request = request.to_http_request();
        hints(&request, accepts(&request), &Options::parse(options).unwrap())
    }

    #[test]
    fn hints_are_read_for_those_options_only_that_ask_for_them() {
        let told = [("Accept", "image/webp"), ("Sec-CH-Width", "640"), ("Save-Data", "on")];
        let accepts = Hints::from(Accepts { webp: true, ..Accepts::default() });
        assert_eq!(of(&told, "w=400,q=80,f=auto"), accepts);
        assert_eq!(of(&told, "w=auto"), Hints { width_pixels: Some(640), ..accepts });
        assert_eq!(of(&told, "w=400,scq=50"), Hints { saves_data: true, ..accepts });
    }

    #[test]
    fn hints_are_read_where_they_make_sense() {
        let told = of(
            &[
                ("Accept", "image/avif,image/webp"),
                ("Sec-CH-Width", "640"),
                ("Sec-CH-DPR", "1.5"),
                ("Sec-CH-Viewport-Width", "412"),
                (
                    "User-Agent",
                    "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140 Mobile Safari/537.36",
                ),
                ("Save-Data", "on"),
                ("ECT", "3g"),
                ("RTT", "200"),
                ("Downlink", "1.45"),
            ],
            ALL,
        );
        let accepts = Accepts { avif: true, webp: true, ..Accepts::default() };
        let expected = Hints {
            accepts,
            width_pixels: Some(640),
            dpr: Some(1.5),
            viewport_pixels: Some(412),
            is_mobile: true,
            saves_data: true,
            is_on_slow_network: true,
            rtt_ms: Some(200),
            downlink_mbps: Some(1.45),
        };
        assert_eq!(told, expected);
    }

    #[test]
    fn what_makes_no_sense_says_nothing() {
        let nonsense = of(
            &[
                ("Width", "640"),
                ("DPR", "2"),
                ("Viewport-Width", "412"),
                ("Sec-CH-Width", "0"),
                ("Sec-CH-DPR", "nan"),
                ("Sec-CH-Viewport-Width", "-5"),
                ("Save-Data", "?1"),
                ("ECT", "5g"),
                ("RTT", "soon"),
                ("Downlink", "-1"),
            ],
            ALL,
        );
        assert_eq!(nonsense, Hints::default());
        assert!(!nonsense.is_slow());
    }
}
