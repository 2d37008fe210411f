//! The simulator's API server, through `kube::Client` as the controller uses it: each module tells one behaviour.

mod api {
    pub mod objects;
    pub mod watches;
    pub mod world;
}
