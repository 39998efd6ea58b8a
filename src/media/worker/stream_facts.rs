//! What FFmpeg found out about a stream, read from its parameters.

use ffmpeg_next as ffmpeg;

/// A copy, so that nothing points into FFmpeg's memory.
#[derive(Debug, Clone)]
pub struct StreamFacts {
    pub index: usize,
    pub codec: ffmpeg::codec::Id,
    pub time_base: ffmpeg::Rational,
    /// Pixels; 0 if unknown or sound.
    pub width: u32,
    /// Pixels; 0 if unknown or sound.
    pub height: u32,
    /// Hz; 0 if unknown or picture.
    pub rate: u32,
    pub extradata: Vec<u8>,
}

/// More is no parameter set.
const MOST_EXTRADATA: usize = 64 * 1024;

impl StreamFacts {
    #[allow(unsafe_code)]
    pub fn of(stream: &ffmpeg::Stream<'_>) -> Self {
        let parameters = stream.parameters();
        let number = |value: i32| u32::try_from(value).unwrap_or(0);
        // SAFETY: the parameters live as long as `parameters`, nobody else has them, and extradata
        // is either null or as long as its size says. Everything is copied before they go.
        unsafe {
            let raw = &*parameters.as_ptr();
            let length = usize::try_from(raw.extradata_size).unwrap_or(0).min(MOST_EXTRADATA);
            let extradata = if raw.extradata.is_null() || length == 0 {
                Vec::new()
            } else {
                std::slice::from_raw_parts(raw.extradata, length).to_vec()
            };
            Self {
                index: stream.index(),
                codec: parameters.id(),
                time_base: stream.time_base(),
                width: number(raw.width),
                height: number(raw.height),
                rate: number(raw.sample_rate),
                extradata,
            }
        }
    }

    /// A timestamp of this stream in ticks of `rate`.
    pub fn ticks(&self, timestamp: i64, rate: i32) -> i64 {
        use ffmpeg::Rescale;
        timestamp.rescale(self.time_base, (1, rate))
    }
}
