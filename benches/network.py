#!/usr/bin/python3
"""What a bad network does to calls: loss, delay, an outage, a line that becomes narrow, strangers; and what the
means against it cost a good one.

Each row has a house and a line of its own (`tests/peers/line.py`), bad by one seed; the way takes 10 ms each way
besides. The camera makes 1080p of 4 Mbit/s with key pictures each 2 s and is warm; the offer allows 6 Mbit/s, so it is
passed on as it is. Judged is by GStreamer's webrtcbin with its jitter buffer of 200 ms. A picture is decodable if
it came whole and in time, and so did all since the last key picture; a freeze is the time between two of them.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time

from house import ROOT, Camera, House, command_line, figure, machine
from impaired import Call, Line, gaps
from viewers import Viewers
from watcher import begin

WAY = {"delay": 10, "jitter": 0.5}
COPIED = (
    *("--size", "1920x1080", "--kbps", 4000, "--pattern", "noise"),
    *("--audio", "none", "--gop", 2, "--prerecord", 8),
)
# Encoded anew, for no offer bears H.265; small, so that this machine keeps up.
ENCODED = (
    *("--size", "640x360", "--kbps", 3000, "--pattern", "noise", "--codec", "h265"),
    *("--audio", "none", "--gop", 2, "--prerecord", 8),
)
OFFERED = ("--kbps", 6000)


@contextlib.contextmanager
def scene(options, kind=COPIED, **wanted):
    """A warm camera, a house, and a line to it."""
    camera = Camera(*kind)
    house = House([("front", camera.url, True)], options.doorstep)
    line = Line(house, options.seed, **WAY | wanted)
    try:
        time.sleep(8)
        yield house, line
    finally:
        line.stop()
        house.stop()
        camera.stop()


def freezes(call, since, until, longer):
    """How many and the longest, of decodable pictures and of what the decoder makes of the rest."""
    of = {
        "decodable": call.viewer.decodable.times,
        "shown": [picture.at for picture in call.viewer.of_camera],
    }
    out = []
    for name, times in of.items():
        found = [ms for _, ms in gaps(times, since, until, 0)]
        out.append(f"{sum(ms > longer for ms in found)} (longest {max(found):.0f} ms, {name})")
    return " or ".join(out)


def counted(call, result):
    """One line of what became of the packets."""
    told = call.line.told()
    lost = {name: told[name]["loss"] for name in ("to_peer", "to_house")}
    asked = {key: result.get(key) for key in ("nacked_packets_sent", "video_lost", "pli_sent", "problems")}
    print("  " + json.dumps({"lost": lost, **asked, "overrun": call.overrun}), flush=True)


def calls(house, line, count, seconds):
    """So many short calls, one after another: how many connect, and when."""
    script = str(ROOT / "tests" / "peers" / "webrtcbin_peer.py")
    words = ["--door", line.door, f"--token={house.token}", "--endpoint", "front"]
    words += ["--count", str(count), "--seconds", str(seconds)]
    done = subprocess.run([sys.executable, script, *words], stdout=subprocess.PIPE, text=True, check=False)
    events = [json.loads(text) for text in done.stdout.splitlines()]
    took = [event["ms"] for event in events if event["event"] == "first_packet" and event["kind"] == "video"]
    return (
        f"{len(took)} of {count} calls get packets of a picture,"
        f" the first after {statistics.median(took or [0]):.0f} ms (median), {max(took, default=0):.0f} (most)"
    )


def connecting(options):
    """10 % are lost, both ways, while calls connect."""
    count = 5 if options.quick else 20
    with scene(options, loss=10) as (house, line):
        # webrtcbin takes itself for connected before its last word has been heard.
        figure("10 % loss while connecting", calls(house, line, count, 3), f"{count} of {count}")


def loss(options):
    """5 and 10 % at random, both ways, from the first picture on."""
    seconds = 15 if options.quick else 60
    for percent, share, most in ((5, 0.98, "none"), (10, 0.95, "<= 2 a minute")):
        with scene(options) as (house, line):
            call = Call(house, line, seconds + 3, *OFFERED)
            call.begins()
            line.told(loss=percent)
            since = time.monotonic()
            counted(call, call.ends())
            until = since + seconds
            figure(
                f"{percent} % loss both ways, {seconds} s",
                f"decodable share {call.share(since, until):.3f};"
                f" freezes over 500 ms: {freezes(call, since, until, 500)}",
                f">= {share}; {most}",
            )


def recovery(options):
    """20 % for 15 s."""
    with scene(options) as (house, line):
        call = Call(house, line, 30, *OFFERED)
        first = call.begins()
        call.watch(3)
        line.told(loss=20)
        call.watch(15)
        line.told(loss=0)
        over = time.monotonic()
        counted(call, call.ends())
        bad = gaps(call.viewer.decodable.times, over, over + 8, 200)
        figure(
            f"20 % loss for 15 s (then {call.share(first + 3, over):.3f} decodable)",
            f"recovered {max([at - over for at, _ in bad], default=0) * 1000:.0f} ms after its end",
            "<= 2 s",
        )


def late(options):
    """500 ms of delay, there and back and then each way; a fifth of it jitter, 5 % out of order."""
    seconds = 15 if options.quick else 60
    for delay, name in ((250, "500 ms there and back"), (500, "500 ms each way")):
        with scene(options, delay=delay, jitter=delay / 5, reorder=5) as (house, line):
            call = Call(house, line, seconds + 3, *OFFERED)
            first = call.begins()
            counted(call, call.ends())
            # webrtcbin says that it is connected when the other side gives up, too.
            media = call.viewer.watch["video"].first
            value = f"first packet after {call.viewer.ms(media):.0f} ms" if media else "never connected"
            if first:
                since, until = first + 1, first + 1 + seconds
                value += (
                    f", first picture after {call.viewer.first_ms:.0f}; freezes over 1 s:"
                    f" {freezes(call, since, until, 1000)}; decodable share {call.share(since, until):.3f}"
                )
            figure(f"{name}, jitter, 5 % out of order, {seconds} s", value, "connected in 5 s, none")


def outage(options):
    """Nothing passes for 10 s."""
    back = []
    for number in range(1 if options.quick else 4):
        with scene(options) as (house, line):
            call = Call(house, line, 22, *OFFERED)
            call.begins()
            call.watch(3 + number * 0.5)
            line.told(outage=10)
            over = time.monotonic() + 10
            call.ends()
            again = call.decodable(over, over + 12)
            back.append((again[0] - over) * 1000 if again else 12_000)
    figure(
        f"10 s outage, {len(back)} calls",
        f"picture after its end: median {statistics.median(back):.0f} ms, most {max(back):.0f}",
        "<= 2000 ms",
    )


def narrow(options):
    """2.2 Mbit/s become 500 kbit/s and come back, for a camera that is encoded anew."""
    wide, thin, queue = 2200, 500, 125_000
    before, during, after = (8, 16, 35) if options.quick else (15, 30, 45)
    with scene(options, ENCODED, to_peer={"kbps": wide, "queue": queue}) as (house, line):
        call = Call(house, line, before + during + after)
        if not call.begins():
            figure("a line that becomes narrow", "no picture", "<= 5 s")
            return
        call.watch(before - 1)
        line.told(to_peer={"kbps": thin})
        fell = time.monotonic()
        usual = call.kbps(fell, 4)
        call.watch(during)
        deep = line.told(to_peer={"kbps": wide})["to_peer"]["waits_ms"]
        rose = time.monotonic()
        call.ends()
        watch = call.viewer.watch["video"]
        begun = [(watch.first + second + 1, late) for second, late in enumerate(watch.lags(90))]
        level = [late for at, late in begun if fell - 4 < at <= fell]
        added = [late - statistics.median(level) for at, late in begun if fell + 10 < at <= rose]
        rates = [(at, call.kbps(at, 1)) for at, _ in call.sent if at > fell]
        above = [at - fell for at, kbps in rates if at <= rose and kbps > thin * 1.1]
        grown = [at - rose for at, kbps in rates if at > rose + 1 and kbps >= 0.9 * usual]
        print("  " + json.dumps({"kbps": [round(kbps) for _, kbps in rates[::4]]}), flush=True)
        print("  " + json.dumps({"late_ms": [round(late) for _, late in begun]}), flush=True)
        figure(
            f"{usual:.0f} kbit/s on a line of {wide} that becomes {thin}, queue {queue // 1000} kB",
            f"sent is below it after {max(above, default=0):.1f} s; added delay after 10 s at most"
            f" {max(added, default=0):.0f} ms (in the line {deep} ms at the end); 90 % again after"
            f" {grown[0] if grown else float('inf'):.1f} s; freezes over 1 s while narrow:"
            f" {freezes(call, fell + 5, rose, 1000)}",
            "<= 5 s; < 1000 ms; <= 30 s",
        )


def strangers(options):
    """1000 packets a second of DTLS, STUN and RTP from others while calls connect."""
    count = 10 if options.quick else 100
    with scene(options, strangers=1000) as (house, line):
        value = calls(house, line, count, 0.3)
        figure(f"{line.told()['strangers']} packets of strangers, 1000 a second", value, f"{count} of {count}")


def load(options, program):
    """ms of CPU for each viewer-second of ten viewers."""
    camera = Camera(*COPIED)
    house = House([("front", camera.url, True)], program)
    try:
        time.sleep(8)
        viewers = Viewers(house, 10)
        viewers.count()
        time.sleep(4)
        at, first = time.monotonic(), house.measure()
        time.sleep(5 if options.quick else 20)
        span, last = time.monotonic() - at, house.measure()
        viewers.stop()
        return sum(last[key] - first[key] for key in ("own_ms", "worker_ms")) / span / 10
    finally:
        house.stop()
        camera.stop()


def cost(options):
    """Two programs in turn, at no loss."""
    if not options.against:
        print("cost: --against names the program to compare with", flush=True)
        return
    runs = {options.doorstep: [], options.against: []}
    for _ in range(1 if options.quick else 3):
        for program, values in runs.items():
            values.append(load(options, program))
    own, other = (statistics.median(values) for values in runs.values())
    figure(
        "CPU at no loss, ms per viewer-second",
        f"{own:.2f} against {other:.2f}: {(own / other - 1) * 100:+.0f} %",
        "<= +10 %",
    )


ROWS = {row.__name__: row for row in (connecting, loss, recovery, late, outage, narrow, strangers, cost)}


def main():
    parser = command_line(__doc__)
    parser.add_argument("--against", help="program without what is measured, for `cost`")
    parser.add_argument("--rows", nargs="+", choices=tuple(ROWS), default=list(ROWS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="shorter calls, fewer of them")
    options = parser.parse_args()
    print(machine())
    begin()
    for name in options.rows:
        ROWS[name](options)


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    # An orderly exit would wait for GStreamer's threads.
    os._exit(0)
