//! Each option of the contract at a picture: what a person would see (contract 16, check 18).

use crate::canvas::Canvas;
use crate::testing::*;
use crate::{Error, Format};

/// What options make of a picture that is given as a PNG.
fn made(picture: &Canvas, options: &str) -> Canvas {
    decoded(&rendered(&file(picture, Format::Png), &format!("{options},f=png"), false).unwrap().bytes)
}

fn size(canvas: &Canvas) -> (u32, u32) {
    (canvas.width, canvas.height)
}

/// The colours at the four quarters: top left, top right, bottom left, bottom right.
fn corners(canvas: &Canvas) -> [Vec<u8>; 4] {
    [(0.2, 0.2), (0.8, 0.2), (0.2, 0.8), (0.8, 0.8)].map(|(x, y)| at(canvas, x, y)[..3].to_vec())
}

fn assert_corners(canvas: &Canvas, wanted: [[u8; 3]; 4], what: &str) {
    for (seen, wanted) in corners(canvas).iter().zip(wanted) {
        assert_alike(seen, &wanted, what);
    }
}

#[test]
fn width_height_and_pixel_ratio_are_the_sizes_that_come_out() {
    let picture = quarters(400, 200);
    for (options, wanted) in [
        ("w=100", (100, 50)),
        ("h=100", (200, 100)),
        ("w=100,h=100", (100, 50)),
        ("w=100,dpr=2", (200, 100)),
        ("w=100,dpr=1.5", (150, 75)),
        ("width=100", (100, 50)),
    ] {
        assert_eq!(size(&made(&picture, options)), wanted, "{options}");
    }
}

#[test]
fn every_fit_shows_what_it_promises() {
    let picture = quarters(400, 200);
    let all = [RED, GREEN, BLUE, YELLOW];
    for (fit, wanted) in [
        ("scale-down", (100, 50)),
        ("contain", (100, 50)),
        ("cover", (100, 100)),
        ("crop", (100, 100)),
        ("aspect-crop", (100, 100)),
        ("squeeze", (100, 100)),
        ("scale-up", (400, 200)),
    ] {
        let seen = made(&picture, &format!("w=100,h=100,fit={fit}"));
        assert_eq!(size(&seen), wanted, "{fit}");
        assert_corners(&seen, all, fit);
    }
    let large = made(&quarters(40, 20), "w=100,h=100,fit=scale-up");
    assert_eq!(size(&large), (200, 100), "at least the box");
    // Squeezed, a circle is no circle: the whole width is still there.
    let squeezed = made(&draw(400, 200, |x, _| if x < 40 { RED } else { BLUE }), "w=100,h=100,fit=squeeze");
    assert_alike(&at(&squeezed, 0.05, 0.5), &RED, "the tenth on the left");
    assert_alike(&at(&squeezed, 0.15, 0.5), &BLUE, "what is right of it");
    let padded = made(&picture, "w=100,h=100,fit=pad,background=blue");
    assert_eq!(at(&padded, 0.5, 0.1), [0, 0, 255]);
    assert_alike(&at(&padded, 0.2, 0.4), &RED, "in the middle");
}

#[test]
fn gravity_chooses_what_stays() {
    // Red, green and blue thirds side by side.
    let thirds = draw(300, 100, |x, _| [RED, GREEN, BLUE][x as usize / 100]);
    for (gravity, wanted) in [
        ("left", RED),
        ("center", GREEN),
        ("right", BLUE),
        ("0x0.5", RED),
        ("1x0.5", BLUE),
        ("0.5x0.5", GREEN),
    ] {
        let seen = made(&thirds, &format!("w=50,h=50,fit=cover,g={gravity}"));
        assert_alike(&at(&seen, 0.5, 0.5), &wanted, gravity);
    }
    let stack = draw(100, 300, |_, y| [RED, GREEN, BLUE][y as usize / 100]);
    for (gravity, wanted) in [("top", RED), ("bottom", BLUE)] {
        let seen = made(&stack, &format!("w=50,h=50,fit=cover,gravity={gravity}"));
        assert_alike(&at(&seen, 0.5, 0.5), &wanted, gravity);
    }
}

