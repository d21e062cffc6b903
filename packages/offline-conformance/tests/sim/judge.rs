//! What a settlement may say about a command, by what is known to have happened.

use offline_core::Change;
use offline_protocol::{CommandId, RecordKey};

use crate::model::{End, Model, Place};

/// A record that one partition alone writes.
pub(crate) fn is_private(place: Place, key: &RecordKey) -> bool {
    key.id.as_str().starts_with(&format!("p{place}-"))
}

pub(crate) fn told(change: &Change) -> String {
    match change {
        Change::Applied(applied) => format!("applied {:?}", applied.versions),
        Change::Failed { error, .. } => format!("failed {}", error.code),
        Change::Conflict { error, .. } => format!("conflict {}", error.code),
        Change::Requeue { error, next_attempt_at, .. } => {
            let code = error.as_ref().map(|error| error.code.as_str());
            format!("back, {code:?} until {next_attempt_at:?}")
        }
    }
}

/// Holds a settlement against the truth; notes how the command ended.
pub(crate) fn settled(model: &mut Model, place: Place, id: CommandId, change: &Change) -> Result<(), String> {
    let promises = &model.places[place];
    let (workspace, user) = (promises.workspace.clone(), promises.user.clone());
    let Some(known) = promises.commands.get(&id) else {
        return Err(format!("I4: {id} is settled, and was never stored"));
    };
    let (Change::Failed { attempts, .. }
    | Change::Conflict { attempts, .. }
    | Change::Requeue { attempts, .. }) = change
    else {
        let Change::Applied(applied) = change else { return Ok(()) };
        let Some(done) = model.done(&workspace, &user, id) else {
            return Err(format!("I1: {id} counts as applied, and the server never did it"));
        };
        if done.versions != applied.versions || done.change_seq != applied.change_seq {
            return Err(format!(
                "I1: {id} counts as {:?}, the server did {:?}",
                applied.versions, done.versions
            ));
        }
        if let Some(known) = model.places[place].commands.get_mut(&id) {
            known.end = Some(End::Applied);
        }
        return Ok(());
    };
    if *attempts > known.sent {
        return Err(format!("I4: {id} counts {attempts} attempts and left the device {} times", known.sent));
    }
    match change {
        // It came after a command that a person has led to another record.
        Change::Failed { error, .. }
            if error.code == "invalid-command" && promises.commands.values().any(|known| known.rerouted) =>
        {
            Ok(())
        }
        // The engine's own word: what it came after was discarded, and may have left the device before. A late copy of them both takes effect.
        Change::Failed { error, .. } if error.code == "unknown-dependency" => {
            if let Some(known) = model.places[place].commands.get_mut(&id) {
                known.forgettable = true;
            }
            Ok(())
        }
        // Forgettable: a late copy of it took effect, and a person has sent it again meanwhile, with another expectation.
        Change::Failed { error, .. }
            if error.code == "idempotency-key-reused" && !known.edited && !known.forgettable =>
        {
            Err(format!("I3: {id} is taken for another command, and nobody has edited it"))
        }
        Change::Failed { error, .. } if !is_its_own(&error.code) => {
            Err(format!("I4: {id} is parked for {}, which is not its own fault", error.code))
        }
        Change::Conflict { error, .. } if error.code == "version-conflict" => {
            let own = known.touches.first().filter(|key| is_private(place, key));
            match own.filter(|key| !promises.muddied.contains(key)) {
                Some(key) => Err(format!("I2: {id} conflicts on {key}, which nobody else writes")),
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// Whether a command can be refused for this: what it says, or what the records are. Trouble of the network or the server is no reason.
fn is_its_own(code: &str) -> bool {
    const REASONS: [&str; 6] = [
        "rule-violated",
        "record-not-found",
        "workspace-not-found",
        "unknown-command-type",
        "command-expired",
        "idempotency-key-reused",
    ];
    REASONS.contains(&code)
}
