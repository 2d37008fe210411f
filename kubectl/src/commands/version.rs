//! `version`: which plugin this is. It does not ask the cluster.

/// The lines to print, for the name that the plugin goes by.
pub fn version(program: &str, short: bool) -> String {
    let line = format!("{program}: v{}", env!("CARGO_PKG_VERSION"));
    if short {
        return line;
    }
    let (system, machine) = (std::env::consts::OS, std::env::consts::ARCH);
    format!("{line}\n  Product: Leadline\n  Platform: {system}/{machine}")
}