#[test]
fn what_the_eye_goes_to_stays_in_view() {
    // A red ball on a grey wall, once on either side.
    let ball = |middle: u32| {
        draw(600, 200, move |x, y| {
            let inside = x.abs_diff(middle).pow(2) + y.abs_diff(100).pow(2) < 60 * 60;
            if inside { RED } else { [150 + (x % 7) as u8, 150, 155] }
        })
    };
    for middle in [80, 300, 520] {
        let seen = made(&ball(middle), "w=100,h=100,fit=cover,g=auto");
        assert_alike(&at(&seen, 0.5, 0.5), &RED, &format!("a ball at {middle}"));
    }
    // Noise on one side, a flat wall on the other.
    let noisy = |left: bool| {
        draw(600, 200, move |x, y| {
            let busy = (x < 200) == left && !(200..400).contains(&x);
            if busy { [(x * 97 + y * 57 + x * y) as u8; 3] } else { [90; 3] }
        })
    };
    for left in [true, false] {
        let seen = made(&noisy(left), "w=100,h=100,fit=cover,g=entropy");
        let levels: std::collections::HashSet<u8> = seen.pixels.iter().copied().collect();
        assert!(levels.len() > 60, "the busy side, left: {left}: {} levels", levels.len());
    }
}

#[test]
fn light_and_colour_change_as_told() {
    let grey = draw(20, 20, |_, _| [100, 120, 140]);
    for (options, wanted) in [
        ("brightness=1.5", [150, 180, 210]),
        ("brightness=0", [100, 120, 140]),
        ("contrast=2", [73, 113, 153]),
        ("gamma=2", [39, 56, 77]),
        ("gamma=0.5", [160, 175, 189]),
        ("saturation=0", [117, 117, 117]),
        ("saturation=2", [83, 123, 163]),
        ("brightness=1,contrast=1,gamma=1,saturation=1", [100, 120, 140]),
    ] {
        let seen = at(&made(&grey, options), 0.5, 0.5);
        assert!(seen.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) <= 1), "{options}: {seen:?}");
    }
}

#[test]
fn a_blur_softens_and_sharpening_sharpens() {
    let edge = draw(200, 40, |x, _| if x < 100 { [70; 3] } else { [180; 3] });
    let steep = |options: &str| {
        let seen = made(&edge, options);
        let row = &seen.pixels[20 * 600..21 * 600];
        (0..199).map(|x| i32::from(row[(x + 1) * 3]) - i32::from(row[x * 3])).max().unwrap()
    };
    assert_eq!(steep("q=80"), 110);
    assert!(steep("blur=2") < 40 && steep("blur=10") < steep("blur=2"));
    assert!(steep("sharpen=1") > 110 && steep("sharpen=5") > steep("sharpen=1"));
    let flat = made(&edge, "blur=250");
    assert!(at(&flat, 0.0, 0.5)[0].abs_diff(at(&flat, 0.99, 0.5)[0]) < 40, "almost one colour");
}

#[test]
fn flips_and_turns_come_in_the_order_of_the_contract() {
    let picture = quarters(80, 40);
    for (options, wide, wanted) in [
        ("flip=h", true, [GREEN, RED, YELLOW, BLUE]),
        ("flip=v", true, [BLUE, YELLOW, RED, GREEN]),
        ("flip=hv", true, [YELLOW, BLUE, GREEN, RED]),
        ("rotate=90", false, [BLUE, RED, YELLOW, GREEN]),
        ("rotate=180", true, [YELLOW, BLUE, GREEN, RED]),
        ("rotate=270", false, [GREEN, YELLOW, RED, BLUE]),
        ("rotate=360", true, [RED, GREEN, BLUE, YELLOW]),
        // Flipped first, then turned: the other way around it would be another picture.
        ("flip=h,rotate=90", false, [YELLOW, GREEN, BLUE, RED]),
    ] {
        let seen = made(&picture, options);
        assert_eq!(size(&seen), if wide { (80, 40) } else { (40, 80) }, "{options}");
        assert_corners(&seen, wanted, options);
    }
    let small = made(&picture, "rotate=90,w=20");
    assert_eq!(size(&small), (20, 40), "turned before it is scaled");
}

#[test]
fn a_turn_counts_from_how_a_picture_is_shown() {
    let original = with_exif(&file(&crate::step::orient::turn(quarters(160, 80), 8), Format::Jpeg), &exif(6));
    let seen = decoded(&rendered(&original, "rotate=90,w=40,f=png", false).unwrap().bytes);
    assert_eq!(size(&seen), (40, 80));
    assert_corners(&seen, [BLUE, RED, YELLOW, GREEN], "shown upright, then turned");
    let cut =
        decoded(&rendered(&original, "rotate=90,w=20,h=20,fit=cover,g=top,f=png", false).unwrap().bytes);
    assert_alike(&at(&cut, 0.2, 0.5), &BLUE, "the top of what is shown");
}

