//! HLS playlists, as far as a live stream needs them: RFC 8216 and its successor's partial segments
//! (draft-pantos-hls-rfc8216bis 4.4). Pure.

/// Longest playlist, bytes.
pub const LARGEST: usize = 1024 * 1024;
/// Lines that are looked at.
const MOST_LINES: usize = 20_000;

/// One piece that can be fetched: a part of a segment, or a segment as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Media sequence number of its segment.
    pub segment: u64,
    /// Its place in the segment; `None`: the whole segment.
    pub part: Option<u32>,
    /// As it is written.
    pub uri: String,
    /// It begins with a key picture.
    pub independent: bool,
    /// What came before it does not go on: another map may hold from here.
    pub discontinuity: bool,
    /// The head that it needs, as it is written.
    pub map: Option<String>,
}

/// A media playlist.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Playlist {
    /// What can be fetched, oldest first. A segment that is there in parts is not there as a whole.
    pub parts: Vec<Part>,
    /// Longest segment, seconds.
    pub target_s: u64,
    /// The server waits with its answer until the part that is asked for is there.
    pub blocking: bool,
    /// It has parts.
    pub has_parts: bool,
    /// The stream is over.
    pub ended: bool,
}

/// The first variant of a master playlist; nothing if it is a media playlist.
#[must_use]
pub fn variant(text: &str) -> Option<&str> {
    let mut lines = text.lines().take(MOST_LINES).map(str::trim);
    lines.find(|line| line.starts_with("#EXT-X-STREAM-INF"))?;
    lines.find(|line| !line.is_empty() && !line.starts_with('#'))
}

/// The codecs of the first variant of a master playlist (RFC 6381), if it names them.
#[must_use]
pub fn codecs(text: &str) -> Option<String> {
    attribute(variant_attributes(text)?, "CODECS").filter(|codecs| codecs.len() <= 128)
}

/// Width and height of the first variant of a master playlist, pixels, if it names them.
#[must_use]
pub fn resolution(text: &str) -> Option<(u32, u32)> {
    let size = attribute(variant_attributes(text)?, "RESOLUTION")?;
    let (width, height) = size.split_once('x')?;
    Some((width.parse().ok()?, height.parse().ok()?))
}

fn variant_attributes(text: &str) -> Option<&str> {
    text.lines().take(MOST_LINES).find_map(|line| line.trim().strip_prefix("#EXT-X-STREAM-INF:"))
}

impl Playlist {
    /// Reads a media playlist; nothing if it is none. What is not known is passed over.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().take(MOST_LINES).map(str::trim);
        if lines.next()?.trim_start_matches('\u{feff}') != "#EXTM3U" {
            return None;
        }
        let mut list = Self::default();
        let mut segment = 0;
        let mut part = 0;
        let (mut map, mut discontinuity) = (None, false);
        for line in lines {
            let (tag, value) = line.split_once(':').unwrap_or((line, ""));
            match tag {
                "#EXT-X-TARGETDURATION" => list.target_s = value.trim().parse().ok()?,
                "#EXT-X-MEDIA-SEQUENCE" => segment = value.trim().parse().ok()?,
                "#EXT-X-SERVER-CONTROL" => {
                    list.blocking = attribute(value, "CAN-BLOCK-RELOAD").as_deref() == Some("YES");
                }
                "#EXT-X-MAP" => map = attribute(value, "URI"),
                "#EXT-X-DISCONTINUITY" => discontinuity = true,
                "#EXT-X-ENDLIST" => list.ended = true,
                "#EXT-X-PART" => {
                    list.has_parts = true;
                    let gap = attribute(value, "GAP").as_deref() == Some("YES");
                    if let Some(uri) = attribute(value, "URI").filter(|_| !gap) {
                        list.parts.push(Part {
                            segment,
                            part: Some(part),
                            uri,
                            independent: attribute(value, "INDEPENDENT").as_deref() == Some("YES"),
                            discontinuity: std::mem::take(&mut discontinuity),
                            map: map.clone(),
                        });
                    }
                    part += 1;
                }
                _ if line.is_empty() || line.starts_with('#') => {}
                _ => {
                    if part == 0 {
                        list.parts.push(Part {
                            segment,
                            part: None,
                            uri: line.to_owned(),
                            // RFC 8216 recommends it, and there is no better place to begin.
                            independent: true,
                            discontinuity: std::mem::take(&mut discontinuity),
                            map: map.clone(),
                        });
                    }
                    discontinuity = false;
                    segment = segment.checked_add(1)?;
                    part = 0;
                }
            }
        }
        Some(list)
    }
}

