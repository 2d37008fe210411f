//! How a plan prints: one line a write, its Events below it, then what it asks and what it waits for. Logs, transcripts
//! and tests show exactly this text.

use crate::{Moves, Plan, Requeue, Subresource, Verb, Write};
use std::fmt;

impl fmt::Display for Write {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.moves {
            Moves::Memory => "record",
            Moves::World => match self.verb {
                Verb::Create { .. } => "create",
                Verb::Patch { .. } => "patch",
                Verb::Delete { .. } => "delete",
                Verb::Evict { .. } => "evict",
                Verb::Apply { .. } => "apply",
            },
            Moves::Report => "report",
        };
        write!(out, "{verb} {}", self.verb.object())?;
        if let Verb::Patch { subresource, body, .. } = &self.verb {
            match subresource {
                Some(Subresource::Status) => write!(out, " status {}", body.get("status").unwrap_or(body))?,
                None => write!(out, " {body}")?,
            }
        }
        write!(out, ": {}", self.because)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for write in self.writes() {
            writeln!(out, "{write}")?;
            for event in &write.events {
                writeln!(out, "  event {}: {}", event.reason, event.message)?;
            }
        }
        for ask in &self.asks {
            writeln!(out, "ask {ask}")?;
        }
        for reason in &self.why {
            writeln!(out, "waits: {reason}")?;
        }
        match self.requeue {
            Requeue::Never => Ok(()),
            Requeue::At(time) => writeln!(out, "looks again at {}", time.format("%H:%M:%S%.3f")),
        }
    }
}
