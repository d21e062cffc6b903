//! Everything in which WebAssembly and native differ: in the browser there is one thread, and its values cannot be sent.

use std::{future::Future, pin::Pin};

#[cfg(not(target_arch = "wasm32"))]
mod bounds {
    /// `Send` where there are threads, nothing in the browser.
    pub trait MaybeSend: Send {}
    impl<T: Send + ?Sized> MaybeSend for T {}
    /// `Sync` where there are threads, nothing in the browser.
    pub trait MaybeSync: Sync {}
    impl<T: Sync + ?Sized> MaybeSync for T {}
}

#[cfg(target_arch = "wasm32")]
mod bounds {
    /// `Send` where there are threads, nothing in the browser.
    pub trait MaybeSend {}
    impl<T: ?Sized> MaybeSend for T {}
    /// `Sync` where there are threads, nothing in the browser.
    pub trait MaybeSync {}
    impl<T: ?Sized> MaybeSync for T {}
}

pub use bounds::{MaybeSend, MaybeSync};

/// What a port's method returns.
#[cfg(not(target_arch = "wasm32"))]
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
/// What a port's method returns.
#[cfg(target_arch = "wasm32")]
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// What looks at commands one after the other until it has seen enough.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) type Visit<'a> = dyn FnMut(&crate::OutboxCommand) -> bool + Send + 'a;
/// What looks at commands one after the other until it has seen enough.
#[cfg(target_arch = "wasm32")]
pub(crate) type Visit<'a> = dyn FnMut(&crate::OutboxCommand) -> bool + 'a;

/// Polls an exchange with the server; true when it is over.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) type Exchange<'a> = dyn FnMut(&mut std::task::Context<'_>) -> bool + Send + 'a;
/// Polls an exchange with the server; true when it is over.
#[cfg(target_arch = "wasm32")]
pub(crate) type Exchange<'a> = dyn FnMut(&mut std::task::Context<'_>) -> bool + 'a;
