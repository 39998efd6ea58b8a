//! Speech in RTP (RFC 3550) on an interleaved channel (RFC 2326, section 10.12).

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::{BufMut, BytesMut};

use super::aac::au_headers;
use super::speaker::Speaker;
use crate::media::talk::SpeakerFormat;

/// Frames that come later than that after their place are the first after a pause. Longer than a busy network's
/// jitter.
const PAUSE: Duration = Duration::from_millis(100);
/// Seconds from 1900 to 1970.
const NTP_EPOCH: u64 = 2_208_988_800;

/// Packets of one who talks.
#[derive(Debug)]
pub struct RtpStream {
    speaker: Speaker,
    /// Of RTP; that of RTCP is the next.
    channel: u8,
    ssrc: u32,
    sequence: u16,
    /// Of the next frame, if it comes without a pause.
    timestamp: u32,
    /// When that frame has its place.
    place: Option<Instant>,
    packets: u32,
    octets: u32,
}

impl RtpStream {
    pub fn new(speaker: Speaker, channel: u8) -> Self {
        let (ssrc, sequence, timestamp) = rand::random();
        Self { speaker, channel, ssrc, sequence, timestamp, place: None, packets: 0, octets: 0 }
    }

    /// How long one frame lasts.
    pub fn frame(&self) -> Duration {
        self.time(self.speaker.format.frame_ticks())
    }

    /// Appends a frame. A pause of the frames is a gap in the timestamps, and the packet after it has the marker
    /// (RFC 3551, section 4.1); in AAC every packet ends an access unit, so that all have it (RFC 3640, section 3.1).
    /// False if the frame is too long for the format.
    pub fn write(&mut self, frame: &[u8], now: Instant, out: &mut BytesMut) -> bool {
        let is_aac = matches!(self.speaker.format, SpeakerFormat::Aac { .. });
        let Some(headers) = (if is_aac { au_headers(frame.len()).map(Some) } else { Some(None) }) else {
            return false;
        };
        let headers = headers.as_ref().map_or(&[][..], <[u8; 4]>::as_slice);
        let Ok(length) = u16::try_from(12 + headers.len() + frame.len()) else { return false };
        let starts = self.find_place(now);
        let marker = if starts || is_aac { 0x80 } else { 0 };
        out.put_slice(&[b'$', self.channel]);
        out.put_u16(length);
        out.put_slice(&[0x80, marker | self.speaker.payload]);
        out.put_u16(self.sequence);
        out.put_u32(self.timestamp);
        out.put_u32(self.ssrc);
        out.put_slice(headers);
        out.put_slice(frame);
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(self.speaker.format.frame_ticks());
        self.place = self.place.map(|place| place + self.frame());
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(u32::from(length) - 12);
        true
    }

    /// Appends a sender report with the name of the source (RFC 3550, sections 6.4.1 and 6.5), once there is
    /// something to report.
    pub fn report(&self, now: Instant, wall: SystemTime, out: &mut BytesMut) {
        let Some(place) = self.place else { return };
        let since_epoch = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        let ntp = (u128::from(NTP_EPOCH + since_epoch.as_secs()) << 32)
            + (u128::from(since_epoch.subsec_nanos()) << 32) / 1_000_000_000;
        // Frames that waited are sent faster than they are played: the place can be ahead.
        let ahead = self.ticks(place.saturating_duration_since(now));
        let behind = self.ticks(now.saturating_duration_since(place));
        out.put_slice(&[b'$', self.channel.wrapping_add(1)]);
        out.put_u16(28 + 20);
        out.put_slice(&[0x80, 200, 0, 6]);
        out.put_u32(self.ssrc);
        out.put_u64(u64::try_from(ntp & u128::from(u64::MAX)).unwrap_or_default());
        out.put_u32(self.timestamp.wrapping_sub(ahead).wrapping_add(behind));
        out.put_u32(self.packets);
        out.put_u32(self.octets);
        out.put_slice(&[0x81, 202, 0, 4]);
        out.put_u32(self.ssrc);
        // CNAME of eight characters, then the end of the list.
        out.put_slice(b"\x01\x08");
        out.put_slice(format!("{:08x}", self.ssrc).as_bytes());
        out.put_slice(&[0, 0]);
    }

    /// Where a frame that comes now is played. True if it is the first after a pause.
    fn find_place(&mut self, now: Instant) -> bool {
        let late = self.place.map(|place| now.saturating_duration_since(place));
        match late {
            Some(late) if late <= PAUSE => return false,
            Some(late) => self.timestamp = self.timestamp.wrapping_add(self.ticks(late)),
            None => {}
        }
        self.place = Some(now);
        true
    }

    #[allow(clippy::cast_possible_truncation, reason = "timestamps wrap around")]
    fn ticks(&self, time: Duration) -> u32 {
        (time.as_nanos() * u128::from(self.speaker.format.clock_rate()) / 1_000_000_000) as u32
    }

