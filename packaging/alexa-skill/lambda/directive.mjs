// What of a directive this function looks at.

import { Failure } from "./failure.mjs";

// In which order directives hold the token: device directives, AcceptGrant, Discover.
const PLACES = [
  ["endpoint", "scope"],
  ["payload", "grantee"],
  ["payload", "scope"],
];

/** The token of the linked user. */
export function tokenOf(directive) {
  const token = scopeOf(directive)?.token;
  // Only what can stand in a header.
  if (typeof token === "string" && /^[\x21-\x7e]{1,4096}$/.test(token)) return token;
  throw Failure.refused("the directive carries no token");
}

/** The same directive with another token. */
export function withToken(directive, token) {
  const other = structuredClone(directive);
  scopeOf(other).token = token;
  return other;
}

function scopeOf(envelope) {
  const directive = envelope?.directive;
  if (typeof directive?.header?.name !== "string" || typeof directive.header.namespace !== "string") {
    throw new Failure("INVALID_DIRECTIVE", "this is no directive");
  }
  const scopes = PLACES.map(([part, name]) => directive[part]?.[name]);
  return scopes.find((scope) => scope?.type === "BearerToken");
}
