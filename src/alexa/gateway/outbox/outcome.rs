//! The answers of the event gateway.

/// What the event gateway made of a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// 202, 204.
    Delivered,
    /// 400, and every other 4xx without a row of its own: never to be sent again.
    Refused,
    /// 401. The owner gets another token before it sends what comes next.
    TokenBad,
    /// 403 `SKILL_DISABLED_EXCEPTION`.
    SkillDisabled,
    /// 403 `SKILL_NEVER_ENABLED_EXCEPTION`. The owner looks the region up again.
    SkillNeverEnabled,
    /// 403 `INSUFFICIENT_PERMISSION_EXCEPTION`, and every other 403.
    NoPermission,
    /// 404.
    NotFound,
    /// 413.
    TooLarge,
    /// 429.
    Throttled,
    /// 500, 503, and every other 5xx.
    ServerTrouble,
    /// No answer.
    Unreachable,
}

impl Outcome {
    /// It may go better soon, with nothing done.
    pub(super) fn is_trouble(self) -> bool {
        matches!(self, Self::Throttled | Self::ServerTrouble | Self::Unreachable)
    }
}
