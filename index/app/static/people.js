// Who is enrolled: faces to search, and one person's photos to put right.
import {
  asked, button, changed, confirmed, count, download, el, face, fill, fitted, knownPeople,
  lookUpPeople, mistake, nameField, person, place, request,
} from "./dom.js";

// More faces than anybody looks through; search finds the others.
const MOST = 200;
const ONLY = "It is the only one: rename, merge or erase the person below.";
let panel;

export function startPeople(shown) {
  panel = shown;
  return { shown: (name, photo) => (name ? showPerson(name, photo) : showAll()) };
}

const day = (time) => time.slice(0, 10);
const back = () => el("a", { href: "#/people", class: "back" }, "← Everybody");

async function showAll() {
  try {
    await lookUpPeople();
  } catch (error) {
    fill(panel, mistake(error));
    return;
  }
  const grid = el("ul", { class: "grid" });
  const told = el("p", { role: "status", class: "soft" });
  const search = el("input", { type: "search", autocomplete: "off" });
  const draw = () => {
    const wanted = search.value.trim().toLocaleLowerCase();
    const found = knownPeople().filter(({ name }) =>
      name.toLocaleLowerCase().includes(wanted));
    fill(grid, ...found.slice(0, MOST).map(tile));
    told.textContent = count(found.length, "person", "people")
      + (found.length > MOST ? `; the first ${MOST} are shown` : "");
  };
  search.addEventListener("input", draw);
  const empty = el("p", {}, "Nobody is enrolled yet. ", el("a", { href: "#/enroll" },
    "Enroll somebody"), ".");
  if (!knownPeople().length) fill(panel, empty);
  else {
    fill(panel, el("label", { class: "search" }, "Search", search), told, grid);
    draw();
  }
}

function tile({ name, photo_count, created, consent, retain_until, expired }) {
  const soft = (text) => el("span", { class: "soft" }, text);
  return el("li", {}, el("a", { href: `#/people/${encodeURIComponent(name)}` },
    el("img", { src: face(name, 1), alt: "", loading: "lazy" }),
    el("strong", {}, fitted(el("bdi", {}, name), name)),
    soft(count(photo_count, "photo")), soft(`since ${day(created)}`),
    consent ? soft(`consent: ${consent}`) : null,
    retain_until ? soft(`until ${retain_until}`) : null,
    expired ? el("span", { class: "mistake" }, "to be erased: the last day is over") : null));
}

async function showPerson(name, marked) {
  const told = el("div", { role: "status" });
  // Runs a change, says what it could not do, then goes to where it leads.
  const act = async (path, options, next = name) => {
    try {
      const done = await asked(path, options);
      await changed();
      const kept = (done.left ?? []).map((line) => `Still there: ${line}`);
      await go(done.name ?? next);
      if (kept.length) panel.prepend(mistake(kept.join(" ")));
    } catch (error) {
      fill(told, mistake(error));
    }
  };
  let photos;
  try {
    photos = await asked(person(name));
  } catch (error) {
    fill(panel, back(), mistake(error));
    return;
  }
  const about = knownPeople().find((one) => one.name === name);
  const terms = about && [
    about.consent ? `Consent: ${about.consent}. ` : "",
    about.retain_until ? `Kept until ${about.retain_until}.` : "",
  ].join("");
  fill(panel, back(), el("h2", { tabindex: "-1" }, el("bdi", {}, name)),
    el("p", { class: "soft" }, `${count(photos.length, "photo")}. ${terms ?? ""}`),
    marked ? el("p", {}, "The marked photo is most like the face that you came from. Is it "
      + `somebody else's? ${photos.length > 1 ? "Move or remove it." : ONLY}`) : null,
    told,
    el("ul", { class: "grid" }, photos.map((photo) =>
      photoTile(name, photo, photos.length, photo.number === Number(marked), act))),
    exportButton(name, told),
    el("h3", {}, "Change"), changes(name, photos.length, about, act));
  panel.querySelector("h2").focus({ preventScroll: true });
  panel.querySelector(".marked")?.scrollIntoView({ block: "nearest" });
}

