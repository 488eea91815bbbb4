// Who is in photos: one answer a face, as soon as a photo is dropped.
import {
  address, asked, button, changed, count, dialog, el, face, fill, fitted, isDoubt,
  knownPeople, mistake, nameField, place, request, shownName,
} from "./dom.js";
import { chooser, croppedFace, framedPhoto } from "./files.js";

const STRICTNESS = [
  [0.1, "Lenient: 1 in 10 strangers is named"],
  [0.01, "Usual: 1 in 100 strangers is named"],
  [0.001, "Strict: 1 in 1,000 strangers is named"],
  [0.0001, "Very strict: 1 in 10,000 strangers is named"],
];
const USUAL = 1;
const VERDICTS = {
  match: "Match", ambiguous: "Too alike to tell", unknown: "Nobody in the gallery",
};
// Scores on either side of the threshold that a scale shows, as on the card.
const REACH = 50;

let strictness, status, results;
// Photos that are waiting or shown, the newest first.
let shots = [];
let queue = Promise.resolve();

export function startIdentify(panel, { tryExample }) {
  const inWords = el("output");
  const tell = () => {
    const [, text] = STRICTNESS[strictness.value];
    inWords.textContent = text;
    strictness.setAttribute("aria-valuetext", text);
  };
  strictness = el("input", {
    type: "range", min: "0", max: String(STRICTNESS.length - 1), value: String(USUAL),
    input: tell, change: () => shots.forEach(enqueue),
  });
  tell();
  status = el("p", { role: "status", class: "soft" });
  results = el("div");
  const welcome = el("div", { class: "welcome" },
    el("h2", {}, "Welcome"),
    el("p", {}, "Nobody is enrolled yet. Two steps, and the page knows somebody:"),
    el("ol", {},
      el("li", {}, "Enroll: a name, and one or more photos of that person."),
      el("li", {}, "Identify: drop any other photo of them, with or without a mask.")),
    el("div", { class: "row" },
      el("a", { href: "#/enroll", class: "button primary" }, "Enroll somebody"),
      button("Play with an example", tryExample)));
  const samples = el("div", { class: "samples" });
  const work = el("div", {},
    samples,
    chooser("identify", { what: "Choose photos or a video", films: true, take: show }),
    el("label", { class: "strictness" }, "How strict", strictness, inWords), status, results);
  panel.append(welcome, work);
  return {
    shown() {
      const empty = place.gallery === "own" && !knownPeople().length;
      welcome.hidden = !empty;
      work.hidden = empty;
    },
    clear(examples) {
      shots = [];
      fill(results);
      status.textContent = "";
      fill(samples, examples.length ? sampleButtons(examples) : null);
    },
  };
}

function sampleButtons(names) {
  const tried = (name) => async () => {
    const blob = await (await request(`example/${name}`)).blob();
    show([new File([blob], name)]);
  };
  return [el("p", {}, "Try one of these, or a photo of your own:"), ...names.map((name) =>
    el("button", { type: "button", class: "picture", click: tried(name) },
      el("img", { src: address(`example/${name}`), alt: `Try ${name}` })))];
}

function show(files) {
  const batch = files.map((file) => ({
    file, film: file.type.startsWith("video/"), summary: "",
    article: el("article", { class: "answer", "aria-busy": "true" }),
  }));
  shots.unshift(...batch);
  results.prepend(...batch.map(({ article }) => article));
  const [first] = batch.map(enqueue);
  // On a phone the answer would be below what is seen.
  first.then(() => batch[0].article.scrollIntoView({ block: "nearest" }));
}

function enqueue(shot) {
  shot.summary = "";
  shot.article.setAttribute("aria-busy", "true");
  const wait = shot.film ? "Watching the video, which takes a while" : "Looking";
  const head = el("h2", { class: "file" }, shownName(shot.file.name));
  fill(shot.article, head, el("p", { class: "working" }, `${wait} …`));
  tellProgress();
  queue = queue.then(() => answer(shot));
  return queue;
}

const fpir = () => STRICTNESS[strictness.value][0];

