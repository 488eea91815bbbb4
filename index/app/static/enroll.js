// Adds people: photos are looked at before anything is stored.
import {
  asked, button, changed, count, el, fill, isDoubt, mistake, nameField, shownName,
} from "./dom.js";
import { chooser, framedPhoto } from "./files.js";

let chosen = [];
let list, told, form;

export function startEnroll(panel) {
  const [label, name] = nameField("Name");
  const consent = el("input", { autocomplete: "off" });
  const until = el("input", { type: "date" });
  list = el("ul", { class: "chosen" });
  told = el("div", { role: "status" });
  form = el("form", { hidden: true, submit: (event) => {
    event.preventDefault();
    store(name, consent.value, until.value, false);
  } },
    list,
    el("div", { class: "inline" }, label, el("button", { class: "primary" }, "Enroll")),
    el("details", {}, el("summary", {}, "Consent and how long to keep"),
      el("label", {}, "Consent: who agreed to what, and where that is filed", consent),
      el("label", {}, "Last day to keep", until)));
  panel.append(
    el("p", {}, "Photos of one person. If others are in a photo, click the face that is meant."),
    chooser("enroll", { what: "Choose photos", take: add }), form, told);
  return { shown() {}, clear };
}

function clear() {
  chosen = [];
  fill(list);
  form.hidden = true;
  fill(told);
}

function add(files) {
  fill(told);
  form.hidden = false;
  for (const file of files) {
    const item = el("li", {}, el("p", { class: "working" }, "Looking for faces …"));
    list.append(item);
    const photo = { file, face: 0, item };
    photo.looked = look(photo);
    chosen.push(photo);
  }
}

async function look(photo) {
  const { file, item } = photo;
  const drop = button("Leave out", () => {
    chosen = chosen.filter((one) => one !== photo);
    item.remove();
    form.hidden = !chosen.length;
  });
  try {
    const found = await asked("faces", { method: "POST", form: { photo: file } });
    photo.face = found.faces.length ? 1 : 0;
    const caption = el("p", {}, shownName(file.name));
    fill(item, pickable(photo, found.faces), caption, advice(found), drop);
  } catch (error) {
    fill(item, mistake(error), drop);
  }
}

function advice({ photo, faces }) {
  if (!faces.length) return mistake(`${photo}: no face found.`);
  if (faces.length === 1) return null;
  return el("p", { class: "soft" }, `${faces.length} faces: the one in green is stored. Click another to store that.`);
}

function pickable(photo, boxes) {
  const frames = [];
  const pick = (place) => {
    photo.face = place + 1;
    frames.forEach((frame, at) => frame.setAttribute("aria-pressed", String(at === place)));
  };
  return framedPhoto(photo.file, boxes, (place) => {
    const frame = el("button", {
      type: "button", class: "frame pick", "aria-label": `Face ${place + 1}`,
      "aria-pressed": String(place === 0), click: () => pick(place),
    });
    frames.push(frame);
    return frame;
  });
}

async function store(name, consent, until, duplicate) {
  fill(told, el("p", { class: "working" }, "Storing …"));
  await Promise.all(chosen.map(({ looked }) => looked));
  const usable = chosen.filter(({ face }) => face);
  if (!usable.length) {
    fill(told, mistake("None of these photos shows a face. Choose others."));
    return;
  }
  try {
    const report = await asked("enroll", { method: "POST", form: {
      name: name.value, photos: usable.map(({ file }) => file),
      faces: usable.map(({ face }) => face), consent, retain_until: until,
      allow_duplicate: duplicate,
    } });
    await changed();
    tell(report, () => store(name, consent, until, true));
    if (!Object.keys(report.failures).length) name.value = "";
  } catch (error) {
    fill(told, mistake(error));
  }
}

function tell(report, again) {
  const { name, added, known, failures, unlike, doubts } = report;
  const lines = Object.values(failures).map((reason) => mistake(reason));
  const look = [
    ...Object.entries(unlike).map(([photo, distance]) =>
      `Look again: ${photo} is ${distance.toFixed(2)} from the other photos of ${name}`),
    ...doubts.map((doubt) => `Look again: ${doubt}`),
  ].map((line) => el("p", { class: "warning" }, line));
  const doubtful = Object.values(failures).some(isDoubt);
  const done = `${name}: ${count(added.length, "photo")} added`
    + (known.length ? `, ${known.length} already enrolled` : "");
  // What was not stored stays to be put right.
  chosen = chosen.filter(({ file }) => file.name in failures);
  fill(list, ...chosen.map(({ item }) => item));
  form.hidden = !chosen.length;
  fill(told, el("p", { class: added.length ? "done" : "" }, done), lines, look,
    doubtful ? button("Store all the same", again) : null,
    el("a", { href: `#/people/${encodeURIComponent(name)}`, hidden: !added.length }, "See the photos"));
}
