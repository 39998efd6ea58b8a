// Whose Login with Amazon token it is, for a door that knows no users.

import { Connection } from "./connection.mjs";
import { Failure } from "./failure.mjs";
import { fingerprintOf } from "./fingerprint.mjs";
import { RefusedTokens } from "./refused_tokens.mjs";

// How long Amazon's word is good, ms.
const GOOD_FOR = 5 * 60_000;
const MOST_KEPT = 32;

/** The Amazon users that may speak. */
export class AmazonUsers {
  #amazon;
  #path;
  #allowed;
  // When a token's user was told, by the token's fingerprint.
  #told = new Map();
  #refused = new RefusedTokens();

  constructor(profile, allowed) {
    this.#amazon = new Connection(new URL(profile.origin));
    this.#path = profile.pathname;
    this.#allowed = allowed;
  }

  /** Throws unless the token is one of an allowed user. */
  async check(token, deadline) {
    this.#refused.check(token);
    const key = fingerprintOf(token);
    if (Date.now() - (this.#told.get(key) ?? -Infinity) < GOOD_FOR) return;
    try {
      const user = await this.#userOf(token, deadline);
      if (!this.#allowed.has(user)) throw Failure.refused(`${user} is not in ALLOWED_USERS`);
    } catch (failure) {
      this.#refused.note(token, failure);
      throw failure;
    }
    if (this.#told.size >= MOST_KEPT) this.#told.delete(this.#told.keys().next().value);
    this.#told.set(key, Date.now());
  }

  async #userOf(token, deadline) {
    const headers = { Authorization: `Bearer ${token}`, Accept: "application/json" };
    const answer = await this.#amazon.send({ method: "GET", path: this.#path, headers }, deadline);
    const { place } = this.#amazon;
    if ([400, 401, 403].includes(answer.status)) throw Failure.refused(`${place} refused the token (${answer.status})`);
    if (answer.status !== 200) throw Failure.unreachable(`${place} answered with status ${answer.status}`);
    const user = /"user_id"\s*:\s*"([A-Za-z0-9._-]{1,200})"/.exec(answer.body)?.[1];
    if (!user) throw Failure.refused(`${place} does not say whose token it is: the scope profile:user_id is needed`);
    return user;
  }
}
