//! How a repository is entered: from the Secrets that Argo CD's users keep for their repositories.
//!
//! Secrets labelled `repository` and `repo-creds` in the controller's own namespace are read when they are needed. One for
//! exactly this address wins; credentials it lacks come from the longest prefix that matches. Where reading is not allowed
//! or fails, the repository is tried without, and an error tells of both.

use super::fetch::Scheme;
use crate::ask::secrets::{Secrets, decoded};
use base64::Engine;
use gix::sec::identity::Account;
use serde_json::Value;
use std::fmt;

/// The label of repository Secrets, with both of its values, as a selector in a URL.
const SELECTOR: &str = "argocd.argoproj.io%2Fsecret-type%20in%20(repository,repo-creds)";
const TYPE_LABEL: &str = "/metadata/labels/argocd.argoproj.io~1secret-type";

/// What opens a repository.
#[derive(Clone, Default)]
pub(super) struct Access {
    /// For HTTP; empty where there is none.
    pub(super) username: String,
    pub(super) password: String,
    /// Sent as a header instead of a user name and password.
    pub(super) bearer: Option<String>,
    /// The private key for ssh.
    pub(super) ssh_key: String,
    /// Keys of hosts that ssh trusts, as in `known_hosts`.
    pub(super) known_hosts: String,
    /// Accept any server certificate or host key.
    pub(super) is_insecure: bool,
    /// Certificates to trust besides the system's, in PEM.
    pub(super) trust: String,
    /// Why the Secrets could not be read.
    pub(super) unread: Option<String>,
}

impl fmt::Debug for Access {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Access")
    }
}

impl Access {
    fn has_credentials(&self) -> bool {
        !self.password.is_empty() || self.bearer.is_some() || !self.ssh_key.is_empty()
    }

    /// User name and password, for when this server asks for them.
    pub(super) fn account(&self, address: &str) -> Option<Account> {
        let is_given = !self.password.is_empty() && !is_unencrypted(address);
        is_given.then(|| Account {
            username: self.user().to_owned(),
            password: self.password.clone(),
            oauth_refresh_token: None,
        })
    }

    /// A header that goes with each request, and what it means when the server still asks. Over plain HTTP the password is in
    /// it: the transport would not send it otherwise, and who keeps it in a Secret for such an address has decided that.
    pub(super) fn header(&self, address: &str) -> Option<(&'static str, String)> {
        if let Some(token) = &self.bearer {
            return Some((
                "the server does not accept the bearer token (401)",
                format!("Authorization: Bearer {token}"),
            ));
        }
        let is_given = !self.password.is_empty() && is_unencrypted(address);
        let refused = "the server does not accept the user name and password (401)";
        is_given.then(|| (refused, format!("Authorization: Basic {}", self.encoded())))
    }

    fn user(&self) -> &str {
        if self.username.is_empty() { "x-access-token" } else { &self.username }
    }

    fn encoded(&self) -> String {
        base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", self.user(), self.password))
    }

    /// The text without anything that opens a repository: no error, log line or status shows it.
    pub(super) fn hide(&self, text: &str) -> String {
        let encoded = (!self.password.is_empty()).then(|| self.encoded());
        let secrets = [Some(&self.password), encoded.as_ref(), self.bearer.as_ref(), Some(&self.ssh_key)];
        let secrets = secrets.into_iter().flatten().filter(|secret| !secret.is_empty());
        secrets.fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "*****"))
    }
}

/// Looks for what opens this repository.
pub(super) async fn find(secrets: &Secrets, namespace: &str, address: &str, scheme: Scheme) -> Access {
    let mut access = match secrets.labelled(namespace, SELECTOR).await {
        Ok(found) => choose(&found, address),
        Err(error) => Access { unread: Some(error), ..Access::default() },
    };
    match scheme {
        Scheme::Ssh if !access.is_insecure => {
            access.known_hosts = secrets.config(namespace, "argocd-ssh-known-hosts-cm", "ssh_known_hosts").await;
        }
        Scheme::Http => {
            if let Some(host) = host(address).filter(|_| address.starts_with("https")) {
                access.trust = secrets.config(namespace, "argocd-tls-certs-cm", &host).await;
            }
        }
        Scheme::Ssh | Scheme::Git | Scheme::File => {}
    }
    access
}

fn is_unencrypted(address: &str) -> bool {
    address.to_ascii_lowercase().starts_with("http://")
}

