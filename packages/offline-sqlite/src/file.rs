use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use offline_core::StoreError;
use offline_protocol::{UserId, WorkspaceId};
use sha2::{Digest, Sha256};

/// The database file of a partition in a folder.
///
/// The user stands in its name as a hash: an id may hold characters that a file system does not take, and is nobody's business there.
pub fn partition_file(folder: &Path, workspace_id: &WorkspaceId, user_id: &UserId) -> PathBuf {
    let digest = Sha256::digest(format!("{workspace_id}\n{user_id}"));
    let mut name = format!("outbox-{workspace_id}-");
    for byte in &digest[..16] {
        let _ = write!(name, "{byte:02x}");
    }
    folder.join(name + ".sqlite")
}

/// Makes the folder and the file where they are missing, for the owner's eyes only. SQLite gives its other files the same rights.
pub(crate) fn prepare(file: &Path) -> Result<(), StoreError> {
    let mut folder = fs::DirBuilder::new();
    let mut options = fs::OpenOptions::new();
    folder.recursive(true);
    options.create(true).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        folder.mode(0o700);
        options.mode(0o600);
    }
    let made = file.parent().map_or(Ok(()), |parent| folder.create(parent));
    made.and_then(|()| options.open(file)).map_err(|error| match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StoreError::Full,
        _ => StoreError::backend(&error.to_string()),
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_partition_has_a_file_of_its_own_that_any_file_system_takes() {
        let folder = Path::new("/data");
        let (users, workspaces) =
            (["ana", "Ana", "../../etc/passwd", "a/b", "a:b", "CON", "a b"], ["a", "a-b", "con"]);
        let mut names = HashSet::new();
        let mut partitions = 0;
        let long = "x".repeat(128);
        for user in users.into_iter().chain([long.as_str()]) {
            for workspace in workspaces {
                let (Ok(user), Ok(workspace)) = (UserId::new(user), WorkspaceId::new(workspace)) else {
                    continue;
                };
                let file = partition_file(folder, &workspace, &user);
                assert_eq!(file.parent(), Some(folder));
                let name = file.file_name().unwrap().to_str().unwrap().to_owned();
                assert!(
                    name.len() < 128
                        && name.bytes().all(|b| b.is_ascii_lowercase() || b"0123456789-_.".contains(&b))
                );
                names.insert(name);
                partitions += 1;
            }
        }
        assert_eq!((names.len(), partitions), (21, 21));
    }
}
