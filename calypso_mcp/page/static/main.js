// The page: who is signed in, which view the address names, and what all views share.
import { Refused, session, signIn, signOut } from "./api.js";
import { acceptDrops, chooseBucket } from "./sending.js";
import { el, show } from "./shared/dom.js";
import * as agents from "./views/agents.js";
import * as ask from "./views/ask.js";
import * as bucket from "./views/bucket.js";
import * as buckets from "./views/buckets.js";
import * as connect from "./views/connect.js";
import * as search from "./views/search.js";
import * as signInView from "./views/sign_in.js";
import * as source from "./views/source.js";

const VIEWS = { "": buckets, b: bucket, s: source, search, ask, agents, connect };
const LINKS = [["#/", "Buckets", ["", "b", "s"]], ["#/search", "Search", ["search"]], ["#/ask", "Ask", ["ask"]], ["#/agents", "Agents", ["agents"]], ["#/connect", "Connect", ["connect"]]];
const BUSY_MS = 1000;
const IDLE_MS = 5000;
const TOLD_MS = 8000;

const main = document.querySelector("main");
const status = document.querySelector("#status");
const nav = document.querySelector("nav");
let leaving = new AbortController();
let about = null;
let api = null;
let isFirst = true;
let silence = 0;
// How far each view was scrolled, by its address: a view begins at its top, one that is seen again where it was left.
const scrolled = new Map();
history.scrollRestoration = "manual";

/** Tell a person something in the one live region; `isSeen` is false where the view shows it anyway. */
function say(text, { isSeen = true } = {}) {
  clearTimeout(silence);
  status.classList.toggle("unseen", !isSeen);
  status.textContent = text;
  silence = setTimeout(() => { status.textContent = ""; }, TOLD_MS);
}

/** Begin a session where the address is a link of the terminal, and take its secret out of the address. */
async function takeLink() {
  const given = /^#sign-in=(.+)$/.exec(location.hash)?.[1];
  if (!given) return false;
  history.replaceState(null, "", "#/");
  try {
    await signIn(given);
  } catch (error) {
    say(error.message);
  }
  return true;
}

async function open() {
  try {
    about = await session();
    if (about.signed_in) {
      api = await import(about.speaks === "mcp" ? "./tools.js" : "./rest.js");
      await api.prepare?.();
    }
  } catch (error) {
    if (error.status !== 401) {
      show(main, el("h1", {}, "No connection"), el("p", {}, error.message), el("p", { class: "muted" }, "Trying again every few seconds."));
      setTimeout(open, IDLE_MS);
      return;
    }
    about = { ...about, signed_in: false };
  }
  await route();
}

async function route() {
  if (await takeLink()) {
    await open();
    return;
  }
  const top = scrolled.get(location.hash) ?? 0;
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, ...rest] = path.split("/");
  const isIn = Boolean(about?.signed_in);
  const view = isIn ? (VIEWS[name] ?? VIEWS[""]) : signInView;
  drawLinks(isIn, name);
  main.setAttribute("aria-busy", "true");
  const context = {
    main, api, about, signal, say, open,
    argument: decoded(rest.join("/")),
    query: new URLSearchParams(query),
    title: (text) => { document.title = `${text} \u00b7 Calypso Buckets`; },
    poll: (work) => poll(work, signal),
    signOut: async () => { await signOut(); location.hash = "#/"; await open(); },
    /** Do what a person asked for; say what went wrong. Returns whether it went well. */
    attempt: async (work) => {
      try {
        await work();
        return true;
      } catch (error) {
        if (error.name !== "AbortError") say(error.message);
        return false;
      }
    },
  };
  // Two views take drops themselves: they know the bucket that is meant.
  if (isIn && view !== bucket && view !== buckets) {
    acceptDrops(context, async (_, files) => chooseBucket(context, await api.buckets(signal), files), ({ slug }) => { location.hash = `#/b/${encodeURIComponent(slug)}`; });
  }
  scrollTo(0, 0);
  try {
    await view.draw(context);
  } catch (error) {
    if (error.name === "AbortError") return;
    if (!(error instanceof Refused)) throw error;
    await drawError(error);
  }
  if (!signal.aborted) Object.assign(main, { ariaBusy: "false" }).dataset.shown = location.hash;
  if (!isFirst && !signal.aborted && !main.contains(document.activeElement)) main.querySelector("h1")?.focus({ preventScroll: true });
  isFirst = false;
  // A passage that is meant has brought itself into sight.
  if (top && !signal.aborted && !main.querySelector("[aria-current=true]")) scrollTo(0, top);
}

// An address that was cut off or typed is no reason to stop.
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function drawError(error) {
  if (error.status === 401) {
    about = { ...about, signed_in: false };
    await route();
    return;
  }
  show(main, el("h1", { tabindex: -1 }, error.status === 404 ? "Not found" : "Something went wrong"), el("p", {}, error.message),
    el("p", {}, el("a", { href: "#/" }, "All buckets")));
}

function drawLinks(isIn, name) {
  nav.hidden = !isIn;
  show(nav, el("ul", {}, LINKS.map(([href, text, names]) =>
    el("li", {}, el("a", { href, "aria-current": names.includes(name) ? "page" : null }, text)))));
}

/**
 * Repeat `work` until the view is left: often while it returns true (busy), rarely else, never while hidden.
 * Returns a function that has it done at once.
 */
function poll(work, signal) {
  /** @type {(value?: any) => void} */
  let wake = () => {};
  const pause = (milliseconds) => new Promise((go) => {
    wake = go;
    setTimeout(go, milliseconds);
  });
  repeat(work, signal, pause);
  return () => wake();
}

async function repeat(work, signal, pause) {
  let failures = 0;
  for (;;) {
    let isBusy = false;
    await seen(signal);
    if (signal.aborted) return;
    try {
      isBusy = await work();
      if (failures) say("The connection is back.");
      failures = 0;
    } catch (error) {
      if (error.name === "AbortError") return;
      if (error.status === 401) {
        await drawError(error);
        return;
      }
      failures += 1;
      if (failures === 1) say(error.message);
    }
    await pause(isBusy ? BUSY_MS : IDLE_MS);
  }
}

function seen(signal) {
  if (!document.hidden) return Promise.resolve();
  return new Promise((go) => {
    document.addEventListener("visibilitychange", go, { once: true });
    signal.addEventListener("abort", go, { once: true });
  });
}

// Files that miss the place where they may be dropped must not replace the page.
for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());
addEventListener("scroll", () => scrolled.set(location.hash, scrollY), { passive: true });
addEventListener("hashchange", route);
await takeLink();
await open();
