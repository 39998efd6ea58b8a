#!/usr/bin/python3
"""Two-way talk, at its ends: what the person inside hears at their peer and what the camera's speaker plays.

Echo is what `echo_cancel = "off"` leaves of it, in the same room and at the same time, less what is left without that.
Speech is espeak-ng's. `--quick`: one delay, double talk and the way to the speaker.
"""

import statistics
import sys
import tempfile
import time

from conversation import FAR, FIRST_WORD, NEAR, RATE, Side, conversation, opened, sentences
from house import command_line, figure, machine
from impaired import Line
from judge import follow, share_and_gap
from samples import dbfs, load, place

LEARNT = 6.0  # s after the first word
FAR_SECONDS = 22
OPUS_LOOKAHEAD = 312 / 48000  # s, of libopus's encoder
ROOMS = (
    ("echo after 40 ms", "delay=40", ">= 35 dB"),
    ("after 120 ms", "delay=120", ">= 35 dB"),
    ("after 250 ms", "delay=250", ">= 35 dB"),
    ("after 500 ms", "delay=500", ">= 30 dB"),
    ("after 1000 ms", "delay=1000", ">= 30 dB"),
    ("120 ms, a clock that drifts by 50 ppm", "delay=120,drift=50", ">= 35 dB"),
    ("120 ms, a loudspeaker that distorts", "delay=120,drive=2", ">= 25 dB"),
)


def lag(side, said):
    """From the speaker to the peer, s: where the words come back from the room."""
    began = side.first_word
    at, alike = place(side.heard.between(began, began + 8), said[: 4 * RATE])
    return at / RATE, alike


def erle(front, control, way, since, until):
    """dB, in a span since the first word as it comes back."""
    left = front.heard.between(front.first_word + way + since, front.first_word + way + until)
    all_of_it = control.heard.between(control.first_word + way + since, control.first_word + way + until)
    return dbfs(all_of_it) - dbfs(left)


def echo(options, folder, name, room, aim, **camera):
    words = sentences(folder, FAR, FAR_SECONDS)
    seconds = FIRST_WORD + FAR_SECONDS + 2
    (front, control), told = conversation(options, folder, room, seconds, words, **camera)
    if front.first_word is None or control.first_word is None:
        print(f"{name}: nothing came to the speaker ({told})", flush=True)
        return None
    way, alike = lag(control, load(words, RATE))
    rest = erle(front, control, way, LEARNT, FAR_SECONDS - 1)
    figure(f"ERLE, {name}", f"{rest:.1f} dB", aim)
    first, second = (erle(front, control, way, at, at + 1) for at in (0, 1))
    level = dbfs(control.heard.between(control.first_word + way, control.first_word + way + FAR_SECONDS - 1))
    told = told or {}
    print(
        f"  in the first second {first:.1f} dB, in the next {second:.1f}; the control hears {level:.1f} dBFS of it,"
        f" {way * 1000:.0f} ms after the speaker, alike {alike:.2f}; the record: {told.get('erle_db')} dB,"
        f" delay {told.get('delay_ms')} ms, {told.get('echo')}; the speakers fell silent"
        f" {front.falls} and {control.falls} times",
        flush=True,
    )
    return front, words, second


def double_talk(options, folder):
    """Both speak."""
    words, visitor = sentences(folder, FAR, 32), sentences(folder, NEAR, 12)
    seconds = FIRST_WORD + 34
    near = f"{visitor}@{FIRST_WORD + 14}"
    sides, _told = conversation(options, folder, "delay=120", seconds, words, near=near)
    for side, aim in zip(sides, (">= 0.7, reach for 0.8", "the control")):
        began = side.camera.of("near")[0]["at"]
        clean = side.near.between(began, began + 12)
        _at, alike = place(side.heard.between(began, began + 13.5), clean)
        figure("double talk, correlation with the visitor alone", f"{alike:.2f}", aim)


