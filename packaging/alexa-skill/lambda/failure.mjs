// Why a directive got no answer, in Alexa's words.

const REFUSED = "INVALID_AUTHORIZATION_CREDENTIAL";

/** A failure that Alexa is told. Its message is read by people and holds nothing secret. */
export class Failure extends Error {
  /** `type` is one of `Alexa.ErrorResponse`. */
  constructor(type, message) {
    super(message);
    this.type = type;
  }

  /** True for what is about the token and nothing else. */
  get isRefusal() {
    return this.type === REFUSED;
  }

  static internal(message) {
    return new Failure("INTERNAL_ERROR", message);
  }

  static unreachable(message) {
    return new Failure("BRIDGE_UNREACHABLE", message);
  }

  static refused(message) {
    return new Failure(REFUSED, message);
  }

  static expired(message) {
    return new Failure("EXPIRED_AUTHORIZATION_CREDENTIAL", message);
  }

  /** What an HTTP status other than 200 means; `nothing` says what is missing where there is none. */
  static ofStatus(status, where, nothing) {
    if (status === 401 || status === 403) return Failure.refused(`${where} refused the token (${status})`);
    if (status === 404) return Failure.unreachable(nothing);
    if (status >= 300 && status < 400) {
      return Failure.unreachable(`${where} leads elsewhere (${status}): set the address that it leads to`);
    }
    if (status === 400 || status === 413) {
      return new Failure("INVALID_DIRECTIVE", `${where} takes this for no directive (${status})`);
    }
    if (status >= 500) return Failure.unreachable(`nothing answers behind ${where} (${status})`);
    return Failure.internal(`${where} answered with status ${status}`);
  }
}
