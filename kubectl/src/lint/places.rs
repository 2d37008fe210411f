//! On which line of a file does a field stand? The tree of a document, with nothing but names and lines.

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::Spanned;
use std::fmt;

/// A document, and where its fields stand.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    line: u64,
    below: Vec<(String, Places)>,
}

impl Places {
    /// The documents of a text; none where it cannot be read.
    pub(super) fn of(text: &str) -> Vec<Self> {
        let options = serde_saphyr::options! {
            budget: serde_saphyr::budget! { max_depth: 200, enforce_alias_anchor_ratio: false },
            duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
            with_snippet: false,
        };
        let read = serde_saphyr::from_multiple_with_options::<Spanned<Self>>(text, options);
        read.unwrap_or_default().into_iter().map(|it| Self { line: it.referenced.line(), ..it.value }).collect()
    }

    /// The line on which it begins.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The line of a field, such as `spec.strategy.canary.steps[0].setWeight`; where it is missing, of what it is missing in.
    pub(super) fn line_of(&self, path: &str) -> Option<u64> {
        let mut place = self;
        for word in path.split(['.', '[', ']']).filter(|word| !word.is_empty()) {
            match place.below.iter().find(|(name, _)| name == word) {
                Some((_, found)) => place = found,
                None => break,
            }
        }
        Some(place.line).filter(|line| *line > 0)
    }
}

impl<'de> Deserialize<'de> for Places {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Read)
    }
}

struct Read;

impl<'de> Visitor<'de> for Read {
    type Value = Places;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Places, E> {
        Ok(Places::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Places, E> {
        Ok(Places::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Places, E> {
        Ok(Places::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Places, E> {
        Ok(Places::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<Places, E> {
        Ok(Places::default())
    }

    fn visit_unit<E>(self) -> Result<Places, E> {
        Ok(Places::default())
    }

    fn visit_none<E>(self) -> Result<Places, E> {
        Ok(Places::default())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Places, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Places, A::Error> {
        let mut below = Vec::new();
        while let Some(item) = items.next_element::<Spanned<Places>>()? {
            let place = Places { line: item.referenced.line(), ..item.value };
            below.push((below.len().to_string(), place));
        }
        Ok(Places { line: 0, below })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Places, A::Error> {
        let mut below = Vec::new();
        while let Some((name, place)) = fields.next_entry::<Spanned<String>, Places>()? {
            below.push((name.value.clone(), Places { line: name.referenced.line(), ..place }));
        }
        Ok(Places { line: 0, below })
    }
}
