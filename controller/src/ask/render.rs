//! Renders a kustomization with `kubectl kustomize`, as a child process that sees a checkout and nothing else of ours.
//!
//! It gets an empty environment, a home of its own, no more time than a limit and no more output than a limit, and dies
//! with us, together with what it started itself. Kustomize itself keeps file loading inside the checkout and runs no
//! plugins unless told to.

use rustix::process::{Pid, Signal, kill_process_group};
use std::{path::Path, process::Stdio, sync::Arc, time::Duration};
use tokio::{io::AsyncReadExt, process::Command, sync::Semaphore, time::timeout};

/// A rendering that takes longer is given up.
const TIMEOUT: Duration = Duration::from_secs(90);
/// A rendering may be this long: a few of each Application are held.
const LONGEST: u64 = 16 << 20;
/// Renderings at the same time.
const AT_ONCE: usize = 2;

/// Runs renderings.
#[derive(Clone, Debug)]
pub(super) struct Renderer {
    kubectl: String,
    permits: Arc<Semaphore>,
}

impl Renderer {
    pub(super) fn new(kubectl: &str) -> Self {
        Self { kubectl: kubectl.to_owned(), permits: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// The manifests of the kustomization in `path` below `checkout`.
    pub(super) async fn kustomize(&self, checkout: &Path, path: &str) -> Result<String, String> {
        let _permit = self.permits.acquire().await.map_err(|error| error.to_string())?;
        let home = tempfile::Builder::new().prefix("leadline-home-").tempdir().map_err(|error| error.to_string())?;
        let mut command = Command::new(&self.kubectl);
        command
            .args(["kustomize", "--load-restrictor=LoadRestrictionsRootOnly"])
            .arg(checkout.join(path))
            .env_clear()
            .env("HOME", home.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .current_dir(checkout)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| format!("{} cannot be run: {error}", self.kubectl))?;
        let group = Group(child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)));
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let rendered = timeout(TIMEOUT, async {
            let (output, complaint) = tokio::try_join!(read(stdout), read(stderr))?;
            let status = child.wait().await.map_err(|error| error.to_string())?;
            group.has_ended();
            Ok::<_, String>((status, output, complaint))
        });
        let (status, output, complaint) =
            rendered.await.map_err(|_| format!("kustomize took longer than {} s", TIMEOUT.as_secs()))??;
        if !status.success() {
            // The path of the checkout says nothing to anybody.
            let complaint = complaint.replace(&format!("{}/", checkout.display()), "");
            return Err(format!("`kustomize build {path}` failed: {}", complaint.trim()));
        }
        Ok(output)
    }
}

/// The child and what it started (git, for bases elsewhere): killed together, should nobody wait for them any more.
struct Group(Option<Pid>);

impl Group {
    /// The child ended by itself: its number may be somebody else's now.
    fn has_ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0
            && let Err(error) = kill_process_group(group, Signal::KILL)
        {
            tracing::debug!(%error, "a rendering was not there to be killed");
        }
    }
}

async fn read(stream: Option<impl tokio::io::AsyncRead + Unpin>) -> Result<String, String> {
    let Some(stream) = stream else { return Ok(String::new()) };
    let mut bytes = Vec::new();
    stream.take(LONGEST + 1).read_to_end(&mut bytes).await.map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LONGEST {
        return Err(format!("the rendering is longer than {} MiB", LONGEST >> 20));
    }
    String::from_utf8(bytes).map_err(|_| "the rendering is not text".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_that_is_not_there_is_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = Renderer::new("/no/such/kubectl").kustomize(folder.path(), "app").await.expect_err("cannot run");
        assert!(error.starts_with("/no/such/kubectl cannot be run"), "{error}");
    }

    /// A renderer whose program is this script.
    fn renderer(folder: &Path, script: &str) -> Renderer {
        use std::os::unix::fs::PermissionsExt;
        let program = folder.join("kubectl");
        std::fs::write(&program, script).expect("writes");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("sets");
        Renderer::new(&program.to_string_lossy())
    }

    #[tokio::test]
    async fn what_never_ends_is_cut_off_with_all_that_it_started() {
        let folder = tempfile::tempdir().expect("a folder");
        let pid = folder.path().join("pid");
        // A grandchild that stays, and output without end.
        let script = format!("#!/bin/sh\nsleep 600 >/dev/null 2>&1 &\necho $! >{}\nexec yes\n", pid.display());
        let error = renderer(folder.path(), &script).kustomize(folder.path(), "app").await.expect_err("too long");
        assert_eq!(error, "the rendering is longer than 16 MiB");
        let pid = std::fs::read_to_string(&pid).expect("was started");
        let state = format!("/proc/{}/stat", pid.trim());
        let is_gone = || std::fs::read_to_string(&state).map_or(true, |stat| stat.contains(") Z "));
        let waiting = async {
            while !is_gone() {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(10), waiting).await.expect("the grandchild is gone");
    }

    #[tokio::test]
    async fn output_and_complaints_are_told_apart() {
        let folder = tempfile::tempdir().expect("a folder");
        // Fails for a folder named bad, and shows its arguments and environment otherwise.
        let script = "#!/bin/sh\ncase \"$3\" in */bad) echo \"in $3: wrong\" >&2; exit 1;; esac\necho \"$1 $2 ${SECRET:-none}\"\n";
        let renderer = renderer(folder.path(), script);
        let rendered = renderer.kustomize(folder.path(), "good").await.expect("renders");
        assert_eq!(rendered, "kustomize --load-restrictor=LoadRestrictionsRootOnly none\n");
        let error = renderer.kustomize(folder.path(), "bad").await.expect_err("fails");
        assert_eq!(error, "`kustomize build bad` failed: in bad: wrong");
    }
}
