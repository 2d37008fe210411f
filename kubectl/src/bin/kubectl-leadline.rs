//! `kubectl leadline …`: the plugin under its own name. Does nothing but start it.

use std::process::ExitCode;

fn main() -> ExitCode {
    kubectl::main()
}
