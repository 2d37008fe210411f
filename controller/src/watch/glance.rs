//! Watches that keep nothing: each event only says that an object of some name changed.
//!
//! The server is asked for metadata alone, and where it stands now instead of a list, so that a watch costs a connection
//! and no memory, however many objects there are. After a gap nobody knows what changed, and that is said too.

use super::{BACK_OFF, LIST_TIMEOUT, Page, Requests, WatchError, store, store::Name, watch};
use kube::Client;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tracing::debug;

/// Metadata where the server can, whole objects where it cannot.
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
const METADATA_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
/// A collection that may not be watched, or is not there, is asked for again after this long.
const REFUSED: Duration = Duration::from_secs(60);

/// Tells of each object that changes in the collection at `path`, for ever; with `None`, that some may have.
pub(crate) async fn glance(client: Client, path: String, told: impl Fn(Option<Name>)) {
    let requests = |accept| Requests { path: path.clone(), selector: None, accept };
    let event = |event: &str, object: &serde_json::Value| {
        if let ("ADDED" | "MODIFIED" | "DELETED", Ok(name)) = (event, store::name_of(object)) {
            told(Some(name));
        }
    };
    let mut pause = BACK_OFF.0;
    loop {
        let error = match standing(&client, &requests(METADATA_LIST)).await {
            Ok(version) => {
                pause = BACK_OFF.0;
                told(None);
                watch(&client, &requests(METADATA), &event, version).await
            }
            Err(error) => error,
        };
        debug!(path, error = crate::logging::chain(&error), "not watched for now");
        match error {
            WatchError::Missing | WatchError::Denied(_) => sleep(REFUSED).await,
            WatchError::Expired => sleep(BACK_OFF.0).await,
            _ => {
                sleep(pause).await;
                pause = (pause * 2).min(BACK_OFF.1);
            }
        }
    }
}

/// The version at which the collection stands now.
async fn standing(client: &Client, requests: &Requests) -> Result<String, WatchError> {
    let request = requests.get(&[("limit", "1")])?;
    let text = timeout(LIST_TIMEOUT, client.request_text(request)).await.map_err(|_| WatchError::Silent)??;
    let page: Page = serde_json::from_str(&text)?;
    Ok(page.metadata.resource_version)
}
