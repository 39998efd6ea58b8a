// Still pictures of a camera, taken again and again while somebody looks.
import { html, useEffect, useState } from "../../vendor/preact-htm.js";
import { t, time } from "../text.js";

// After a failure: what is wrong lasts.
const AGAIN_MS = 5000;

const inline = (blob) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });

// { src, at }: a picture and when the camera showed it; null if there is none yet. `fresh` opens a camera that is closed.
async function take(camera, fresh, signal) {
  const response = await fetch(`api/v1/cameras/${encodeURIComponent(camera)}/still${fresh ? "?fresh=1" : ""}`, { signal });
  if (!response.ok) throw new Error((await response.json().catch(() => ({}))).error ?? `HTTP ${response.status}`);
  if (response.status === 204) return null;
  return { src: await inline(await response.blob()), at: response.headers.get("Last-Modified") };
}

// { picture, why }: the last picture, and why there is no newer one. Rests while the page is hidden.
export function useStill(camera, { fresh = false, every }) {
  const [state, setState] = useState({ picture: null, why: null });
  useEffect(() => {
    const leaving = new AbortController();
    let timer = null;
    let busy = false;
    const next = async () => {
      clearTimeout(timer);
      if (busy || document.hidden || leaving.signal.aborted) return;
      busy = true;
      const news = await take(camera, fresh, leaving.signal).then((picture) => (picture ? { picture, why: null } : { why: t("cameras.no_still") }), (error) => ({ why: error.message }));
      busy = false;
      if (leaving.signal.aborted) return;
      setState((before) => ({ ...before, ...news }));
      timer = setTimeout(next, news.why ? Math.max(every, AGAIN_MS) : every);
    };
    setState({ picture: null, why: null });
    document.addEventListener("visibilitychange", next);
    next();
    return () => (leaving.abort(), clearTimeout(timer), document.removeEventListener("visibilitychange", next));
  }, [camera, fresh, every]);
  return state;
}

export function Still({ camera, picture }) {
  return html`<img class="still" id="still" src=${picture.src} alt=${t("echo.still_of", { camera, time: time(picture.at) })} data-at=${picture.at} />`;
}
