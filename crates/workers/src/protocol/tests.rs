//! Both ends of the protocol over a real pair of sockets, then bytes that nobody should send.

use std::os::unix::net::UnixStream;

use proptest::prelude::*;
use variant::Format;

use super::*;
use crate::input::{Input, Sealed};

fn order() -> Order {
    Order { job: Job::Examine(Facts::new(Format::Png, 3, 4)), limits: Limits::default(), timeout_ms: 1_000 }
}

#[test]
fn an_order_arrives_with_its_inputs() {
    let (here, mut there) = UnixStream::pair().unwrap();
    let inputs = [&b"an original"[..], b"an overlay"].map(|bytes| Sealed::copied(bytes).unwrap());
    let frame = frame(&order()).unwrap();
    assert_eq!(send_with(&here, &frame, &inputs).unwrap(), frame.len());
    let (heard, arrived) = receive::<Order>(&mut there).unwrap().unwrap();
    assert_eq!(heard, order());
    let bytes: Vec<_> = arrived.iter().map(|input| Input::map(input).unwrap().bytes().to_vec()).collect();
    assert_eq!(bytes, [b"an original".to_vec(), b"an overlay".to_vec()]);
    drop(here);
    assert!(receive::<Order>(&mut there).unwrap().is_none(), "the end is an end and no error");
}

#[test]
fn more_inputs_than_an_order_may_have_are_not_sent() {
    let (here, _there) = UnixStream::pair().unwrap();
    let inputs: Vec<_> = (0..=MAX_INPUTS).map(|_| Sealed::copied(b"x").unwrap()).collect();
    assert!(send_with(&here, b"x", &inputs).is_err());
}

#[test]
fn a_message_longer_than_its_bound_is_neither_said_nor_heard() {
    let long = Answer::Panicked("x".repeat(MAX_MESSAGE_BYTES));
    assert!(answer_frame(&long, 0).is_err());
    let (mut here, mut there) = UnixStream::pair().unwrap();
    here.write_all(&(MAX_MESSAGE_BYTES as u32 + 1).to_le_bytes()).unwrap();
    assert!(receive::<Order>(&mut there).is_err());
    let head = |message: u32, body: u64| {
        let mut head = [0; ANSWER_HEAD_BYTES];
        head[..4].copy_from_slice(&message.to_le_bytes());
        head[4..].copy_from_slice(&body.to_le_bytes());
        head
    };
    assert_eq!(answer_lengths(head(5, 7), 7).unwrap(), (5, 7));
    assert!(answer_lengths(head(5, 8), 7).is_err());
    assert!(answer_lengths(head(MAX_MESSAGE_BYTES as u32 + 1, 0), 7).is_err());
    assert!(answer_lengths(head(u32::MAX, u64::MAX), u64::MAX - 1).is_err());
}

#[test]
fn facts_that_pass_the_limits_answer_no_probe() {
    let probe = Order { job: Job::Probe, ..order() };
    let limits = &probe.limits;
    let facts = |width, height| Facts::new(Format::Gif, width, height);
    let told = |facts: Facts| probe.is_answered_by(&Answer::Probed(facts));
    assert!(told(facts(limits.max_side_pixels, 1)));
    assert!(!told(facts(limits.max_side_pixels + 1, 1)));
    assert!(!told(facts(0, 1)) && !told(facts(limits.max_side_pixels, limits.max_side_pixels)));
    assert!(!told(Facts { frames: 0, ..facts(3, 4) }));
    assert!(told(Facts { frames: limits.max_frames, ..facts(3, 4) }));
    assert!(!told(Facts { frames: limits.max_frames + 1, ..facts(3, 4) }));
    assert!(!told(Facts { frames: 2, ..facts(10_000, 9_000) }), "together they have too many pixels");
    assert!(!told(Facts { orientation: variant::Orientation(9), ..facts(3, 4) }));
    assert!(!order().is_answered_by(&Answer::Probed(facts(3, 4))), "nobody asked for that");
}

proptest! {
    #[test]
    fn any_bytes_are_a_message_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse::<Order>(&bytes);
        let _ = parse::<Answer>(&bytes);
    }

    #[test]
    fn a_message_with_one_byte_changed_is_a_message_or_an_error(at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut message = rmp_serde::to_vec_named(&order()).unwrap();
        let at = at.index(message.len());
        message[at] = to;
        let _ = parse::<Order>(&message);
    }
}
