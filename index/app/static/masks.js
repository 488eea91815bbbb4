// All kinds of mask, in all ways to wear them, on photos of the user's own.
import { asked, button, count, download, el, fill, mistake, request, shownName } from "./dom.js";
import { asBlob, chooser, drawn, picker } from "./files.js";

// Previews are small, so that the whole sheet is there in seconds.
const PREVIEW_PX = 320, TEXTURE_PX = 512;
const LIGHTS = [
  [0.5, "half"], [0.7, "a little less"], [1, "as the photo's"], [1.4, "a little more"],
  [2, "double"],
];
// The first photo is the one that is shown.
let photos = [], texture = null;
let preview, choices, sheet, told, about, controls, own, colour, print, light, seed, layers;
let noTexture;
// Counts sheets: an older one stops when the next begins.
let drawing = 0;

export function startMasks(panel) {
  own = el("input", { type: "checkbox", change: draw });
  colour = el("input", { type: "color", value: "#3b76a8", change: () => {
    own.checked = true;
    draw();
  } });
  // A print takes the place of a picture.
  print = el("select", { change: () => setTexture(null) }, el("option", { value: "" }, "as in shops"));
  light = el("select", { change: draw }, LIGHTS.map(([value, text]) =>
    el("option", { value: String(value), selected: value === 1 }, text)));
  seed = el("input", { type: "number", min: "0", value: "0", change: draw });
  layers = el("input", { type: "checkbox" });
  const other = button("Another", () => {
    seed.value = String(Number(seed.value) + 1);
    draw();
  });
  noTexture = button("", () => setTexture(null));
  noTexture.hidden = true;
  sheet = el("div");
  told = el("div", { role: "status" });
  about = el("p", { class: "soft" });
  controls = el("div", { class: "controls", hidden: true },
    el("label", { class: "check" }, own, "One colour"), el("label", {}, "Colour", colour),
    el("label", {}, "Print", print),
    picker("Print a picture", ([file]) => setTexture(file)), noTexture,
    el("label", {}, "Light", light),
    el("label", {}, "Variation", seed), other,
    el("label", { class: "check" }, layers, "Save with labels and alpha"));
  panel.append(
    el("p", {}, "Photos without a mask get every kind, worn well and badly."),
    chooser("masks", { what: "Choose photos", take }),
    controls, about, told, sheet);
  return { shown() {} };
}

async function take(files) {
  photos = files;
  if (!choices) {
    const { kinds, prints } = await asked("masks");
    choices = kinds;
    print.append(...prints.map((name) => el("option", {}, name)));
  }
  controls.hidden = false;
  preview = await smaller(files[0], PREVIEW_PX);
  draw();
}

async function setTexture(file) {
  texture = file && await smaller(file, TEXTURE_PX);
  if (file) fill(noTexture, el("span", {}, "Without ", shownName(file.name)));
  noTexture.hidden = !file;
  draw();
}

async function smaller(file, most) {
  try {
    const picture = await createImageBitmap(file);
    const share = Math.min(1, most / Math.max(picture.width, picture.height));
    const canvas = drawn(picture, Math.round(share * picture.width),
      Math.round(share * picture.height));
    return new File([await asBlob(canvas)], file.name);
  } catch {
    return file; // No picture that browsers know: the program may, or says why not.
  }
}

const wanted = (kind, style) => ({
  kind, wearing_style: style, seed: seed.value || "0", print: print.value,
  light: light.value, colour: own.checked ? colour.value : "", texture: texture ?? [],
});

async function draw() {
  if (!photos.length) return;
  const mine = (drawing += 1);
  const [first] = photos;
  about.textContent = photos.length > 1
    ? `${count(photos.length, "photo")}: ${first.name} is shown, Save gives a ZIP of all.` : "";
  fill(told, el("p", { class: "working" }, "Putting masks on …"));
  const tiles = [];
  const row = (heading, pairs) => el("section", {},
    el("h3", {}, heading), el("ul", { class: "grid small" }, pairs.map(([kind, style]) => {
      const item = el("li", {}, el("div", { class: "blank" }),
        el("span", {}, caption(kind, style)));
      tiles.push([item, kind, style]);
      return item;
    })));
  const masks = Object.keys(choices).filter((kind) => choices[kind].length > 1);
  const others = Object.keys(choices).filter((kind) => choices[kind].length === 1);
  const rows = [
    ...masks.map((kind) => row(title(kind), choices[kind].map((style) => [kind, style]))),
    row("Other things on a face", others.map((kind) => [kind, choices[kind][0]])),
  ];
  if (!sheet.children.length) fill(sheet, rows);
  try {
    for (const [item, kind, style] of tiles) {
      const form = { photo: preview, ...wanted(kind, style) };
      const blob = await (await request("mask", { method: "POST", form })).blob();
      if (mine !== drawing) return;
      const text = choices[kind].length > 1 ? `${kind}, ${words(style)}` : kind;
      fill(item, el("img", { src: URL.createObjectURL(blob), alt: text }),
        el("span", {}, caption(kind, style)),
        button("Save", () => save(kind, style)));
      item.querySelector("button").setAttribute("aria-label", `Save ${text}`);
      if (tiles[0][0] === item) fill(sheet, rows);
    }
    fill(told);
  } catch (error) {
    if (mine !== drawing) return;
    fill(sheet);
    fill(told, mistake(error));
  }
}

// What comes in one way only is called by its kind.
const caption = (kind, style) =>
  choices[kind].length > 1 ? words(style) : title(kind);

const title = (kind) =>
  /\d/.test(kind) ? kind.toUpperCase() : kind[0].toUpperCase() + kind.slice(1);

const words = (style) => style.replaceAll("_", " ");

async function save(kind, style) {
  const stem = photos.length > 1 ? "masked" : photos[0].name.replace(/\.[^.]*$/, "");
  const form = wanted(kind, style);
  const zipped = photos.length > 1 || layers.checked;
  fill(told, el("p", { class: "working" }, `Masking ${count(photos.length, "photo")} …`));
  try {
    const answer = zipped
      ? await request("masks", { method: "POST",
        form: { photos, layers: layers.checked, ...form } })
      : await request("mask", { method: "POST", form: { photo: photos[0], ...form } });
    const skipped = Object.values(JSON.parse(answer.headers.get("Skipped") ?? "{}"));
    const ending = zipped ? "zip" : "png";
    download(await answer.blob(), `${stem}-${kind}-${style}.${ending}`);
    fill(told, skipped.map((reason) => mistake(reason)));
  } catch (error) {
    fill(told, mistake(error));
  }
}
