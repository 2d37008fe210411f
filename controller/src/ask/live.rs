//! Answers questions about the API server's own objects: single reads and dry runs of server-side apply.

use crate::write::{Class, Writer};
use futures::{StreamExt, TryStreamExt, stream};
use plan::{Answer, LiveAsk};

/// Reads at the same time.
const AT_ONCE: usize = 8;

/// Answers one question.
pub(super) async fn answer(writer: Writer, ask: LiveAsk) -> Answer {
    match ask {
        LiveAsk::Get(objects) => {
            let found = stream::iter(objects).map(|object| {
                let writer = writer.clone();
                async move {
                    match writer.read(&object).await {
                        Ok(found) => Ok(found),
                        // A kind that the server does not know has no objects.
                        Err(refusal) if refusal.class == Class::Invalid => Ok(None),
                        Err(refusal) => Err(format!("{object}: {refusal}")),
                    }
                }
            });
            let found: Result<Vec<_>, String> = found.buffered(AT_ONCE).try_collect().await;
            Answer::Live(found.map(|found| found.into_iter().flatten().collect()))
        }
        LiveAsk::DryRun(object, body) => {
            Answer::DryRun(writer.dry_run(&object, &body).await.map_err(|refusal| refusal.to_string()))
        }
    }
}
