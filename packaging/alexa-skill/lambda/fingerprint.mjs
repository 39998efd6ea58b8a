// What tokens are known by where they are kept.

import { createHash } from "node:crypto";

/** A hash of it. */
export function fingerprintOf(token) {
  return createHash("sha256").update(token).digest("base64");
}
