// What the house tells, kept up to date: { status, cameras, calls, activity, set_up, me }, each null until it was told.
import { useEffect, useState } from "../vendor/preact-htm.js";
import { act, get } from "./api.js";

const TOPICS = ["me", "status", "cameras", "calls", "activity", "set_up"];
// From a stream that was refused to the next try.
const AGAIN_MS = 2000;
// A house that has not come back by then from a restart is away.
const RESTART_MS = 20000;

let known = { status: null, cameras: null, calls: null, activity: null, set_up: null, me: null, away: false, restarting: false, login: false };
const listeners = new Set();
let stream = null;
let timer = null;

function tell(news) {
  known = { ...known, ...news };
  listeners.forEach((listener) => listener(known));
}

function listen() {
  clearTimeout(timer);
  stream?.close();
  stream = new EventSource("api/v1/changes");
  stream.onopen = () => tell({ away: false, restarting: known.restarting && !known.away, login: false });
  for (const topic of TOPICS) {
    stream.addEventListener(topic, ({ data }) => tell({ [topic]: JSON.parse(data) }));
  }
  stream.onerror = async () => {
    tell({ away: true });
    // A refusal ends a stream for good; what is only interrupted comes back by itself.
    if (stream?.readyState !== EventSource.CLOSED) return;
    const login = await get("status").then(() => false, (error) => error.status === 401);
    tell({ login });
    timer = setTimeout(listen, AGAIN_MS);
  };
}

// Browsers give one host six connections: tabs that nobody looks at hold none.
function follow() {
  if (document.hidden) {
    clearTimeout(timer);
    stream?.close();
    stream = null;
  } else if (!stream) {
    listen();
  }
}

export function begin() {
  document.addEventListener("visibilitychange", follow);
  listen();
}

// Starts the house anew. While it does so, that it does not answer is no news.
export async function restart() {
  tell({ restarting: true });
  setTimeout(() => tell({ restarting: false }), RESTART_MS);
  try {
    await act("POST", "restart", {});
  } catch (error) {
    tell({ restarting: false });
    throw error;
  }
}

export function useHouse() {
  const [house, setHouse] = useState(known);
  useEffect(() => {
    listeners.add(setHouse);
    setHouse(known);
    return () => listeners.delete(setHouse);
  }, []);
  return house;
}
