// Frames of a WebSocket (RFC 6455, section 5).

import { randomBytes } from "node:crypto";

// Longest message, bytes. What the hub tells of an add-on holds its whole description.
const MAX_MESSAGE = 1024 * 1024;
const KINDS = { 0: "more", 1: "text", 8: "close", 9: "ping", 10: "pong" };

/** A frame of a client: whole, and masked. */
export function frame(kind, payload) {
  const opcode = Number(Object.keys(KINDS).find((code) => KINDS[code] === kind));
  const head = [0x80 | opcode];
  if (payload.length < 126) {
    head.push(0x80 | payload.length);
  } else {
    // No message of ours is longer than 64 KiB.
    head.push(0x80 | 126, payload.length >> 8, payload.length & 0xff);
  }
  const mask = randomBytes(4);
  const masked = payload.map((byte, at) => byte ^ mask[at & 3]);
  return Buffer.concat([Buffer.from(head), mask, masked]);
}

/** Puts together what a server sends. */
export class FrameReader {
  #bytes = Buffer.alloc(0);
  // What has come of a message in several frames.
  #parts = null;

  /** What is whole with these bytes, as `kind` and `payload`. Throws at what no server may send. */
  *read(bytes) {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    for (let next = this.#frame(); next; next = this.#frame()) {
      const whole = this.#joined(next);
      if (whole) yield whole;
    }
  }

  #frame() {
    if (this.#bytes.length < 2) return null;
    const [first, second] = this.#bytes;
    const kind = KINDS[first & 0x0f];
    // Extensions, binary messages and masks were not agreed upon.
    if (!kind || first & 0x70 || second & 0x80) throw new Error("unexpected frame");
    const short = second & 0x7f;
    const lengthBytes = { 126: 2, 127: 8 }[short] ?? 0;
    if (this.#bytes.length < 2 + lengthBytes) return null;
    const length = lengthBytes ? Number(`0x${this.#bytes.toString("hex", 2, 2 + lengthBytes)}`) : short;
    if (length > MAX_MESSAGE) throw new Error("frame too long");
    const end = 2 + lengthBytes + length;
    if (this.#bytes.length < end) return null;
    const payload = this.#bytes.subarray(2 + lengthBytes, end);
    this.#bytes = this.#bytes.subarray(end);
    return { kind, payload, isLast: (first & 0x80) !== 0 };
  }

  #joined({ kind, payload, isLast }) {
    if (kind !== "text" && kind !== "more") {
      if (!isLast) throw new Error("control frame in parts");
      return { kind, payload };
    }
    if ((kind === "more") !== (this.#parts !== null)) throw new Error("part of no message");
    this.#parts = [...(this.#parts ?? []), payload];
    if (this.#parts.reduce((sum, part) => sum + part.length, 0) > MAX_MESSAGE) throw new Error("message too long");
    if (!isLast) return null;
    const whole = Buffer.concat(this.#parts);
    this.#parts = null;
    return { kind: "text", payload: whole };
  }
}
