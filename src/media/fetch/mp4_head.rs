//! The head of a fragmented MP4, as far as the size of its picture (ISO 14496-12). Pure.

/// Into a `moov` to where a track describes its samples.
const PATH: [&[u8; 4]; 4] = [b"mdia", b"minf", b"stbl", b"stsd"];
/// Sample descriptions of pictures.
const PICTURES: [&[u8; 4]; 4] = [b"avc1", b"avc3", b"hvc1", b"hev1"];

/// Width and height of its first picture track, pixels; nothing if it has none.
#[must_use]
pub fn size(head: &[u8]) -> Option<(u32, u32)> {
    let (_, moov) = Boxes(head).find(|(kind, _)| *kind == b"moov")?;
    let mut tracks = Boxes(moov).filter(|(kind, _)| *kind == b"trak");
    tracks.find_map(|(_, track)| {
        let descriptions = PATH.iter().try_fold(track, |content, wanted| {
            Boxes(content).find(|(kind, _)| kind == wanted).map(|(_, content)| content)
        })?;
        // Version, flags, and how many there are.
        let (kind, entry) = Boxes(descriptions.get(8..)?).next()?;
        if !PICTURES.contains(&kind) {
            return None;
        }
        let number = |at: usize| Some(u32::from(u16::from_be_bytes(entry.get(at..at + 2)?.try_into().ok()?)));
        Some((number(24)?, number(26)?)).filter(|(width, height)| *width > 0 && *height > 0)
    })
}

/// Kind and content of each box, one after the other.
struct Boxes<'a>(&'a [u8]);

impl<'a> Iterator for Boxes<'a> {
    type Item = (&'a [u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let length = u32::from_be_bytes(self.0.get(..4)?.try_into().ok()?);
        let kind = self.0.get(4..8)?.try_into().ok()?;
        let length = usize::try_from(length).ok()?;
        let content = self.0.get(8..length)?;
        self.0 = self.0.get(length..)?;
        Some((kind, content))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn within(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len() + 8).unwrap_or_default();
        [&length.to_be_bytes()[..], kind, content].concat()
    }

    fn track(description: &[u8]) -> Vec<u8> {
        let list = [&[0, 0, 0, 0, 0, 0, 0, 1], description].concat();
        let path = PATH.iter().rev().fold(list, |content, kind| within(kind, &content));
        within(b"trak", &path)
    }

    fn picture(kind: &[u8; 4], width: u16, height: u16) -> Vec<u8> {
        let before = [0; 24];
        within(kind, &[&before[..], &width.to_be_bytes(), &height.to_be_bytes(), &[0; 50]].concat())
    }

    #[test]
    fn the_size_is_the_one_of_the_picture_wherever_its_track_is() {
        let sound = track(&within(b"mp4a", &[7; 40]));
        for kind in PICTURES {
            let tracks = [sound.clone(), track(&picture(kind, 1280, 720))].concat();
            let head = [within(b"ftyp", b"iso5"), within(b"moov", &tracks)].concat();
            assert_eq!(size(&head), Some((1280, 720)));
        }
        assert_eq!(size(&within(b"moov", &sound)), None);
    }

    proptest! {
        #[test]
        fn no_bytes_can_upset_it(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0_usize..400) {
            let head = within(b"moov", &track(&picture(b"avc1", 64, 48)));
            let mut spoiled = head.get(..cut.min(head.len())).unwrap_or_default().to_vec();
            spoiled.extend(&bytes);
            let sizes = [size(&bytes), size(&spoiled)];
            prop_assert!(sizes.into_iter().flatten().all(|(width, height)| width > 0 && height > 0));
        }
    }
}
