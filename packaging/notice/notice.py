"""Writes NOTICE: whose work is inside Doorstep's programs, and under which licenses.

Everything is read from the crates' own sources as cargo has them; nothing is asked of anybody. A crate that offers
licenses to choose from is taken under the first one of CHOICE. Texts that say the same are printed once.
"""

import json
import os
import re
import subprocess
import sys
from difflib import SequenceMatcher
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGETS = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"]
# Which one is taken where there is a choice: the shortest duty first.
CHOICE = [
    "MIT", "0BSD", "Zlib", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Unicode-3.0", "BSL-1.0", "CC0-1.0",
    "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "WTFPL", "MPL-2.0", "CDLA-Permissive-2.0",
]  # fmt: skip
# Files called COPYRIGHT say in other words what the crate's manifest says; the owners in them are read all the same.
FILES = re.compile(r"^(licen[cs]e|copying|notice|copyright|unlicense|patent)", re.I)
# What tells a license's text from another one's.
MARKS = {
    "Unicode-3.0": "UNICODE LICENSE V3",
    "BSL-1.0": "Boost Software License - Version 1.0",
    "Unlicense": "This is free and unencumbered software",
    "MIT": "Permission is hereby granted, free of charge, to any person obtaining a copy",
    "Apache-2.0": "TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION",
    "BSD-3-Clause": "Neither the name of",
    "BSD-2-Clause": "Redistribution and use in source and binary forms",
    "ISC": "Permission to use, copy, modify, and/or distribute this software",
    "Zlib": "This software is provided 'as-is'",
    "MPL-2.0": "Mozilla Public License Version 2.0",
    "WTFPL": "DO WHAT THE FUCK YOU WANT TO PUBLIC LICENSE",
    "CDLA-Permissive-2.0": "Community Data License Agreement",
}
COPYRIGHT = re.compile(r"^\W*(?:copyright\s*(?:\(c\)|©|:|\d|[A-Z])|\(c\)\s*\d|©).*$", re.I)
# Lines that start like one and are part of a license, or wait to be filled in.
NOBODY = re.compile(
    r"\[yyyy\]|\{yyyy\}|<year>|copyright (notice|owner|license|holder|statement|and )|copyright\.? *$", re.I
)


def run(*command):
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def linked():
    """Names and versions of what is linked into the programs on any target."""
    cargo = os.environ.get("CARGO", "cargo")
    found = set()
    for target in TARGETS:
        tree = run(cargo, "tree", "--locked", "-e", "normal,no-proc-macro", "--target", target, "--prefix", "none", "-f", "{p}")
        found.update(tuple(line.split()[:2]) for line in tree.splitlines() if line)
    return {(name, version.lstrip("v")) for name, version in found if name != "doorstep"}


def packages():
    cargo = os.environ.get("CARGO", "cargo")
    found = {}
    for target in TARGETS:
        metadata = json.loads(run(cargo, "metadata", "--locked", "--format-version", "1", "--filter-platform", target))
        found.update({(package["name"], package["version"]): package for package in metadata["packages"]})
    return found


def taken(expression):
    """The licenses out of an SPDX expression that the crate is taken under."""
    tokens = re.findall(r"\(|\)|AND|OR|[^\s()/]+(?: WITH [^\s()/]+)?", expression.replace("/", " OR "))

    def alternatives():
        options = [together()]
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            options.append(together())
        return min(options, key=lambda ids: max(rank(one) for one in ids))

    def together():
        ids = single()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            ids = ids | single()
        return ids

    def single():
        token = tokens.pop(0)
        if token != "(":
            return frozenset([token])
        ids = alternatives()
        tokens.pop(0)
        return ids

    return alternatives()


def rank(license_id):
    return CHOICE.index(license_id) if license_id in CHOICE else len(CHOICE)


