// What a token of the hub says of itself. Not verified: that is the hub's business.

/** `login` names the login that the token comes from; `expires` is in seconds since 1970. */
export function claimsOf(token) {
  try {
    const { iss, exp } = JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
    return { login: String(iss ?? token), expires: Number(exp ?? Infinity) };
  } catch {
    return { login: token, expires: Infinity };
  }
}
