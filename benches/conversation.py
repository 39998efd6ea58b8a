"""Conversations through the whole add-on: cameras with a room, a house, and peers that say and record speech.

A control of the same kind goes on beside each: the same room and the same words, with `echo_cancel = "off"`.
"""

import json
import pathlib
import subprocess
import threading
import time

from house import ROOT, House
from samples import load, save
from speech import RATE as SPOKEN_RATE
from speech import speech

RATE = 16000
PYTHON = "/usr/bin/python3"
CAMERA = ROOT / "tests" / "cameras" / "rtsp_camera.py"
PEER = ROOT / "tests" / "peers" / "webrtcbin_peer.py"
PLAIN = ("--size", "320x192", "--fps", "5", "--kbps", "100", "--gop", "1")
FAR, NEAR = "en-gb", "en-us+f3"  # the person inside, the visitor
FIRST_WORD = 4.0  # s since connected


def sentences(folder, voice, seconds):
    """A file of speech, made once."""
    path = pathlib.Path(folder) / f"{voice}-{seconds}.wav"
    if not path.exists():
        save(path, speech(voice, seconds, first=0 if voice == FAR else 6), SPOKEN_RATE)
    return str(path)


class Process:
    """A camera or a peer: what it says, line by line, as long as it runs."""

    def __init__(self, *command):
        self.events = []
        self.process = subprocess.Popen(
            [PYTHON, "-u", *map(str, command)], stdout=subprocess.PIPE, text=True
        )
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def of(self, kind):
        return [event for event in list(self.events) if event["event"] == kind]

    def wait_for(self, kind, seconds=30):
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.process.poll() is None:
            if found := self.of(kind):
                return found[0]
            time.sleep(0.02)
        raise RuntimeError(f"no {kind} of {self.process.args}: {self.events[-3:]}")

    def ends(self, seconds):
        self.process.wait(seconds)
        self.reader.join(5)

    def stop(self):
        self.process.kill()
        self.process.wait()


class Heard:
    """A recording, and where a moment is in it."""

    def __init__(self, process, path, rate=RATE):
        self.rate = rate
        self.samples = load(path, rate)
        self.at = next(event["at"] for event in process.of("records") if event["file"] == str(path))

    def between(self, since, until):
        """Samples from one moment to another."""
        start, end = (max(int((moment - self.at) * self.rate), 0) for moment in (since, until))
        return self.samples[start:end]


class Side:
    """One camera and the peer that talks to it."""

    def __init__(self, folder, name, room, near=None, microphone="pcmu", speaker="pcmu", more=()):
        self.name = name
        self.folder = pathlib.Path(folder)
        files = {kind: self.folder / f"{name}-{kind}.wav" for kind in ("speaker", "microphone", "near", "peer")}
        self.files = files
        command = [CAMERA, *PLAIN, "--backchannel", speaker, "--audio", microphone, "--room", room, *more]
        command += ["--speaker-record", files["speaker"], "--microphone-record", files["microphone"]]
        command += ["--near", near, "--near-record", files["near"]] if near else []
        self.camera = Process(*command)
        self.peer = None

    def settings(self, echo):
        url = self.camera.wait_for("ready")["url"]
        return (
            f'[[camera]]\nid = "{self.name}"\nname = "{self.name}"\nkind = "doorbell"\nsource = "{url}"\n'
            f'talk = "rtsp"\necho_cancel = "{echo}"\n'
        )

    def call(self, house, seconds, says, door=None):
        """Begins."""
        self.sent_file = self.folder / f"{self.name}.sent"
        command = [PEER, "--door", door or house.door, f"--token={house.token}", "--endpoint", self.name]
        command += ["--seconds", seconds, "--record", self.files["peer"], "--sent", self.sent_file]
        self.peer = Process(*command, *(word for text in says for word in ("--say", text)))

    def over(self, seconds):
        """Waits for the end, and keeps all that was heard."""
        self.peer.ends(seconds + 60)
        self.speaker = Heard(self.camera, self.files["speaker"])
        self.microphone = Heard(self.camera, self.files["microphone"])
        self.heard = Heard(self.peer, self.files["peer"])
        self.near = Heard(self.camera, self.files["near"]) if self.camera.of("near") else None
        came = (self.files["speaker"].parent / (self.files["speaker"].name + ".jsonl")).read_text()
        self.came = [json.loads(line) for line in came.splitlines()]
        self.sent = dict(json.loads(line) for line in self.sent_file.read_text().splitlines())

    @property
    def first_word(self):
        """When the speaker began to play, or None."""
        return next((event["at"] for event in self.camera.of("speaker") if event["playing"]), None)

    @property
    def falls(self):
        """How often the speaker fell silent in between: a busy machine, and another delay of the echo from then on."""
        return max(sum(event["playing"] for event in self.camera.of("speaker")) - 1, 0)

    def stop(self):
        for process in (self.peer, self.camera):
            if process:
                process.stop()


def opened(options, settings):
    """A house that has looked at its cameras for a speaker."""
    house = House([], options.doorstep, settings)
    until = time.monotonic() + 20
    while any("being asked" in camera["talk"]["why"] for camera in house.api("cameras")["cameras"]):
        if time.monotonic() > until:
            raise RuntimeError("it is not known whether one can talk")
        time.sleep(0.1)
    return house


def conversation(options, folder, room, seconds, words, **camera):
    """A call with echo cancelling and its control, at the same time: both sides, and the record of the first."""
    sides = [Side(folder, name, room, **camera) for name in ("front", "control")]
    house = None
    try:
        settings = [side.settings(echo) for side, echo in zip(sides, (options.echo, "off"))]
        house = opened(options, "".join(settings))
        for side in sides:
            side.call(house, seconds, [f"{words}@{FIRST_WORD}"])
        for side in sides:
            side.over(seconds)
        return sides, talk_of(house, "front")
    finally:
        if house:
            house.stop()
        for side in sides:
            side.stop()


def talk_of(house, camera):
    """What the newest call's record says of its talk."""
    calls = [call for call in house.api("calls")["calls"] if call["endpoint_id"] == camera]
    return house.api(f"calls/{calls[0]['id']}").get("talk") if calls else None
