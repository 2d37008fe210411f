//! `lint`: prints everything that is wrong with files, each on its line, and fails when there is anything.

use crate::{Error, Screen, lint, manifests};
use std::path::PathBuf;

/// Checks files.
pub fn lint(files: &[PathBuf], screen: &mut Screen<'_>) -> Result<(), Error> {
    let texts = manifests::read(files)?;
    let findings = lint::findings(&texts);
    for finding in &findings {
        screen.warn(finding);
    }
    match findings.len() {
        0 => Ok(()),
        1 => Err(Error::Findings("1 mistake".into())),
        count => Err(Error::Findings(format!("{count} mistakes"))),
    }
}