def texts_of(folder):
    """What lies beside the crate's sources, the libraries that it brings along included."""
    places = [folder, folder / "opus", folder / "third_party" / "fiat", folder / "LICENSES"]
    for place in places:
        for file in sorted(place.iterdir()) if place.is_dir() else []:
            if file.is_file() and FILES.match(file.name):
                yield file.name, file.read_text(errors="replace").replace("\r", "")


def copyrights(text):
    # The appendix of the Apache License shows how a line is to be written.
    text = text.split("APPENDIX: How to apply")[0]
    for line in text.splitlines():
        if COPYRIGHT.match(line) and not NOBODY.search(line):
            yield re.sub(r"\s+", " ", line.strip(" \t*#/;-")).strip()


def body(text):
    """A license without what differs from crate to crate."""
    kept = [line for line in text.splitlines() if not (COPYRIGHT.match(line) and not NOBODY.search(line))]
    return "\n".join(kept).strip("\n")


def words(text):
    return re.findall(r"[a-z0-9]+", text.lower())


def kind(text):
    flat = " ".join(text.split())
    return next((one for one, mark in MARKS.items() if mark.lower() in flat.lower()), None)


def unlike(text, known):
    mine = words(text)
    for other in known:
        theirs = words(other)
        if mine == theirs or SequenceMatcher(None, mine, theirs, autojunk=False).ratio() > 0.9:
            return False
    return True


def wanted(name, text, ids):
    """Files of licenses that were not chosen are left out; what is no license is kept."""
    found = kind(text)
    if name.lower().startswith("copyright"):
        return False
    if "patent" in name.lower() or "notice" in name.lower() or found is None:
        return len(words(text)) > 30
    # Texts of the family are not told apart further.
    return any(one.startswith(found[:3]) for one in ids) or found == "BSD-3-Clause" and len(ids) > 1


def main():
    known, sections, crates = packages(), {}, []
    for name, version in sorted(linked()):
        package = known[(name, version)]
        ids = taken(package["license"] or "")
        owners = []
        for file, text in texts_of(Path(package["manifest_path"]).parent):
            owners += [line for line in copyrights(text) if line not in owners]
            if wanted(file, text, ids):
                found = kind(text) or f"Of {name}: {file}"
                variants = sections.setdefault(found, {})
                same = next((one for one in variants if not unlike(body(text), [one])), body(text))
                variants.setdefault(same, []).append(name)
        if not owners:
            owners = ["By " + ", ".join(re.sub(r"\s*<.*?>", "", who) for who in package["authors"])] if package["authors"] else []
        crates.append((name, version, package["license"], sorted(ids), owners))
    head = (ROOT / "packaging/notice/head.txt").read_text()
    out = [head.rstrip("\n"), "", rule("Crates"), ""]
    for name, version, expression, ids, owners in crates:
        chosen = " AND ".join(ids)
        note = chosen if chosen == expression else f"{chosen}, out of {expression}"
        out.append(f"{name} {version} ({note})")
        out += [f"    {owner}" for owner in owners]
    font = (ROOT / "packaging/notice/OFL-1.1.txt").read_text()
    sections["OFL-1.1"] = {font.strip("\n"): ["noto-sans-mono-bitmap"]}
    missing = {one for *_, ids, _ in crates for one in ids} - set(sections)
    for found in sorted(sections, key=lambda one: (one.startswith("Of "), one)):
        for text, users in sections[found].items():
            users = sorted(set(users))
            out += ["", rule(found), ""]
            if not found.startswith("Of ") and len(sections[found]) > 1 and len(users) < 8:
                out += ["As it stands in " + ", ".join(users) + ":", ""]
            out += [line.rstrip() for line in text.splitlines()]
    (ROOT / "NOTICE").write_text("\n".join(out) + "\n")
    if missing:
        print("no text was found of: " + ", ".join(sorted(missing)), file=sys.stderr)


def rule(title):
    return f"==== {title} ".ljust(100, "=")


main()
