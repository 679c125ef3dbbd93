//! Options of the contract that are known and do nothing here: those that need a model of what pictures show, which is
//! not built in, and `onerror`, which an image of the account has no use for. Whoever builds one in gives it a value.

use std::convert::Infallible;

pub(crate) mod zoom {
    //! `zoom`: how close a face is cut; needs faces to be found.

    use super::Infallible;

    /// Refuses any value by a clear word.
    pub(crate) fn parse(value: &str) -> Result<Infallible, String> {
        super::super::number::decimal_in(value, 0.0, 1.0)?;
        Err(format!("{value} is not built into this build: it finds no faces"))
    }

    /// There is nothing to print.
    pub(crate) fn print(zoom: &Infallible) -> String {
        match *zoom {}
    }
}

pub(crate) mod segment {
    //! `segment`: what is cut out of its surroundings; needs them to be told apart.

    use super::Infallible;

    /// Refuses any value by a clear word.
    pub(crate) fn parse(value: &str) -> Result<Infallible, String> {
        match value {
            "foreground" => {
                Err("foreground is not built into this build: it tells no foreground apart".to_owned())
            }
            _ => Err("must be foreground".to_owned()),
        }
    }

    /// There is nothing to print.
    pub(crate) fn print(segment: &Infallible) -> String {
        match *segment {}
    }
}

/// How pixels are made that the original does not have: by interpolation, the only way that is built in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upscale {
    /// From their neighbours.
    Interpolate,
}

pub(crate) mod upscale {
    //! The words of `upscale`.

    use super::Upscale;

    /// Reads a way. The error says what is expected.
    pub(crate) fn parse(value: &str) -> Result<Upscale, String> {
        match value {
            "interpolate" => Ok(Upscale::Interpolate),
            "generate" => Err("generate is not built into this build: it invents no pixels".to_owned()),
            _ => Err("must be interpolate".to_owned()),
        }
    }

    /// Prints a way.
    pub(crate) fn print(_: &Upscale) -> String {
        "interpolate".to_owned()
    }
}

/// What is done when a source cannot be had: of no effect for images of the account, which have no other source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// The visitor is sent to the source.
    Redirect,
}

pub(crate) mod onerror {
    //! The words of `onerror`.

    use super::OnError;

    /// Reads the word. The error says what is expected.
    pub(crate) fn parse(value: &str) -> Result<OnError, String> {
        if value == "redirect" { Ok(OnError::Redirect) } else { Err("must be redirect".to_owned()) }
    }

    /// Prints the word.
    pub(crate) fn print(_: &OnError) -> String {
        "redirect".to_owned()
    }
}
