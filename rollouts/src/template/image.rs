//! The tag of an image reference, for one question: is it `latest`? Then the kubelet pulls it each time.
//!
//! A reference that does not parse has no tag, as in Kubernetes. Never asks a registry.

const NAME_LIMIT: usize = 255;
const TAG_LIMIT: usize = 128;
/// The lengths of sha256, sha384 and sha512 in hexadecimal.
const DIGESTS: [(&str, usize); 3] = [("sha256", 64), ("sha384", 96), ("sha512", 128)];

/// True if the reference has the tag `latest`, or neither a tag nor a digest.
pub(super) fn is_latest(reference: &str) -> bool {
    parse(reference).is_some_and(|parsed| match (parsed.tag, parsed.has_digest) {
        (Some(tag), _) => tag == "latest",
        (None, has_digest) => !has_digest,
    })
}

#[derive(Debug)]
struct Reference<'text> {
    tag: Option<&'text str>,
    has_digest: bool,
}

fn parse(reference: &str) -> Option<Reference<'_>> {
    // Sixty-four hexadecimal digits would be an image id.
    if reference.len() == 64 && reference.bytes().all(is_lower_hex) {
        return None;
    }
    let (named, digest) = match reference.split_once('@') {
        Some((named, digest)) => (named, Some(digest)),
        None => (reference, None),
    };
    let (domain, remainder) = split_domain(named);
    let (path, tag) = match remainder.split_once(':') {
        Some((path, tag)) => (path, Some(tag)),
        None => (remainder, None),
    };
    let full_length = match domain {
        Some(domain) => domain.len() + 1 + path.len(),
        None if path.contains('/') => "docker.io/".len() + path.len(),
        None => "docker.io/library/".len() + path.len(),
    };
    let is_well_formed = full_length <= NAME_LIMIT
        && domain.is_none_or(is_domain)
        && path.split('/').all(is_path_component)
        && tag.is_none_or(is_tag)
        && digest.is_none_or(is_digest);
    is_well_formed.then_some(Reference { tag, has_digest: digest.is_some() })
}

/// What stands before the first slash is a registry if it looks like a host, else the first part of the path.
fn split_domain(named: &str) -> (Option<&str>, &str) {
    match named.split_once('/') {
        Some((first, rest))
            if first.contains(['.', ':'])
                || first == "localhost"
                || first.bytes().any(|byte| byte.is_ascii_uppercase()) =>
        {
            (Some(first), rest)
        }
        _ => (None, named),
    }
}

fn is_domain(domain: &str) -> bool {
    let (host, port) = match domain.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (domain, None),
    };
    let is_host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':'),
        None => host.split('.').all(is_domain_component),
    };
    is_host && port.is_none_or(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_domain_component(component: &str) -> bool {
    component.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && component.starts_with(|letter: char| letter.is_ascii_alphanumeric())
        && component.ends_with(|letter: char| letter.is_ascii_alphanumeric())
}

/// Lower-case words, joined by one dot, one or two underscores, or any number of dashes.
fn is_path_component(component: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends_well = component.bytes().next().is_some_and(is_word) && component.bytes().next_back().is_some_and(is_word);
    ends_well
        && component
            .split(|letter: char| letter.is_ascii() && is_word(letter as u8))
            .all(|joint| matches!(joint, "" | "." | "_" | "__") || joint.bytes().all(|byte| byte == b'-'))
}

fn is_tag(tag: &str) -> bool {
    tag.len() <= TAG_LIMIT
        && tag.starts_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '_')
        && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

fn is_digest(digest: &str) -> bool {
    let Some((algorithm, encoded)) = digest.split_once(':') else { return false };
    DIGESTS.contains(&(algorithm, encoded.len())) && encoded.bytes().all(is_lower_hex)
}

fn is_lower_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_latest_and_no_tag_at_all_are_latest() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let cases = [
            ("nginx", true),
            ("nginx:latest", true),
            ("nginx:1.19-alpine", false),
            ("registry.example:5000/team/app", true),
            ("registry.example:5000/team/app:v1", false),
            ("localhost/app", true),
            ("[::1]:5000/app", true),
            ("", false),
            ("Nginx", false),
            ("nginx:", false),
            ("a__b/c--d", true),
            ("a..b", false),
            ("a_-b", false),
            (&format!("nginx@{digest}"), false),
            (&format!("nginx:latest@{digest}"), true),
            ("nginx@sha256:abc", false),
            (&"a".repeat(64), false),
            (&"a".repeat(256), false),
        ];
        for (reference, expected) in cases {
            assert_eq!(is_latest(reference), expected, "{reference}");
        }
    }
}
