/// Why a transport could not be made.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The server's address is not an absolute `http` or `https` URL without user, password, query and fragment.
    #[error("the server's address must be a URL like https://erp.example.com")]
    Address,
    /// The HTTP client could not be set up, for want of root certificates as a rule.
    #[error("the HTTP client could not be set up: {0}")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}
