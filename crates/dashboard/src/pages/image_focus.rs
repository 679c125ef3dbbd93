//! The focal point of an image: what crops keep in view.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;
use catalog::{Image, ImageChange, Role};

use crate::body::Posted;
use crate::member::Member;
use crate::pages::images::display_name;
use crate::pages::pictures::{image_of, whole_size};
use crate::reply::{self, Outcome};
use crate::shell::Shell;
use crate::toast::Toast;

/// The middle, in hundredths: where a point begins that nobody has set.
const MIDDLE: &str = "50";

#[derive(Template)]
#[template(path = "image_focus.html")]
struct ImageFocusPage {
    shell: Shell,
    action: String,
    back: String,
    name: String,
    /// The whole picture, and its size in pixels.
    src: String,
    width: u32,
    height: u32,
    /// Hundredths from the left and from the top, as they were last written.
    x: String,
    y: String,
    x_error: String,
    y_error: String,
    /// The cross over the picture, in hundredths.
    cross: (f64, f64),
    is_set: bool,
}

/// `GET …/image/focus?id=…`.
pub(crate) async fn show(member: Member, request: HttpRequest) -> Outcome {
    member.require(Role::Editor)?;
    let image = image_of(&member, &request).await?;
    let (x, y) = image.focal_point.map_or((MIDDLE.into(), MIDDLE.into()), in_hundredths);
    reply::page(&member.visit, StatusCode::OK, &page(&member, &image, x, y))
}

/// `POST …/image/focus?id=…` with `x` and `y` in hundredths, or `clear`.
pub(crate) async fn save(member: Member, request: HttpRequest, Posted(fields): Posted) -> Outcome {
    member.require(Role::Editor)?;
    let image = image_of(&member, &request).await?;
    let back = member.image_path("image", &image.id);
    let change = |focal_point| ImageChange { focal_point: Some(focal_point), ..ImageChange::default() };
    if !fields.get("clear").is_empty() {
        member.change(&image.id, change(None)).await?;
        return reply::done(&member.visit, &back, Toast::FocusCleared);
    }
    let (x, y) = (fields.get("x").trim(), fields.get("y").trim());
    let Some(point) = part_of(x).zip(part_of(y)) else {
        let mut page = page(&member, &image, x.to_owned(), y.to_owned());
        let wrong = |text| part_of(text).map_or("A number from 0 to 100.".to_owned(), |_| String::new());
        (page.x_error, page.y_error) = (wrong(x), wrong(y));
        return reply::page(&member.visit, StatusCode::UNPROCESSABLE_ENTITY, &page);
    };
    member.change(&image.id, change(Some(point))).await?;
    reply::done(&member.visit, &back, Toast::FocusSaved)
}

/// A point in words: `30% from the left, 45.5% from the top`.
pub(crate) fn words(image: &Image) -> Option<String> {
    let (x, y) = image.focal_point.map(in_hundredths)?;
    Some(format!("{x}% from the left, {y}% from the top"))
}

fn page(member: &Member, image: &Image, x: String, y: String) -> ImageFocusPage {
    let (width, height) = image.facts.as_ref().map_or((1, 1), whole_size);
    let at = |text: &str| part_of(text).map_or(50.0, |part| f64::from(part) * 100.0);
    ImageFocusPage {
        shell: Shell::inside(member, "image", format!("Focal point of {}", display_name(image))),
        action: member.image_path("image/focus", &image.id),
        back: member.image_path("image", &image.id),
        name: display_name(image),
        src: member.image_path("whole", &image.id),
        width,
        height,
        cross: (at(&x), at(&y)),
        x,
        y,
        x_error: String::new(),
        y_error: String::new(),
        is_set: image.focal_point.is_some(),
    }
}

/// Hundredths with up to two decimals, and none that say nothing.
fn in_hundredths((x, y): (f32, f32)) -> (String, String) {
    let text = |part: f32| ((f64::from(part) * 1e4).round() / 1e2).to_string();
    (text(x), text(y))
}

/// Hundredths as a part of 1; none where it is no such number.
fn part_of(text: &str) -> Option<f32> {
    let hundredths: f64 = text.parse().ok()?;
    (0.0..=100.0).contains(&hundredths).then_some((hundredths / 100.0) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hundredths_are_read_and_written_alike() {
        for (part, text) in [(0.0, "0"), (0.5, "50"), (0.123_4, "12.34"), (1.0, "100")] {
            assert_eq!(in_hundredths((part, part)).0, text);
            assert_eq!(part_of(text), Some(part));
        }
        for other in ["", "-1", "100.01", "half", "NaN", "inf", "1e3"] {
            assert_eq!(part_of(other), None, "{other}");
        }
    }
}