def latencies(side, words):
    """ms from an Opus packet that leaves the peer to the RTP packet at the camera, of the speaker's blocks."""
    said = load(words, RATE)
    block = RATE // 50
    out = []
    for start, place_there, alike in follow(said, side.speaker.samples, RATE):
        if alike < 0.5:
            continue
        for there in range(-(-place_there // block), (place_there + RATE) // block):
            second = (there * block - place_there + start) / RATE + OPUS_LOOKAHEAD
            sent = side.sent.get(int((second + FIRST_WORD) * 50))
            if sent and there < len(side.came) and side.came[there]:
                out.append((side.came[there] - sent) * 1000)
    return sorted(out)


def way_to_the_speaker(side, words):
    found = latencies(side, words)
    if not found:
        print("no words can be recognized at the speaker", flush=True)
        return
    late = found[min(int(len(found) * 0.99), len(found) - 1)]
    value = f"median {statistics.median(found):.0f} ms, p99 {late:.0f}, of {len(found)} blocks"
    figure("Opus packet in to RTP packet toward the camera", value, "<= 80 ms, p99 <= 150 ms")


def lossy(options, folder):
    """A line that loses each twentieth packet."""
    words = sentences(folder, FAR, 30)
    side, house, line = Side(folder, "front", "delay=120"), None, None
    try:
        house = opened(options, side.settings(options.echo))
        line = Line(house, 7)
        side.call(house, FIRST_WORD + 32, [f"{words}@{FIRST_WORD}"], line.door)
        side.peer.wait_for("connected")
        line.told(to_house={"loss": 5})
        side.over(FIRST_WORD + 32)
        said = load(words, RATE)
        found = follow(said, side.speaker.samples, RATE)
        share, gap = share_and_gap(said, side.speaker.samples, RATE, found) if found else (0, 0)
        figure("speech at the speaker, 5 % lost", f"{share * 100:.1f} %, longest gap {gap:.0f} ms", ">= 98 %, <= 60 ms")
        print(f"  the speaker fell silent {side.falls} times; {sum(a > 0.5 for *_p, a in found)} of"
              f" {len(found)} seconds can be recognized", flush=True)  # fmt: skip
    finally:
        for one in (line, house, side):
            if one:
                one.stop()


def cores(options, folder, says):
    """That the program and its worker take in a call."""
    side, house = Side(folder, "front", "delay=120"), None
    try:
        house = opened(options, side.settings(options.echo))
        side.call(house, options.seconds + 12, says)
        side.peer.wait_for("connected")
        time.sleep(8)
        at, first = time.monotonic(), house.measure()
        time.sleep(options.seconds)
        span, last = time.monotonic() - at, house.measure()
        return [(last[key] - first[key]) / span / 1000 for key in ("own_ms", "worker_ms")]
    finally:
        if house:
            house.stop()
        side.stop()


def cpu(options, folder):
    words = sentences(folder, FAR, options.seconds + 12)
    without, talking = cores(options, folder, []), cores(options, folder, [f"{words}@1"])
    value = f"{sum(talking) - sum(without):.4f} core more, {sum(talking) / max(sum(without), 1e-4):.2f} times"
    figure("CPU of a full duplex call's sound", value, "<= 0.03 core")
    print(
        f"  doorstep {without[0]:.4f} to {talking[0]:.4f}, worker {without[1]:.4f} to {talking[1]:.4f} core",
        flush=True,
    )


def main():
    parser = command_line(__doc__)
    parser.add_argument("--echo", default="auto", choices=("auto", "on"), help="echo_cancel of what is measured")
    parser.add_argument("--seconds", type=int, default=20, help="over which CPU is counted")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=("echo", "codecs", "double", "loss", "cpu"), nargs="+")
    options = parser.parse_args()
    wanted = options.only or (("echo", "double") if options.quick else ("echo", "codecs", "double", "loss", "cpu"))
    print(machine())
    with tempfile.TemporaryDirectory(prefix="doorstep-talk-") as folder:
        if "echo" in wanted:
            for name, room, aim in ROOMS[1:2] if options.quick else ROOMS:
                found = echo(options, folder, name, room, aim)
                if room == "delay=120" and found:
                    figure("ERLE within 1 s of the first word", f"{found[2]:.1f} dB", ">= 20 dB")
                    way_to_the_speaker(*found[:2])
        if "codecs" in wanted:
            for codec in ("pcma", "aac", "opus"):
                speaker = {"pcma": "pcma", "aac": "aac"}.get(codec, "pcmu")
                name = f"120 ms, {codec} microphone and {speaker} speaker"
                echo(options, folder, name, "delay=120", "none", microphone=codec, speaker=speaker)
        for name, measure in (("double", double_talk), ("loss", lossy), ("cpu", cpu)):
            if name in wanted:
                measure(options, folder)


if __name__ == "__main__":
    main()
    sys.stdout.flush()
