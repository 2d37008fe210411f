//! The commands, one per file. Those that change something return the line that says so; those that show something print.

mod abort;
mod completion;
mod get;
mod list;
mod pause;
mod promote;
mod restart;
mod retry;
mod set_image;
mod status;
mod undo;
mod version;

pub use abort::abort;
pub use completion::completion;
pub use get::{Look, get};
pub use list::{Columns, list};
pub use pause::pause;
pub use promote::{Promotion, promote};
pub use restart::restart;
pub use retry::retry;
pub use set_image::set_image;
pub use status::{Wait, status};
pub use undo::undo;
pub use version::version;
