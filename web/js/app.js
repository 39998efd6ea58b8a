// The page: who is where, and the frame around it.
import { html, render, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { act } from "./api.js";
import { begin, useHouse } from "./house.js";
import { Activity } from "./pages/activity.js";
import { CallPage } from "./pages/call.js";
import { CameraPage } from "./pages/camera.js";
import { Cameras } from "./pages/cameras.js";
import { Demo } from "./pages/demo.js";
import { Diagnostics } from "./pages/diagnostics.js";
import { Settings } from "./pages/settings.js";
import { SetUp } from "./pages/set_up.js";
import { Problems } from "./parts/problems.js";
import { to, useRoute } from "./route.js";
import { choose, LANGUAGES, language, load, t } from "./text.js";
import * as theme from "./theme.js";

// Those with an address of their own in the bar at the top come first.
const PAGES = { demo: Demo, set_up: SetUp, cameras: Cameras, activity: Activity, settings: Settings, diagnostics: Diagnostics };
// What only an administrator may see.
const ADMINS = ["set_up", "settings", "diagnostics"];
const SINGLE = { cameras: CameraPage, calls: CallPage };

// Where people begin: the demo shows what it can do, a house without cameras what is missing.
function start({ me, status, cameras }) {
  if (status.demo) return "demo";
  return cameras.length || !me.admin ? "cameras" : "set_up";
}

function page([first, id], house) {
  const Page = id ? SINGLE[first] : PAGES[first ?? start(house)];
  const hidden = (Page === Demo && !house.status.demo) || (ADMINS.includes(first) && !house.me.admin);
  if (!Page || hidden) return html`<h1 tabindex="-1">${t("app.no_page")}</h1>`;
  return html`<${Page} key=${id ?? first} house=${house} id=${id} />`;
}

// The page that is shown, among those of the bar: a call belongs to the activity.
function current([first], house) {
  if (first === "calls") return "activity";
  return PAGES[first] ? first : first ? null : start(house);
}

function Bar({ house, now }) {
  const { me, status } = house;
  const pages = Object.keys(PAGES).filter((name) => (name !== "demo" || status.demo) && (me.admin || !ADMINS.includes(name)));
  const row = useRef(null);
  // On a phone the row scrolls inside itself: where we are is to be seen.
  useEffect(() => {
    const here = row.current.querySelector("[aria-current]");
    if (here) row.current.scrollLeft = here.offsetLeft - (row.current.clientWidth - here.offsetWidth) / 2;
  }, [now]);
  const show = ({ target }) => target.scrollIntoView({ block: "nearest", inline: "nearest" });
  return html`<header class="bar">
    <a class="home" href=${to(start(house))}><img src="icon.svg" alt="" /><span>${t("app.title")}</span></a>
    <nav ref=${row} onfocusin=${show} aria-label=${t("app.pages")}>${pages.map((name) => html`<a href=${to(name)} aria-current=${name === now ? "page" : null}>${t(`app.page_${name}`)}</a>`)}</nav>
    <p class="hub" id="hub" role="status" data-state=${status.hub.state}><span class="dot"></span>${t(`app.hub_${status.hub.state}`)}</p>
  </header>`;
}

// The page that comes then is the one that asks for the token.
const logOut = () => act("POST", "logout").finally(() => location.reload());

function Foot({ me, version, retell }) {
  const pick = async ({ target }) => retell(await choose(target.value));
  return html`<footer>
    <label>${t("app.language")} <select id="language" value=${language} onChange=${pick}>${LANGUAGES.map((one) => html`<option value=${one}>${t(`app.language_${one}`)}</option>`)}</select></label>
    <label>${t("app.theme")} <select id="theme" value=${theme.theme()} onChange=${({ target }) => theme.choose(target.value)}>${theme.THEMES.map((one) => html`<option value=${one}>${t(`app.theme_${one}`)}</option>`)}</select></label>
    ${me.via === "token" && html`<button id="log-out" onClick=${logOut}>${t("login.log_out")}</button>`}
    <span>${t("app.version", { version })}</span>
  </footer>`;
}

function App() {
  const house = useHouse();
  const route = useRoute();
  const [told, retell] = useState({});
  const ready = house.me && house.status && house.cameras && house.calls;
  const now = ready && current(route, house);
  useEffect(() => {
    document.title = now ? t("app.title_of", { page: t(`app.page_${now}`) }) : t("app.title");
  }, [now, told]);
  useEffect(() => {
    // Whoever listens instead of looking hears where the new page begins.
    document.querySelector("main h1")?.focus();
  }, [route.join("/")]);
  if (!ready) {
    if (house.login) return location.reload();
    return html`<main><p class="loading" role="status">${t(house.away ? "app.away" : "app.loading")}</p></main>`;
  }
  return html`<a class="skip" href="#main" onClick=${(event) => (event.preventDefault(), document.getElementById("main").focus())}>${t("app.skip")}</a>
    <${Bar} house=${house} now=${now} />
    <main id="main" tabindex="-1">
      <div role="status" id="connection">${house.away && !house.restarting && html`<p class="notice card">${t(house.login ? "app.login_over" : "app.away")}</p>`}</div>
      ${!house.me.admin && html`<p class="card soft" id="read-only">${t(house.me.admin === null ? "login.role_unknown" : "login.read_only")}</p>`}
      <${Problems} problems=${house.status.problems} />
      ${page(route, house)}
    </main>
    <${Foot} me=${house.me} version=${house.status.version} retell=${() => retell({})} />`;
}

theme.show();
await load();
begin();
document.getElementById("app").replaceChildren();
render(html`<${App} />`, document.getElementById("app"));
