use std::{fmt, panic::Location, sync::Arc};

use offline_core::BoxFuture;

use crate::{NetworkHarness, StoreHarness};

/// What a case says when the adapter does not keep a guarantee: what was found instead, and where in the suite.
pub struct Failed(String);

impl Failed {
    /// With a sentence that says what was found.
    #[track_caller]
    pub fn new(message: impl fmt::Display) -> Self {
        let at = Location::caller();
        Self(format!("{message} ({}:{})", at.file(), at.line()))
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Failed {
    #[track_caller]
    fn from(error: E) -> Self {
        Self::new(format_args!("an unexpected error: {error}"))
    }
}

/// Whether the guarantee was kept.
pub type Proof = Result<(), Failed>;

/// One guarantee of a port, and how an adapter proves it.
pub struct Case<H: ?Sized> {
    /// The guarantee as a sentence, the same for ever: pages and reports find the case by it.
    pub name: &'static str,
    /// Runs the case over a harness of its own, which nothing has used before.
    pub run: fn(Arc<H>) -> BoxFuture<'static, Proof>,
}

/// A case of a store.
pub type StoreCase = Case<dyn StoreHarness>;

/// A case of a network monitor.
pub type NetworkCase = Case<dyn NetworkHarness>;

/// The table of a suite: each case under the name of its function.
macro_rules! cases {
    ($($module:ident :: $name:ident,)*) => {
        vec![$($crate::Case {
            name: concat!(stringify!($module), "::", stringify!($name)),
            run: |harness| Box::pin($module::$name(harness)),
        },)*]
    };
    ($($name:ident,)*) => {
        vec![$($crate::Case { name: stringify!($name), run: |harness| Box::pin($name(harness)) },)*]
    };
}

/// Fails the case unless the condition holds; what follows says what was found instead.
macro_rules! ensure {
    ($condition:expr) => {
        ensure!($condition, "does not hold: {}", stringify!($condition))
    };
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err($crate::Failed::new(format_args!($($message)+)));
        }
    };
}

/// Fails the case unless both are equal.
macro_rules! ensure_eq {
    ($found:expr, $expected:expr) => {
        match (&$found, &$expected) {
            (found, expected) => {
                ensure!(found == expected, "{}: found {found:?}, expected {expected:?}", stringify!($found))
            }
        }
    };
}

pub(crate) use {cases, ensure, ensure_eq};