async function answer(shot) {
  if (!shots.includes(shot)) return;
  const head = el("h2", { class: "file" }, shownName(shot.file.name));
  const watching = shot.film && setInterval(() => tellWatched(shot), 1000);
  try {
    const records = await asked("identify", {
      method: "POST",
      // Of a film the card is drawn at once: it is not watched twice.
      form: { photos: shot.file, fpir: fpir(), cards: shot.film },
    });
    shot.film ||= "frames" in records[0];
    shot.summary = summary(records);
    fill(shot.article, head, shownRecords(shot, records));
  } catch (error) {
    shot.summary = "without an answer";
    fill(shot.article, head, mistake(error));
  }
  clearInterval(watching);
  shot.article.removeAttribute("aria-busy");
  tellProgress();
}

async function tellWatched({ article }) {
  const { watched } = await asked("progress").catch(() => ({}));
  const line = article.querySelector(".working");
  if (line && watched != null) {
    line.textContent = `Watching the video: ${Math.round(100 * watched)}% …`;
  }
}

function tellProgress() {
  const done = shots.filter(({ summary }) => summary);
  const parts = ["named", "unknown", "without an answer"].map((kind) =>
    [done.filter(({ summary: each }) => each === kind).length, kind]);
  const told = parts.filter(([number]) => number).map((part) => part.join(" ")).join(", ");
  status.textContent = done.length < shots.length
    ? `${done.length} of ${count(shots.length, "photo")} answered` : told;
}

// Of a photo, by its best answer.
function summary(records) {
  if (records.some(({ status: state }) => state === "match")) return "named";
  return records[0].matches ? "unknown" : "without an answer";
}

function shownRecords(shot, records) {
  const found = records.filter(({ matches }) => matches);
  if (!found.length) {
    const shown = records[0].status === "no face" ? photoOf(shot, []) : null;
    return [shown, mistake(records[0].reason)];
  }
  const photo = photoOf(shot, found);
  const image = photo.querySelector("img");
  return [photo, el("div", { class: "faces" },
    found.map((record) => shownFace(shot, record, found.length, image)))];
}

function photoOf(shot, records) {
  if (shot.film) {
    return el("video", { src: URL.createObjectURL(shot.file), controls: true });
  }
  const boxes = records.map(({ box_px }) => box_px);
  return framedPhoto(shot.file, boxes, (at) =>
    el("div", { class: `frame ${records[at].status}` },
      records.length > 1 ? el("span", {}, String(at + 1)) : null));
}

function shownFace(shot, record, faces, image) {
  const { matches: [best, ...others], status: state, names } = record;
  const known = names.length > 0;
  const answer = known ? names.join(" or ") : "Unknown";
  const parts = [
    el("p", { class: "verdict" }, VERDICTS[state], which(shot, record, faces)),
    fitted(el("h3", {}, answer), answer),
  ];
  if (!best) return el("section", { class: `face ${state}` }, parts);
  parts.push(
    el("p", {}, known ? likely(record) : ["Nearest is ", el("bdi", {}, best.name), "."]),
    record.reason ? el("p", {}, `It ${record.reason}.`) : null,
    scale(best.score, record.accepted_from, state),
    el("div", { class: "pair" },
      shot.film ? null : el("figure", {},
        croppedFace(image, record.box_px, "This face"),
        el("figcaption", {}, `This face: ${worn(record.mask)}`)),
      candidate(best)),
    actions(shot, record, best),
    others.length ? el("p", { class: "soft" }, "Next candidates") : null,
    el("ol", { class: "candidates" }, others.map((one) => el("li", {}, candidate(one)))));
  return el("section", { class: `face ${state}` }, parts);
}

function which(shot, { face: number, first_s, last_s }, faces) {
  if (shot.film) return ` · ${clock(first_s)} to ${clock(last_s)}`;
  return faces > 1 ? ` · face ${number} of ${faces}` : "";
}