#[test]
fn every_form_of_trim_cuts_what_it_says() {
    let picture = quarters(100, 60);
    for (options, wanted) in [
        ("trim=10;20;5;30", (50, 45)),
        ("trim=0.5;0;0;0.5", (50, 30)),
        ("trim.left=50;trim.top=30", (0, 0)),
        ("trim.left=50,trim.top=30", (50, 30)),
        ("trim.width=40,trim.height=20", (40, 20)),
        ("trim=10;10;10;10,dpr=2", (60, 20)),
    ] {
        if wanted == (0, 0) {
            assert!(matches!(crate::Options::parse(options), Err(Error::Options(_))), "{options}");
            continue;
        }
        assert_eq!(size(&made(&picture, options)), wanted, "{options}");
    }
    let corner = made(&picture, "trim.left=50,trim.top=30");
    assert_corners(&corner, [YELLOW; 4], "the lower right quarter");
    let turned = made(&picture, "trim=0;50;30;0,rotate=90");
    assert_eq!(size(&turned), (30, 50), "cut before it is turned");
    assert_corners(&turned, [RED; 4], "the upper left quarter");
}

/// Quarters in a frame of so many pixels on each side: top, right, bottom, left.
fn framed([top, right, bottom, left]: [u32; 4], colour: [u8; 3]) -> Canvas {
    let inside = quarters(80, 40);
    draw(80 + left + right, 40 + top + bottom, |x, y| {
        if !(left..left + 80).contains(&x) || !(top..top + 40).contains(&y) {
            return colour;
        }
        let at = (((y - top) * 80 + x - left) * 3) as usize;
        [inside.pixels[at], inside.pixels[at + 1], inside.pixels[at + 2]]
    })
}

#[test]
fn a_uniform_border_is_found_and_cut() {
    let picture = framed([7, 20, 3, 11], [250, 250, 250]);
    for options in ["trim=border", "trim=border,trim.border.color=white", "trim.border.tolerance=8"] {
        let seen = made(&picture, options);
        assert_eq!(size(&seen), (80, 40), "{options}");
        assert_corners(&seen, [RED, GREEN, BLUE, YELLOW], options);
    }
    assert_eq!(size(&made(&picture, "trim=border,trim.border.keep=3")), (86, 46));
    assert_eq!(
        size(&made(&picture, "trim=border,trim.border.color=black")),
        (111, 50),
        "it has another colour"
    );
    assert_eq!(
        size(&made(&picture, "trim=border,trim.border.color=white,trim.border.tolerance=1")),
        (111, 50)
    );
    assert_eq!(
        size(&made(&picture, "trim=border,rotate=90,w=20")),
        (20, 40),
        "found first, then turned and scaled"
    );
    assert_eq!(size(&made(&draw(30, 20, |_, _| RED), "trim=border")), (30, 20), "nothing but border");
    let clear = made(&half_clear(draw(60, 20, |_, _| BLUE)), "trim=border,trim.border.color=transparent");
    assert_eq!(size(&clear), (30, 20), "what is clear is a border too");
    let jpeg = file(&framed([40, 64, 24, 32], [255; 3]), Format::Jpeg);
    let seen = rendered(&jpeg, "trim=border,w=40,f=png", false).unwrap();
    assert_eq!((seen.width, seen.height), (40, 20), "in a JPEG, at a scale");
}

#[test]
fn trims_and_gravity_go_together() {
    // Two red balls; the left one is cut off by trim.
    let balls = draw(600, 200, |x, y| {
        let ball = |middle: u32| x.abs_diff(middle).pow(2) + y.abs_diff(100).pow(2) < 50 * 50;
        if ball(60) || ball(520) { RED } else { [150, 150, 155] }
    });
    let seen = made(&balls, "trim=0;0;0;200,w=100,h=100,fit=cover,g=auto");
    assert_alike(&at(&seen, 0.5, 0.5), &RED, "the right one");
    let seen = made(&framed([30, 0, 30, 200], WHITE), "trim=border,w=40,h=40,fit=cover,g=left");
    assert_alike(&at(&seen, 0.2, 0.2), &RED, "the left of what is no border");
}

#[test]
fn a_border_lies_around_and_the_picture_stays_whole() {
    let picture = quarters(40, 20);
    let even = made(&picture, "border.width=5,border.color=blue");
    assert_eq!(size(&even), (50, 30));
    assert_eq!(at(&even, 0.0, 0.0), [0, 0, 255]);
    assert_alike(&at(&even, 0.14, 0.25), &RED, "its corner is not covered");
    let odd = made(&picture, "border.color=red,border.left=8,border.bottom=2");
    assert_eq!(size(&odd), (48, 22));
    assert_eq!(at(&odd, 0.05, 0.5), [255, 0, 0]);
    assert_eq!(size(&made(&picture, "border.width=5,dpr=2")), (60, 40));
    let on_pad = made(&picture, "w=40,h=40,fit=pad,background=white,border.width=4,border.color=black");
    assert_eq!(size(&on_pad), (48, 48));
    assert_eq!((at(&on_pad, 0.02, 0.5), at(&on_pad, 0.5, 0.15)), (vec![0; 3], vec![255; 3]));
    let clear = made(&picture, "border.width=5,border.color=transparent");
    assert_eq!(at(&clear, 0.0, 0.0)[3], 0);
}

