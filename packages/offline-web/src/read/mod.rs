//! Reads the types that a page meets again and again: what its database holds, what the server answers, what the page itself and other tabs say.
//!
//! serde's derived code leaves at each field that does not fit, and drops what it has read until then, and that is
//! much for a browser to load. Here a field that does not fit is remembered, something stands in for it, and there is one way
//! out. The types and their derived code stay the definition: tests hold the two against each other, field by field.

mod command;
mod fields;
mod outcome;
mod parse;
#[cfg(test)]
mod tests;
mod told;
mod words;

pub(crate) use self::{
    fields::{Fields, FromJson, read, read_list},
    parse::parse,
    words::{cut, number, parts},
};
