//! Lists of images: pages by keyset, bounded counts, neighbours. No question counts or skips what it does not show.

use domain::{AccountId, ImageId};

use crate::database::{Query, query};
use crate::image_metadata::{self, MetaFilter};
use crate::images::{Image, image};
use crate::page::{List, Page, Place};
use crate::rows::parsed;
use crate::{Catalog, Error};

/// Which images; all conditions hold at once.
#[derive(Debug, Clone, Default)]
pub struct ImageFilter {
    /// Creator; `Some(None)` finds images without one.
    pub creator: Option<Option<String>>,
    /// Only private or only public ones.
    pub private: Option<bool>,
    /// Only of this format of the original.
    pub format: Option<variant::Format>,
    /// Text at the beginning of the file name or the id, case ignored for ASCII letters.
    pub search: Option<String>,
    /// Metadata conditions (contract 3.11), at most 5.
    pub metadata: Vec<MetaFilter>,
}

/// By time of upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Newest first.
    #[default]
    Newest,
    /// Oldest first.
    Oldest,
}

/// The most images of a page.
const MAX_PAGE: u32 = 10_000;

/// The end of a range of texts that begin alike: nothing sorts after it.
const LAST_CHAR: char = char::MAX;

/// Images that are put into order after they were found.
const FEW: i64 = 1_000;

/// Which way a question finds its images.
#[derive(Debug, Clone, Copy)]
enum Walk {
    /// In the order of upload, each held against every condition.
    Upload,
    /// In the order of upload those whose metadata has the one value of this condition.
    Value(usize),
    /// Those few that meet this condition on metadata; they are put into order.
    Few(usize),
}

impl Catalog {
    /// A page of images by upload time. `after` comes from an earlier page's `next` or `previous` as text; a foreign
    /// or altered one is `Invalid`. Drafts are not listed.
    pub async fn page_images(
        &self,
        account: &AccountId,
        filter: &ImageFilter,
        order: Order,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<Image>, Error> {
        image_metadata::check(&filter.metadata)?;
        let walk = self.walk(account, filter).await?;
        let limit = limit.clamp(1, MAX_PAGE);
        let after = after.map(|cursor| self.read_cursor(List::Images, account, cursor)).transpose()?;
        let page = self.page_from(account, filter, walk, order, after, limit).await?;
        if page.items.is_empty() && after.is_some_and(|after| after.backwards) {
            // Everything before the place has gone: the list begins here now.
            return self.page_from(account, filter, walk, order, None, limit).await;
        }
        Ok(page)
    }

    /// How many images match, counted up to `at_most`.
    pub async fn count_images(
        &self,
        account: &AccountId,
        filter: &ImageFilter,
        at_most: u32,
    ) -> Result<u32, Error> {
        image_metadata::check(&filter.metadata)?;
        let walk = self.walk(account, filter).await?;
        let question = count_question(account, filter, walk, at_most);
        let count = question.scalar::<i64>().fetch_one(&self.inner.database).await?;
        Ok(count.try_into().unwrap_or(at_most))
    }

    /// The neighbours of an image by upload time: the newer and the older one.
    pub async fn neighbours(&self, image: &Image) -> Result<(Option<ImageId>, Option<ImageId>), Error> {
        const OWN: &str = "(select uploaded_at, number from images where account = $1 and id = $2)";
        const NEWER: (&str, &str) = (">", "asc");
        const OLDER: (&str, &str) = ("<", "desc");
        let mut found = [None, None];
        for ((sign, direction), found) in [NEWER, OLDER].into_iter().zip(&mut found) {
            let question = format!(
                "select id from images where account = $1 and facts is not null and (uploaded_at, number) {sign} {OWN}
                 order by uploaded_at {direction}, number {direction} limit 1"
            );
            let row = query(question)
                .bind(&image.account.as_bytes()[..])
                .bind(image.id.as_str())
                .fetch_optional(&self.inner.database)
                .await?;
            *found = row.as_ref().map(|row| parsed(row, "id")).transpose()?;
        }
        let [newer, older] = found;
        Ok((newer, older))
    }

    /// The way to a filter's images that touches few others.
    async fn walk(&self, account: &AccountId, filter: &ImageFilter) -> Result<Walk, Error> {
        if let Some(at) =
            filter.metadata.iter().position(|filter| image_metadata::one_value(filter).is_some())
        {
            return Ok(Walk::Value(at));
        }
        for (at, condition) in filter.metadata.iter().enumerate() {
            if rows_question(account, condition).scalar::<i64>().fetch_one(&self.inner.database).await? <= FEW
            {
                return Ok(Walk::Few(at));
            }
        }
        Ok(Walk::Upload)
    }

    async fn page_from(
        &self,
        account: &AccountId,
        filter: &ImageFilter,
        walk: Walk,
        order: Order,
        after: Option<Place>,
        limit: u32,
    ) -> Result<Page<Image>, Error> {
        let backwards = after.is_some_and(|after| after.backwards);
        let newest_first = (order == Order::Newest) != backwards;
        let question = page_question(account, filter, walk, newest_first, after, limit);
        let rows = question.fetch_all(&self.inner.database).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            found.push(((row.try_get("uploaded_at")?, row.try_get("number")?), image(row)?));
        }
        Ok(self.page(List::Images, account, found, after, limit))
    }
}