async function go(name) {
  const next = name ? `#/people/${encodeURIComponent(name)}` : "#/people";
  if (location.hash === next) await (name ? showPerson(name) : showAll());
  else location.hash = next;
}

function photoTile(name, { number, source, created, distance }, photos, marked, act) {
  const path = `${person(name)}/photos/${number}`;
  const file = source.split(/[/\\]/).pop();
  const remove = async () => {
    const text = `Photo ${number} (${file}) is erased for good.`;
    if (await confirmed(`Remove a photo of ${name}?`, text, "Remove")) {
      act(path, { method: "DELETE" });
    }
  };
  const [label, input] = nameField("To whom?");
  const move = el("form", { class: "inline", hidden: true, submit: (event) => {
    event.preventDefault();
    act(`${path}/move`, { method: "POST", json: { to: input.value } });
  } }, label, el("button", { class: "primary" }, "Move"));
  const only = photos < 2;
  return el("li", { class: marked ? "marked" : "" },
    el("img", { src: face(name, number), alt: `Photo ${number}` }),
    el("span", {}, el("bdi", {}, file)),
    el("span", { class: "soft" }, `since ${day(created)}`),
    only ? null : el("span", { class: "soft" }, `${distance.toFixed(2)} from the others`),
    only ? null : el("div", { class: "row" },
      button("Move", () => {
        move.hidden = !move.hidden;
        if (!move.hidden) input.focus();
      }),
      button("Remove", remove)),
    only ? null : move);
}

const exportButton = (name, told) => button("Export", async () => {
  try {
    const answer = await request(`${person(name)}/export`);
    download(await answer.blob(), `${name}.zip`);
  } catch (error) {
    fill(told, mistake(error));
  }
});

function changes(name, photos, about, act) {
  const [newLabel, newName] = nameField("New name", name);
  newName.removeAttribute("list");
  const [otherLabel, other] = nameField("The same person as");
  const rename = async (event) => {
    event.preventDefault();
    const wanted = newName.value.trim();
    if (await confirmed(`Rename ${name}?`, `${name} becomes ${wanted}.`, "Rename")) {
      act(person(name), { method: "PATCH", json: { name: wanted } });
    }
  };
  const consent = el("input", { value: about?.consent ?? "", autocomplete: "off" });
  const until = el("input", { type: "date", value: about?.retain_until ?? "" });
  const keep = (event) => {
    event.preventDefault();
    const json = { consent: consent.value, retain_until: until.value };
    act(person(name), { method: "PATCH", json });
  };
  const merge = async (event) => {
    event.preventDefault();
    const text = `All photos of ${other.value} become photos of ${name}. `
      + "This cannot be undone.";
    if (await confirmed(`Merge ${other.value} into ${name}?`, text, "Merge")) {
      act(`${person(name)}/merge`, { method: "POST", json: { other: other.value } });
    }
  };
  const erase = async () => {
    const text = `${name} and ${count(photos, "photo")} are erased from the gallery and `
      + "from all that was made of them. This cannot be undone.";
    if (await confirmed(`Erase ${name}?`, text, "Erase")) {
      act(person(name), { method: "DELETE" }, "");
    }
  };
  return el("div", { class: "changes" },
    el("form", { class: "inline", submit: rename }, newLabel, el("button", {}, "Rename")),
    el("form", { class: "inline", submit: keep }, el("label", {}, "Consent", consent),
      el("label", {}, "Last day to keep", until), el("button", {}, "Save")),
    el("form", { class: "inline", submit: merge }, otherLabel, el("button", {}, "Merge")),
    button(place.gallery === "own" ? "Erase this person" : "Erase this example", erase,
      "danger"));
}