/// A value out of `NAME=value,NAME="value"`.
fn attribute(list: &str, name: &str) -> Option<String> {
    let mut rest = list;
    loop {
        let (key, after) = rest.split_once('=')?;
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => {
                let (value, after) = quoted.split_once('"')?;
                (value, after.trim_start_matches(','))
            }
            None => after.split_once(',').unwrap_or((after, "")),
        };
        if key.trim() == name {
            return Some(value.trim().to_owned());
        }
        rest = next;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const HUB: &str = r#"#EXTM3U
#EXT-X-VERSION:6
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MAP:URI="init.mp4"
#EXT-X-TARGETDURATION:7
#EXT-X-MEDIA-SEQUENCE:3
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=3.000
#EXT-X-PART-INF:PART-TARGET=1.000
#EXT-X-PROGRAM-DATE-TIME:2026-11-22T14:50:41.556Z
#EXTINF:6.000,
./segment/3.m4s
#EXT-X-PART:DURATION=0.967,URI="./segment/4.0.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=1.000,URI="./segment/4.1.m4s"
#EXTINF:1.967,
./segment/4.m4s
#EXT-X-PART:DURATION=1.000,URI="./segment/5.0.m4s",INDEPENDENT=YES
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="./segment/5.1.m4s"
"#;

    #[test]
    fn a_playlist_of_the_hub_is_read_part_by_part() {
        let list = Playlist::parse(HUB).unwrap();
        let seen: Vec<_> = list.parts.iter().map(|p| (p.segment, p.part, p.independent)).collect();
        assert_eq!(seen, [(3, None, true), (4, Some(0), true), (4, Some(1), false), (5, Some(0), true)]);
        assert_eq!(list.parts[3].uri, "./segment/5.0.m4s");
        assert!(list.parts.iter().all(|part| part.map.as_deref() == Some("init.mp4")));
        assert!(list.blocking && list.has_parts && !list.ended);
        assert_eq!(list.target_s, 7);
    }

    #[test]
    fn a_master_playlist_leads_to_its_first_variant() {
        let master = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=\"avc1\"\nplaylist.m3u8\n";
        assert_eq!(variant(master), Some("playlist.m3u8"));
        assert_eq!(variant(HUB), None);
        assert_eq!((codecs(master).as_deref(), resolution(master)), (Some("avc1"), None));
        let newer = "#EXTM3U\n#EXT-X-STREAM-INF:CODECS=\"avc1,mp4a\",RESOLUTION=640x360\nplaylist.m3u8\n";
        assert_eq!((codecs(newer).as_deref(), resolution(newer)), (Some("avc1,mp4a"), Some((640, 360))));
        assert_eq!((codecs(HUB), resolution(HUB)), (None, None));
    }

    #[test]
    fn a_break_in_the_stream_is_told_at_the_part_after_it() {
        let text =
            "#EXTM3U\n#EXTINF:1,\na\n#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"b.mp4\"\n#EXTINF:1,\nb\nc\n";
        let list = Playlist::parse(text).unwrap();
        let seen: Vec<_> = list.parts.iter().map(|part| (part.discontinuity, part.map.is_some())).collect();
        assert_eq!(seen, [(false, false), (true, true), (false, true)]);
        assert!(Playlist::parse("<html>").is_none());
    }

    proptest! {
        #[test]
        fn no_text_can_upset_it(lines in prop::collection::vec("(#EXT(M3U|-X-(PART|MAP|MEDIA-SEQUENCE|TARGETDURATION)):)?[ -~]{0,40}", 0..40)) {
            let text = format!("#EXTM3U\n{}", lines.join("\n"));
            if let Some(list) = Playlist::parse(&text) {
                prop_assert!(list.parts.len() <= lines.len());
            }
            prop_assert!(variant(&text).is_none_or(|uri| text.contains(uri)));
            prop_assert!(codecs(&text).is_none_or(|codecs| text.contains(&codecs)));
            prop_assert!(resolution(&text).is_none() || text.contains("RESOLUTION"));
        }
    }
}