#[test]
fn colour_comes_before_pads_and_borders() {
    let picture = draw(40, 20, |_, _| [100; 3]);
    let options =
        "brightness=2,blur=3,w=40,h=40,fit=pad,background=%23646464,border.width=2,border.color=%23323232";
    let seen = made(&picture, options);
    assert_eq!(at(&seen, 0.5, 0.5), [200; 3], "the picture is brighter");
    assert_eq!(at(&seen, 0.5, 0.1), [100; 3], "its pad is not");
    assert_eq!(at(&seen, 0.0, 0.0), [50; 3], "nor is its border");
    // A blur does not draw the pad in.
    assert_eq!(at(&seen, 0.5, 0.3), [200; 3]);
}

#[test]
fn json_tells_sizes_and_decodes_nothing() {
    let mut original = file(&quarters(120, 80), Format::Jpeg);
    let whole = original.len();
    original[400..].fill(0);
    let told = rendered(&original, "w=60,border.width=1,f=json", false).unwrap();
    let text = String::from_utf8(told.bytes).unwrap();
    let wanted = format!(
        r#"{{"width":62,"height":42,"original":{{"file_size":{whole},"width":120,"height":80,"format":"image/jpeg"}}}}"#
    );
    assert_eq!((text, told.format), (wanted, Format::Json));
}

/// The middle of what is bright, in shares of the width: it must lie in one place at every size.
#[test]
fn nothing_moves_by_half_a_pixel_between_sizes() {
    let picture = draw(801, 601, |x, y| {
        let far = ((f64::from(x) - 300.0).powi(2) + (f64::from(y) - 450.0).powi(2)) / 2_000.0;
        [((-far).exp() * 255.0) as u8; 3]
    });
    for from in [Format::Png, Format::Jpeg] {
        let original = file(&picture, from);
        for width in [61, 100, 255, 400, 799, 801, 1200] {
            let seen =
                decoded(&rendered(&original, &format!("w={width},fit=contain,f=png"), false).unwrap().bytes);
            let (mut sums, mut total) = ([0.0; 2], 0.0);
            for (index, pixel) in seen.pixels.chunks_exact(3).enumerate() {
                // Of light, since light is what is averaged.
                let light = crate::light::to_light(f64::from(pixel[0]) / 255.0);
                let (x, y) = (index % seen.width as usize, index / seen.width as usize);
                sums[0] += light * (x as f64 + 0.5) / f64::from(seen.width);
                sums[1] += light * (y as f64 + 0.5) / f64::from(seen.height);
                total += light;
            }
            let middle = sums.map(|sum| sum / total);
            let off = [middle[0] - 300.5 / 801.0, middle[1] - 450.5 / 601.0];
            let pixels = [off[0] * f64::from(seen.width), off[1] * f64::from(seen.height)];
            assert!(
                pixels.iter().all(|off| off.abs() < 0.06),
                "{from:?} to {width}: off by {pixels:?} pixels"
            );
        }
    }
}

#[test]
fn a_profile_is_kept_on_wish_and_where_it_fits() {
    let icc = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let picture = draw(64, 64, |_, _| [60, 200, 60]);
    let extras = crate::canvas::Extras { exif: None, icc: Some(&icc) };
    let encoding = crate::Encoding::Jpeg { quality: 95, progressive: false, effort: crate::Effort::Usual };
    let original = encoding.encode(picture, extras, later()).unwrap();
    let converted = rendered(&original, "w=32,f=jpeg", false).unwrap().bytes;
    assert!(!converted.windows(11).any(|bytes| bytes == b"ICC_PROFILE"), "sRGB needs none");
    let kept = rendered(&original, "w=32,f=jpeg,metadata=keep", false).unwrap().bytes;
    assert!(kept.windows(icc.len()).any(|bytes| bytes == icc), "it is there, byte by byte");
    // Both look the same to whoever obeys profiles, as our own decoder does.
    assert_alike(&at(&decoded(&kept), 0.5, 0.5), &at(&decoded(&converted), 0.5, 0.5), "one colour");
    let framed = rendered(&original, "w=32,f=jpeg,metadata=keep,border.width=2", false).unwrap().bytes;
    assert!(!framed.windows(11).any(|bytes| bytes == b"ICC_PROFILE"), "our own colours are sRGB");
    let png = rendered(&original, "w=32,f=png,metadata=keep", false).unwrap().bytes;
    assert!(!png.windows(4).any(|bytes| bytes == b"iCCP"));
}
