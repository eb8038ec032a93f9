// Asking an agent: its answer with numbered citations, each leading to its place.
import { addressOf } from "../shared/addresses.js";
import { el, show } from "../shared/dom.js";
import { hitList } from "../shared/hits.js";

export async function draw(page) {
  const question = page.query.get("q") ?? "";
  page.title(question ? `${question} - ask` : "Ask");
  const agents = await page.api.agents(page.signal);
  const model = page.query.get("agent") || agents.find(({ isDefault }) => isDefault)?.model || agents[0]?.model;
  const result = el("section", { "aria-label": "Answer" });
  show(page.main, el("h1", { tabindex: -1 }, "Ask"),
    el("form", { class: "stack", onSubmit: submit },
      el("div", { class: "inline" },
        el("select", { name: "agent", "aria-label": "Agent" }, agents.map((agent) => el("option", { value: agent.model, selected: agent.model === model }, agent.isDefault ? "Default agent" : agent.name))),
        el("input", { name: "q", value: question, required: true, "aria-label": "Question", placeholder: "A question" }),
        el("button", { type: "submit", class: "main" }, "Ask"))),
    result);
  if (!question) return;
  show(result, el("p", { class: "muted" }, "Asking \u2026"));
  const answer = await page.api.ask({ model, question, signal: page.signal });
  const byNumber = new Map(answer.sources.map((source) => [source.number, source]));
  const hrefOf = (source) => page.api.can.read && source.fileId && addressOf(source.fileId, source.place, question);
  show(result,
    el("div", { class: "panel answer" }, answer.note && el("p", { class: "small muted" }, answer.note),
      answer.parts.map(({ text, sources, isQuote }) => el(isQuote ? "blockquote" : "p", { dir: "auto" }, text,
        sources.map((number) => [" ", cite(number, hrefOf(byNumber.get(number) ?? {}))])))),
    answer.sources.length > 0 && [el("h2", {}, "Sources"), hitList(answer.sources, question, { hrefOf })]);
  page.say("The answer is ready.", { isSeen: false });
}

function cite(number, href) {
  return href ? el("a", { class: "cite", href, "aria-label": `Source ${number}` }, `[${number}]`) : `[${number}]`;
}

function submit(event) {
  event.preventDefault();
  const data = new FormData(event.target);
  location.hash = `#/ask?${new URLSearchParams({ agent: String(data.get("agent")), q: String(data.get("q")) })}`;
}
