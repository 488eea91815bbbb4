// Tabs, the way between them, and the example gallery.
import { asked, button, dialog, lookUpPeople, mistake, place } from "./dom.js";
import { startEnroll } from "./enroll.js";
import { startTaking } from "./files.js";
import { startIdentify } from "./identify.js";
import { startMasks } from "./masks.js";
import { startPeople } from "./people.js";

const tabs = [...document.querySelectorAll("[role=tab]")];
const panel = (id) => document.getElementById(id);
const panels = {
  identify: startIdentify(panel("identify"), { tryExample }),
  people: startPeople(panel("people")),
  enroll: startEnroll(panel("enroll")),
  masks: startMasks(panel("masks")),
};

function show() {
  document.querySelectorAll("dialog").forEach((open) => open.close());
  const [wanted, ...rest] = location.hash.slice(2).split("/").map(decodeURIComponent);
  const id = wanted in panels ? wanted : "identify";
  for (const tab of tabs) {
    const chosen = tab.getAttribute("aria-controls") === id;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
    panel(tab.getAttribute("aria-controls")).hidden = !chosen;
  }
  return panels[id].shown(...rest);
}

tabs.forEach((tab, at) => {
  tab.addEventListener("click", () => {
    location.hash = `/${tab.getAttribute("aria-controls")}`;
  });
  tab.addEventListener("keydown", ({ key }) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
    if (!step) return;
    const next = tabs[(at + step + tabs.length) % tabs.length];
    next.focus();
    next.click();
  });
});

async function tryExample({ target }) {
  target.disabled = true;
  target.textContent = "Making it, a few seconds …";
  try {
    const { photos } = await asked("example", { method: "POST" });
    await visit("example", photos);
  } catch (error) {
    target.after(mistake(error));
  }
  target.disabled = false;
  target.textContent = "Play with an example";
}

async function visit(gallery, photos) {
  place.gallery = gallery;
  place.changes += 1;
  panel("example").hidden = gallery === "own";
  panels.identify.clear(photos);
  panels.enroll.clear();
  await lookUpPeople();
  location.hash = "/identify";
  show();
}

panel("leave").addEventListener("click", () => visit("own", []));
window.addEventListener("hashchange", show);
// What no part of the page tells in its own place, such as that the program ended.
window.addEventListener("unhandledrejection", ({ reason }) => {
  const shown = dialog("That did not work", mistake(reason),
    button("Close", () => shown.close()));
});
startTaking();
try {
  await lookUpPeople();
} catch (error) {
  document.querySelector("main").prepend(mistake(error));
}
show();
