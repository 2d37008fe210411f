//! The commands, one per file. Those that change something return the line that says so; those that show something print.

mod abort;
mod completion;
mod explain;
mod get;
mod list;
mod list_experiments;
mod pause;
mod promote;
mod restart;
mod retry;
mod set_image;
mod status;
mod terminate;
mod undo;
mod version;

pub use abort::abort;
pub use completion::completion;
pub use explain::explain;
pub use get::{Look, get};
pub use list::{Columns, list};
pub use list_experiments::list_experiments;
pub use pause::pause;
pub use promote::{Promotion, promote};
pub use restart::restart;
pub use retry::{retry, retry_experiment};
pub use set_image::set_image;
pub use status::{Wait, status};
pub use terminate::{terminate_experiment, terminate_run};
pub use undo::undo;
pub use version::version;
