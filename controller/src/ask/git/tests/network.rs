//! Over https, from `git http-backend` behind TLS of our own authority; and over ssh, with a stand-in for the program.
//!
//! The Secrets and ConfigMaps come from a scripted API server, so that the whole way from a Secret to a tree is walked.

use super::*;
use crate::{ask::Secrets, testing};
use base64::{Engine, engine::general_purpose::STANDARD};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use serde_json::{Value, json};
use std::{convert::Infallible, os::unix::fs::PermissionsExt, process::Stdio};
use tokio::{io::AsyncWriteExt, net::TcpListener};
use tokio_rustls::TlsAcceptor;

const AUTHORITY: &str = include_str!("tls/authority.pem");
const CERTIFICATE: &[u8] = include_bytes!("tls/server.pem");
const KEY: &[u8] = include_bytes!("tls/server.key");

/// Serves a folder of repositories over https to whoever sends this `Authorization`; the port.
async fn serve(folder: PathBuf, authorization: &'static str) -> u16 {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(KEY).expect("a key");
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("they belong together");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, folder) = (acceptor.clone(), folder.clone());
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let service = service_fn(move |request| backend(request, folder.clone(), authorization));
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    port
}

type Response = http::Response<Full<bytes::Bytes>>;

/// One request, answered by `git http-backend` as a CGI program.
async fn backend(
    request: http::Request<Incoming>,
    folder: PathBuf,
    authorization: &str,
) -> Result<Response, Infallible> {
    let header = |name: &str| {
        let value = request.headers().get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    if header("authorization") != authorization {
        let response = http::Response::builder().status(401).header("www-authenticate", "Basic realm=\"git\"");
        return Ok(response.body(Full::default()).expect("a response"));
    }
    let mut command = tokio::process::Command::new("git");
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", folder)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", request.method().as_str())
        .env("PATH_INFO", request.uri().path())
        .env("QUERY_STRING", request.uri().query().unwrap_or_default())
        .env("CONTENT_TYPE", header("content-type"))
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let body = request.into_body().collect().await.expect("a body").to_bytes();
    let mut child = command.spawn().expect("git runs");
    let mut input = child.stdin.take().expect("an input");
    input.write_all(&body).await.expect("writes");
    drop(input);
    let output = child.wait_with_output().await.expect("ends").stdout;
    let end = output.windows(4).position(|window| window == b"\r\n\r\n").expect("headers");
    let mut response = http::Response::builder();
    for line in String::from_utf8_lossy(&output[..end]).lines() {
        let (name, value) = line.split_once(": ").expect("a header");
        response = match name {
            "Status" => response.status(value[..3].parse::<u16>().expect("a code")),
            name => response.header(name, value),
        };
    }
    Ok(response.body(Full::from(output[end + 4..].to_vec())).expect("a response"))
}

/// Secrets of one repository, with this authority for its host.
fn secrets(fields: &[(&str, String)], authority: &'static str) -> Secrets {
    let data: serde_json::Map<String, Value> =
        fields.iter().map(|(key, value)| ((*key).to_owned(), STANDARD.encode(value).into())).collect();
    let secret = json!({"metadata": {"labels": {"argocd.argoproj.io/secret-type": "repository"}}, "data": data});
    let (client, _) = testing::server(move |got| match got.path.split('?').next().unwrap_or_default() {
        "/api/v1/namespaces/argocd/secrets" => (200, json!({"items": [secret]})),
        "/api/v1/namespaces/argocd/configmaps/argocd-tls-certs-cm" => (200, json!({"data": {"localhost": authority}})),
        "/api/v1/namespaces/argocd/configmaps/argocd-ssh-known-hosts-cm" => {
            (200, json!({"data": {"ssh_known_hosts": "git.example ssh-ed25519 AAAA"}}))
        }
        _ => (404, json!({"kind": "Status", "status": "Failure", "code": 404, "message": "not found"})),
    });
    Secrets::new(client)
}

/// What a look at the served repository finds with these fields in its Secret.
async fn looked(port: u16, fields: &[(&str, &str)], authority: &'static str) -> Result<GitAnswer, String> {
    let address = format!("https://localhost:{port}/repository/.git");
    let mut fields: Vec<(&str, String)> = fields.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
    fields.push(("url", address.clone()));
    let mut world = world();
    world.git.secrets = Some(secrets(&fields, authority));
    let ask = GitAsk { repository: address, ..world.ask("main", "app") };
    world.git.look(ask).await
}

/// A folder that holds the usual repository under the name `repository`.
fn hosted() -> TempDir {
    let (repository, _) = repository();
    let host = tempfile::tempdir().expect("a folder");
    git(host.path(), &["clone", "-q", &repository.path().display().to_string(), "repository"]);
    host
}

#[tokio::test]
async fn https_is_entered_with_what_its_secret_holds() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let host = hosted();
    // me:s3cret
    let basic = serve(host.path().to_owned(), "Basic bWU6czNjcmV0").await;
    let bearer = serve(host.path().to_owned(), "Bearer t0ken").await;
    let open = serve(host.path().to_owned(), "").await;
    let known: [(&str, &str); 2] = [("username", "me"), ("password", "s3cret")];
    for (port, fields, authority) in [
        (basic, &known[..], AUTHORITY),
        (basic, &[known[0], known[1], ("insecure", "true")], ""),
        (bearer, &[("bearerToken", "t0ken")], AUTHORITY),
        (open, &[], AUTHORITY),
    ] {
        let answer = looked(port, fields, authority).await.unwrap_or_else(|error| panic!("{fields:?}: {error}"));
        assert_eq!(files(&answer), ["app/web.yaml=version: 2"], "{fields:?}");
    }
}

