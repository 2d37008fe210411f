//! How the story of an update ends, and what that means to a script.

/// How an update ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The new version has everything.
    Promoted,
    /// The update was taken back by itself.
    TakenBack(String),
    /// It is stuck, and nothing is taken back.
    Degraded(String),
    /// The controller refuses what the files say.
    Invalid(String),
    /// It waits for somebody: `at step 2, until …`.
    Waits(String),
    /// The controller broke one of its own rules.
    Defect(Vec<String>),
}

impl Ending {
    /// 0 promoted, 1 taken back or stuck, 2 the files are wrong, 3 still waiting.
    pub fn exit_code(&self) -> u8 {
        match self {
            Ending::Promoted => 0,
            Ending::TakenBack(_) | Ending::Degraded(_) | Ending::Defect(_) => 1,
            Ending::Invalid(_) => 2,
            Ending::Waits(_) => 3,
        }
    }
}
