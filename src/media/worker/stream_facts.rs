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
    /// Pictures a second, rounded up; a guess if the stream does not say.
    pub fps: u32,
    /// Hz; 0 if unknown or picture.
    pub rate: u32,
    pub extradata: Vec<u8>,
}

const GUESSED_FPS: u32 = 25;

fn fps(rate: ffmpeg::Rational) -> u32 {
    let (pictures, seconds) = (rate.numerator(), rate.denominator());
    if pictures <= 0 || seconds <= 0 {
        return GUESSED_FPS;
    }
    u32::try_from((i64::from(pictures) + i64::from(seconds) - 1) / i64::from(seconds)).unwrap_or(GUESSED_FPS)
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
                fps: fps(stream.avg_frame_rate()),
                rate: number(raw.sample_rate),
                extradata,
            }
        }
    }

    /// For packets that come without a container; ticks of `rate`.
    pub fn bare(codec: ffmpeg::codec::Id, rate: u32) -> Self {
        Self {
            index: 0,
            codec,
            time_base: (1, i32::try_from(rate).unwrap_or(90_000)).into(),
            width: 0,
            height: 0,
            fps: GUESSED_FPS,
            rate,
            extradata: Vec::new(),
        }
    }

    /// What a decoder has to know of packets that come without a container.
    #[allow(unsafe_code)]
    pub fn parameters(&self) -> ffmpeg::codec::Parameters {
        let mut parameters = ffmpeg::codec::Parameters::new();
        parameters.set_id(self.codec);
        parameters.set_medium(self.codec.medium());
        if self.codec.medium() == ffmpeg::media::Type::Audio {
            // SAFETY: the parameters were made above and nobody else has them; the layout of one
            // channel owns no memory.
            unsafe {
                let raw = &mut *parameters.as_mut_ptr();
                raw.sample_rate = i32::try_from(self.rate).unwrap_or(0);
                ffmpeg::ffi::av_channel_layout_default(&raw mut raw.ch_layout, 1);
            }
        }
        parameters
    }

    /// A timestamp of this stream in ticks of `rate`.
    pub fn ticks(&self, timestamp: i64, rate: i32) -> i64 {
        use ffmpeg::Rescale;
        timestamp.rescale(self.time_base, (1, rate))
    }
}
