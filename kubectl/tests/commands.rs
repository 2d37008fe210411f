//! The plugin's commands on the simulator's API server, in process: each module tells one group of them.

#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test may stop at what must hold")]

mod commands {
    pub mod act;
    pub mod experiments;
    pub mod explain;
    pub mod files;
    pub mod show;
    pub mod watch;
    pub mod world;
}
