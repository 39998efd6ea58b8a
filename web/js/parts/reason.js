// A reason ends in what the library underneath said, in parentheses: `It was not reached (tcp: Connection to …)`.
import { html } from "../../vendor/preact-htm.js";
import { t } from "../text.js";

function parts(text) {
  const [, says, tail] = text?.match(/^(.*?) \(([a-z][a-z0-9_]*: .*)\)\.?$/s) ?? [];
  return tail ? { says, tail } : { says: text };
}

// The sentence for everybody.
export const plain = (text) => parts(text).says;

// The rest for whoever wants to know; belongs behind the paragraph with the sentence.
export function Tail({ text }) {
  const { tail } = parts(text);
  return tail ? html`<details class="tail"><summary>${t("app.details")}</summary><code>${tail}</code></details>` : null;
}
