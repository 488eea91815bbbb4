// Photos come in: chosen, dropped, pasted, or taken with the camera.
import { button, dialog, el, mistake } from "./dom.js";

// By panel, who gets what is pasted or dropped while it is shown.
const takers = new Map();
let pickerNumber = 0;

const shownTaker = () =>
  [...takers].find(([id]) => !document.getElementById(id).hidden)?.[1];

export function startTaking() {
  const body = document.body;
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  body.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    body.classList.toggle("dropping", Boolean(shownTaker()));
  });
  body.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) body.classList.remove("dropping");
  });
  body.addEventListener("drop", (event) => {
    body.classList.remove("dropping");
    if (!hasFiles(event)) return;
    event.preventDefault();
    shownTaker()?.([...event.dataTransfer.files]);
  });
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) shownTaker()?.(files);
  });
}

// A place to drop files on, which a keyboard can use as well.
export function chooser(panel, { what, films = false, take }) {
  takers.set(panel, take);
  return el("div", { class: "chooser" },
    picker(what, take, { several: true, films, kind: "primary" }),
    button("Camera", () => takePhoto((file) => take([file]))),
    el("p", { class: "soft" }, "or drop or paste them here"));
}

// A button that asks for files of this machine.
export function picker(what, take, { several = false, films = false, kind = "" } = {}) {
  const id = `files-${(pickerNumber += 1)}`;
  const input = el("input", {
    id, type: "file", multiple: several, class: "hidden-input",
    accept: films ? "image/*,video/*" : "image/*",
    change: () => {
      const files = [...input.files];
      input.value = "";
      if (files.length) take(files);
    },
  });
  return el("span", { class: "picker" }, input,
    el("label", { for: id, class: `button ${kind}` }, what));
}

async function takePhoto(take) {
  const video = el("video", { autoplay: true, playsinline: true, muted: true });
  const shown = dialog("Take a photo", video);
  let stream;
  const end = () => stream?.getTracks().forEach((track) => track.stop());
  shown.addEventListener("close", end);
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: true });
  } catch {
    video.replaceWith(mistake("The camera cannot be used: there is none, another program "
      + "has it, or the browser was told not to give it to this page."));
    shown.append(button("Close", () => shown.close()));
    return;
  }
  if (!shown.open) return end();
  video.srcObject = stream;
  await new Promise((tell) => video.addEventListener("loadeddata", tell, { once: true }));
  shown.append(el("div", { class: "row" },
    button("Cancel", () => shown.close()),
    button("Take it", async () => {
      const picture = drawn(video, video.videoWidth, video.videoHeight);
      shown.close();
      const blob = await asBlob(picture);
      take(new File([blob], `camera-${new Date().toISOString().slice(11, 19)}.jpg`));
    }, "primary")));
}

export function drawn(source, width, height) {
  const canvas = el("canvas");
  [canvas.width, canvas.height] = [width, height];
  canvas.getContext("2d").drawImage(source, 0, 0, width, height);
  return canvas;
}

export const asBlob = (canvas) =>
  new Promise((tell) => canvas.toBlob(tell, "image/jpeg", 0.92));

// A photo with a frame around each face; `frames` get their boxes in px.
export function framedPhoto(file, boxes, frame) {
  const image = el("img", { alt: file.name, src: URL.createObjectURL(file) });
  const shot = el("div", { class: "shot" }, image);
  image.addEventListener("load", () => {
    const { naturalWidth: width, naturalHeight: height } = image;
    shot.style.setProperty("--ratio", width / height);
    boxes.forEach(([left, top, right, bottom], place) => {
      const framed = frame(place);
      framed.style.left = `${(100 * left) / width}%`;
      framed.style.top = `${(100 * top) / height}%`;
      framed.style.width = `${(100 * (right - left)) / width}%`;
      framed.style.height = `${(100 * (bottom - top)) / height}%`;
      shot.append(framed);
    });
  });
  image.addEventListener("error", () => {
    image.replaceWith(el("p", { class: "soft" }, "This browser cannot show the file."));
  });
  return shot;
}

// The part of a shown photo around a face; empty if the photo cannot be shown.
export function croppedFace(image, [left, top, right, bottom], label) {
  const canvas = el("canvas", { role: "img", "aria-label": label });
  canvas.width = canvas.height = 300;
  const side = 1.1 * Math.max(right - left, bottom - top);
  const [x, y] = [(left + right - side) / 2, (top + bottom - side) / 2];
  image.decode().then(() => {
    canvas.getContext("2d").drawImage(image, x, y, side, side, 0, 0, 300, 300);
  }, () => canvas.remove());
  return canvas;
}
