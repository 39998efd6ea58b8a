//! What a reader of a live stream asks for next. Pure.

use super::playlist::{Part, Playlist};

/// What is to be fetched, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The stream begins, or begins anew: its head.
    Head(String),
    /// What follows.
    Part(String),
}

/// Where the reader is.
#[derive(Debug, Default)]
pub struct Reader {
    /// Segment and part that were read last.
    last: Option<(u64, Option<u32>)>,
    map: Option<String>,
}

impl Reader {
    /// What the playlist has that was not read yet. Begins with the newest part that begins with a key
    /// picture, as does a reader that fell too far behind.
    pub fn steps(&mut self, list: &Playlist) -> Vec<Step> {
        let mut steps = Vec::new();
        let behind = self.last.is_some_and(|(segment, _)| {
            list.parts.first().is_some_and(|first| first.segment > segment + 1)
                // A hub that was restarted counts anew.
                || list.parts.last().is_some_and(|last| last.segment < segment)
        });
        if behind {
            (self.last, self.map) = (None, None);
        }
        let from = match self.last {
            Some(last) => list.parts.iter().position(|part| is_after(part, last)),
            None => list.parts.iter().rposition(|part| part.independent && part.map.is_some()),
        };
        for part in from.and_then(|from| list.parts.get(from..)).unwrap_or_default() {
            let Some(map) = &part.map else { continue };
            if self.map.as_ref() != Some(map) || part.discontinuity {
                self.map = Some(map.clone());
                steps.push(Step::Head(map.clone()));
            }
            steps.push(Step::Part(part.uri.clone()));
            self.last = Some((part.segment, part.part));
        }
        steps
    }

    /// The part to wait for with a blocking reload: media sequence number and place.
    #[must_use]
    pub fn awaited(&self) -> Option<(u64, u32)> {
        self.last.map(|(segment, part)| match part {
            // A server whose segment has no such part any more takes it for the next one's first.
            Some(part) => (segment, part + 1),
            None => (segment + 1, 0),
        })
    }
}

fn is_after(part: &Part, (segment, place): (u64, Option<u32>)) -> bool {
    match (part.segment.cmp(&segment), part.part, place) {
        (std::cmp::Ordering::Equal, Some(part), Some(place)) => part > place,
        (order, ..) => order.is_gt(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(segment: u64, part: Option<u32>, independent: bool) -> Part {
        let uri = part.map_or(format!("{segment}"), |part| format!("{segment}.{part}"));
        Part { segment, part, uri, independent, discontinuity: false, map: Some("init".into()) }
    }

    fn list(parts: Vec<Part>) -> Playlist {
        Playlist { parts, ..Playlist::default() }
    }

    fn names(steps: &[Step]) -> Vec<&str> {
        steps.iter().map(|(Step::Head(uri) | Step::Part(uri))| uri.as_str()).collect()
    }

    #[test]
    fn reading_begins_at_the_newest_key_picture_and_goes_on_without_gaps_or_doubles() {
        let mut reader = Reader::default();
        let mut parts = vec![part(3, None, true), part(4, Some(0), true), part(4, Some(1), false)];
        assert_eq!(names(&reader.steps(&list(parts.clone()))), ["init", "4.0", "4.1"]);
        assert_eq!(reader.awaited(), Some((4, 2)));
        assert!(reader.steps(&list(parts.clone())).is_empty());
        parts.extend([part(4, Some(2), false), part(5, Some(0), true)]);
        assert_eq!(names(&reader.steps(&list(parts))), ["4.2", "5.0"]);
        assert_eq!(names(&reader.steps(&list(vec![part(5, None, true), part(6, None, true)]))), ["6"]);
        assert_eq!(reader.awaited(), Some((7, 0)));
    }

    #[test]
    fn a_reader_that_fell_behind_and_a_stream_that_was_restarted_begin_anew_with_the_head() {
        let mut reader = Reader::default();
        reader.steps(&list(vec![part(4, Some(0), true)]));
        let later = list(vec![part(9, None, true), part(10, Some(0), true)]);
        assert_eq!(names(&reader.steps(&later)), ["init", "10.0"]);
        assert_eq!(names(&reader.steps(&list(vec![part(0, Some(0), true)]))), ["init", "0.0"]);
    }

    #[test]
    fn another_head_and_a_break_are_begun_with() {
        let mut reader = Reader::default();
        reader.steps(&list(vec![part(1, None, true)]));
        let mut broken = part(2, None, true);
        broken.discontinuity = true;
        let mut other = part(3, None, true);
        other.map = Some("other".into());
        assert_eq!(names(&reader.steps(&list(vec![broken, other]))), ["init", "2", "other", "3"]);
    }
}
