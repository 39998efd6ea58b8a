// HTTP to one place, over connections that stay open between directives.

import http from "node:http";
import https from "node:https";

import { Failure } from "./failure.mjs";

// Longest answer, bytes.
const MAX_ANSWER = 1024 * 1024;
// A connection that nobody used for so long may be gone without a word: what runs the function freezes it. ms.
const STALE = 60_000;

/** A place, and the connections to it. */
export class Connection {
  #base;
  #agent;
  #used = 0;

  constructor(base) {
    this.#base = base;
    this.#agent = this.#newAgent();
  }

  /** The place, as it may be shown. */
  get place() {
    return this.#base.origin;
  }

  /**
   * Sends a request (`method`, `path`, `headers`, `body`) and gives `status`, `headers` and `body`, or
   * `status`, `headers`, `socket` and `head` if the protocol was changed. Follows no redirect.
   */
  async send(request, deadline) {
    if (Date.now() - this.#used > STALE) {
      this.#agent.destroy();
      this.#agent = this.#newAgent();
    }
    this.#used = Date.now();
    try {
      return await this.#once(request, deadline).catch((error) => {
        // The far end closed a kept connection just when it was used: it has read nothing.
        if (error.wasKept && !deadline.aborted) return this.#once(request, deadline);
        throw error;
      });
    } catch (error) {
      throw error instanceof Failure ? error : this.#failureOf(error, deadline);
    }
  }

  #newAgent() {
    const { Agent } = this.#base.protocol === "http:" ? http : https;
    return new Agent({ keepAlive: true, maxSockets: 8 });
  }

  #once({ method, path, headers, body }, deadline) {
    const { request } = this.#base.protocol === "http:" ? http : https;
    const url = new URL(this.#base);
    // Set, not resolved: a path with two slashes at its start would name another host.
    url.pathname = this.#base.pathname.replace(/\/$/, "") + path;
    return new Promise((resolve, reject) => {
      const asked = request(url, { agent: this.#agent, method, headers, signal: deadline });
      let isAnswered = false;
      asked.on("error", (error) => {
        const isReset = ["ECONNRESET", "EPIPE"].includes(error.code);
        reject(Object.assign(error, { wasKept: isReset && asked.reusedSocket && !isAnswered }));
      });
      asked.on("upgrade", ({ statusCode: status, headers }, socket, head) => {
        resolve({ status, headers, socket, head });
      });
      asked.on("response", (answer) => {
        isAnswered = true;
        const { statusCode: status, headers } = answer;
        whole(answer, this.place).then((body) => resolve({ status, headers, body }), reject);
      });
      asked.end(body);
    });
  }

  #failureOf(error, deadline) {
    if (deadline.aborted) return Failure.unreachable(`${this.place} did not answer in time`);
    const code = /^[A-Z0-9_]{1,60}$/.test(error.code) ? error.code : error.name;
    return Failure.unreachable(`${this.place} cannot be reached (${code})`);
  }
}

/** The whole body of an answer. */
async function whole(answer, place) {
  const parts = [];
  let length = 0;
  for await (const part of answer) {
    length += part.length;
    if (length > MAX_ANSWER) {
      answer.destroy();
      throw Failure.internal(`the answer of ${place} is too long`);
    }
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}
