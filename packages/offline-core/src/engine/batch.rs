use offline_protocol::{CommandId, Limits};

use super::enqueue::wire_size;
use crate::OutboxCommand;

/// What a request's body needs beside its commands.
const ENVELOPE_BYTES: usize = 64;

/// The commands of the next flight, within the limits of a request.
pub(super) struct Batch {
    pub(super) due: Vec<CommandId>,
    bytes: usize,
    limits: Limits,
    pub(super) full: bool,
}

impl Batch {
    pub(super) fn new(limits: Limits) -> Self {
        Self { due: Vec::new(), bytes: ENVELOPE_BYTES, limits, full: false }
    }

    /// False when it does not fit any more; the first one always fits.
    pub(super) fn take(&mut self, command: &OutboxCommand) -> bool {
        let bytes = wire_size(command) + 1;
        if !self.due.is_empty() && self.bytes + bytes > self.limits.max_body_bytes as usize {
            self.full = true;
            return false;
        }
        self.bytes += bytes;
        self.due.push(command.command_id);
        self.full = self.due.len() >= self.limits.max_items.max(1) as usize;
        true
    }
}
