//! Samples, each with its place on a clock.

/// No place is further from zero than this: so places can be added without care.
const FAR: i64 = 1 << 52;

/// The last samples of a signal, addressed by their place; silence where nothing was written.
pub struct Timeline {
    ring: Vec<f32>,
    /// The oldest place that is kept.
    start: i64,
    /// The place behind the newest sample.
    end: i64,
}

impl Timeline {
    /// Keeps so many samples.
    pub fn new(capacity: usize) -> Self {
        Self { ring: vec![0.0; capacity.max(1)], start: 0, end: 0 }
    }

    /// The place behind the newest sample.
    pub fn end(&self) -> i64 {
        self.end
    }

    /// Writes samples from a place on; they become the newest. A hole before them is silent, what was written
    /// behind that place before is forgotten.
    pub fn write(&mut self, at: i64, samples: &[f32]) {
        let at = at.clamp(-FAR, FAR);
        let capacity = self.ring.len() as i64;
        for place in self.end.max(at - capacity)..at {
            *self.slot(place) = 0.0;
        }
        for (place, sample) in (at..).zip(samples) {
            *self.slot(place) = *sample;
        }
        self.end = at + samples.len() as i64;
        self.start = self.start.min(at).max(self.end - capacity);
    }

    /// Reads from a place on.
    pub fn read(&self, at: i64, to: &mut [f32]) {
        let at = at.clamp(-FAR, FAR);
        to.fill(0.0);
        let first = self.start.max(at);
        let kept = self.end.min(at + to.len() as i64) - first;
        let skipped = usize::try_from(first - at).unwrap_or(usize::MAX);
        let ring = self.ring.iter().cycle().skip(self.index(first)).take(usize::try_from(kept).unwrap_or(0));
        for (to, from) in to.iter_mut().skip(skipped).zip(ring) {
            *to = *from;
        }
    }

    fn index(&self, place: i64) -> usize {
        usize::try_from(place.rem_euclid(self.ring.len() as i64)).unwrap_or(0)
    }

    fn slot(&mut self, place: i64) -> &mut f32 {
        let index = self.index(place);
        &mut self.ring[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(timeline: &Timeline, at: i64, samples: usize) -> Vec<f32> {
        let mut read = vec![9.0; samples];
        timeline.read(at, &mut read);
        read
    }

    #[test]
    fn a_hole_is_silent_and_what_is_too_old_is_gone() {
        let mut timeline = Timeline::new(6);
        timeline.write(-3, &[1.0, 2.0]);
        timeline.write(1, &[3.0, 4.0]);
        assert_eq!(read(&timeline, -4, 8), [0.0, 1.0, 2.0, 0.0, 0.0, 3.0, 4.0, 0.0]);
        timeline.write(3, &[5.0]);
        assert_eq!(read(&timeline, -3, 8), [0.0, 2.0, 0.0, 0.0, 3.0, 4.0, 5.0, 0.0]);
    }

    #[test]
    fn a_step_back_forgets_what_came_after_it() {
        let mut timeline = Timeline::new(4);
        timeline.write(0, &[1.0, 2.0, 3.0, 4.0, 5.0]);
        timeline.write(3, &[6.0]);
        assert_eq!(read(&timeline, 0, 6), [0.0, 2.0, 3.0, 6.0, 0.0, 0.0]);
        timeline.write(i64::MAX, &[7.0]);
        assert_eq!(read(&timeline, i64::MAX, 1), [7.0]);
    }
}
