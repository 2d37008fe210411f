//! The files that a person names: a file, a folder, or `-` for standard input. Reads them as kubectl does and decides nothing
//! about what is in them.

use crate::Error;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Endings of the files of a folder that hold manifests.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// A text and where it is from.
#[derive(Debug)]
pub(crate) struct Text {
    /// As the person named it.
    pub name: String,
    /// What it says.
    pub content: String,
}

/// All texts, those of a folder in the order of their names.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Vec<Text>, Error> {
    let mut texts = Vec::new();
    for path in paths {
        if path == Path::new("-") {
            let content = io::read_to_string(io::stdin().lock()).map_err(|error| unreadable(path, error))?;
            texts.push(Text { name: "standard input".into(), content });
        } else if path.is_dir() {
            for path in folder(path).map_err(|error| unreadable(path, error))? {
                texts.push(file(&path)?);
            }
        } else {
            texts.push(file(path)?);
        }
    }
    Ok(texts)
}

fn file(path: &Path) -> Result<Text, Error> {
    let content = fs::read_to_string(path).map_err(|error| unreadable(path, error))?;
    Ok(Text { name: path.display().to_string(), content })
}

/// The manifests of a folder; those of folders in it are left out.
fn folder(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    let is_manifest = |path: &PathBuf| path.extension().is_some_and(|found| ENDINGS.iter().any(|one| found == *one));
    paths.retain(|path| path.is_file() && is_manifest(path));
    paths.sort();
    Ok(paths)
}

fn unreadable(path: &Path, source: io::Error) -> Error {
    Error::File { name: path.display().to_string(), source }
}
