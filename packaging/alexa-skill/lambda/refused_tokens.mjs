// Tokens that were refused, so that none is shown twice: a hub counts failed logins, and bans who has too many.

import { claimsOf } from "./claims.mjs";
import { Failure } from "./failure.mjs";
import { fingerprintOf } from "./fingerprint.mjs";

const MOST_KEPT = 64;
// Longest time that a refusal is good, ms: a clock may have been wrong, or a user be let in again.
const LONGEST = 30 * 60_000;
// The same for a token that does not say when it runs out, ms.
const UNDATED = 5 * 60_000;

/** The tokens that were refused, and why. */
export class RefusedTokens {
  // By the token's fingerprint: the failure, and until when it is good.
  #refusals = new Map();

  /** Throws what the token was refused with. */
  check(token) {
    const refusal = this.#refusals.get(fingerprintOf(token));
    if (refusal && Date.now() < refusal.until) throw refusal.failure;
  }

  /** Keeps a failure that is a refusal of the token. */
  note(token, failure) {
    if (!(failure instanceof Failure && failure.isRefusal)) return;
    const left = claimsOf(token).expires * 1000 - Date.now();
    const until = Date.now() + (Number.isFinite(left) ? Math.min(left, LONGEST) : UNDATED);
    if (this.#refusals.size >= MOST_KEPT) this.#refusals.delete(this.#refusals.keys().next().value);
    this.#refusals.set(fingerprintOf(token), { failure, until });
  }
}
