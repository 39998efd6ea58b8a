// The road through the hub: its ingress, opened with the linked user's token.

import { Connection } from "./connection.mjs";
import { tokenOf } from "./directive.mjs";
import { PATH } from "./door_road.mjs";
import { eventIn } from "./event.mjs";
import { Failure } from "./failure.mjs";
import { claimsOf } from "./claims.mjs";
import { fingerprintOf } from "./fingerprint.mjs";
import { openSession } from "./ingress_session.mjs";
import { RefusedTokens } from "./refused_tokens.mjs";

const MOST_KEPT = 32;
// What a kept session gets when it is over, or when the add-on was installed anew and is elsewhere.
const SPENT = [401, 403, 404, 503];

/** Directives go through the hub's ingress. */
export class HubRoad {
  #hub;
  #addOn;
  // Sessions, some of them still to come, by the fingerprint of the login that opened them.
  #sessions = new Map();
  #refused = new RefusedTokens();

  constructor({ base, addOn }) {
    this.#hub = new Connection(base);
    this.#addOn = addOn;
  }

  /** The event that the add-on answers with. */
  async send(directive, deadline) {
    const token = tokenOf(directive);
    const { login, expires } = claimsOf(token);
    // The hub would count either as a failed login.
    if (expires * 1000 <= Date.now()) throw Failure.expired("the token in the directive has run out");
    this.#refused.check(token);
    const key = fingerprintOf(login);
    const known = this.#sessions.get(key);
    let answer = await this.#post(directive, token, known ?? this.#open(key, token, deadline), deadline);
    if (known && SPENT.includes(answer.status)) {
      if (this.#sessions.get(key) === known) this.#sessions.delete(key);
      const opened = this.#sessions.get(key) ?? this.#open(key, token, deadline);
      answer = await this.#post(directive, token, opened, deadline);
    }
    return this.#eventIn(answer);
  }

  /** A new session, which directives that come meanwhile share. */
  #open(key, token, deadline) {
    const opening = openSession(this.#hub, token, this.#addOn, deadline);
    if (this.#sessions.size >= MOST_KEPT) this.#sessions.delete(this.#sessions.keys().next().value);
    this.#sessions.set(key, opening);
    opening.catch((failure) => {
      this.#refused.note(token, failure);
      if (this.#sessions.get(key) === opening) this.#sessions.delete(key);
    });
    return opening;
  }

  async #post(directive, token, opening, deadline) {
    const { session, entry } = await opening;
    const body = JSON.stringify(directive);
    const headers = {
      Authorization: `Bearer ${token}`,
      Cookie: `ingress_session=${session}`,
      "Content-Type": "application/json",
      "Content-Length": Buffer.byteLength(body),
    };
    return this.#hub.send({ method: "POST", path: entry + PATH, headers, body }, deadline);
  }

  #eventIn({ status, body }) {
    const addOn = `the app ${this.#addOn} at ${this.#hub.place}`;
    if (status === 200) return eventIn(body, addOn);
    // The token has nothing to do with it: Doorstep says of that in an event.
    if (status === 401 || status === 403) {
      throw Failure.unreachable(`${addOn} does not let the function in (${status}): try again in a minute`);
    }
    if (status >= 500) throw Failure.unreachable(`${addOn} does not answer (${status}): is it started?`);
    throw Failure.ofStatus(status, addOn, `${this.#hub.place} has no ingress: see HUB_URL`);
  }
}
