//! What our own API tells of an image beside the contract's words: what probing and the small decode at upload told, and
//! the point that is to stay in view, which is set here.

use actix_web::HttpResponse;
use actix_web::web::Payload;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use catalog::{Image, ImageChange};
use domain::ImageId;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::authenticated::Authenticated;
use crate::error::Failure;
use crate::{Api, body, envelope, fields, words};

/// The body of a change.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Change {
    /// Some(None) takes it away.
    #[serde(deserialize_with = "named")]
    focal_point: Option<Option<Point>>,
}

/// A place in an image, as parts of its width and height from the left and the top.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Point {
    x: f64,
    y: f64,
}

/// `GET /images/{image}`
pub(crate) async fn get(api: &Api, caller: &Authenticated, id: &str) -> Result<HttpResponse, Failure> {
    let id: ImageId = words::named(id, catalog::Error::ImageMissing)?;
    Ok(envelope::done(words_of(&api.catalog.image(caller.account(), &id).await?)))
}

/// `PATCH /images/{image}`: changes only what it names.
pub(crate) async fn update(
    api: &Api,
    caller: &Authenticated,
    id: &str,
    payload: Payload,
) -> Result<HttpResponse, Failure> {
    let id: ImageId = words::named(id, catalog::Error::ImageMissing)?;
    let change: Change = fields::read(body::json(api, payload).await?)?;
    let Some(point) = change.focal_point else { return get(api, caller, id.as_str()).await };
    let focal_point = Some(point.map(Point::checked).transpose()?);
    let change = ImageChange { focal_point, ..ImageChange::default() };
    let image = api.catalog.update_image(caller.account(), &id, change, &caller.actor).await?;
    Ok(envelope::done(words_of(&image)))
}

impl Point {
    /// The point, if it lies in an image.
    fn checked(self) -> Result<(f32, f32), Failure> {
        let inside = |part: f64| (0.0..=1.0).contains(&part);
        if inside(self.x) && inside(self.y) {
            return Ok((self.x as f32, self.y as f32));
        }
        Err(Failure::bad_request("focal_point: x and y are parts of width and height, from 0 to 1"))
    }
}

/// A field that is there: null is a value of it.
fn named<'de, D: Deserializer<'de>>(field: D) -> Result<Option<Option<Point>>, D::Error> {
    Option::<Point>::deserialize(field).map(Some)
}

fn words_of(image: &Image) -> Value {
    let facts = image.facts.as_ref();
    let colour = |[red, green, blue]: [u8; 3]| format!("#{red:02x}{green:02x}{blue:02x}");
    json!({"image": {
        "id": image.id.as_str(),
        "filename": image.filename,
        "uploaded": image.uploaded_at.to_rfc3339(),
        "bytes": image.bytes,
        "format": facts.map(|facts| facts.format.media_type()),
        "width": facts.map(|facts| facts.width),
        "height": facts.map(|facts| facts.height),
        "frames": facts.map(|facts| facts.frames),
        "transparent": facts.map(|facts| facts.alpha),
        "thumbhash": STANDARD.encode(&image.thumbhash),
        "dominant_color": image.dominant.map(colour),
        "phash": image.phash.map(|phash| format!("{phash:016x}")),
        // As decimals of six places, so that 0.3 comes back as it was sent.
        "focal_point": image.focal_point.map(|(x, y)| json!({"x": decimal(x), "y": decimal(y)})),
    }})
}

fn decimal(part: f32) -> f64 {
    (f64::from(part) * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: Value) -> Result<Option<Option<(f32, f32)>>, String> {
        let Value::Object(body) = body else { panic!("an object") };
        let told = |failure: Failure| failure.message().to_owned();
        let change: Change = fields::read(body).map_err(told)?;
        change.focal_point.map(|point| point.map(Point::checked).transpose()).transpose().map_err(told)
    }

    #[test]
    fn a_focal_point_is_set_taken_away_or_left_alone() {
        assert_eq!(read(json!({"focal_point": {"x": 0.25, "y": 1}})), Ok(Some(Some((0.25, 1.0)))));
        assert_eq!(read(json!({"focal_point": null})), Ok(Some(None)));
        assert_eq!(read(json!({})), Ok(None));
    }

    #[test]
    fn what_is_no_point_in_the_image_is_refused_and_named() {
        for body in [
            json!({"focal_point": {"x": -0.001, "y": 0.5}}),
            json!({"focal_point": {"x": 0.5, "y": 1.001}}),
            json!({"focal_point": {"x": 0.5}}),
            json!({"focal_point": {"x": 0.5, "y": 0.5, "z": 0.5}}),
            json!({"focal_point": "0.5x0.5"}),
            json!({"focal_point": {"x": "0.5", "y": 0.5}}),
        ] {
            let told = read(body.clone()).unwrap_err();
            assert!(told.contains("focal_point"), "{body}: {told}");
        }
        assert!(read(json!({"focalPoint": null})).unwrap_err().contains("focalPoint"));
    }
}