/// The question for a page: one row more than it shows, to know whether there is a next.
fn page_question(
    account: &AccountId,
    filter: &ImageFilter,
    walk: Walk,
    newest_first: bool,
    after: Option<Place>,
    limit: u32,
) -> Query {
    let (sign, direction) = if newest_first { ("<", "desc") } else { (">", "asc") };
    let (uploaded_at, number) = walk.order();
    let mut question = query("select images.*");
    push_filter(&mut question, account, filter, walk);
    if let Some(after) = after {
        question.push(&format!(" and ({uploaded_at}, {number}) {sign} ("));
        question.push_bind(after.spot.0).push(", ").push_bind(after.spot.1).push(")");
    }
    question.push(&format!(" order by {uploaded_at} {direction}, {number} {direction}"));
    question.push(" limit ").push_bind(limit + 1);
    question
}

fn count_question(account: &AccountId, filter: &ImageFilter, walk: Walk, at_most: u32) -> Query {
    let mut question = query("select count(*) from (select 1");
    push_filter(&mut question, account, filter, walk);
    question.push(" limit ").push_bind(at_most).push(") as found");
    question
}

/// How many rows meet a condition on metadata, counted to one more than few.
fn rows_question(account: &AccountId, condition: &MetaFilter) -> Query {
    let mut question = query("select count(*) from (select 1 from image_metadata m where m.account = ");
    question.push_bind(&account.as_bytes()[..]).push(" and ");
    image_metadata::push_rows(&mut question, condition);
    question.push(" limit ").push_bind(FEW + 1).push(") as found");
    question
}

impl Walk {
    /// The columns that hold time of upload and number where this way finds them.
    fn order(self) -> (&'static str, &'static str) {
        match self {
            Walk::Value(_) => ("m.uploaded_at", "m.image"),
            Walk::Upload | Walk::Few(_) => ("images.uploaded_at", "images.number"),
        }
    }

    /// Adds the tables. `cross join` tells SQLite which comes first.
    fn push(self, question: &mut Query, account: &AccountId, filter: &ImageFilter) {
        let account = &account.as_bytes()[..];
        let led_by = match self {
            Walk::Upload => None,
            Walk::Value(at) | Walk::Few(at) => Some(&filter.metadata[at]),
        };
        match led_by.map(|led_by| (led_by, image_metadata::one_value(led_by))) {
            None => question.push(" from images where "),
            Some((led_by, Some(value))) => {
                question
                    .push(" from image_metadata m cross join images where m.account = ")
                    .push_bind(account);
                question.push(" and ");
                image_metadata::push_one(question, &led_by.field, value);
                question.push(" and images.number = m.image and ")
            }
            Some((led_by, None)) => {
                question.push(" from (select distinct m.image from image_metadata m where m.account = ");
                question.push_bind(account).push(" and ");
                image_metadata::push_rows(question, led_by);
                question.push(") few cross join images where images.number = few.image and ")
            }
        };
        question.push("images.account = ").push_bind(account).push(" and images.facts is not null");
    }
}

fn push_filter(question: &mut Query, account: &AccountId, filter: &ImageFilter, walk: Walk) {
    walk.push(question, account, filter);
    match &filter.creator {
        Some(Some(creator)) => question.push(" and images.creator = ").push_bind(creator.clone()),
        Some(None) => question.push(" and images.creator is null"),
        None => question,
    };
    if let Some(private) = filter.private {
        question.push(" and images.private = ").push_bind(private);
    }
    if let Some(format) = filter.format {
        question.push(" and images.format = ").push_bind(format.extension());
    }
    if let Some(search) = filter.search.as_deref().filter(|search| !search.is_empty()) {
        push_search(question, account, search);
    }
    for (at, condition) in filter.metadata.iter().enumerate() {
        if !matches!(walk, Walk::Value(led) | Walk::Few(led) if led == at) {
            image_metadata::push(question, condition);
        }
    }
}

/// Both searches are ranges of an index; together they give the few rows that are then put into order.
fn push_search(question: &mut Query, account: &AccountId, search: &str) {
    let from = search.to_ascii_lowercase();
    let to = format!("{from}{LAST_CHAR}");
    question.push(" and images.number in (");
    for (index, column) in ["lower_filename", "lower_id"].into_iter().enumerate() {
        question.push(if index > 0 { " union all " } else { "" });
        question.push("select number from images where account = ").push_bind(account.as_bytes().to_vec());
        question.push(" and ").push(column).push(" >= ").push_bind(from.clone());
        question.push(" and ").push(column).push(" < ").push_bind(to.clone());
    }
    question.push(")");
}

/// The texts of the questions for pages and counts, each way, for those who ask how they are answered.
#[cfg(test)]
pub(crate) fn questions(account: &AccountId, filter: &ImageFilter) -> Vec<String> {
    let middle = Place { backwards: false, spot: (1, 1) };
    let pages = [(true, None), (false, None), (true, Some(middle)), (false, Some(middle))];
    let ways = filter.metadata.iter().enumerate().map(|(at, condition)| {
        if image_metadata::one_value(condition).is_some() { Walk::Value(at) } else { Walk::Few(at) }
    });
    let mut questions: Vec<Query> = filter.metadata.iter().map(|one| rows_question(account, one)).collect();
    for walk in ways.chain([Walk::Upload]) {
        questions.extend(
            pages.map(|(newest_first, after)| page_question(account, filter, walk, newest_first, after, 60)),
        );
        questions.push(count_question(account, filter, walk, 60));
    }
    questions.iter().map(|question| question.text().to_owned()).collect()
}
