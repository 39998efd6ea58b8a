// The events that the function makes or passes back.

import { randomUUID } from "node:crypto";

import { Failure } from "./failure.mjs";

/** The event that Alexa knows for a failure. */
export function eventOf(directive, failure) {
  const { header = {}, endpoint } = directive?.directive ?? {};
  if (header.namespace === "Alexa.Discovery") {
    // Discovery knows no error; devices that are there stay.
    return event("Alexa.Discovery", "Discover.Response", { endpoints: [] });
  }
  if (header.namespace === "Alexa.Authorization") {
    const payload = { type: "ACCEPT_GRANT_FAILED", message: failure.message };
    return event("Alexa.Authorization", "ErrorResponse", payload);
  }
  const answer = event("Alexa", "ErrorResponse", { type: failure.type, message: failure.message });
  if (typeof header.correlationToken === "string") {
    answer.event.header.correlationToken = header.correlationToken;
  }
  if (typeof endpoint?.endpointId === "string") {
    answer.event.endpoint = { endpointId: endpoint.endpointId };
  }
  return answer;
}

function event(namespace, name, payload) {
  return { event: { header: { namespace, name, messageId: randomUUID(), payloadVersion: "3" }, payload } };
}

/** The event in an answer's body. */
export function eventIn(body, where) {
  const said = parsed(body);
  const header = said?.event?.header;
  const words = [header?.namespace, header?.name, header?.messageId];
  if (words.every((word) => typeof word === "string")) return said;
  throw Failure.internal(`what ${where} answered is no event`);
}

function parsed(body) {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}
