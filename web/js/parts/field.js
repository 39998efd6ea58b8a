// A labelled field with a hint, and what is wrong with what is in it.
import { html } from "../../vendor/preact-htm.js";

// `children` makes the control, given what ties it to the label, the hint and the problem.
export function Field({ id, label, hint, problem, children }) {
  const described = [hint && `${id}-hint`, problem && `${id}-problem`].filter(Boolean).join(" ");
  const more = { id, name: id, "aria-describedby": described || null, "aria-invalid": problem ? "true" : null };
  return html`<div class="field">
    <label for=${id}>${label}</label>
    ${children(more)}
    ${hint && html`<p class="soft hint" id=${`${id}-hint`}>${hint}</p>`}
    ${problem && html`<p class="error" id=${`${id}-problem`}>${problem}</p>`}
  </div>`;
}

// A box to tick, its words beside it.
export function Tick({ id, label, hint, problem, checked, change, disabled }) {
  const described = [hint && `${id}-hint`, problem && `${id}-problem`].filter(Boolean).join(" ");
  return html`<div class="field">
    <label class="tick" for=${id}><input type="checkbox" id=${id} name=${id} checked=${checked} disabled=${disabled} aria-describedby=${described || null} onChange=${({ target }) => change(target.checked)} /> <span>${label}</span></label>
    ${hint && html`<p class="soft hint" id=${`${id}-hint`}>${hint}</p>`}
    ${problem && html`<p class="error" id=${`${id}-problem`}>${problem}</p>`}
  </div>`;
}

// Why something was not saved: `{ error, problems }`, the problems by the last part of their key.
export function problemsOf(error) {
  const problems = {};
  for (const { key, text } of error.problems ?? []) problems[key.split(".").pop()] = text;
  return { error: error.message, problems };
}
