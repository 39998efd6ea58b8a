// The page: who is where, and the frame around it.
import { html, render, useEffect, useState } from "../vendor/preact-htm.js";
import { begin, useHouse } from "./house.js";
import { Activity } from "./pages/activity.js";
import { CallPage } from "./pages/call.js";
import { CameraPage } from "./pages/camera.js";
import { Cameras } from "./pages/cameras.js";
import { Demo } from "./pages/demo.js";
import { Diagnostics } from "./pages/diagnostics.js";
import { Settings } from "./pages/settings.js";
import { SetUp } from "./pages/set_up.js";
import { to, useRoute } from "./route.js";
import { choose, LANGUAGES, language, load, t } from "./text.js";
import * as theme from "./theme.js";

// Those with an address of their own in the bar at the top come first.
const PAGES = { demo: Demo, set_up: SetUp, cameras: Cameras, activity: Activity, settings: Settings, diagnostics: Diagnostics };
const SINGLE = { cameras: CameraPage, calls: CallPage };

// Where people begin: the demo shows what it can do, a house without cameras what is missing.
function start({ status, cameras }) {
  if (status.demo) return "demo";
  return cameras.length ? "cameras" : "set_up";
}

function page([first, id], house) {
  const Page = id ? SINGLE[first] : PAGES[first] ?? PAGES[start(house)];
  if (!Page || (Page === Demo && !house.status.demo)) return html`<p class="card" role="alert">${t("app.no_page")}</p>`;
  return html`<${Page} key=${id ?? first} house=${house} id=${id} />`;
}

function Bar({ house, route, retell }) {
  const { status } = house;
  const now = PAGES[route[0]] || SINGLE[route[0]] ? route[0] : start(house);
  const pages = Object.keys(PAGES).filter((name) => name !== "demo" || status.demo);
  const current = now === "calls" ? "activity" : now;
  const pick = async ({ target }) => retell(await choose(target.value));
  return html`<header class="bar">
    <a class="home" href=${to(start(house))}><img src="icon.svg" alt="" /><span>${t("app.title")}</span></a>
    <nav aria-label=${t("app.pages")}>${pages.map((name) => html`<a href=${to(name)} aria-current=${name === current ? "page" : null}>${t(`app.page_${name}`)}</a>`)}</nav>
    <div class="choices">
      <label><span class="unseen">${t("app.language")}</span><select id="language" value=${language} onChange=${pick}>${LANGUAGES.map((one) => html`<option value=${one}>${t(`app.language_${one}`)}</option>`)}</select></label>
      <label><span class="unseen">${t("app.theme")}</span><select id="theme" value=${theme.theme()} onChange=${({ target }) => theme.choose(target.value)}>${theme.THEMES.map((one) => html`<option value=${one}>${t(`app.theme_${one}`)}</option>`)}</select></label>
    </div>
  </header>`;
}

function App() {
  const house = useHouse();
  const route = useRoute();
  const [, retell] = useState();
  const ready = house.status && house.cameras && house.calls;
  useEffect(() => {
    document.title = t("app.title");
    // Whoever listens instead of looking hears where the new page begins.
    document.querySelector("main h1")?.focus();
  }, [route.join("/")]);
  if (!ready) {
    if (house.login) return location.reload();
    return html`<main><p class="loading" role="status">${t(house.away ? "app.away" : "app.loading")}</p></main>`;
  }
  return html`<a class="skip" href="#main" onClick=${(event) => (event.preventDefault(), document.getElementById("main").focus())}>${t("app.skip")}</a>
    <${Bar} house=${house} route=${route} retell=${() => retell({})} />
    <main id="main" tabindex="-1">
      <div role="status" id="connection">${house.away && html`<p class="notice card">${t(house.login ? "app.login_over" : "app.away")}</p>`}</div>
      ${house.status.problems.map((problem) => html`<p class="notice card problem">${problem}</p>`)}
      ${page(route, house)}
    </main>
    <footer><span>${t(`app.hub_${house.status.hub.state}`)}</span> <span>${t("app.version", { version: house.status.version })}</span></footer>`;
}

theme.show();
await load();
begin();
document.getElementById("app").replaceChildren();
render(html`<${App} />`, document.getElementById("app"));
