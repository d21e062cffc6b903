use offline_core::BoxFuture;

/// Gives the partition's user's bearer token. Any `Fn() -> Option<String>` is one.
///
/// An implementation must guarantee:
/// - it gives the token of the user to whose partition the transport belongs, of nobody else;
/// - `None` when he is not signed in; it does not wait for him.
pub trait TokenSource: Send + Sync {
    /// The token as it is now.
    fn token(&self) -> BoxFuture<'_, Option<String>>;
}

impl<F: Fn() -> Option<String> + Send + Sync> TokenSource for F {
    fn token(&self) -> BoxFuture<'_, Option<String>> {
        Box::pin(std::future::ready(self()))
    }
}
