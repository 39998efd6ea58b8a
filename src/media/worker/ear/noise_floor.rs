//! How loud it is when nobody speaks.

/// Follows the quietest of late.
#[derive(Default)]
pub struct NoiseFloor {
    square: Option<f32>,
}

impl NoiseFloor {
    /// How much the noise may grow in 100 ms: about 1 dB in a second.
    const GROWS: f32 = 1.023;

    /// The next 100 ms: their mean square.
    pub fn hear(&mut self, square: f32) {
        let grown = self.square.map_or(square, |before| before.max(1e-10) * Self::GROWS);
        self.square = Some(grown.min(square));
    }

    /// The mean square of the noise.
    pub fn square(&self) -> f32 {
        self.square.unwrap_or(0.0)
    }
}
