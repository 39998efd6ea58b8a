//! How large and how frequent pictures are, by the rate that is left for them.

/// Best first: down to this rate, kbit/s; at most so many pixels; at most so many pictures a second.
const GRADES: [(u32, (u32, u32), u32); 6] = [
    (3_500, (1920, 1080), 30),
    (1_000, (1280, 720), 30),
    (400, (640, 360), 30),
    (200, (480, 270), 15),
    (100, (320, 180), 10),
    (0, (320, 180), 4),
];
/// A grade is kept down to this much of its own rate, percent: a change of size is seen.
const KEPT: u64 = 60;

/// One of the grades.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grade(usize);

impl Grade {
    /// The best one for so many kbit/s.
    pub fn best(kbps: u32) -> Self {
        Self(GRADES.iter().position(|(from, ..)| kbps >= *from).unwrap_or(GRADES.len() - 1))
    }

    /// The next one when the rate is this now, kbit/s, and may be that at most.
    pub fn follow(self, kbps: u32, most_kbps: u32) -> Self {
        let (now, most) = (Self::best(kbps), Self::best(most_kbps));
        let is_kept = u64::from(kbps) * 100 >= u64::from(self.entry().0) * KEPT;
        let next = if now > self && is_kept { self } else { now };
        next.max(most)
    }

    /// Most pictures a second.
    pub fn fps(self) -> u32 {
        self.entry().2
    }

    /// The size that a picture gets, never larger than the camera's and of the same shape; even.
    pub fn size(self, width: u32, height: u32) -> (u32, u32) {
        let (most_wide, most_high) = self.entry().1;
        // Doorbells stand upright.
        let (most_wide, most_high) =
            if height > width { (most_high, most_wide) } else { (most_wide, most_high) };
        let (mut wide, mut high) = (width.max(2), height.max(2));
        if wide > most_wide {
            (wide, high) = (most_wide, (high * most_wide / wide).max(2));
        }
        if high > most_high {
            (wide, high) = ((wide * most_high / high).max(2), most_high);
        }
        (wide & !1, high & !1)
    }

    fn entry(self) -> (u32, (u32, u32), u32) {
        GRADES.get(self.0).copied().unwrap_or(GRADES[GRADES.len() - 1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_keeps_its_shape_and_never_grows() {
        let fitted = |width, height, kbps| Grade::best(kbps).size(width, height);
        assert_eq!(fitted(3840, 2160, 2_500), (1280, 720));
        assert_eq!(fitted(3840, 2160, 8_000), (1920, 1080));
        assert_eq!(fitted(640, 480, 2_500), (640, 480));
        assert_eq!(fitted(2560, 1920, 2_500), (960, 720));
        assert_eq!(fitted(1536, 2048, 2_500), (720, 960));
        assert_eq!(fitted(321, 241, 800), (320, 240));
        assert_eq!(fitted(1, 4096, 800), (2, 640));
        assert_eq!(fitted(1920, 1080, 0), (320, 180));
    }

    #[test]
    fn a_grade_is_left_well_below_its_rate_and_taken_again_at_its_rate() {
        let mut grade = Grade::best(2_200);
        let mut sizes = Vec::new();
        for kbps in [2_200, 900, 610, 590, 700, 1_000, 120, 190, 200, 50, 5_000] {
            grade = grade.follow(kbps, 2_200);
            sizes.push((grade.size(1920, 1080).0, grade.fps()));
        }
        let (large, middle, small, little, least) = ((1280, 30), (640, 30), (480, 15), (320, 10), (320, 4));
        assert_eq!(sizes, [large, large, large, middle, middle, large, little, little, small, least, large]);
    }
}
