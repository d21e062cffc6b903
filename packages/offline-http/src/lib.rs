#![doc = include_str!("../README.md")]

mod answer;
mod error;
mod token;
mod transport;

pub use error::HttpError;
pub use token::TokenSource;
pub use transport::{HttpOptions, HttpTransport};