    fn time(&self, ticks: u32) -> Duration {
        Duration::from_secs(ticks.into()) / self.speaker.format.clock_rate()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;

    const PCMU: Speaker = Speaker { track: 0, payload: 0, format: SpeakerFormat::Pcmu };
    const AAC: Speaker =
        Speaker { track: 0, payload: 97, format: SpeakerFormat::Aac { rate: 16_000, channels: 1 } };

    /// Channel, payload type, marker, sequence, timestamp, payload of one packet.
    fn packet(stream: &mut RtpStream, frame: &[u8], now: Instant) -> (u8, u8, bool, u16, u32, Vec<u8>) {
        let mut out = BytesMut::new();
        assert!(stream.write(frame, now, &mut out));
        assert_eq!((out[0], usize::from(out[2]) << 8 | usize::from(out[3])), (b'$', out.len() - 4));
        assert_eq!((out[4], out[12..16].to_vec()), (0x80, stream.ssrc.to_be_bytes().to_vec()));
        let sequence = u16::from_be_bytes([out[6], out[7]]);
        let timestamp = u32::from_be_bytes([out[8], out[9], out[10], out[11]]);
        (out[1], out[5] & 127, out[5] & 128 != 0, sequence, timestamp, out[16..].to_vec())
    }

    #[test]
    fn a_pause_is_a_gap_in_the_timestamps_and_none_in_the_numbers() {
        let mut stream = RtpStream::new(PCMU, 4);
        let start = Instant::now();
        let (_, _, _, sequence, timestamp, _) = packet(&mut stream, &[1; 160], start);
        let mut following = |at: u64| {
            let (channel, payload, marker, number, ticks, frame) =
                packet(&mut stream, &[2; 160], start + Duration::from_millis(at));
            assert_eq!((channel, payload, frame.len()), (4, 0, 160));
            (marker, number.wrapping_sub(sequence), ticks.wrapping_sub(timestamp))
        };
        assert_eq!(following(20), (false, 1, 160));
        assert_eq!(following(35), (false, 2, 320), "early");
        assert_eq!(following(150), (false, 3, 480), "late");
        assert_eq!(following(2_020), (true, 4, 16_160), "after a pause of 1.94 s");
        assert_eq!(following(2_040), (false, 5, 16_320));
    }

    #[test]
    fn frames_that_waited_stand_one_behind_the_other_and_the_next_pause_makes_up_for_it() {
        let mut stream = RtpStream::new(PCMU, 0);
        let start = Instant::now();
        let first = packet(&mut stream, &[0; 160], start).4;
        let mut last = first;
        for at in 1..50 {
            last = packet(&mut stream, &[0; 160], start + Duration::from_millis(10) * at).4;
        }
        assert_eq!(last.wrapping_sub(first), 49 * 160);
        // 1 s of sound was sent in 0.5 s: a frame at 0.8 s still follows, one at 1.5 s is on time again.
        let at = |stream: &mut RtpStream, ms| {
            packet(stream, &[0; 160], start + Duration::from_millis(ms)).4.wrapping_sub(first)
        };
        assert_eq!(at(&mut stream, 800), 8_000);
        assert_eq!(at(&mut stream, 1_500), 12_000);
    }

    #[test]
    fn aac_has_its_header_and_a_unit_that_is_too_long_is_refused() {
        let mut stream = RtpStream::new(AAC, 0);
        let now = Instant::now();
        assert_eq!(stream.frame(), Duration::from_millis(64));
        let first = packet(&mut stream, b"unit", now);
        let second = packet(&mut stream, b"unit", now);
        assert_eq!((second.1, second.2, second.5.as_slice()), (97, true, &b"\0\x10\0\x20unit"[..]));
        assert_eq!(second.4.wrapping_sub(first.4), 1024);
        assert!(!stream.write(&[0; 8_192], now, &mut BytesMut::new()));
    }

    #[test]
    fn a_report_ties_the_timestamps_to_the_wall_clock() {
        let mut stream = RtpStream::new(PCMU, 2);
        let (now, mut out) = (Instant::now(), BytesMut::new());
        let wall = UNIX_EPOCH + Duration::from_millis(1_500);
        stream.report(now, wall, &mut out);
        assert!(out.is_empty(), "nothing was sent");
        let (.., timestamp, _) = packet(&mut stream, &[0; 160], now);
        stream.report(now, wall, &mut out);
        assert_eq!(out.split()[20..24], timestamp.to_be_bytes(), "it is being played");
        stream.report(now + Duration::from_millis(500), wall, &mut out);
        assert_eq!(out.len(), 4 + 48);
        assert_eq!(out[..8], [b'$', 3, 0, 48, 0x80, 200, 0, 6]);
        assert_eq!(out[12..20], [0x83, 0xAA, 0x7E, 0x81, 0x80, 0, 0, 0]);
        assert_eq!(out[20..24], timestamp.wrapping_add(4_000).to_be_bytes());
        assert_eq!(out[24..32], [0, 0, 0, 1, 0, 0, 0, 160]);
        // A packet's length is in words of 32 bits, less one.
        assert_eq!((out[35], out[32..].len()), (4, 20));
    }

    proptest! {
        #[test]
        fn a_frames_timestamp_is_never_far_from_its_time(gaps in proptest::collection::vec(0_u64..400, 1..100)) {
            let mut stream = RtpStream::new(PCMU, 0);
            let (start, mut at) = (Instant::now(), Duration::ZERO);
            let first = packet(&mut stream, &[0; 160], start).4;
            let mut before = 0;
            for gap in gaps {
                at += Duration::from_millis(gap);
                let ticks = packet(&mut stream, &[0; 160], start + at).4.wrapping_sub(first);
                let now = u32::try_from(at.as_millis()).unwrap() * 8;
                prop_assert!(ticks + 800 >= now, "{} at {}", ticks, now);
                prop_assert!(ticks >= before + 160 && ticks <= now.max(before + 160), "{} at {}", ticks, now);
                before = ticks;
            }
        }
    }
}
