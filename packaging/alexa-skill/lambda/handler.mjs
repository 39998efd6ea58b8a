// A directive in, an event out, whatever happens.

import { DoorRoad } from "./door_road.mjs";
import { eventOf } from "./event.mjs";
import { Failure } from "./failure.mjs";
import { HubRoad } from "./hub_road.mjs";
import { readSettings } from "./settings.mjs";

// Alexa waits 8 s, and the door answers within 4.5 s. In milliseconds.
const LONGEST = 5500;
// What an event needs to leave a function whose own time limit is shorter, ms.
const FAREWELL = 300;

/** The function's handler, as the environment variables want it. `more` replaces settings in tests. */
export function handlerOf(env, more = {}) {
  const road = attempt(() => roadOf({ ...readSettings(env), ...more }));
  return async (directive, context) => {
    const began = Date.now();
    const left = context?.getRemainingTimeInMillis?.() ?? Infinity;
    const deadline = AbortSignal.timeout(Math.max(0, Math.min(LONGEST, left - FAREWELL)));
    try {
      return await road().send(directive, deadline);
    } catch (error) {
      const failure = error instanceof Failure ? error : Failure.internal(faultOf(error));
      tell(directive, failure, Date.now() - began);
      return eventOf(directive, failure);
    }
  };
}

function roadOf(settings) {
  return settings.road === "hub" ? new HubRoad(settings) : new DoorRoad(settings);
}

/** What is done now, and told each time: its result, or why there is none. */
function attempt(deed) {
  try {
    const result = deed();
    return () => result;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

/** Where a fault of our own is. The error's text stays out: nobody knows what it quotes. */
function faultOf(error) {
  const place = /\(?[^\s(]*\/([^/\s]+:\d+):\d+\)?/.exec(error?.stack ?? "")?.[1] ?? "unknown";
  return `a fault of the function, ${error?.code ?? error?.name ?? "Error"} at ${place}`;
}

/** One line for the function's log. */
function tell(directive, failure, ms) {
  const { namespace, name } = directive?.directive?.header ?? {};
  const failed = [namespace, name].map((word) => (/^[A-Za-z.]{1,80}$/.test(word) ? word : "?")).join(".");
  console.error(JSON.stringify({ failed, type: failure.type, why: failure.message, ms }));
}
