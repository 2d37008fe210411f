//! Reads the YAML and JSON of a Git tree as kubectl would, and says file and line where that fails.
//!
//! Lists are flattened, empty documents are skipped, and a file with the skip marker is left out. What an object means,
//! and whether it is allowed, is decided elsewhere.

mod yaml;

use plan::GitAnswer;
use serde_json::Value;
use serde_saphyr::Error;
use thiserror::Error as ThisError;

use crate::key;

/// A file that contains this text is not read.
const SKIP_MARKER: &str = "+argocd:skip-file-rendering";

/// An object as it stands in Git.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Path of its file in the repository.
    pub file: String,
    /// Line on which its document begins, from 1.
    pub line: u64,
    /// The object. It has `apiVersion`, `kind` and a name.
    pub object: Value,
}

/// Why a tree cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
pub enum ManifestError {
    /// The text is not YAML.
    #[error("{file}:{line}: {problem}")]
    Unparsable {
        /// Path of the file.
        file: String,
        /// Line from 1; 0 when the parser names none.
        line: u64,
        /// What the parser says.
        problem: String,
    },
    /// A document is not an object of the API.
    #[error("{file}:{line}: {problem}")]
    NotAnObject {
        /// Path of the file.
        file: String,
        /// Line on which the document begins.
        line: u64,
        /// What is missing.
        problem: String,
    },
    /// A file that would have to be rendered first.
    #[error("{file}: Forbidden: jsonnet is not supported by this version")]
    Jsonnet {
        /// Path of the file.
        file: String,
    },
}

/// All objects of a tree in the order of files and documents, or everything that is wrong with it.
pub fn parse(tree: &GitAnswer) -> Result<Vec<Manifest>, Vec<ManifestError>> {
    let mut manifests = Vec::new();
    let mut errors = Vec::new();
    // A rendering is YAML whatever its path is called; a plain folder holds other files as well.
    let is_plain = tree.source_type != "Kustomize";
    for (file, content) in &tree.files {
        if is_plain && file.ends_with(".jsonnet") {
            errors.push(ManifestError::Jsonnet { file: file.clone() });
        }
        let is_skipped = is_plain && (!is_manifest_file(file) || content.contains(SKIP_MARKER));
        if is_skipped {
            continue;
        }
        match parse_file(file, content) {
            Ok(found) => manifests.extend(found),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(manifests) } else { Err(errors) }
}

fn is_manifest_file(file: &str) -> bool {
    [".yaml", ".yml", ".json"].iter().any(|extension| file.ends_with(extension))
}

/// The objects of one file in the order of its documents, whatever the file is called.
pub fn parse_file(file: &str, content: &str) -> Result<Vec<Manifest>, ManifestError> {
    let manifests = parse_unnamed(file, content)?;
    let is_unnamed =
        |manifest: &&Manifest| key::text(&manifest.object, &["metadata", "name"]).is_none_or(str::is_empty);
    match manifests.iter().find(is_unnamed) {
        Some(manifest) => Err(not_an_object(file, manifest.line, "metadata.name is missing")),
        None => Ok(manifests),
    }
}

/// The same, and an object may leave its name to the API server.
pub fn parse_unnamed(file: &str, content: &str) -> Result<Vec<Manifest>, ManifestError> {
    let documents = yaml::documents(content).map_err(|error| unparsable(file, &error))?;
    let mut manifests = Vec::new();
    for (line, document) in documents {
        flatten(file, line, document, &mut manifests)?;
    }
    Ok(manifests)
}

fn unparsable(file: &str, error: &Error) -> ManifestError {
    let line = error.location().map_or(0, |location| location.line());
    // The parser's text may go over several lines, of which the first says what is wrong.
    let problem = error.to_string().lines().next().unwrap_or("not YAML").to_owned();
    ManifestError::Unparsable { file: file.to_owned(), line, problem }
}

fn not_an_object(file: &str, line: u64, problem: &str) -> ManifestError {
    ManifestError::NotAnObject { file: file.to_owned(), line, problem: problem.to_owned() }
}

fn flatten(file: &str, line: u64, object: Value, into: &mut Vec<Manifest>) -> Result<(), ManifestError> {
    if object.is_null() {
        return Ok(());
    }
    let refuse = |problem: &str| not_an_object(file, line, problem);
    if !object.is_object() {
        return Err(refuse("a manifest must be an object"));
    }
    for field in ["apiVersion", "kind"] {
        if key::text(&object, &[field]).is_none_or(str::is_empty) {
            return Err(refuse(&format!("{field} is missing")));
        }
    }
    let is_list = key::text(&object, &["kind"]).is_some_and(|kind| kind.ends_with("List"));
    if let Some(Value::Array(items)) = object.get("items").filter(|_| is_list) {
        return items.iter().try_for_each(|item| flatten(file, line, item.clone(), into));
    }
    into.push(Manifest { file: file.to_owned(), line, object });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn tree(files: &[(&str, &str)]) -> GitAnswer {
        let files =
            files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect::<BTreeMap<_, _>>();
        GitAnswer { commit: "c1".into(), files, source_type: "Directory".into() }
    }

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let manifests = parse(&tree(files)).expect("the tree parses");
        manifests
            .iter()
            .map(|manifest| {
                format!(
                    "{}:{} {}",
                    manifest.file,
                    manifest.line,
                    key::text(&manifest.object, &["metadata", "name"]).unwrap_or("")
                )
            })
            .collect()
    }

    #[test]
    fn documents_lists_and_files() {
        let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n";
        let two = format!("{service}---\n# nothing here\n---\n{}", service.replace("web", "db"));
        let list = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Service, metadata: {name: a}}\n- {apiVersion: v1, kind: Service, metadata: {name: b}}\n";
        for (files, expected) in [
            (vec![("a.yaml", service)], vec!["a.yaml:1 web"]),
            (vec![("a.yml", two.as_str())], vec!["a.yml:1 web", "a.yml:7 db"]),
            (vec![("l.yaml", list)], vec!["l.yaml:1 a", "l.yaml:1 b"]),
            (
                vec![
                    ("README.md", "not yaml: ["),
                    ("x.json", r#"{"apiVersion":"v1","kind":"Service","metadata":{"name":"j"}}"#),
                ],
                vec!["x.json:1 j"],
            ),
            (vec![("s.yaml", "# +argocd:skip-file-rendering\n: : :")], vec![]),
            (vec![("empty.yaml", "# only a comment\n")], vec![]),
        ] {
            assert_eq!(found(&files), expected, "{files:?}");
        }
    }

    #[test]
    fn errors_name_file_and_line() {
        for (text, expected) in [
            ("apiVersion: v1\nkind: Service\nmetadata: {name: web\n", "bad.yaml:3: "),
            ("apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n   labels: x\n", "bad.yaml:5: "),
            ("kind: Service\nmetadata: {name: web}\n", "bad.yaml:1: apiVersion is missing"),
            ("apiVersion: v1\nkind: Service\n", "bad.yaml:1: metadata.name is missing"),
            ("- a\n- b\n", "bad.yaml:1: a manifest must be an object"),
        ] {
            let errors = parse(&tree(&[("bad.yaml", text)])).expect_err("the tree is bad");
            assert!(errors[0].to_string().starts_with(expected), "{} for {text:?}", errors[0]);
        }
        assert_eq!(
            parse(&tree(&[("a.jsonnet", "{}")])).expect_err("is refused")[0].to_string(),
            "a.jsonnet: Forbidden: jsonnet is not supported by this version"
        );
    }
}
