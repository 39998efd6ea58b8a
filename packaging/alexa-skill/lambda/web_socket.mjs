// A WebSocket client (RFC 6455) as far as the hub needs one: JSON in text frames.

import { createHash, randomBytes } from "node:crypto";

import { Failure } from "./failure.mjs";
import { FrameReader, frame } from "./web_socket_frame.mjs";

// A hub says 400 to who asks for no WebSocket, and to a proxy that it does not trust. Others show a page.
const NO_WEB_SOCKET = [200, 400, 426];
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** An open WebSocket, until the deadline. */
export class WebSocket {
  #socket;
  #place;
  #deadline;
  #messages = [];
  #end = null;
  #wake = () => {};

  static async open(connection, path, deadline) {
    const key = randomBytes(16).toString("base64");
    const headers = {
      Connection: "Upgrade",
      Upgrade: "websocket",
      "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": key,
    };
    const answer = await connection.send({ method: "GET", path, headers }, deadline);
    const { place } = connection;
    if (NO_WEB_SOCKET.includes(answer.status)) {
      throw Failure.unreachable(`${place} passes no WebSocket on, or does not trust its proxy (${answer.status})`);
    }
    // No token was shown yet.
    if (answer.status === 401 || answer.status === 403) {
      throw Failure.unreachable(`${place} turns the function away (${answer.status}): see the hub's ip_bans.yaml`);
    }
    if (answer.status !== 101) throw Failure.ofStatus(answer.status, place, `${place} is no hub: see HUB_URL`);
    const accept = createHash("sha1").update(key + GUID).digest("base64");
    if (answer.headers["sec-websocket-accept"] !== accept) {
      answer.socket.destroy();
      throw Failure.unreachable(`${place} is no hub: see HUB_URL`);
    }
    return new WebSocket(answer, place, deadline);
  }

  constructor({ socket, head }, place, deadline) {
    this.#socket = socket;
    this.#place = place;
    this.#deadline = deadline;
    const reader = new FrameReader();
    const read = (bytes) => {
      try {
        for (const { kind, payload } of reader.read(bytes)) this.#take(kind, payload);
      } catch {
        this.#finish(`${place} does not speak as a hub does`);
      }
    };
    deadline.addEventListener("abort", this.#late, { once: true });
    socket.on("error", () => this.#finish(`the connection to ${place} broke`));
    socket.on("close", () => this.#finish(`${place} hung up`));
    socket.on("data", read);
    if (head.length > 0) read(head);
    if (deadline.aborted) this.#late();
  }

  /** Sends a message. */
  send(message) {
    this.#write("text", Buffer.from(JSON.stringify(message)));
  }

  /** The next message. */
  async receive() {
    while (this.#messages.length === 0) {
      if (this.#end) throw this.#end;
      await new Promise((wake) => (this.#wake = wake));
    }
    return this.#messages.shift();
  }

  /** Says good-bye and waits for nothing. */
  close() {
    this.#deadline.removeEventListener("abort", this.#late);
    this.#write("close", Buffer.from([0x03, 0xe8]));
    this.#socket.end();
    this.#socket.destroySoon();
  }

  #late = () => this.#finish(`${this.#place} did not answer in time`);

  #take(kind, payload) {
    if (kind === "ping") this.#write("pong", payload);
    else if (kind === "close") this.#finish(`${this.#place} hung up`);
    else if (kind === "text") this.#messages.push(...[JSON.parse(payload)].flat());
    this.#wake();
  }

  #write(kind, payload) {
    if (this.#socket.writable) this.#socket.write(frame(kind, payload));
  }

  #finish(why) {
    this.#end ??= Failure.unreachable(why);
    this.#socket.destroy();
    this.#wake();
  }
}
