// All kinds of mask, in all ways to wear them, on a photo of the user's own.
import { asked, button, download, el, mistake, request } from "./dom.js";
import { asBlob, chooser, drawn } from "./files.js";

// Previews are small, so that the whole sheet is there in seconds.
const PREVIEW_PX = 320;
let photo, preview, choices, sheet, told, controls, own, colour, seed;
// Counts sheets: an older one stops when the next begins.
let drawing = 0;

export function startMasks(panel) {
  own = el("input", { type: "checkbox", change: draw });
  colour = el("input", { type: "color", value: "#3b76a8", change: () => {
    own.checked = true;
    draw();
  } });
  seed = el("input", { type: "number", min: "0", value: "0", change: draw });
  const other = button("Another", () => {
    seed.value = String(Number(seed.value) + 1);
    draw();
  });
  sheet = el("div");
  told = el("div", { role: "status" });
  controls = el("div", { class: "controls", hidden: true },
    el("label", { class: "check" }, own, "One colour"), el("label", {}, "Colour", colour),
    el("label", {}, "Variation", seed), other);
  panel.append(
    el("p", {}, "A photo without a mask gets every kind, worn well and badly."),
    chooser("masks", { what: "Choose a photo", several: false, take }),
    controls, told, sheet);
  return { shown() {} };
}

async function take([file]) {
  photo = file;
  choices ??= await asked("masks");
  controls.hidden = false;
  preview = await smaller(file);
  draw();
}

async function smaller(file) {
  try {
    const picture = await createImageBitmap(file);
    const share = Math.min(1, PREVIEW_PX / Math.max(picture.width, picture.height));
    const canvas = drawn(picture, Math.round(share * picture.width),
      Math.round(share * picture.height));
    return new File([await asBlob(canvas)], file.name);
  } catch {
    return file; // No picture that browsers know: the program may, or says why not.
  }
}

async function masked(file, kind, style) {
  const form = {
    photo: file, kind, wearing_style: style, seed: seed.value || "0",
    colour: own.checked ? colour.value : "",
  };
  return (await request("mask", { method: "POST", form })).blob();
}

async function draw() {
  if (!photo) return;
  const mine = (drawing += 1);
  told.replaceChildren(el("p", { class: "working" }, "Putting masks on …"));
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
  if (!sheet.children.length) sheet.replaceChildren(...rows);
  try {
    for (const [item, kind, style] of tiles) {
      const blob = await masked(preview, kind, style);
      if (mine !== drawing) return;
      const text = choices[kind].length > 1 ? `${kind}, ${words(style)}` : kind;
      item.replaceChildren(
        el("img", { src: URL.createObjectURL(blob), alt: text }),
        el("span", {}, caption(kind, style)),
        button("Save", () => save(kind, style), "small"));
      item.querySelector("button").setAttribute("aria-label", `Save ${text}`);
      if (tiles[0][0] === item) sheet.replaceChildren(...rows);
    }
    told.replaceChildren();
  } catch (error) {
    if (mine !== drawing) return;
    sheet.replaceChildren();
    told.replaceChildren(mistake(error));
  }
}

// What comes in one way only is called by its kind.
const caption = (kind, style) =>
  choices[kind].length > 1 ? words(style) : title(kind);

const title = (kind) =>
  /\d/.test(kind) ? kind.toUpperCase() : kind[0].toUpperCase() + kind.slice(1);

const words = (style) => style.replaceAll("_", " ");

async function save(kind, style) {
  try {
    const stem = photo.name.replace(/\.[^.]*$/, "");
    download(await masked(photo, kind, style), `${stem}-${kind}-${style}.png`);
  } catch (error) {
    told.replaceChildren(mistake(error));
  }
}
