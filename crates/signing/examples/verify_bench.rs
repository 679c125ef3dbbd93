//! What a delivery pays for its signature: parse and verify, beside the bare HMAC of the same text.
//! `cargo run --release -p signing --example verify_bench`

use std::hint::black_box;
use std::time::Instant;

use domain::{Secret, SigningKeyId, Timestamp};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use signing::{DeliveryUrl, Error, KeyState, Policy, SigningKey, sign, verify};

const SECRET: &str = "t3stSigningKey0123456789";
const PATH: &str = "/cheeW4oKsx5ljh8e8BoL2A/bc27a117-9509-446b-8c69-c81bfeac0a01/mobile";
const ROUNDS: u32 = 200_000;

fn main() -> Result<(), Error> {
    let keys = [SigningKey::new(SigningKeyId::default_key(), Secret::new(SECRET), KeyState::Active)];
    let signed = sign(PATH, &keys[0], Some(4_102_444_800))?;
    let text = signed.split("&sig=").next().unwrap_or_default().to_owned();
    let (policy, now) = (Policy::default(), Timestamp::from_seconds(1_790_000_000));
    let url = DeliveryUrl::parse(&signed)?;
    let prepared = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("HMAC takes a key of any length");

    let bare = ns("bare HMAC, the key prepared", || {
        let mut mac = prepared.clone();
        mac.update(black_box(text.as_bytes()));
        black_box(mac.finalize());
    });
    ns("parse", || drop(black_box(DeliveryUrl::parse(black_box(&signed)))));
    ns("verify", || drop(black_box(verify(black_box(&url), &keys, &policy, now))));
    let both = ns("parse and verify", || {
        let url = DeliveryUrl::parse(black_box(&signed));
        drop(black_box(url.and_then(|url| verify(&url, &keys, &policy, now))));
    });
    println!("parse and verify / bare HMAC: {:.2}", both / bare);
    Ok(())
}

/// Prints and returns the best of nine runs, in nanoseconds per call.
fn ns(what: &str, mut work: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..9 {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            work();
        }
        best = best.min(start.elapsed().as_nanos() as f64 / f64::from(ROUNDS));
    }
    println!("{what}: {best:.0} ns");
    best
}
