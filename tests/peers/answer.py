"""Reads an answer and holds it to what a Kurento-family gateway will do with it."""

import ipaddress
import re

# Attributes of the answer that describe the answerer itself, so they need no counterpart.
OWN = {
    "candidate",
    "end-of-candidates",
    "fingerprint",
    "ice-pwd",
    "ice-ufrag",
    "inactive",
    "mid",
    "recvonly",
    "sendonly",
    "sendrecv",
    "setup",
    "ssrc",
}
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")


class Section:
    """One m-section."""

    def __init__(self, m_line):
        parts = m_line[2:].split()
        self.kind, self.port, self.proto = parts[0], int(parts[1].split("/")[0]), parts[2]
        self.formats = parts[3:]
        self.lines = []

    def attributes(self, key):
        """Values of every `a=key:...` of the section."""
        return [line[len(key) + 3 :] for line in self.lines if line.startswith(f"a={key}:")]

    def first(self, key):
        """The first of them."""
        return next(iter(self.attributes(key)), None)

    @property
    def mid(self):
        return self.first("mid")

    @property
    def direction(self):
        return next((d for d in DIRECTIONS if f"a={d}" in self.lines), None)

    @property
    def ssrcs(self):
        seen = [int(value.split()[0]) for value in self.attributes("ssrc")]
        return list(dict.fromkeys(seen))

    def summary(self):
        """For a JSON line."""
        return {
            "kind": self.kind,
            "port": self.port,
            "proto": self.proto,
            "mid": self.mid,
            "direction": self.direction,
            "formats": self.formats,
            "ssrcs": self.ssrcs,
            "candidates": self.attributes("candidate"),
            "setup": self.first("setup"),
        }


class Description:
    """A session description as lines."""

    def __init__(self, text):
        self.text = text
        self.session = []
        self.sections = []
        for line in re.split(r"\r?\n", text):
            if not line:
                continue
            if line.startswith("m="):
                self.sections.append(Section(line))
            elif self.sections:
                self.sections[-1].lines.append(line)
            else:
                self.session.append(line)

    @property
    def bundle(self):
        for line in self.session:
            if line.startswith("a=group:BUNDLE"):
                return line.split()[1:]
        return []


def _key(line):
    return line[2:].split(":", 1)[0]


def _offered(line, offer, section):
    """Whether the offer said the same of this section or of all."""
    key = _key(line)
    pool = section.lines + offer.session
    if key in ("rtcp-fb", "extmap", "fmtp", "rtpmap"):
        return line in pool
    return any(_key(other) == key for other in pool if other.startswith("a="))


def problems(offer_text, answer_text):
    """Everything in the answer that the gateway would stumble over, one sentence each."""
    offer, answer = Description(offer_text), Description(answer_text)
    out = []
    if "\n" in answer_text.replace("\r\n", "") or not answer_text.endswith("\r\n"):
        out.append("lines do not all end with CRLF")
    if len(answer_text) > 7000:
        out.append("longer than 7000 characters")
    for line in answer.session:
        if line.startswith("a=") and _key(line) not in OWN | {"group"}:
            if not _offered(line, offer, Section("m=none 0 none")):
                out.append(f"session has {line!r}, not offered")
    if len(answer.sections) != len(offer.sections):
        out.append(f"{len(answer.sections)} sections for {len(offer.sections)} offered")
    for mid in answer.bundle:
        if mid not in [section.mid for section in offer.sections]:
            out.append(f"BUNDLE names {mid!r}, not offered")
    cnames = set()
    for mine, theirs in zip(offer.sections, answer.sections):
        out += [f"{theirs.kind}: {text}" for text in _section_problems(offer, mine, answer, theirs)]
        cnames |= {value.split(None, 1)[1] for value in theirs.attributes("ssrc") if " " in value}
    if len(cnames) > 1:
        out.append(f"several cnames: {sorted(cnames)}")
    return out


def _section_problems(offer, mine, answer, theirs):
    if theirs.kind != mine.kind:
        yield f"stands where {mine.kind} was offered"
    if theirs.proto != mine.proto:
        yield f"protocol {theirs.proto} for {mine.proto}"
    if theirs.mid != mine.mid:
        yield f"mid {theirs.mid!r} for {mine.mid!r}"
    if theirs.port == 0:
        if mine.kind in ("audio", "video"):
            yield "is refused"
        return
    if mine.kind == "application":
        yield "a data channel is accepted"
    repairs = mine.kind == "video" and "a=fmtp:100 apt=99" in mine.lines
    video = ["99", "100"] if repairs else ["99"]
    expected = {"audio": ["96"], "video": video}.get(mine.kind)
    if expected and theirs.formats != expected:
        yield f"formats {theirs.formats}, expected {expected}"
    for line in theirs.lines:
        if line.startswith("a=") and _key(line) not in OWN and not _offered(line, offer, mine):
            yield f"{line!r} was not offered"
    for key in ("rtcp-mux",):
        if f"a={key}" in mine.lines and f"a={key}" not in theirs.lines:
            yield f"lacks {key}"
    allowed = {"audio": ("sendrecv", "sendonly"), "video": ("sendonly",)}.get(mine.kind)
    if allowed and theirs.direction not in allowed:
        yield f"direction {theirs.direction}, expected {' or '.join(allowed)}"
    if mine.kind in ("audio", "video"):
        if len(theirs.ssrcs) != (2 if repairs else 1):
            yield f"announces {len(theirs.ssrcs)} SSRCs"
        if not any(" cname:" in value for value in theirs.attributes("ssrc")):
            yield "announces no cname"
    session = answer.session
    for key in ("ice-ufrag", "ice-pwd", "fingerprint", "setup"):
        if not theirs.attributes(key) and not any(s.startswith(f"a={key}:") for s in session):
            yield f"lacks {key}"
    if theirs.first("setup") not in ("active", "passive", None):
        yield f"setup:{theirs.first('setup')}"
    if not theirs.attributes("candidate"):
        yield "lacks candidates"
    for value in theirs.attributes("candidate"):
        fields = value.split()
        try:
            address = ipaddress.ip_address(fields[4])
        except (ValueError, IndexError):
            yield f"candidate without an address: {value!r}"
            continue
        if address.version != 4:
            yield f"candidate is not IPv4: {value!r}"
        if fields[1] != "1":
            yield f"candidate for component {fields[1]}"
        if fields[2].lower() != "udp":
            yield f"candidate for {fields[2]}"
