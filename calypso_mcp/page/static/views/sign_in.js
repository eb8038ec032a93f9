// Signing in: a link of the terminal on this machine, a token on a team's server.
import { signIn } from "../api.js";
import { field } from "../dialogs.js";
import { el, show } from "../shared/dom.js";

export async function draw(page) {
  page.title("Sign in");
  show(page.main, el("div", { class: "narrow stack" }, el("h1", { tabindex: -1 }, "Sign in"),
    page.about?.asks_for === "token" ? tokenForm(page) : linkHelp()));
}

function linkHelp() {
  return [
    el("p", {}, "This page shows what is stored on this machine. Open it with a link from the machine's owner:"),
    el("pre", { class: "code", tabindex: 0 }, el("code", {}, "calypso-mcp open")),
    el("p", { class: "muted small" }, "A link works once, within five minutes. The session lasts twelve hours."),
  ];
}

function tokenForm(page) {
  const token = el("input", { type: "password", name: "token", required: true, autocomplete: "off", spellcheck: "false" });
  const send = async (event) => {
    event.preventDefault();
    if (await page.attempt(() => signIn(token.value.trim()))) await page.open();
  };
  return [
    el("p", {}, "Use the access token that the operator of this server gave you. You see what its agent may see."),
    el("form", { class: "stack", onSubmit: send }, field("Access token", token),
      el("div", { class: "buttons" }, el("button", { type: "submit", class: "main" }, "Sign in"))),
  ];
}
