//! Which hub the simulated one stands for.

/// Which hub the simulated one stands for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Flavour {
    /// A hub of 2026.11.
    #[default]
    Now,
    /// A hub of 2024.10: no `camera/capabilities`, no `camera/webrtc/*`; how a camera streams stands in its
    /// attribute `frontend_stream_type`; registries with fewer keys.
    Older,
    /// As [`Now`](Self::Now), with a Supervisor before it.
    Supervised,
}

impl Flavour {
    /// The version that the hub says it has.
    #[must_use]
    pub const fn version(self) -> &'static str {
        match self {
            Self::Older => "2024.10.4",
            Self::Now | Self::Supervised => super::hub::VERSION,
        }
    }
}
