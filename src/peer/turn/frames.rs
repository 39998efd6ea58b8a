//! Where one message ends and the next begins in a stream from a TURN server (RFC 8656 12.5).

/// Cuts a stream into messages. Holds what was read last and less than one message, which is 64 KiB at
/// most.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
    /// What was taken already.
    taken: usize,
}

/// The stream is no TURN server's, or out of step for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stream holds something other than TURN")]
pub struct OutOfStep;

impl Frames {
    /// Takes what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole message, without what pads it.
    ///
    /// # Errors
    /// When what comes next is neither STUN nor ChannelData.
    pub fn next_message(&mut self) -> Result<Option<&[u8]>, OutOfStep> {
        let rest = self.bytes.get(self.taken..).unwrap_or_default();
        let &[first, _, high, low, ..] = rest else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (message, padded) = match first >> 6 {
            0 if length % 4 == 0 => (20 + length, 20 + length),
            1 => (4 + length, 4 + length.next_multiple_of(4)),
            _ => return Err(OutOfStep),
        };
        if rest.len() < padded {
            return Ok(None);
        }
        let start = self.taken;
        self.taken += padded;
        Ok(self.bytes.get(start..start + message))
    }
}
