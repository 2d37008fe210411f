//! How `ssh` is called for a repository: it never asks a person, never waits for ever, and trusts known hosts alone.
//!
//! The key and the known hosts stand in files of our own that are gone when the fetch is over; so does what `ssh` complains
//! of, which is the one text that says why a repository stays shut.

use super::credentials::Access;
use std::{io::Write, path::PathBuf};
use tempfile::TempDir;

/// Never a question, and an end to waiting for a server that does not answer.
const OPTIONS: &str =
    "-o BatchMode=yes -o ConnectTimeout=15 -o ServerAliveInterval=15 -o ServerAliveCountMax=2 -o LogLevel=ERROR";

/// Characters of a complaint that are told.
const MOST_TOLD: usize = 500;

/// A way to call `ssh`, good as long as it is kept.
#[derive(Debug)]
pub(super) struct Call {
    _folder: TempDir,
    /// The command without the host.
    pub(super) command: String,
    complaints: PathBuf,
}

impl Call {
    /// What `ssh` said when it failed, in one line.
    pub(super) fn complaint(&self) -> Option<String> {
        let said = String::from_utf8_lossy(&std::fs::read(&self.complaints).ok()?).into_owned();
        let lines = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>();
        let said: String = lines.join("; ").chars().take(MOST_TOLD).collect();
        Some(said).filter(|said| !said.is_empty())
    }
}

/// How `program` is called with what opens the repository.
pub(super) fn call(program: &str, access: &Access) -> std::io::Result<Call> {
    // The folder is readable by us alone, and so is what is in it.
    let folder = tempfile::Builder::new().prefix("leadline-ssh-").tempdir()?;
    let complaints = folder.path().join("complaints");
    let mut command = format!("{program} 2>'{}' {OPTIONS}", complaints.display());
    if !access.ssh_key.is_empty() {
        let path = folder.path().join("key");
        let mut file = tempfile::NamedTempFile::new_in(folder.path())?;
        file.write_all(access.ssh_key.trim_end().as_bytes())?;
        file.write_all(b"\n")?;
        file.persist(&path).map_err(|error| error.error)?;
        command.push_str(&format!(" -o IdentitiesOnly=yes -i '{}'", path.display()));
    }
    if access.is_insecure {
        command.push_str(" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null");
    } else {
        command.push_str(" -o StrictHostKeyChecking=yes");
        if !access.known_hosts.is_empty() {
            let path = folder.path().join("known_hosts");
            std::fs::write(&path, &access.known_hosts)?;
            command.push_str(&format!(" -o 'UserKnownHostsFile={}'", path.display()));
        }
    }
    Ok(Call { _folder: folder, command, complaints })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_in_a_file_that_only_we_can_read() {
        use std::os::unix::fs::PermissionsExt;
        let access = Access { ssh_key: "KEY\n\n".into(), known_hosts: "host key".into(), ..Access::default() };
        let call = call("ssh", &access).expect("writes");
        let path = call.command.split(" -i '").nth(1).and_then(|rest| rest.split('\'').next()).expect("a path");
        assert_eq!(std::fs::read_to_string(path).expect("reads"), "KEY\n");
        assert_eq!(std::fs::metadata(path).expect("is there").permissions().mode() & 0o777, 0o600);
        assert!(call.command.contains("StrictHostKeyChecking=yes"), "{}", call.command);
    }

    #[test]
    fn nobody_is_asked_and_strangers_are_trusted_only_on_demand() {
        let strict = call("ssh", &Access::default()).expect("writes").command;
        assert!(strict.contains("-o BatchMode=yes") && strict.contains("StrictHostKeyChecking=yes"), "{strict}");
        let lax = call("ssh", &Access { is_insecure: true, ..Access::default() }).expect("writes").command;
        assert!(lax.contains("StrictHostKeyChecking=no"), "{lax}");
    }
}
