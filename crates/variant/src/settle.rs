//! Options and facts and `Accept` become a recipe. Pure.

use domain::Accepts;

use crate::{Error, Facts, Limits, Options, Recipe};

/// Settles a wish: sizes, crop, format and quality are decided here, nowhere else.
pub fn settle(_options: &Options, _facts: &Facts, _accepts: Accepts, _limits: &Limits) -> Result<Recipe, Error> {
    todo!()
}
