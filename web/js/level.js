// How loud it is: the mean since the last look, and a bar that shows it.
import { html } from "../vendor/preact-htm.js";

// dBFS to a bar of 0 to 60.
const bar = (dbfs) => Math.max(0, Math.min(60, 60 + (dbfs ?? -100)));

export function Level({ label, dbfs, id }) {
  return html`<dt>${label}</dt>
    <dd><meter id=${id} min="0" max="60" value=${bar(dbfs)} aria-label=${label}></meter></dd>`;
}

// Of a row of WebRTC's statistics, dBFS: the level of one moment would miss what is short.
export class Loudness {
  energy = 0;
  seconds = 0;

  since({ totalAudioEnergy: energy, totalSamplesDuration: seconds }) {
    const mean = (energy - this.energy) / (seconds - this.seconds);
    Object.assign(this, { energy, seconds });
    return mean > 0 ? 10 * Math.log10(mean) : -100;
  }
}
