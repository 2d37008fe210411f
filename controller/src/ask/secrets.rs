//! Fills Secrets into texts at the last moment. A Secret is read with one GET when it is needed, never listed or watched,
//! and never logged: whoever prints an error passes it through [`Filled::hide`] first.

use base64::Engine;
use http::Request;
use kube::Client;
use plan::{Piece, SecretRef, SecretText};
use serde_json::Value;
use std::{fmt, time::Duration};
use tokio::time::timeout;

/// A read that takes longer is given up.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Reads Secrets.
#[derive(Clone)]
pub struct Secrets(Client);

impl fmt::Debug for Secrets {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secrets")
    }
}

/// What was filled in while one question was prepared.
#[derive(Default)]
pub(super) struct Filled(Vec<String>);

impl Filled {
    /// The text without any of the secrets.
    pub(super) fn hide(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "*****"))
    }
}

impl Secrets {
    /// Reads through this client.
    pub fn new(client: Client) -> Self {
        Self(client)
    }

    /// The text with its secrets.
    pub(super) async fn fill(&self, text: &SecretText, filled: &mut Filled) -> Result<String, String> {
        let mut whole = String::new();
        for piece in &text.0 {
            match piece {
                Piece::Literal(text) => whole.push_str(text),
                Piece::Secret(secret) => {
                    let value = self.value(secret).await?;
                    whole.push_str(&value);
                    if !value.is_empty() {
                        filled.0.push(value);
                    }
                }
            }
        }
        Ok(whole)
    }

    /// All keys of a Secret, or `None` when there is no such Secret.
    pub(super) async fn read(&self, namespace: &str, name: &str) -> Result<Option<Value>, String> {
        self.get(&format!("/api/v1/namespaces/{namespace}/secrets/{name}")).await
    }

    /// What is there, if anything, in finite time: whoever asks waits for it.
    async fn get(&self, path: &str) -> Result<Option<Value>, String> {
        let request = Request::get(path).body(Vec::new()).map_err(|error| error.to_string())?;
        match timeout(TIMEOUT, self.0.request::<Value>(request)).await {
            Ok(Ok(found)) => Ok(Some(found)),
            Ok(Err(kube::Error::Api(status))) if status.code == 404 => Ok(None),
            Ok(Err(error)) => Err(crate::logging::chain(&error)),
            Err(_) => Err(format!("the API server did not answer within {} s", TIMEOUT.as_secs())),
        }
    }

    /// The Secrets with this label in one namespace.
    pub(super) async fn labelled(&self, namespace: &str, selector: &str) -> Result<Vec<Value>, String> {
        let list = self.get(&format!("/api/v1/namespaces/{namespace}/secrets?labelSelector={selector}")).await?;
        Ok(list.and_then(|list| list.get("items")?.as_array().cloned()).unwrap_or_default())
    }

    /// One key of a ConfigMap; empty when there is none, or none that may be read.
    pub(super) async fn config(&self, namespace: &str, name: &str, key: &str) -> String {
        let found = self.get(&format!("/api/v1/namespaces/{namespace}/configmaps/{name}")).await;
        let text = found.ok().flatten().and_then(|found| Some(found.get("data")?.get(key)?.as_str()?.to_owned()));
        text.unwrap_or_default()
    }

    async fn value(&self, wanted: &SecretRef) -> Result<String, String> {
        let SecretRef { namespace, name, key } = wanted;
        let secret = self
            .read(namespace, name)
            .await
            .map_err(|error| format!("secret {namespace}/{name} cannot be read: {error}"))?
            .ok_or_else(|| format!("secrets \"{name}\" not found"))?;
        decoded(&secret, key).ok_or_else(|| format!("key '{key}' does not exist in secret '{name}'"))
    }
}

/// The text of one key of a Secret.
pub(super) fn decoded(secret: &Value, key: &str) -> Option<String> {
    let encoded = secret.get("data")?.get(key)?.as_str()?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use serde_json::json;

    #[tokio::test(start_paused = true)]
    async fn a_server_that_says_nothing_is_not_waited_for() {
        let (client, _) = testing::server(|_| (0, Value::Null));
        let error = Secrets::new(client).read("shop", "token").await.expect_err("no answer");
        assert_eq!(error, "the API server did not answer within 10 s");
    }

    #[tokio::test]
    async fn secrets_are_filled_in_and_hidden_again() {
        let (client, _) = testing::server(|request| match request.path.as_str() {
            "/api/v1/namespaces/shop/secrets/token" => (200, json!({"data": {"value": "czNjcmV0"}})),
            _ => (404, json!({"kind": "Status", "status": "Failure", "code": 404, "message": "not found"})),
        });
        let secrets = Secrets::new(client);
        let piece = |name: &str, key: &str| {
            Piece::Secret(SecretRef { namespace: "shop".into(), name: name.into(), key: key.into() })
        };
        let mut filled = Filled::default();
        let text = SecretText(vec![Piece::Literal("Bearer ".into()), piece("token", "value")]);
        let whole = secrets.fill(&text, &mut filled).await.expect("is there");
        assert_eq!(whole, "Bearer s3cret");
        assert_eq!(filled.hide("sent Bearer s3cret"), "sent Bearer *****");
        let missing = secrets.fill(&SecretText(vec![piece("token", "other")]), &mut filled).await;
        assert_eq!(missing.expect_err("no such key"), "key 'other' does not exist in secret 'token'");
        let missing = secrets.fill(&SecretText(vec![piece("none", "value")]), &mut filled).await;
        assert_eq!(missing.expect_err("no such secret"), "secrets \"none\" not found");
    }
}
