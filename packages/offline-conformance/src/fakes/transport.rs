use offline_core::{BoxFuture, OutgoingBatch, Terms, Transport, TransportError};
use offline_protocol::{CommandBatch, Outcome, UserId, WorkspaceId};

use super::{FakeServer, Fault};

/// The way to a [`FakeServer`].
pub struct FakeTransport {
    server: FakeServer,
    workspace_id: WorkspaceId,
    user_id: UserId,
}

impl FakeTransport {
    pub(super) const fn new(server: FakeServer, workspace_id: WorkspaceId, user_id: UserId) -> Self {
        Self { server, workspace_id, user_id }
    }
}

impl Transport for FakeTransport {
    fn send(&self, batch: OutgoingBatch) -> BoxFuture<'_, Result<Vec<Outcome>, TransportError>> {
        Box::pin(async move {
            let CommandBatch { commands } =
                serde_json::from_str(&batch.body).expect("BUG: the engine sends batches that can be read");
            let fault = self.server.receive(&self.user_id, &commands);
            before(&self.server, fault.as_ref()).await?;
            let outcomes = self.server.judge(&self.workspace_id, &self.user_id, &commands)?;
            match fault {
                Some(Fault::AnswerLost) => Err(TransportError::Transient { retry_after: None }),
                _ => Ok(outcomes),
            }
        })
    }

    fn hello(&self) -> BoxFuture<'_, Result<Terms, TransportError>> {
        Box::pin(async move {
            match self.server.receive_hello() {
                // Nobody needs a token for a hello, and it has no size.
                Some(Fault::Unauthorized | Fault::TooLarge) => {}
                Some(Fault::AnswerLost) => return Err(TransportError::Transient { retry_after: None }),
                fault => before(&self.server, fault.as_ref()).await?,
            }
            Ok(self.server.hello().into())
        })
    }
}

/// What happens to a request before it is executed.
async fn before(server: &FakeServer, fault: Option<&Fault>) -> Result<(), TransportError> {
    match fault {
        None | Some(Fault::AnswerLost) => Ok(()),
        Some(Fault::Slow(span)) => {
            server.wait(*span).await;
            Ok(())
        }
        Some(Fault::Hangs) => std::future::pending().await,
        Some(Fault::Offline) => Err(TransportError::Offline),
        Some(Fault::Portal) => Err(TransportError::NotOurServer),
        Some(Fault::Unavailable { retry_after }) => {
            Err(TransportError::Transient { retry_after: *retry_after })
        }
        Some(Fault::Unauthorized) => Err(TransportError::Unauthorized),
        Some(Fault::TooLarge) => Err(TransportError::TooLarge),
        Some(Fault::Incompatible) => Err(TransportError::Incompatible),
    }
}
