// The agents and the buckets that each of them searches.
import { el, show } from "../shared/dom.js";
import { counted, numberInWords } from "../shared/words.js";

const SHOWN_BUCKETS = 12;

export async function draw(page) {
  page.title("Agents");
  const agents = await page.api.agents(page.signal);
  show(page.main, el("div", { class: "head" }, el("div", {}, el("h1", { tabindex: -1 }, "Agents"), el("p", { class: "muted" }, counted(agents.length, "agent")))),
    el("ul", { class: "cards" }, agents.map((agent) => el("li", {}, card(agent)))));
}

function card(agent) {
  return el("article", { class: "card" },
    el("h2", {}, agent.isDefault ? "Default agent" : agent.name),
    el("p", { class: "quiet-id" }, agent.model),
    agent.instructions && el("p", { class: "small clamp" }, agent.instructions),
    el("p", { class: "small muted" }, agent.buckets.length ? "Searches" : "Searches no bucket"),
    links(agent.buckets.slice(0, SHOWN_BUCKETS)),
    agent.buckets.length > SHOWN_BUCKETS && el("details", { class: "well small" }, el("summary", {}, `${numberInWords(agent.buckets.length - SHOWN_BUCKETS)} more`), links(agent.buckets.slice(SHOWN_BUCKETS))),
    el("p", { class: "card-foot small" }, el("a", { class: "plain", href: `#/ask?agent=${encodeURIComponent(agent.model)}` }, "Ask it")));
}

function links(buckets) {
  return el("ul", { class: "facts" }, buckets.map(({ slug, id, name }) => el("li", {}, el("a", { class: "plain", href: `#/b/${encodeURIComponent(slug ?? id)}` }, name ?? slug))));
}
