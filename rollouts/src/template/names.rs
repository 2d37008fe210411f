//! The naming rules of Kubernetes: DNS labels and subdomains, label keys and values, port, variable and key names.
//!
//! Each rule returns its complaints in the words of the API server, since people search for those. None: the name is fine.

const LABEL_LIMIT: usize = 63;
const SUBDOMAIN_LIMIT: usize = 253;
const PORT_NAME_LIMIT: usize = 15;

const LABEL_PATTERN: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const LABEL_RULE: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
const SUBDOMAIN_RULE: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
const KEY_PATTERN: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const KEY_RULE: &str =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const VALUE_RULE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const VARIABLE_RULE: &str = "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit";
const CONFIG_KEY_RULE: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";

/// A DNS label: names of containers and volumes.
pub(super) fn dns_label(name: &str) -> Vec<String> {
    let mut complaints = length(name, LABEL_LIMIT, "characters");
    if !is_dns_label(name) {
        complaints.push(if is_dns_subdomain(name) {
            "must not contain dots".to_owned()
        } else {
            with_pattern(LABEL_RULE, LABEL_PATTERN, &["my-name", "123-abc"])
        });
    }
    complaints
}

/// A DNS subdomain: names of most objects.
pub(super) fn dns_subdomain(name: &str) -> Vec<String> {
    let mut complaints = length(name, SUBDOMAIN_LIMIT, "characters");
    if !is_dns_subdomain(name) {
        let pattern = format!("{LABEL_PATTERN}(\\.{LABEL_PATTERN})*");
        complaints.push(with_pattern(SUBDOMAIN_RULE, &pattern, &["example.com"]));
    }
    complaints
}

