// Auto follows the device: the hub's frame does not tell its theme.
export const THEMES = ["auto", "light", "dark"];
const KEPT = "doorstep_theme";

export function theme() {
  try {
    const kept = localStorage.getItem(KEPT);
    return THEMES.includes(kept) ? kept : THEMES[0];
  } catch {
    return THEMES[0];
  }
}

export function show(chosen = theme()) {
  document.documentElement.dataset.theme = chosen;
}

export function choose(chosen) {
  try {
    localStorage.setItem(KEPT, chosen);
  } catch {
    // It holds until the page is left.
  }
  show(chosen);
}