#[tokio::test]
async fn what_keeps_https_shut_is_said_without_the_secrets() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let host = hosted();
    let basic = serve(host.path().to_owned(), "Basic bWU6czNjcmV0").await;
    for (fields, authority, expected) in [
        (&[("username", "me"), ("password", "wr0ng-one")][..], AUTHORITY, "401"),
        (&[("bearerToken", "wr0ng-one")], AUTHORITY, "the server does not accept the bearer token (401)"),
        (&[], AUTHORITY, "the server wants credentials (401), and no Secret has any for this address"),
        (&[("password", "wr0ng-one")], "", "UnknownIssuer"),
        (&[("password", "wr0ng-one")], "no certificate", "UnknownIssuer"),
        (&[("password", "wr0ng-one")], "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----", "not in PEM"),
    ] {
        let error = looked(basic, fields, authority).await.expect_err("refused");
        assert!(error.contains(expected), "{fields:?}: {error}");
        assert!(!error.contains("wr0ng-one"), "{error}");
    }
}

#[tokio::test]
async fn an_address_with_a_password_is_told_without_it() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let world = world();
    for repository in ["https://me:pa55word@127.0.0.1:1/shop", "ftp://me:pa55word@git.example/shop"] {
        let ask = GitAsk { repository: repository.into(), ..world.ask("main", "app") };
        let error = world.git.look(ask).await.expect_err("refused");
        assert!(!error.contains("pa55word") && !error.is_empty(), "{error}");
    }
}

#[tokio::test]
async fn secrets_that_cannot_be_read_are_told_with_the_failure() {
    let mut world = world();
    let (client, _) = testing::server(|_| {
        (403, json!({"kind": "Status", "status": "Failure", "code": 403, "message": "secrets is forbidden"}))
    });
    world.git.secrets = Some(Secrets::new(client));
    let ask = GitAsk { repository: "git://127.0.0.1:1/shop".into(), ..world.ask("main", "app") };
    let error = world.git.look(ask).await.expect_err("refused");
    assert!(error.contains("the Secrets of repositories cannot be read") && error.contains("forbidden"), "{error}");
}

/// A program that does as `ssh` does: notes how it was called, and runs the command here.
fn stand_in(folder: &Path, script: &str) -> String {
    let program = folder.join("ssh");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("writes");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("sets");
    program.display().to_string()
}

#[tokio::test]
async fn ssh_is_called_with_the_key_and_the_known_hosts() {
    let mut world = world();
    let tools = tempfile::tempdir().expect("a folder");
    let notes = tools.path().join("notes");
    let script = format!(
        "for word in \"$@\"; do case \"$last\" in -i) cat \"$word\" >>{0};; esac; \
         case \"$word\" in UserKnownHostsFile=*) cat \"${{word#*=}}\" >>{0};; esac; \
         echo \"$word\" >>{0}; before=$last; last=$word; done; exec sh -c \"$before $last\"",
        notes.display()
    );
    world.git.ssh = stand_in(tools.path(), &script);
    let address = format!("ssh://git@git.example:2222{}", world.repository.path().display());
    let fields = [("url", address.clone()), ("sshPrivateKey", "PRIVATE KEY".to_owned())];
    world.git.secrets = Some(secrets(&fields, ""));
    let answer = world.git.look(GitAsk { repository: address, ..world.ask("main", "app") }).await;
    assert_eq!(files(&answer.expect("found")), ["app/web.yaml=version: 2"]);
    let notes = std::fs::read_to_string(notes).expect("was called");
    for part in ["BatchMode=yes", "StrictHostKeyChecking=yes", "PRIVATE KEY", "git.example ssh-ed25519 AAAA", "2222"] {
        assert!(notes.contains(part), "{part} is in\n{notes}");
    }
}

#[tokio::test]
async fn what_ssh_complains_of_is_said() {
    let mut world = world();
    let tools = tempfile::tempdir().expect("a folder");
    let complaint = "git@git.example: Permission denied (publickey).";
    for (script, expected) in [
        (format!("echo '{complaint}' >&2; exit 255"), complaint),
        ("echo 'No user exists for uid 65532' >&2; exit 255".to_owned(), "ssh: No user exists for uid 65532"),
        ("exit 255".to_owned(), "Transport handshake failed"),
    ] {
        world.git.ssh = stand_in(tools.path(), &script);
        let ask = GitAsk { repository: "ssh://git@git.example/shop".into(), ..world.ask("main", "app") };
        let error = world.git.look(ask).await.expect_err("refused");
        assert!(error.contains(expected), "{error}");
    }
    world.git.ssh = "/no/such/ssh".into();
    let ask = GitAsk { repository: "git@git.example:shop/web".into(), ..world.ask("main", "app") };
    let error = world.git.look(ask).await.expect_err("refused");
    assert!(error.contains("/no/such/ssh"), "{error}");
    world.git.ssh = stand_in(tools.path(), "echo 'was called' >&2; exit 255");
    for repository in ["ssh://-oProxyCommand=touch/shop", "ssh://-oProxyCommand=touch@git.example/shop"] {
        let ask = GitAsk { repository: repository.into(), ..world.ask("main", "app") };
        let error = world.git.look(ask).await.expect_err("refused");
        assert!(!error.contains("was called"), "{repository}: {error}");
    }
}
