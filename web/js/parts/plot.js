// How a call's line was over time: what was sent as a line, what was lost as bars below it.
import { html } from "../../vendor/preact-htm.js";
import { duration } from "./figures.js";
import { language, t } from "../text.js";

const WIDTH = 600;
const HEIGHT = 120;
// A loss that fills a third of the picture, percent, at least.
const LOSS = 10;

function words({ kbps, loss_percent: loss, every_ms: every }) {
  const mean = Math.round(kbps.reduce((sum, n) => sum + n, 0) / kbps.length);
  const values = { least: Math.min(...kbps), most: Math.max(...kbps), mean, loss: Math.max(...loss).toLocaleString(language), every: (every / 1000).toLocaleString(language), time: duration(kbps.length * every) };
  return t("calls.plot_says", values);
}

export function Plot({ plot }) {
  if (!plot || plot.kbps.length < 2) return html`<p class="soft">${t("calls.plot_few")}</p>`;
  const { kbps, loss_percent: loss, every_ms: every } = plot;
  const top = Math.max(...kbps, 1);
  const step = WIDTH / kbps.length;
  const height = (n) => HEIGHT - (n / top) * (HEIGHT - 6);
  const line = kbps.map((n, at) => `${((at + 0.5) * step).toFixed(1)},${height(n).toFixed(1)}`);
  const worst = Math.max(...loss, LOSS);
  const says = words(plot);
  return html`<figure class="plot">
    <svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label=${says}>
      <polygon class="under" points=${`${line[0].split(",")[0]},${HEIGHT} ${line.join(" ")} ${line.at(-1).split(",")[0]},${HEIGHT}`} />
      ${loss.map((n, at) => n > 0 && html`<rect class="lost" x=${at * step} width=${step} y=${HEIGHT - (n / worst) * (HEIGHT / 3)} height=${(n / worst) * (HEIGHT / 3)} />`)}
      <polyline class="sent" points=${line.join(" ")} vector-effect="non-scaling-stroke" />
    </svg>
    <div class="axis soft" aria-hidden="true"><span>${duration(plot.from_ms)}</span><span class="key sent">${t("calls.plot_kbps")}</span><span class="key lost">${t("calls.plot_loss")}</span><span>${duration(plot.from_ms + kbps.length * every)}</span></div>
    <figcaption class="soft">${says}</figcaption>
  </figure>`;
}
