//! `kubectl argo rollouts …`: the plugin under the name that scripts know. Does nothing but start it.

use std::process::ExitCode;

fn main() -> ExitCode {
    kubectl::main()
}
