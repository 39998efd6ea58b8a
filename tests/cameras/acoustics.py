"""A camera's speaker and microphone, and the room around both; in real time, whether anybody talks or not."""

import threading
import time

import numpy

import recording
import report
from room import BLOCK, RATE, Room
from samples import DEPTH, load, pcm
from speaker import CODECS, Speaker

HOLD_SECONDS = 0.2  # after the last word, for a microphone that is silent meanwhile


class Visitor:
    """Speech that the microphone hears from so many seconds after the first PLAY on."""

    def __init__(self, text, repeat):
        self.path, self.wait = recording.placed(text)
        self.samples = load(self.path, RATE)
        self.repeat = repeat
        self.at = None  # in the samples; None before it begins

    def speak(self, sounds_at, played_at):
        """The next block."""
        if self.at is None:
            if played_at is None or sounds_at < played_at + self.wait:
                return numpy.zeros(BLOCK)
            self.begin(sounds_at)
        block = self.samples[self.at : self.at + BLOCK]
        self.at += BLOCK
        if self.at >= len(self.samples) and self.repeat:
            # The pause within the last block belongs to it.
            self.begin(sounds_at + BLOCK / RATE)
        return numpy.pad(block, (0, BLOCK - len(block)))

    def begin(self, sounds_at):
        self.at = 0
        report.emit("near", file=self.path, at=round(sounds_at, 4))


class Acoustics:
    """Runs from `start` on; the microphone's samples go to a function of bytes."""

    def __init__(self, wanted, push):
        self.wanted = wanted
        self.push = push
        self.echoes = wanted.room is not None and not wanted.own_echo_control
        rate = CODECS[wanted.backchannel][0] if wanted.backchannel else RATE
        self.room = Room(rate, **{key: float(value) for key, value in (wanted.room or {}).items()})
        self.speaker = Speaker(rate, wanted.speaker_buffer, wanted.speaker_record)
        self.visitors = [Visitor(text, wanted.near_loop) for text in wanted.near or []]
        heard, near = wanted.microphone_record, wanted.near_record
        self.heard = recording.Recording(heard, RATE) if heard else None
        self.near = recording.Recording(near, RATE) if near else None
        self.played_at = None  # the first PLAY
        self.spoke_at = float("-inf")

    def start(self):
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        """Block by block, each when its last sample has sounded."""
        started = time.monotonic()
        of_microphone = BLOCK / RATE / self.room.pace
        while True:
            begins = self.room.heard // BLOCK * of_microphone
            wait = started + begins + of_microphone - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            # As sound cards do, the speaker has taken a block before it plays it.
            while self.room.played / RATE <= begins + of_microphone:
                self.play(started + self.room.played / RATE)
            self.hear(started + begins)

    def play(self, at):
        block = self.speaker.play(at)
        if self.speaker.playing:
            self.spoke_at = at
        self.room.play(numpy.frombuffer(block, "<i2") / DEPTH)

    def hear(self, at):
        echo, noise = self.room.hear()
        near = sum((visitor.speak(at, self.played_at) for visitor in self.visitors), numpy.zeros(BLOCK))
        block = pcm((echo if self.echoes else 0) + near + noise)
        if self.wanted.mute_while_talked and at - self.spoke_at < HOLD_SECONDS:
            block = bytes(len(block))
        self.push(block)
        if self.heard:
            self.heard.write(block, at)
        if self.near:
            self.near.write(pcm(near), at)
