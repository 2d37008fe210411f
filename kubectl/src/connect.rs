//! Finds the cluster that the command line means: kubeconfig files, contexts and flags as kubectl reads them, or, in a pod,
//! the pod's own service account. Sends nothing.

use crate::{Cluster, Error, arguments::Connection};
use kube::{
    Client, Config,
    config::{AuthInfo, KubeConfigOptions, Kubeconfig, KubeconfigError},
};
use serde_json::json;
use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
};

/// The cluster, and the namespace to act in.
pub(crate) async fn connect(connection: &Connection) -> Result<Cluster, Error> {
    let mut config = found(connection).await?;
    change(&mut config, connection)?;
    let namespace = connection.namespace().unwrap_or(&config.default_namespace).to_owned();
    let client = Client::try_from(config).map_err(|error| failed("cannot use this configuration", error))?;
    Ok(Cluster::new(client, namespace))
}

async fn found(connection: &Connection) -> Result<Config, Error> {
    let Connection { kubeconfig, context, cluster, user, .. } = connection;
    let names = KubeConfigOptions { context: context.clone(), cluster: cluster.clone(), user: user.clone() };
    let file = match kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => read(&env::var_os("KUBECONFIG").unwrap_or_default()),
    };
    let from_file = match file {
        Ok(file) => Config::from_custom_kubeconfig(file, &names).await,
        Err(error) => Err(error),
    };
    let error = match from_file {
        Ok(config) => return Ok(config),
        Err(error) => error,
    };
    let is_named = kubeconfig.is_some() || context.is_some() || cluster.is_some() || user.is_some();
    if !is_named {
        if let Some(server) = &connection.server {
            return Ok(Config::new(address(server)?));
        }
        if let Ok(config) = Config::incluster() {
            return Ok(config);
        }
    }
    let what = if is_named {
        "cannot use the kubeconfig"
    } else {
        "no cluster: set KUBECONFIG, or give --kubeconfig or --server"
    };
    Err(failed(what, error))
}

/// The files that the variable lists, as one, or else the usual one. As with kubectl, some of them need not be there.
fn read(listed: &OsStr) -> Result<Kubeconfig, KubeconfigError> {
    let there: Vec<PathBuf> = env::split_paths(listed).filter(|path| path.exists()).collect();
    if there.is_empty() {
        return Kubeconfig::read();
    }
    there.iter().try_fold(Kubeconfig::default(), |merged, path| merged.merge(Kubeconfig::read_from(path)?))
}

/// Flags win over files.
fn change(config: &mut Config, connection: &Connection) -> Result<(), Error> {
    if let Some(server) = &connection.server {
        config.cluster_url = address(server)?;
    }
    let auth = &mut config.auth_info;
    if let Some(token) = &connection.token {
        let given = json!({ "token": token });
        *auth = serde_json::from_value::<AuthInfo>(given).map_err(|error| failed("cannot use the token", error))?;
    }
    let text = |path: &Path| path.to_string_lossy().into_owned();
    if let Some(path) = &connection.client_certificate {
        auth.client_certificate = Some(text(path));
        auth.client_certificate_data = None;
    }
    if let Some(path) = &connection.client_key {
        auth.client_key = Some(text(path));
        auth.client_key_data = None;
    }
    if let Some(user) = &connection.act_as {
        auth.impersonate = Some(user.clone());
    }
    if connection.act_as_uid.is_some() {
        auth.impersonate_uid.clone_from(&connection.act_as_uid);
    }
    if !connection.act_as_groups.is_empty() {
        auth.impersonate_groups = Some(connection.act_as_groups.clone());
    }
    if let Some(path) = &connection.certificate_authority {
        config.root_cert_file = Some(path.clone());
    }
    if connection.tls_server_name.is_some() {
        config.tls_server_name.clone_from(&connection.tls_server_name);
    }
    config.accept_invalid_certs |= connection.insecure_skip_tls_verify;
    config.disable_compression |= connection.disable_compression;
    if !connection.request_timeout.is_zero() {
        config.connect_timeout = Some(connection.request_timeout);
        config.read_timeout = Some(connection.request_timeout);
        config.reset_reader_on_write = true;
    }
    Ok(())
}

/// An address without a scheme is one of a server that speaks plain HTTP, as kubectl has it.
fn address(server: &str) -> Result<http::Uri, Error> {
    let full = if server.contains("://") { server.to_owned() } else { format!("http://{server}") };
    full.parse().map_err(|error| failed(&format!("\"{server}\" is not an address"), error))
}

fn failed(what: &str, source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Connection { what: what.to_owned(), source: Some(Box::new(source)) }
}

#[cfg(test)]
mod tests {
    use super::{address, change, read};
    use crate::arguments::Connection;
    use kube::Config;
    use std::{env, fs, process, time::Duration};

    #[test]
    fn flags_win() {
        let mut config = Config::new("https://file:6443".parse().expect("is an address"));
        config.auth_info.username = Some("from-file".into());
        let connection = Connection {
            server: Some("127.0.0.1:8001".into()),
            token: Some("secret".into()),
            act_as: Some("me".into()),
            act_as_groups: vec!["us".into()],
            request_timeout: Duration::from_secs(5),
            insecure_skip_tls_verify: true,
            ..Connection::default()
        };
        change(&mut config, &connection).expect("can be used");
        assert_eq!(config.cluster_url.to_string(), "http://127.0.0.1:8001/");
        assert!(config.auth_info.token.is_some() && config.auth_info.username.is_none());
        assert_eq!(config.auth_info.impersonate.as_deref(), Some("me"));
        assert_eq!(config.auth_info.impersonate_groups, Some(vec!["us".to_owned()]));
        assert_eq!(config.read_timeout, Some(Duration::from_secs(5)));
        assert!(config.accept_invalid_certs);
    }

    #[test]
    fn files_that_are_not_there_are_passed_over() {
        let there = env::temp_dir().join(format!("leadline-kubeconfig-{}", process::id()));
        fs::write(&there, "{apiVersion: v1, kind: Config, current-context: here}").expect("is written");
        let missing = there.with_extension("missing");
        let listed = env::join_paths([&missing, &there]).expect("is a list");
        let read = read(&listed);
        fs::remove_file(&there).expect("is there");
        assert_eq!(read.expect("one is there").current_context.as_deref(), Some("here"));
    }

    #[test]
    fn what_is_no_address_is_named() {
        let error = address("http://a b").expect_err("has a blank");
        assert!(error.line().starts_with("\"http://a b\" is not an address: "), "{}", error.line());
    }
}
