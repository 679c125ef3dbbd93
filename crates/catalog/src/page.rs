//! Pieces of long lists, and the places between them. Which list it is and what is in it is for those who ask.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::AccountId;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::{Catalog, Error};

/// A place between two items of a list. As text it carries a MAC over list, account and place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(String);

impl Cursor {
    /// The cursor as text for a URL: base64url.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A piece of a list, with the places to go on from.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The items, in order.
    pub items: Vec<T>,
    /// Where the next page begins; none on the last.
    pub next: Option<Cursor>,
    /// Where the previous page begins (reading backwards); none on the first.
    pub previous: Option<Cursor>,
}

/// A list that is read in pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    Images,
    Audit,
    Fetches,
}

/// What an item is ordered by: a time, and what tells apart those of one time.
pub(crate) type Spot = (i64, i64);

/// A place in the order of a list, and which way from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) backwards: bool,
    pub(crate) spot: Spot,
}

impl List {
    /// What its cursors are authenticated for. Those of images were the first and have no name.
    fn purpose(self) -> &'static [u8] {
        match self {
            List::Images => b"darkroom cursor ",
            List::Audit => b"darkroom cursor of audit ",
            List::Fetches => b"darkroom cursor of fetches ",
        }
    }
}

impl Catalog {
    /// Makes a page of items that were found after a place, in the order that they were found in: one more than it shows
    /// where there is more.
    pub(crate) fn page<T>(
        &self,
        list: List,
        account: &AccountId,
        mut found: Vec<(Spot, T)>,
        after: Option<Place>,
        limit: u32,
    ) -> Page<T> {
        let backwards = after.is_some_and(|after| after.backwards);
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        if backwards {
            found.reverse();
        }
        // There is something on the side that the reader came from, and on the other if one was left over.
        let (has_previous, has_next) = if backwards { (more, true) } else { (after.is_some(), more) };
        let cursor = |item: Option<&(Spot, T)>, wanted: bool, backwards| {
            let spot = item.filter(|_| wanted)?.0;
            Some(self.write_cursor(list, account, Place { backwards, spot }))
        };
        Page {
            next: cursor(found.last(), has_next, false),
            previous: cursor(found.first(), has_previous, true),
            items: found.into_iter().map(|(_, item)| item).collect(),
        }
    }

    /// The place that a cursor names; a foreign or altered one is `Invalid`.
    pub(crate) fn read_cursor(&self, list: List, account: &AccountId, cursor: &str) -> Result<Place, Error> {
        let refused =
            || Error::Invalid("this place in the list is not known; begin at the first page".into());
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| refused())?;
        let (place, mac) = bytes.split_first_chunk::<{ Place::BYTES }>().ok_or_else(refused)?;
        if mac.len() != Place::MAC_BYTES {
            return Err(refused());
        }
        self.cursor_mac(list, account, place).verify_truncated_left(mac).map_err(|_| refused())?;
        Ok(Place::from_bytes(place))
    }

    fn write_cursor(&self, list: List, account: &AccountId, place: Place) -> Cursor {
        let place = place.to_bytes();
        let mac = self.cursor_mac(list, account, &place).finalize().into_bytes();
        Cursor(URL_SAFE_NO_PAD.encode([&place[..], &mac[..Place::MAC_BYTES]].concat()))
    }

    fn cursor_mac(&self, list: List, account: &AccountId, place: &[u8]) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.inner.own_secret).expect("HMAC takes a key of any length");
        mac.update(list.purpose());
        mac.update(account.as_bytes());
        mac.update(place);
        mac
    }
}

impl Place {
    const BYTES: usize = 17;
    const MAC_BYTES: usize = 16;

    fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[0] = self.backwards.into();
        bytes[1..9].copy_from_slice(&self.spot.0.to_be_bytes());
        bytes[9..].copy_from_slice(&self.spot.1.to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; Self::BYTES]) -> Place {
        let number = |from: usize| i64::from_be_bytes(std::array::from_fn(|index| bytes[from + index]));
        Place { backwards: bytes[0] != 0, spot: (number(1), number(9)) }
    }
}
