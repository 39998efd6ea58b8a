"""A camera's speaker: what comes for it on the ONVIF back channel, played by the camera's own clock."""

import collections
import json
import threading

import recording
import report

BLOCK_SECONDS = 0.02
FULL_SECONDS = 1.0

AAC = (
    "encoding-params=(string)1,streamtype=(string)5,profile-level-id=(string)15,mode=(string)AAC-hbr,"
    "config=(string)1408,sizelength=(string)13,indexlength=(string)3,indexdeltalength=(string)3"
)
CODECS = {
    "pcmu": (8000, "payload=0,encoding-name=PCMU", "rtppcmudepay ! mulawdec"),
    "pcma": (8000, "payload=8,encoding-name=PCMA", "rtppcmadepay ! alawdec"),
    "aac": (16000, f"payload=97,encoding-name=MPEG4-GENERIC,{AAC}", "rtpmp4gdepay ! aacparse ! avdec_aac"),
}


def launch(codec):
    """The back channel's pipeline text."""
    rate, caps, decode = CODECS[codec]
    # Preroll would wait for somebody to talk. Another rate would be made by the timestamps, and skip with them.
    return (
        f'( capsfilter caps="application/x-rtp,media=audio,clock-rate={rate},{caps}" name=depay_backchannel'
        f" ! {decode} ! audioconvert ! audio/x-raw,format=S16LE,rate={rate},channels=1"
        " ! appsink name=speaker emit-signals=true sync=false async=false )"
    )


class Speaker:
    """Plays each sample a little after it came, as cameras do, and falls silent when nothing is there."""

    def __init__(self, rate, buffer_ms, record):
        self.rate = rate
        self.block = int(rate * BLOCK_SECONDS) * 2  # bytes
        self.patience = buffer_ms / 1000
        self.lock = threading.Lock()
        self.waiting = collections.deque()  # (when it came, bytes)
        self.held = 0
        self.playing = False
        self.record = recording.Recording(record, rate) if record else None
        self.came = open(record + ".jsonl", "w") if record else None  # noqa: SIM115

    def take(self, samples, at):
        """What came, as bytes; `at`: when."""
        with self.lock:
            self.waiting.append((at, samples))
            self.held += len(samples)
            while self.held > FULL_SECONDS * self.rate * 2:
                self.held -= len(self.waiting.popleft()[1])
                report.emit("overrun", at=round(at, 4))

    def play(self, at):
        """The next block as bytes, which sounds from `at` on."""
        came, block = None, b""
        with self.lock:
            if not self.playing and self.waiting and self.waiting[0][0] + self.patience <= at:
                self.switch(True, at)
            if self.playing:
                came, block = self.take_out()
        if self.playing and len(block) < self.block:
            self.switch(False, at + len(block) / 2 / self.rate)
        block = block.ljust(self.block, b"\0")
        if self.record:
            self.record.write(block, at)
            # When the first sample of each block came, or null.
            self.came.write(json.dumps(came and round(came, 4)) + "\n")
            self.came.flush()
        return block

    def take_out(self):
        """Up to a block, and when its first sample came."""
        came, block = None, b""
        while self.waiting and len(block) < self.block:
            at, samples = self.waiting.popleft()
            came = came or at
            need = self.block - len(block)
            block += samples[:need]
            if len(samples) > need:
                self.waiting.appendleft((at, samples[need:]))
        self.held -= len(block)
        return came, block

    def switch(self, playing, at):
        self.playing = playing
        report.emit("speaker", playing=playing, at=round(at, 4))
