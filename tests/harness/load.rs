//! Clients that upload and look all the while a test breaks something, and what they hold the house to: what it
//! acknowledged is there with its own bytes, and nobody sees what is private.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use image::{DynamicImage, Rgb, RgbImage};

use super::{Reply, TestAccount, drawn, eventually};

/// A refusal for want of a service comes within this, so that a client can turn elsewhere. `make gate-durability` measures
/// the three seconds that are promised; here other tests have their share of the machine.
const REFUSED_WITHIN: Duration = Duration::from_secs(10);

/// Clients of an account while something breaks.
pub(crate) struct Load<'s> {
    account: TestAccount<'s>,
    enough: Cell<bool>,
    tried: Cell<u32>,
    acknowledged: RefCell<Vec<Acknowledged>>,
    refused: Cell<usize>,
    seen: Cell<usize>,
}

/// An image whose upload was answered with 200.
#[derive(Clone)]
struct Acknowledged {
    id: String,
    colour: [u8; 3],
    private: bool,
}

impl<'s> Load<'s> {
    /// On that account, not yet begun.
    pub(crate) fn on(account: &TestAccount<'s>) -> Load<'s> {
        Load {
            account: account.clone(),
            enough: Cell::new(false),
            tried: Cell::new(0),
            acknowledged: RefCell::default(),
            refused: Cell::new(0),
            seen: Cell::new(0),
        }
    }

    /// Lets so many clients upload and as many look, from before `act` begins until it is done; then holds the house
    /// to what it acknowledged.
    pub(crate) async fn during(&self, clients: usize, act: impl Future<Output = ()>) {
        let uploading = join_all((0..clients).map(|_| self.upload()));
        let looking = join_all((0..clients).map(|client| self.look(client)));
        let acting = async {
            self.goes_on(Duration::from_secs(20)).await;
            act.await;
            self.enough.set(true);
        };
        tokio::join!(uploading, looking, acting);
        self.check().await;
    }

    /// Waits until uploads are acknowledged and pictures are seen again.
    pub(crate) async fn goes_on(&self, within: Duration) {
        let (uploads, seen) = (self.acknowledged(), self.seen.get());
        let risen = || async { self.acknowledged() > uploads + 3 && self.seen.get() > seen + 3 };
        eventually("uploads and deliveries go on", within, risen).await;
    }

    /// Uploads that were answered with 200 so far.
    pub(crate) fn acknowledged(&self) -> usize {
        self.acknowledged.borrow().len()
    }

    /// Uploads and deliveries that were answered with 503 so far.
    pub(crate) fn refused(&self) -> usize {
        self.refused.get()
    }

    /// One upload after the other, each of a picture in a colour of its own, every third one private.
    async fn upload(&self) {
        while !self.enough.get() {
            let number = self.tried.replace(self.tried.get() + 1);
            let colour = colour(number);
            let image =
                Acknowledged { id: format!("load/{number}"), colour, private: number.is_multiple_of(3) };
            let file = reqwest::multipart::Part::bytes(picture(colour)).file_name("a.png");
            let form = reqwest::multipart::Form::new()
                .text("id", image.id.clone())
                .text("requireSignedURLs", image.private.to_string())
                .part("file", file);
            let began = Instant::now();
            let reply = self.account.api_form("POST", "/v1", form).await;
            match reply.status {
                200 => self.acknowledged.borrow_mut().push(image),
                _ => self.refusal(&reply, began).await,
            }
        }
    }

    /// One look at some acknowledged image after the other, without a signature.
    async fn look(&self, client: usize) {
        for turn in client.. {
            if self.enough.get() {
                return;
            }
            let image = {
                let all = self.acknowledged.borrow();
                (!all.is_empty()).then(|| all[turn * 7 % all.len()].clone())
            };
            let Some(image) = image else {
                tokio::time::sleep(Duration::from_millis(5)).await;
                continue;
            };
            let began = Instant::now();
            let reply = self.account.server.get(&self.path(&image)).await;
            match (reply.status, image.private) {
                (200, false) => {
                    assert_eq!(shown(&reply), image.colour, "wrong bytes for {}", image.id);
                    self.seen.set(self.seen.get() + 1);
                }
                (403 | 404, true) => {}
                _ => self.refusal(&reply, began).await,
            }
        }
    }

    /// A refusal is the right one, comes soon enough, and is no reason to hurry.
    async fn refusal(&self, reply: &Reply, began: Instant) {
        assert_eq!(reply.status, 503, "{reply}");
        assert!(began.elapsed() < REFUSED_WITHIN, "refused after {:?}: {reply}", began.elapsed());
        self.refused.set(self.refused.get() + 1);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    /// Each acknowledged image is there with the bytes that were sent, and as private as it was sent.
    async fn check(&self) {
        let acknowledged = self.acknowledged.take();
        for image in &acknowledged {
            let id: domain::ImageId = image.id.parse().expect("an id");
            let path = format!("/v1/{}", id.to_path());
            let told = self.account.api("GET", &path).await.expect(200).json();
            assert_eq!(told["result"]["requireSignedURLs"], image.private, "{}", image.id);
            let original = self.account.api("GET", &format!("{path}/blob")).await.expect(200);
            assert!(original.body == picture(image.colour), "wrong bytes of {}", image.id);
        }
        self.acknowledged.replace(acknowledged);
    }

    fn path(&self, image: &Acknowledged) -> String {
        let id = image.id.parse().expect("an id");
        signing::DeliveryUrl::path_of(&self.account.account.hash, &id, "public")
    }
}

/// A colour of its own for each number below 2^18, far enough from its neighbours to survive a rendition.
fn colour(number: u32) -> [u8; 3] {
    [0, 6, 12].map(|shift| ((number >> shift) & 63) as u8 * 4)
}

fn picture(colour: [u8; 3]) -> Vec<u8> {
    drawn::png(&DynamicImage::ImageRgb8(RgbImage::from_pixel(24, 16, Rgb(colour))))
}

/// The colour in the middle of a delivered picture, as [`colour`] gives them.
fn shown(reply: &Reply) -> [u8; 3] {
    reply.picture().to_rgb8().get_pixel(12, 8).0.map(|channel| (channel.saturating_add(2)) & !3)
}
