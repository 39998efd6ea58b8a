use serde::Serialize;

/// Whether anything stands between us and Alexa.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Nothing.
    Open,
    /// The event gateway cannot be reached, or is in trouble.
    Away,
    /// The event gateway refuses the token, also a new one.
    Rejected,
    /// The user disabled the skill. Ends with a new grant.
    SkillDisabled,
    /// The skill is not known there: another region, or not yet.
    SkillNeverEnabled,
    /// The skill may not send events.
    NoPermission,
    /// Skill or account are gone; enabling the skill anew helps. Ends with a new grant.
    NotFound,
}

/// How much waits or is under way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// Presses.
    pub presses: usize,
    /// Endpoints with a change that Alexa does not know of.
    pub changes: usize,
    /// Endpoints that are to be added, described anew, or deleted.
    pub endpoints: usize,
}
