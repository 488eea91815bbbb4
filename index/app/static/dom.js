// Elements, requests and questions. Text is always text: nothing is parsed as HTML.

// Which gallery is looked at, and a count of changes that makes pictures load anew.
export const place = { gallery: "own", changes: 0 };

export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (name === "class") element.className = value;
    else if (typeof value === "boolean") element.toggleAttribute(name, value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null));
  return element;
}

// Puts children in the place of what an element holds; null is nothing.
export const fill = (element, ...children) =>
  element.replaceChildren(...children.flat().filter((child) => child != null));

export const button = (text, click, kind = "") =>
  el("button", { type: "button", class: kind, click }, text);

export const mistake = (error) =>
  el("div", { class: "mistake", role: "alert" }, el("p", {}, String(error.message ?? error)),
    error.remedy === "embed" ? embedAgain() : null);

// For photos that another model embedded, or whose embeddings are damaged.
const embedAgain = () => button("Embed them again", async ({ target }) => {
  target.disabled = true;
  target.textContent = "Embedding …";
  try {
    await asked("embed", { method: "POST" });
    target.replaceWith(el("p", { class: "done" }, "Done. Try again."));
  } catch (error) {
    target.replaceWith(mistake(error));
  }
});

export function address(path) {
  if (place.gallery === "own") return `/api/${path}`;
  return `/api/${path}${path.includes("?") ? "&" : "?"}gallery=example`;
}

export const person = (name) => `people/${encodeURIComponent(name)}`;

export const face = (name, number) =>
  address(`${person(name)}/photos/${number}?changes=${place.changes}`);

// Give `json` or `form`, an object whose lists become several fields.
export async function request(path, { method = "GET", json, form } = {}) {
  const options = { method };
  if (json) {
    options.body = JSON.stringify(json);
    options.headers = { "Content-Type": "application/json" };
  } else if (form) {
    options.body = new FormData();
    for (const [name, value] of Object.entries(form)) {
      for (const each of [value].flat()) options.body.append(name, each);
    }
  }
  let answer;
  try {
    answer = await fetch(address(path), options);
  } catch {
    throw new Error("No answer: was the program ended in its terminal? Start it again.");
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  const words = told.error ?? "Something went wrong. The terminal may say more.";
  throw Object.assign(new Error(words), { remedy: told.remedy });
}

export const asked = async (path, options) => (await request(path, options)).json();

// Names are offered wherever somebody is to be named.
let known = [];
export const knownPeople = () => known;
export async function lookUpPeople() {
  known = await asked("people");
  // Browsers grow slow with more, and nobody reads them.
  const names = known.slice(0, 2000).map(({ name }) => el("option", { value: name }));
  document.getElementById("names").replaceChildren(...names);
  return known;
}

export async function changed() {
  place.changes += 1;
  return lookUpPeople();
}

// Whether what was not stored can be stored all the same.
export const isDoubt = (failure) => failure.endsWith(" all the same.");

export function dialog(title, ...children) {
  const heading = el("h2", {}, title);
  const shown = el("dialog", { "aria-label": title }, heading, ...children);
  shown.addEventListener("close", () => shown.remove());
  document.body.append(shown);
  shown.showModal();
  return shown;
}

// Whether somebody said yes.
export function confirmed(title, text, yes) {
  return new Promise((tell) => {
    const answer = (value) => () => {
      tell(value);
      shown.close();
    };
    const shown = dialog(title, el("p", {}, text), el("div", { class: "row" },
      button("Keep", answer(false)), button(yes, answer(true), "danger")));
    shown.addEventListener("close", () => tell(false));
  });
}

export const count = (number, one, many = `${one}s`) =>
  `${number} ${number === 1 ? one : many}`;

// With the length of its longest word: one that is too long for its place is written
// smaller, not broken.
export function fitted(element, text) {
  const letters = Math.max(...text.match(/[^\s-]*-?/g).map((word) => word.length));
  element.style.setProperty("--letters", letters);
  return element;
}

export const shownName = (photo) => el("bdi", {}, photo);

export function nameField(label, value = "") {
  const input = el("input", { list: "names", value, autocomplete: "off", required: true });
  return [el("label", {}, label, input), input];
}

export function download(blob, name) {
  const link = el("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
