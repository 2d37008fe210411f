//! The simulator's API server, through `kube::Client` as the controller uses it: each module tells one behaviour.

mod api {
    pub(crate) mod objects;
    pub(crate) mod owners;
    pub(crate) mod watches;
    pub(crate) mod world;
}