const clock = (seconds) =>
  `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

function likely({ probability, no_probability, names }) {
  if (probability === null) {
    return `The probability was not measured: ${no_probability}`;
  }
  const steps = [[0.99, "Almost certain"], [0.95, "Very likely"], [0.8, "Likely"],
    [0.5, "More likely than not"], [0, "Doubtful"]];
  const word = steps.find(([from]) => probability >= from)[1];
  const share = probability > 0.99 ? "over 99%"
    : probability < 0.01 ? "less than 1%" : `${Math.round(100 * probability)}%`;
  return `${word}${names.length > 1 ? ` the first` : ""} (${share}).`;
}

const signed = (score) => `${score < 0 ? "−" : "+"}${Math.abs(score).toFixed(1)}`;

function scale(score, from, state) {
  const text = `Score ${signed(score)}, accepted from ${from ? signed(from) : "0"}; `
    + "higher is closer";
  const mark = el("div", { class: "mark" });
  const share = 50 + (50 * (score - from)) / REACH;
  mark.style.left = `${Math.min(98, Math.max(2, share))}%`;
  return el("div", { class: `scale ${state}` },
    el("div", { class: "bar", role: "img", "aria-label": text }, el("div", { class: "tick" }), mark),
    el("p", { class: "soft" }, text));
}

// As the card says it.
const worn = (mask) => ({ unmasked: "no mask", "not sure": "perhaps masked" }[mask] ?? mask);

function candidate({ name, score, photo }) {
  const picture = photo ? el("img", { src: face(name, photo), alt: "" }) : null;
  return el("figure", {}, el("a", { href: hash(name, photo) }, picture,
    el("figcaption", {}, fitted(el("bdi", {}, name), name), el("span", { class: "soft" }, ` ${signed(score)}`))));
}

const hash = (name, photo) => `#/people/${encodeURIComponent(name)}/${photo}`;

function actions(shot, record, best) {
  const row = el("div", { class: "row" });
  if (!shot.film || record.card) row.append(button("Card", () => showCard(shot, record)));
  for (const { name, photo } of record.names.length ? [best] : []) {
    row.append(el("a", { href: hash(name, photo), class: "button" },
      el("span", {}, "Not ", el("bdi", {}, name), "?")));
  }
  if (record.names.length || shot.film) return row;
  return el("div", {}, enrollForm(shot, record), row);
}

function enrollForm(shot, record) {
  const [label, input] = nameField("Enroll this face as");
  const told = el("div");
  const store = async (duplicate) => {
    const form = {
      name: input.value, photos: shot.file, faces: record.face, allow_duplicate: duplicate,
    };
    try {
      const report = await asked("enroll", { method: "POST", form });
      const [failure] = Object.values(report.failures);
      if (failure) {
        fill(told, mistake(failure), isDoubt(failure)
          ? button("Store all the same", () => store(true)) : null);
        return;
      }
      await changed();
      enqueue(shot);
    } catch (error) {
      fill(told, mistake(error));
    }
  };
  const submit = (event) => {
    event.preventDefault();
    store(false);
  };
  return el("form", { class: "inline", submit }, label,
    el("button", { class: "primary" }, "Enroll"), told);
}

async function showCard(shot, record) {
  const body = el("div", { class: "card" }, el("p", { class: "working" }, "Drawing …"));
  const close = button("Close", () => shown.close());
  const row = el("div", { class: "row" }, close);
  const shown = dialog(`Card of ${shot.file.name}`, body, row);
  const drawn = async (heatmap) => {
    if (shot.film) return record.card;
    const form = { photos: shot.file, fpir: fpir(), cards: true, heatmap };
    const records = await asked("identify", { method: "POST", form });
    return records.find(({ face: number }) => number === record.face).card;
  };
  const draw = async (heatmap) => {
    try {
      const card = await drawn(heatmap);
      const name = card.split(/[/\\]/).pop();
      const src = `${address(`cards/${encodeURIComponent(name)}`)}`;
      const now = `${src}${src.includes("?") ? "&" : "?"}now=${Date.now()}`;
      const stem = name.replace(/\.png$/, "");
      fill(body, el("img", { src: now, alt: "The result card" }));
      fill(row, close,
        heatmap || shot.film ? null : button("Show what the score rests on", () => draw(true)),
        button("Print", () => window.print()),
        el("a", { href: now.replace(".png?", ".pdf?"), download: `${stem}.pdf`, class: "button" }, "Save PDF"),
        el("a", { href: now, download: name, class: "button primary" }, "Save PNG"));
    } catch (error) {
      fill(body, mistake(error));
    }
  };
  await draw(false);
}