fn choose(secrets: &[Value], address: &str) -> Access {
    let wanted = normalised(address);
    let of_type = |kind: &'static str| {
        secrets.iter().filter(move |secret| secret.pointer(TYPE_LABEL).and_then(Value::as_str) == Some(kind))
    };
    let url = |secret: &Value| normalised(&decoded(secret, "url").unwrap_or_default());
    let exact = of_type("repository").find(|secret| url(secret) == wanted).map(read).unwrap_or_default();
    if exact.has_credentials() {
        return exact;
    }
    let prefix = of_type("repo-creds")
        .filter(|secret| !url(secret).is_empty() && wanted.starts_with(&url(secret)))
        .max_by_key(|secret| url(secret).len());
    match prefix.map(read) {
        Some(inherited) => Access { is_insecure: exact.is_insecure || inherited.is_insecure, ..inherited },
        None => exact,
    }
}

fn read(secret: &Value) -> Access {
    let text = |key: &str| decoded(secret, key).map(|text| text.trim().to_owned()).unwrap_or_default();
    let is_set = |key: &str| matches!(text(key).to_lowercase().as_str(), "true" | "1" | "t" | "yes");
    Access {
        username: text("username"),
        password: text("password"),
        bearer: Some(text("bearerToken")).filter(|token| !token.is_empty()),
        ssh_key: text("sshPrivateKey"),
        known_hosts: String::new(),
        is_insecure: is_set("insecure") || is_set("insecureIgnoreHostKey"),
        trust: String::new(),
        unread: None,
    }
}

/// Addresses that mean the same repository become equal: case, `.git` and the short form of ssh do not matter.
fn normalised(address: &str) -> String {
    let address = address.trim().to_lowercase();
    let address = address.strip_suffix(".git").unwrap_or(&address);
    if address.contains("://") {
        return address.to_owned();
    }
    match address.split_once(':') {
        Some((host, path)) if host.contains('@') => format!("ssh://{host}/{}", path.trim_start_matches('/')),
        _ => address.to_owned(),
    }
}

fn host(address: &str) -> Option<String> {
    let url = gix::url::parse(gix::bstr::BStr::new(address)).ok()?;
    url.host().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn secret(kind: &str, fields: &[(&str, &str)]) -> Value {
        let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
        let data: serde_json::Map<String, Value> =
            fields.iter().map(|(key, value)| ((*key).to_owned(), encode(value).into())).collect();
        json!({"metadata": {"labels": {"argocd.argoproj.io/secret-type": kind}}, "data": data})
    }

    #[test]
    fn the_exact_address_wins_then_the_longest_prefix() {
        let secrets = [
            secret("repo-creds", &[("url", "https://git.example/"), ("password", "all")]),
            secret("repo-creds", &[("url", "https://git.example/shop"), ("username", "me"), ("password", "shop")]),
            secret("repository", &[("url", "https://GIT.example/shop/web.git"), ("insecure", "true")]),
            secret("repository", &[("url", "https://git.example/other/api"), ("bearerToken", "t0ken")]),
            secret("repository", &[("url", "git@git.example:shop/web.git"), ("sshPrivateKey", "KEY")]),
        ];
        let account = |address: &str| {
            let access = choose(&secrets, address);
            let account = access.account(address).map(|account| format!("{}:{}", account.username, account.password));
            (account.unwrap_or_default(), access.bearer.unwrap_or_default(), access.ssh_key, access.is_insecure)
        };
        let expect = |account: &str, bearer: &str, key: &str, insecure: bool| {
            (account.to_owned(), bearer.to_owned(), key.to_owned(), insecure)
        };
        assert_eq!(account("https://git.example/shop/web"), expect("me:shop", "", "", true));
        assert_eq!(account("https://git.example/other/api.git"), expect("", "t0ken", "", false));
        assert_eq!(account("https://git.example/else"), expect("x-access-token:all", "", "", false));
        assert_eq!(account("ssh://git@git.example/shop/web"), expect("", "", "KEY", false));
        assert_eq!(account("https://elsewhere/x"), expect("", "", "", false));
    }

    #[test]
    fn a_password_is_a_header_where_nothing_is_encrypted() {
        let named = [("url", "git.example/"), ("username", "me"), ("password", "secret")];
        let token = [("url", "git.example/"), ("bearerToken", "t0ken")];
        let basic = Some("Authorization: Basic bWU6c2VjcmV0");
        let bearer = Some("Authorization: Bearer t0ken");
        for (address, fields, account, header) in [
            ("https://git.example/web", &named[..], Some("me"), None),
            ("http://git.example/web", &named[..], None, basic),
            ("HTTP://git.example/web", &named[..], None, basic),
            ("http://git.example/web", &token[..], None, bearer),
            ("https://git.example/web", &token[..], None, bearer),
        ] {
            let access = read(&secret("repository", fields));
            assert_eq!(access.account(address).map(|account| account.username).as_deref(), account, "{address}");
            let sent = access.header(address).map(|(_, header)| header);
            assert_eq!(sent.as_deref(), header, "{address}");
            let hidden = access.hide(&sent.unwrap_or_default());
            assert!(!hidden.contains("bWU6") && !hidden.contains("t0ken"), "{hidden}");
        }
    }
}
