//! Tests of what is read and written through the library, and of the choice between it and our own decoder.

mod compared;

use super::*;
use crate::testing::{distance, file, later, render_at, texture};

#[test]
fn it_is_scaled_only_where_enough_is_left_to_the_resizer() {
    let cases =
        [(0.5, 8), (2.66, 8), (2.67, 6), (3.69, 6), (3.7, 4), (15.9, 4), (16.0, 2), (63.9, 2), (64.0, 1)];
    for (shrink, n) in cases {
        assert_eq!(eighths(shrink), n, "{shrink}");
    }
}

#[test]
fn what_was_scaled_looks_like_what_was_decoded_in_full() {
    // An odd size: at 4/8 its box is fractional.
    let (jpeg, png) =
        (file(&texture(1363, 847), crate::Format::Jpeg), file(&texture(1363, 847), crate::Format::Png));
    let (scaled, full) = (render_at(&jpeg, 300), render_at(&png, 300));
    assert!(distance(&scaled, &full) < 4.0, "{}", distance(&scaled, &full));
}

#[test]
fn the_library_leaves_by_an_error_and_never_ends_the_process() {
    let limits = Limits::default();
    struct Nothing;
    impl Sink for Nothing {
        fn begin(&mut self, _picture: &Picture) -> Result<(), Error> {
            Ok(())
        }
        fn row(&mut self, _row: &[u8]) -> Result<std::ops::ControlFlow<()>, Error> {
            Ok(std::ops::ControlFlow::Continue(()))
        }
    }
    for bytes in [&b""[..], b"\xFF\xD8\xFF", b"\x89PNG\r\n\x1A\n", &[0xFF; 99]] {
        let order =
            Order { bytes, size: (1, 1), limits: &limits, deadline: later(), shrink: 1.0, thorough: true };
        assert!(matches!(decode(&order, &mut Nothing), Err(Error::Damaged(_))), "{bytes:?}");
    }
    let empty = Canvas { width: 0, height: 0, channels: 3, pixels: Vec::new() };
    assert!(matches!(
        encode(&empty, 80, false, Effort::Usual, Extras::default(), later()),
        Err(Error::Encode(_))
    ));
}
