"""The command line that every peer here shares."""

import argparse

import offer


def parse(description, words=None):
    """Reads it, or these words."""
    parser = argparse.ArgumentParser(description=description)
    add = parser.add_argument
    add("--door", required=True, help="base address of the door, http://host:port")
    add("--token", required=True)
    add("--endpoint", required=True)
    add("--generation", default="g3", choices=offer.GENERATIONS)
    add("--line-ends", default="crlf", choices=("crlf", "lf"))
    add("--kbps", type=int, help="b=AS of the offer, instead of its generation's")
    add("--rtx", action="store_true", help="offer a stream of its own for repairs (aiortc only)")
    add("--address", default="127.0.0.1", help="own IPv4 address, offered as the host candidate")
    add("--session", help="session id, for one call; drawn when absent")
    add("--seconds", type=float, default=5.0, help="length of a call, from connected")
    add("--connect-seconds", type=float, default=20.0, help="patience until connected")
    add("--talk", help="what to say: a frequency in Hz, `speech`, or a 16 bit mono 48 kHz WAV")
    add("--talk-after", type=float, default=0.0, help="seconds of saying nothing before")
    add("--say", action="append", help="WAV[@seconds after connected], once; silence is sent before and after")
    add("--sent", help="file: JSON lines of each packet's number since --say's clock began and when it left")
    add("--dtx", action="store_true", help="send next to nothing in silence (webrtcbin only)")
    add("--record", help="WAV of what is heard")
    add("--talk-flood", type=int, default=0, help="garbage to say instead, packets a second")
    add("--answer-only", action="store_true", help="no peer: ask, print the answer, hang up")
    add("--no-connect", action="store_true", help="no peer: ask, then be silent for --seconds")
    add("--no-session-connected", action="store_true", help="never report SessionConnected")
    add("--no-disconnect", action="store_true", help="never report SessionDisconnected")
    add("--vanish", action="store_true", help="at the end die without a word to anybody")
    add("--drop", type=float, default=0.0, help="percent of video packets dropped on arrival")
    add("--seed", type=int, default=1, help="of what is dropped")
    add("--pli", type=float, help="ask for a key frame (PLI) every so many seconds")
    add("--fir", type=float, help="ask for a key frame (FIR) every so many seconds")
    add("--remb", type=int, help="report this bandwidth (REMB, kbit/s) once a second")
    add("--nack", type=float, help="ask again for packets that came or never were (NACK) every so many seconds")
    add("--wrong-fingerprint", action="store_true", help="offer a certificate that is not the peer's")
    add("--progress", type=float, help="say every so many seconds how many pictures there were")
    add("--count", type=int, default=1, help="calls")
    add("--parallel", type=int, default=1, help="calls at once")
    arguments = parser.parse_args(words)
    arguments.line_end = "\r\n" if arguments.line_ends == "crlf" else "\n"
    return arguments
