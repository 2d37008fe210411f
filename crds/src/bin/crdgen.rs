//! Writes the CustomResourceDefinitions into the chart: `cargo run -p crds --features schema --bin crdgen`.
//!
//! With `--check` it writes nothing, names the files that differ from what it would write, and then exits with 1.
#![expect(clippy::disallowed_methods, reason = "a tool of the build: it reads and writes the chart's files")]

use std::{fs, io, path::Path, process::ExitCode};

use crds::definition;

/// Where Helm looks for definitions.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/leadline/crds");

fn main() -> io::Result<ExitCode> {
    let folder = Path::new(FOLDER);
    match std::env::args().nth(1).as_deref() {
        None => write(folder),
        Some("--check") => check(folder),
        Some(other) => {
            eprintln!("crdgen: unknown argument {other}; there is only --check");
            Ok(ExitCode::from(2))
        }
    }
}

fn write(folder: &Path) -> io::Result<ExitCode> {
    fs::create_dir_all(folder)?;
    for definition in definition::all() {
        fs::write(folder.join(definition.file_name()), definition::to_yaml(&definition.object))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn check(folder: &Path) -> io::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for definition in definition::all() {
        let file = folder.join(definition.file_name());
        let is_same = match fs::read_to_string(&file) {
            Ok(text) => text == definition::to_yaml(&definition.object),
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        if !is_same {
            eprintln!("charts/leadline/crds/{} is not what the types say; run crdgen", definition.file_name());
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}
