//! The phases that metrics, measurements, analysis runs and experiments share.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How far a measurement, a metric, a run or an experiment is, or how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum AnalysisPhase {
    /// None yet: absent, empty, or a text that is no phase. Written as an empty text, which clients expect.
    #[default]
    Unset,
    /// Not begun.
    Pending,
    /// Begun.
    Running,
    /// Ended well.
    Successful,
    /// Ended badly.
    Failed,
    /// Ended because it could not be carried out.
    Error,
    /// Ended without a verdict.
    Inconclusive,
}

impl AnalysisPhase {
    /// The text on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unset => "",
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Successful => "Successful",
            Self::Failed => "Failed",
            Self::Error => "Error",
            Self::Inconclusive => "Inconclusive",
        }
    }

    /// The phase with this text; anything else is `Unset`.
    pub fn parse(text: &str) -> Self {
        match text {
            "Pending" => Self::Pending,
            "Running" => Self::Running,
            "Successful" => Self::Successful,
            "Failed" => Self::Failed,
            "Error" => Self::Error,
            "Inconclusive" => Self::Inconclusive,
            _ => Self::Unset,
        }
    }

    /// Whether it has ended, well or not.
    pub fn is_completed(self) -> bool {
        match self {
            Self::Successful | Self::Failed | Self::Error | Self::Inconclusive => true,
            Self::Unset | Self::Pending | Self::Running => false,
        }
    }
}

impl fmt::Display for AnalysisPhase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Serialize for AnalysisPhase {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for AnalysisPhase {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <std::borrow::Cow<'de, str>>::deserialize(deserializer).map(|text| Self::parse(&text))
    }
}

impl crate::wire::Absent for AnalysisPhase {
    fn is_absent(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::AnalysisPhase;

    #[test]
    fn texts() {
        for text in ["", "Pending", "Running", "Successful", "Failed", "Error", "Inconclusive"] {
            let phase: AnalysisPhase = serde_json::from_value(text.into()).expect("reads");
            assert_eq!(phase.as_str(), text);
            assert_eq!(phase.is_completed(), ["Successful", "Failed", "Error", "Inconclusive"].contains(&text));
        }
        assert_eq!(AnalysisPhase::parse("successful"), AnalysisPhase::Unset);
    }
}