/// A label or annotation key, with or without a prefix.
pub(super) fn label_key(key: &str) -> Vec<String> {
    let explained = with_pattern(KEY_RULE, KEY_PATTERN, &["MyName", "my.name", "123-abc"]);
    let mut complaints = Vec::new();
    let name = match key.split('/').collect::<Vec<_>>().as_slice() {
        [name] => *name,
        [prefix, name] => {
            if prefix.is_empty() {
                complaints.push("prefix part must be non-empty".to_owned());
            } else {
                complaints
                    .extend(dns_subdomain(prefix).into_iter().map(|complaint| format!("prefix part {complaint}")));
            }
            *name
        }
        _ => {
            return vec![format!(
                "a valid label key {explained} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
    };
    if name.is_empty() {
        complaints.push("name part must be non-empty".to_owned());
    }
    complaints.extend(length(name, LABEL_LIMIT, "bytes").into_iter().map(|complaint| format!("name part {complaint}")));
    if !is_key_name(name) {
        complaints.push(format!("name part {explained}"));
    }
    complaints
}

/// The value of a label.
pub(super) fn label_value(value: &str) -> Vec<String> {
    let mut complaints = length(value, LABEL_LIMIT, "bytes");
    if !value.is_empty() && !is_key_name(value) {
        complaints.push(with_pattern(VALUE_RULE, &format!("({KEY_PATTERN})?"), &["MyValue", "my_value", "12345"]));
    }
    complaints
}

/// The name of a port.
pub(super) fn port_name(name: &str) -> Vec<String> {
    let mut complaints = length(name, PORT_NAME_LIMIT, "characters");
    let mut complain = |holds: bool, complaint: &str| {
        if !holds {
            complaints.push(complaint.to_owned());
        }
    };
    complain(
        !name.is_empty() && name.bytes().all(is_label_byte),
        "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
    );
    complain(name.bytes().any(|byte| byte.is_ascii_lowercase()), "must contain at least one letter (a-z)");
    complain(!name.contains("--"), "must not contain consecutive hyphens");
    complain(!name.starts_with('-') && !name.ends_with('-'), "must not begin or end with a hyphen");
    complaints
}

/// The name of an environment variable.
pub(super) fn variable(name: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let starts_well = name.starts_with(|letter: char| !letter.is_ascii_digit());
    if !starts_well || !name.bytes().all(is_config_byte) {
        let examples = ["my.env-name", "MY_ENV.NAME", "MyEnvName1"];
        complaints.push(with_pattern(VARIABLE_RULE, "[-._a-zA-Z][-._a-zA-Z0-9]*", &examples));
    }
    complaints.extend(parent_directory(name));
    complaints
}

/// A key of a ConfigMap or Secret.
pub(super) fn config_key(key: &str) -> Vec<String> {
    let mut complaints = length(key, SUBDOMAIN_LIMIT, "characters");
    if key.is_empty() || !key.bytes().all(is_config_byte) {
        complaints.push(with_pattern(CONFIG_KEY_RULE, "[-._a-zA-Z0-9]+", &["key.name", "KEY_NAME", "key-name"]));
    }
    complaints.extend(parent_directory(key));
    complaints
}

/// The API server counts bytes everywhere, and calls them so for label keys and values only.
fn length(name: &str, limit: usize, unit: &str) -> Vec<String> {
    if name.len() > limit { vec![format!("must be no more than {limit} {unit}")] } else { Vec::new() }
}

fn parent_directory(name: &str) -> Option<String> {
    match name {
        "." => Some("must not be '.'".to_owned()),
        ".." => Some("must not be '..'".to_owned()),
        _ if name.starts_with("..") => Some("must not start with '..'".to_owned()),
        _ => None,
    }
}

fn with_pattern(rule: &str, pattern: &str, examples: &[&str]) -> String {
    let examples = examples.iter().map(|example| format!("'{example}', ")).collect::<Vec<_>>().join(" or ");
    format!("{rule} (e.g. {examples}regex used for validation is '{pattern}')")
}

fn is_dns_label(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(is_label_byte) && !name.starts_with('-') && !name.ends_with('-')
}

fn is_dns_subdomain(name: &str) -> bool {
    name.split('.').all(is_dns_label)
}

fn is_key_name(name: &str) -> bool {
    let is_edge = |letter: char| letter.is_ascii_alphanumeric();
    name.starts_with(is_edge) && name.ends_with(is_edge) && name.bytes().all(is_config_byte)
}

fn is_label_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
}

fn is_config_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_names_what_is_wrong() {
        type Rule = fn(&str) -> Vec<String>;
        let cases: [(Rule, &str, Option<&str>); 21] = [
            (dns_label, "app-1", None),
            (dns_label, "a.b", Some("must not contain dots")),
            (dns_label, "App", Some("a lowercase RFC 1123 label must consist of")),
            (dns_label, &"a".repeat(64), Some("must be no more than 63 characters")),
            (dns_subdomain, "a.b-c", None),
            (dns_subdomain, "a..b", Some("a lowercase RFC 1123 subdomain must consist of")),
            (label_key, "example.com/Name", None),
            (label_key, "/name", Some("prefix part must be non-empty")),
            (label_key, "a/b/c", Some("a valid label key must consist of")),
            (label_key, "-a", Some("name part must consist of")),
            (label_value, "", None),
            (label_value, "a b", Some("a valid label must be an empty string or")),
            (port_name, "http", None),
            (port_name, "80", Some("must contain at least one letter (a-z)")),
            (port_name, "a--b", Some("must not contain consecutive hyphens")),
            (port_name, "-a", Some("must not begin or end with a hyphen")),
            (variable, "A_B.c", None),
            (variable, "1A", Some("a valid environment variable name must consist of")),
            (variable, "..a", Some("must not start with '..'")),
            (config_key, "..", Some("must not be '..'")),
            (config_key, "a/b", Some("a valid config key must consist of")),
        ];
        for (rule, name, expected) in cases {
            let complaints = rule(name);
            match expected {
                None => assert!(complaints.is_empty(), "{name}: {complaints:?}"),
                Some(start) => {
                    assert!(complaints.first().is_some_and(|first| first.starts_with(start)), "{name}: {complaints:?}")
                }
            }
        }
    }

    #[test]
    fn patterns_are_quoted_with_examples() {
        let expected = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
        assert_eq!(dns_label("A"), [expected]);
    }
}
