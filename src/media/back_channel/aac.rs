//! AAC over RTP (RFC 3640, mode AAC-hbr).

use super::description::Encoding;
use crate::media::talk::SpeakerFormat;

/// Hz, by index (ISO/IEC 14496-3, table 1.18).
const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];
/// What is made here: frames of other rates are shorter than 20 ms, or of no use for speech.
const MADE: std::ops::RangeInclusive<u32> = 8_000..=48_000;
/// Longest access unit, bytes: its size has 13 bits.
pub const LONGEST: usize = (1 << 13) - 1;
/// Parameters whose fields would stand in each AU header, too.
const FURTHER: [&str; 5] = [
    "ctsdeltalength",
    "dtsdeltalength",
    "randomaccessindication",
    "streamstateindication",
    "auxiliarydatasizelength",
];

/// The format of this encoding, if it is AAC-LC in frames of 1024 samples, with AU headers as they are written here.
pub fn aac(encoding: &Encoding<'_>) -> Option<SpeakerFormat> {
    let parameter = |wanted: &str| {
        let pairs = encoding.parameters.split(';').filter_map(|pair| pair.split_once('='));
        pairs
            .map(|(name, value)| (name.trim(), value.trim()))
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
    };
    let number = |name, missing: u32| parameter(name).map_or(Some(missing), |(_, value)| value.parse().ok());
    let is_high_bit_rate = parameter("mode").is_none_or(|(_, mode)| mode.eq_ignore_ascii_case("AAC-hbr"));
    let fits = is_high_bit_rate
        && (number("sizelength", 13), number("indexlength", 3)) == (Some(13), Some(3))
        && FURTHER.iter().all(|name| number(name, 0) == Some(0));
    let (rate, channels) = match parameter("config") {
        Some((_, config)) => config_of(config)?,
        None => (encoding.clock_rate, encoding.channels),
    };
    let is_known = RATES.contains(&rate)
        && MADE.contains(&rate)
        && rate == encoding.clock_rate
        && matches!(channels, 1 | 2);
    (fits && is_known).then_some(SpeakerFormat::Aac { rate, channels })
}

/// Rate and channels of an AudioSpecificConfig (ISO/IEC 14496-3, section 1.6.2.1), if it is one of AAC-LC.
fn config_of(hex: &str) -> Option<(u32, u8)> {
    let bytes = hex.get(..4)?;
    let bits = u16::from_str_radix(bytes, 16).ok()?;
    let (kind, index, channels) =
        (bits >> 11, usize::from(bits >> 7 & 15), u8::try_from(bits >> 3 & 15).ok()?);
    let has_short_frames = bits & 4 != 0;
    (kind == 2 && !has_short_frames).then_some((*RATES.get(index)?, channels))
}

/// AU header section in front of the only access unit of a packet; `None` if that is too long.
pub fn au_headers(size: usize) -> Option<[u8; 4]> {
    let size = u16::try_from(size).ok().filter(|size| usize::from(*size) <= LONGEST)?;
    let [high, low] = (size << 3).to_be_bytes();
    Some([0, 16, high, low])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn of(clock_rate: u32, parameters: &str) -> Option<(u32, u8)> {
        let name = "MPEG4-GENERIC".to_owned();
        match aac(&Encoding { payload: 97, name, clock_rate, channels: 1, parameters })? {
            SpeakerFormat::Aac { rate, channels } => Some((rate, channels)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_config_says_what_is_made() {
        assert_eq!(
            of(16_000, "streamtype=5; MODE=aac-hbr; config=1408; SizeLength=13;IndexLength=3"),
            Some((16_000, 1))
        );
        assert_eq!(of(44_100, "mode=AAC-hbr;config=121056E500"), Some((44_100, 2)));
        assert_eq!(of(8_000, ""), Some((8_000, 1)));
        for (rate, other) in [
            (8_000, "config=1408"),
            (16_000, "config=2C08"),
            (16_000, "config=140C"),
            (16_000, "config=1438"),
            (16_000, "config=14\u{e9}8"),
            (16_000, "mode=AAC-lbr;sizelength=6;indexlength=2"),
            (16_000, "config=1408;sizelength=16;indexlength=0"),
            (16_000, "config=1408;ctsdeltalength=8"),
            (90_000, ""),
        ] {
            assert_eq!(of(rate, other), None, "{other}");
        }
    }

    #[test]
    fn the_au_header_says_how_long_the_unit_is() {
        // RFC 3640, section 3.2.1: 16 bits of headers, then 13 bits of size and 3 of index.
        assert_eq!(au_headers(0x123), Some([0, 16, 0x09, 0x18]));
        assert_eq!(au_headers(LONGEST), Some([0, 16, 0xFF, 0xF8]));
        assert_eq!(au_headers(LONGEST + 1), None);
    }
}
