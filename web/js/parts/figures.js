// Figures of calls, in words.
import { language, t } from "../text.js";

export const ms = (n) => (n == null ? "–" : t("units.ms", { n }));
export const kbps = (n) => (n == null ? "–" : t("units.kbps", { n }));
export const percent = (n) => (n == null ? "–" : t("units.percent", { n: n.toLocaleString(language) }));
// The last value, and the worst one if that is another.
export const most = (now, worst, text) => (now == null ? "–" : worst == null || now === worst ? text(now) : `${text(now)} (${t("calls.worst", { n: text(worst) })})`);

export function duration(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return t("calls.seconds", { n: seconds });
  return t("calls.minutes", { m: Math.floor(seconds / 60), s: seconds % 60 });
}

export const lasted = (call) => duration(new Date(call.ended ?? Date.now()) - new Date(call.started));
