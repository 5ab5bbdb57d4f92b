// The viewer: one or two images at the same zoom and place, with a heatmap that is drawn here.
//
// Streamlit calls the default export again whenever its data or the theme changes. Everything after that happens in the
// browser, without a run of the page. Images come from the same server, once: what is rebuilt keeps its elements.

const MOST_ZOOM = 16;
const STEP = 1.4;
// Pixels along the longer side of the overlay; the browser enlarges it smoothly.
const OVERLAY_SIDE = 384;
const CONTOUR_SIDE = 160;
const PAN_SHARE = 0.1;
// Pixels that a mouse may move between press and release of a click, and milliseconds between the clicks of a double one.
const CLICK = 5;
const TWO_CLICKS = 600;

const viewers = new WeakMap();
// Looks are kept while the page is open, so that the next image is shown like the last.
const looks = new Map();
const FIRST_LOOK = { opacity: 60, style: "colour", colours: "viridis", own: false, outline: false, wipe: false };

export default function ({ data, parentElement, setStateValue }) {
  let viewer = viewers.get(parentElement);
  if (!viewer) {
    viewer = new Viewer(parentElement);
    viewers.set(parentElement, viewer);
  }
  viewer.send = setStateValue;
  viewer.show(data);
  return () => {
    viewer.leave();
    viewers.delete(parentElement);
  };
}

function bytes(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}

/** Evidence as a share of the scale: `values` row by row, not below 0; above 1 where it passes the scale. */
class Evidence {
  constructor({ width, height, values }) {
    this.width = width;
    this.height = height;
    const raw = bytes(values);
    this.values = new Float32Array(raw.buffer, 0, width * height);
    this.peak = this.values.reduce((most, value) => Math.max(most, value), 0);
  }

  /** On the common scale, or with the image's own strongest place as 1; enlarged bilinearly between cells' centres. */
  sampled(width, height, own) {
    const most = own ? this.peak : 1;
    const shares = Float32Array.from(this.values, (value) => (most > 0 ? Math.min(1, value / most) : 0));
    const made = new Float32Array(width * height);
    for (let y = 0; y < height; y++) {
      const v = clamp(((y + 0.5) * this.height) / height - 0.5, 0, this.height - 1);
      const top = Math.floor(v);
      const bottom = Math.min(top + 1, this.height - 1);
      for (let x = 0; x < width; x++) {
        const u = clamp(((x + 0.5) * this.width) / width - 0.5, 0, this.width - 1);
        const left = Math.floor(u);
        const right = Math.min(left + 1, this.width - 1);
        const upper = shares[top * this.width + left] * (left + 1 - u) + shares[top * this.width + right] * (u - left);
        const lower =
          shares[bottom * this.width + left] * (left + 1 - u) + shares[bottom * this.width + right] * (u - left);
        made[y * width + x] = upper * (top + 1 - v) + lower * (v - top);
      }
    }
    return made;
  }
}

/** The lines where `field` passes `level`, by marching squares, as a path in a square of 1000 by 1000. */
function contour(field, width, height, level) {
  const parts = [];
  const place = (x, y) => `${((1000 * (x + 0.5)) / width).toFixed(1)} ${((1000 * (y + 0.5)) / height).toFixed(1)}`;
  for (let y = 0; y + 1 < height; y++) {
    for (let x = 0; x + 1 < width; x++) {
      const corners = [
        [x, y, field[y * width + x]],
        [x + 1, y, field[y * width + x + 1]],
        [x + 1, y + 1, field[(y + 1) * width + x + 1]],
        [x, y + 1, field[(y + 1) * width + x]],
      ];
      const crossed = [];
      for (let at = 0; at < 4; at++) {
        const [x0, y0, from] = corners[at];
        const [x1, y1, to] = corners[(at + 1) % 4];
        if (from >= level === to >= level) continue;
        const share = (level - from) / (to - from);
        crossed.push(place(x0 + share * (x1 - x0), y0 + share * (y1 - y0)));
      }
      for (let at = 0; at + 1 < crossed.length; at += 2) parts.push(`M${crossed[at]}L${crossed[at + 1]}`);
    }
  }
  return parts.join("");
}

class Viewer {
  constructor(parent) {
    this.root = parent.querySelector(".viewer");
    this.zoom = 1;
    this.at = [0.5, 0.5];
    this.wipeAt = 0.5;
    this.points = [];
    this.measuring = false;
    this.chosenAt = 0;
    this.pointers = new Map();
    // By place: an image that stays is neither fetched nor decoded again.
    this.images = new Map();
    this.watcher = new ResizeObserver(() => this.place());
    this.watcher.observe(this.root);
    this.onFullScreen = () => this.fullScreenChanged();
    document.addEventListener("fullscreenchange", this.onFullScreen);
  }

  leave() {
    this.watcher.disconnect();
    document.removeEventListener("fullscreenchange", this.onFullScreen);
    this.root.replaceChildren();
  }

  show(data) {
    const known = this.data;
    if (known && JSON.stringify(known) === JSON.stringify(data)) return;
    this.data = data;
    if (!known || known.image !== data.image) {
      this.zoom = 1;
      this.at = [0.5, 0.5];
      this.wipeAt = 0.5;
      this.measuring = false;
    }
    if (!data.points) this.measuring = false;
    if (!this.measuring) this.points = data.points ?? [];
    this.look = looks.get(data.key) ?? { ...FIRST_LOOK };
    looks.set(data.key, this.look);
    this.blinking = false;
    this.hidden = false;
    this.tables = Object.fromEntries(Object.entries(data.tables).map(([name, table]) => [name, bytes(table)]));
    this.sides = data.sides.map((side) => ({ ...side, evidence: side.map ? new Evidence(side.map) : null }));
    this.build();
  }

  // ---- parts -------------------------------------------------------------------------------------------------------

  build() {
    const focused = this.root.getRootNode().activeElement;
    const hadStage = focused && focused === this.stage;
    const { words } = this.data;
    this.stage = element("div", { class: "stage", tabindex: "0", role: "group", "aria-label": words.stage });
    this.bar = element("div", { class: "bar", role: "toolbar", "aria-label": words.toolbar });
    this.legend = element("div", { class: "legend" });
    this.root.replaceChildren(this.stage, this.bar, this.legend);
    this.stage.addEventListener("keydown", (event) => this.pressed(event));
    this.stage.addEventListener("keyup", (event) => this.released(event));
    this.stage.addEventListener("blur", () => this.blink(false));
    this.bar.addEventListener("keydown", (event) => {
      // A letter chooses in a list here; it must not also be a shortcut of the page.
      if (event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey) event.stopPropagation();
    });
    this.buildPanes();
    this.buildBar();
    this.paint();
    this.place();
    if (hadStage) this.stage.focus();
  }

  get wiping() {
    return this.look.wipe && this.sides.length === 2;
  }

  buildPanes() {
    this.stage.className = `stage${this.sides.length === 1 ? " single" : ""}${this.wiping ? " wipe" : ""}${this.measuring ? " measuring" : ""}`;
    this.layers = this.sides.map((side, number) => this.layer(side, number));
    // What a blink shows on the right where there is no heatmap to hide: the left image in the same place.
    this.under = null;
    if (this.wiping) {
      const pane = this.pane();
      this.layers.forEach((layer) => pane.append(layer.box));
      this.divider = this.makeDivider();
      pane.append(this.divider);
      const captions = element("figcaption", { class: "captions" });
      captions.append(...this.sides.map((side) => element("span", {}, side.caption)));
      this.stage.replaceChildren(element("figure", {}, pane, captions));
      this.panes = [pane, pane];
      return;
    }
    this.divider = null;
    this.panes = this.sides.map(() => this.pane());
    const figures = this.sides.map((side, number) => {
      this.panes[number].append(this.layers[number].box);
      return element("figure", {}, this.panes[number], element("figcaption", {}, side.caption));
    });
    if (this.sides.length === 2 && !this.sides.some((side) => side.evidence)) {
      this.under = this.layer({ ...this.sides[0], alt: "" }, "under");
      this.under.box.hidden = true;
      this.panes[1].append(this.under.box);
    }
    this.stage.replaceChildren(...figures);
  }

  pane() {
    const pane = element("div", { class: "pane" });
    pane.addEventListener("wheel", (event) => this.wheel(event, pane), { passive: false });
    pane.addEventListener("dblclick", () => this.chosenAt + TWO_CLICKS < Date.now() && this.reset());
    pane.addEventListener("pointerdown", (event) => this.grab(event, pane));
    pane.addEventListener("pointermove", (event) => this.drag(event, pane));
    for (const end of ["pointerup", "pointercancel"])
      pane.addEventListener(end, (event) => this.letGo(event, pane));
    return pane;
  }

  imageAt(place, address) {
    const known = this.images.get(place);
    if (known?.getAttribute("src") === address) return known;
    const image = element("img", { src: address, draggable: "false" });
    this.images.set(place, image);
    return image;
  }

  layer(side, place) {
    const content = element("div", { class: "content" });
    const image = this.imageAt(place, this.data.images[side.image]);
    image.alt = side.alt;
    content.append(image);
    const made = { side, content, box: element("div", { class: "layer" }, content), canvas: null, lines: null };
    if (side.evidence) {
      made.canvas = element("canvas", { "aria-hidden": "true", class: "evidence" });
      content.append(made.canvas);
    }
    made.lines = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    made.lines.setAttribute("viewBox", "0 0 1000 1000");
    made.lines.setAttribute("preserveAspectRatio", "none");
    made.lines.setAttribute("aria-hidden", "true");
    content.append(made.lines);
    return made;
  }

  makeDivider() {
    const divider = element("div", {
      class: "divider", role: "slider", tabindex: "0", "aria-label": this.data.words.divider,
      "aria-valuemin": "0", "aria-valuemax": "100", "aria-orientation": "horizontal",
    });
    const move = (event) => {
      const box = this.panes[0].getBoundingClientRect();
      this.wipe((event.clientX - box.left) / box.width);
    };
    divider.addEventListener("pointerdown", (event) => {
      event.stopPropagation();
      divider.setPointerCapture(event.pointerId);
      divider.focus();
      move(event);
    });
    divider.addEventListener("pointermove", (event) => {
      if (!divider.hasPointerCapture(event.pointerId)) return;
      event.stopPropagation();
      move(event);
    });
    divider.addEventListener("dblclick", (event) => event.stopPropagation());
    divider.addEventListener("keydown", (event) => {
      const to = { ArrowLeft: this.wipeAt - 0.05, ArrowRight: this.wipeAt + 0.05, Home: 0, End: 1 }[event.key];
      if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      event.stopPropagation();
      this.wipe(to);
    });
    return divider;
  }

  buildBar() {
    const { words } = this.data;
    const zoom = element("span", { class: "group" });
    zoom.append(
      this.button("\u2212", words.zoom_out, () => this.zoomBy(1 / STEP)),
      this.button("+", words.zoom_in, () => this.zoomBy(STEP)),
      this.button(words.reset, words.reset_help, () => this.reset()),
    );
    this.zoomed = element("output", { class: "zoomed", "aria-live": "polite" });
    const full = this.button(words.full_screen, words.full_screen_help, () => this.fullScreen());
    this.bar.replaceChildren(zoom, this.zoomed, full);
    if (this.sides.length === 2) {
      this.wipeButton = this.button(words.wipe, words.wipe_help, () => this.change({ wipe: !this.look.wipe }, true));
      this.bar.append(this.wipeButton);
      this.blinkButton = this.button(words.blink, words.blink_help, () => {
        this.hidden = !this.hidden;
        this.paintBlink();
      });
      this.bar.append(this.blinkButton);
    }
    if (this.sides.some((side) => side.evidence)) {
      this.bar.append(
        this.range(words.opacity, this.look.opacity, (opacity) => this.change({ opacity })),
        this.list(words.style, words.styles, this.look.style, (style) => this.change({ style })),
        this.list(words.colours, words.colour_maps, this.look.colours, (colours) => this.change({ colours })),
        this.box(words.own, this.look.own, (own) => this.change({ own })),
      );
    }
    if (this.data.points) {
      this.measureButton = this.button(words.measure, words.measure_help, () => this.measure(!this.measuring));
      this.measured = element("output", { "aria-live": "polite" });
      this.bar.append(this.measureButton, this.measured);
      this.paintMeasure();
    }
    if (this.sides.some((side) => side.outline.length))
      this.bar.append(this.box(words.outline, this.look.outline, (outline) => this.change({ outline })));
  }

  button(text, help, act) {
    const made = element("button", { type: "button", title: help, "aria-label": help }, text);
    made.addEventListener("click", act);
    return made;
  }

  range(label, value, act) {
    const input = element("input", { type: "range", min: "0", max: "100", step: "5" });
    input.value = value;
    input.addEventListener("input", () => act(Number(input.value)));
    return element("label", {}, label, input);
  }

  list(label, options, value, act) {
    const select = element("select", { "aria-label": label, title: label });
    for (const [code, name] of Object.entries(options)) select.append(element("option", { value: code }, name));
    select.value = value;
    select.addEventListener("change", () => act(select.value));
    return select;
  }

  box(label, checked, act) {
    const input = element("input", { type: "checkbox" });
    input.checked = checked;
    input.addEventListener("change", () => act(input.checked));
    return element("label", {}, input, label);
  }

  change(part, rebuilt = false) {
    Object.assign(this.look, part);
    if (rebuilt) this.buildPanes();
    this.paint();
    this.place();
  }

  // ---- drawing -----------------------------------------------------------------------------------------------------

  paint() {
    for (const layer of [...this.layers, ...(this.under ? [this.under] : [])]) this.paintLayer(layer);
    this.paintLegend();
    this.paintBlink();
    if (this.wipeButton) this.wipeButton.setAttribute("aria-pressed", String(Boolean(this.wiping)));
  }

  paintLayer({ side, canvas, lines }) {
    const paths = [];
    if (side.evidence) {
      const asLines = this.look.style === "contour";
      canvas.hidden = asLines;
      if (asLines) paths.push(...this.contours(side));
      else this.paintColour(side, canvas);
    }
    if (this.look.outline)
      for (const points of side.outline) {
        const line = `M${points.map(([x, y]) => `${(1000 * x).toFixed(1)} ${(1000 * y).toFixed(1)}`).join("L")}Z`;
        paths.push([line, "#000000", 4, 1, ""], [line, "#ffffff", 2, 1, "6 4"]);
      }
    if (this.points.length) {
      const places = this.points.map(([x, y]) => `${(1000 * x).toFixed(2)} ${(1000 * y).toFixed(2)}`);
      const line = `M${places.join("L")}`;
      if (places.length === 2) paths.push([line, "#000000", 4, 1, ""], [line, "#ffffff", 2, 1, ""]);
      // A line without length: its round ends are a dot.
      for (const place of places)
        for (const [colour, width] of [["#000000", 11], ["#ffffff", 7], ["#000000", 3]])
          paths.push([`M${place}l0.01 0`, colour, width, 1, "", "round"]);
    }
    lines.replaceChildren(
      ...paths.map(([line, colour, width, opacity, dashes, ends]) => {
        const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
        const drawn = { d: line, stroke: colour, "stroke-width": width, "stroke-opacity": opacity };
        if (dashes) drawn["stroke-dasharray"] = dashes;
        if (ends) drawn["stroke-linecap"] = ends;
        for (const [key, value] of Object.entries(drawn)) path.setAttribute(key, value);
        return path;
      }),
    );
  }

  colour(evidence) {
    const at = 3 * Math.round(255 * Math.sqrt(evidence));
    return this.tables[this.look.colours].subarray(at, at + 3);
  }

  /** Share of the image that evidence hides at full opacity; skinlens/explain/heatmap.py has the same. */
  cover(evidence) {
    const { bare, covered, power } = this.data.cover;
    return clamp((evidence - bare) / (covered - bare), 0, 1) ** power;
  }

  paintColour(side, canvas) {
    const factor = OVERLAY_SIDE / Math.max(side.width, side.height);
    const width = Math.max(1, Math.round(factor * side.width));
    const height = Math.max(1, Math.round(factor * side.height));
    canvas.width = width;
    canvas.height = height;
    const field = side.evidence.sampled(width, height, this.look.own);
    const context = canvas.getContext("2d");
    const pixels = context.createImageData(width, height);
    field.forEach((evidence, at) => {
      pixels.data.set(this.colour(evidence), 4 * at);
      pixels.data[4 * at + 3] = Math.round(255 * this.cover(evidence));
    });
    context.putImageData(pixels, 0, 0);
    canvas.style.opacity = this.look.opacity / 100;
  }

  contours(side) {
    const factor = CONTOUR_SIDE / Math.max(side.width, side.height);
    const width = Math.max(2, Math.round(factor * side.width));
    const height = Math.max(2, Math.round(factor * side.height));
    const field = side.evidence.sampled(width, height, this.look.own);
    const opacity = this.look.opacity / 100;
    const made = [];
    for (const level of this.data.levels) {
      const line = contour(field, width, height, level);
      if (!line) continue;
      const [red, green, blue] = this.colour(level);
      const edge = red + green + blue > 330 ? "#000000" : "#ffffff";
      made.push([line, edge, 4, opacity, ""], [line, `rgb(${red},${green},${blue})`, 2, opacity, ""]);
    }
    return made;
  }

  paintLegend() {
    const { words } = this.data;
    const drawn = this.sides.filter((side) => side.evidence);
    this.legend.hidden = !drawn.length;
    if (!drawn.length) return;
    const strip = element("canvas", { role: "img", "aria-label": words.legend_alt });
    strip.width = 128;
    strip.height = 1;
    const context = strip.getContext("2d");
    const pixels = context.createImageData(128, 1);
    for (let at = 0; at < 128; at++) {
      pixels.data.set(this.colour(at / 127), 4 * at);
      pixels.data[4 * at + 3] = 255;
    }
    context.putImageData(pixels, 0, 0);
    const own = drawn.map((side) => words.own_peak.replace("{share}", `${Math.round(100 * side.evidence.peak)}\u2009%`));
    const scale = this.look.own ? `${words.own_scale} ${[...new Set(own)].join(" ")}` : words.common_scale;
    this.legend.replaceChildren(
      element("span", {}, words.little), strip, element("span", {}, words.much),
      element("span", { class: "hint scale" }, scale),
    );
  }

  paintBlink() {
    const off = this.blinking !== this.hidden;
    for (const { canvas, lines, side } of this.layers) {
      if (!side.evidence) continue;
      canvas.style.visibility = lines.style.visibility = off ? "hidden" : "visible";
    }
    if (this.under) this.under.box.hidden = !off;
    if (this.blinkButton) this.blinkButton.setAttribute("aria-pressed", String(off));
  }

  blink(on) {
    if (this.blinking === on) return;
    this.blinking = on;
    this.paintBlink();
  }

  // ---- zoom and place ----------------------------------------------------------------------------------------------

  /** Size of a side that fits its pane, and the share of it in view at the zoom. */
  fit(side, pane) {
    const factor = Math.min(pane.clientWidth / side.width, pane.clientHeight / side.height);
    const width = side.width * factor * this.zoom;
    const height = side.height * factor * this.zoom;
    return { width, height, seen: [pane.clientWidth / width, pane.clientHeight / height] };
  }

  within(at, seen) {
    return at.map((value, axis) => (seen[axis] >= 1 ? 0.5 : clamp(value, seen[axis] / 2, 1 - seen[axis] / 2)));
  }

  place() {
    if (!this.data || !this.root.clientWidth) return;
    this.sizePanes();
    const layers = this.under ? [...this.layers, this.under] : this.layers;
    layers.forEach((layer, number) => {
      const pane = this.panes[Math.min(number, this.panes.length - 1)];
      const { width, height, seen } = this.fit(layer.side, pane);
      const [x, y] = this.within(this.at, seen);
      Object.assign(layer.content.style, {
        width: `${width}px`, height: `${height}px`,
        left: `${pane.clientWidth / 2 - x * width}px`, top: `${pane.clientHeight / 2 - y * height}px`,
      });
    });
    if (this.divider) {
      const at = `${100 * this.wipeAt}%`;
      this.divider.style.left = at;
      this.divider.setAttribute("aria-valuenow", String(Math.round(100 * this.wipeAt)));
      // The left image lies below; the right one is cut off where the divider stands.
      this.layers[0].box.style.clipPath = `inset(0 ${100 - 100 * this.wipeAt}% 0 0)`;
      this.layers[1].box.style.clipPath = `inset(0 0 0 ${at})`;
    }
    this.zoomed.value = `${this.zoom.toFixed(1)}\u00d7`;
    this.root.dataset.zoom = this.zoom.toFixed(3);
    this.root.dataset.at = this.at.map((value) => value.toFixed(4)).join(" ");
    this.root.dataset.wipe = this.wipeAt.toFixed(3);
  }

  sizePanes() {
    const whole = document.fullscreenElement && this.root.matches(":fullscreen");
    const columns = getComputedStyle(this.stage).gridTemplateColumns.split(" ").length;
    const most = whole
      ? Math.max(120, window.innerHeight - this.bar.offsetHeight - this.legend.offsetHeight - 70) /
        (columns === 1 && !this.wiping ? this.sides.length : 1)
      : this.data.height;
    const needed = this.sides.map((side, number) => (this.panes[number].clientWidth * side.height) / side.width);
    const height = `${Math.round(Math.min(most, Math.max(...needed)))}px`;
    for (const pane of this.panes) if (pane.style.height !== height) pane.style.height = height;
  }

  /** Zoom by a factor so that what is under `point` (pixels in the pane) stays there; by default the middle. */
  zoomBy(factor, pane = this.panes[0], point = null) {
    const zoom = clamp(this.zoom * factor, 1, MOST_ZOOM);
    if (zoom === this.zoom) return false;
    const side = this.sides[this.panes.indexOf(pane)] ?? this.sides[0];
    const before = this.fit(side, pane);
    const from = this.within(this.at, before.seen);
    const off = point ? [point[0] - pane.clientWidth / 2, point[1] - pane.clientHeight / 2] : [0, 0];
    const under = [from[0] + off[0] / before.width, from[1] + off[1] / before.height];
    this.zoom = zoom;
    const after = this.fit(side, pane);
    this.at = this.within([under[0] - off[0] / after.width, under[1] - off[1] / after.height], after.seen);
    this.place();
    return true;
  }

  panBy(x, y, pane = this.panes[0]) {
    const side = this.sides[this.panes.indexOf(pane)] ?? this.sides[0];
    const { width, height, seen } = this.fit(side, pane);
    const from = this.within(this.at, seen);
    this.at = this.within([from[0] + x / width, from[1] + y / height], seen);
    this.place();
  }

  reset() {
    this.zoom = 1;
    this.at = [0.5, 0.5];
    this.place();
  }

  wipe(share) {
    this.wipeAt = clamp(share, 0, 1);
    this.place();
  }

  // ---- two points --------------------------------------------------------------------------------------------------

  measure(on) {
    this.measuring = on;
    this.points = on ? [] : this.data.points;
    this.paint();
    this.paintMeasure();
  }

  paintMeasure() {
    const { words } = this.data;
    this.measureButton.setAttribute("aria-pressed", String(Boolean(this.measuring)));
    this.measured.value = !this.measuring ? "" : this.points.length ? words.measure_second : words.measure_first;
    this.stage.classList.toggle("measuring", Boolean(this.measuring));
  }

  /** A click in a pane, as a share of the image's width and height; null beside the image. */
  shareAt(event, pane) {
    const box = pane.getBoundingClientRect();
    const { width, height, seen } = this.fit(this.sides[this.panes.indexOf(pane)] ?? this.sides[0], pane);
    const [x, y] = this.within(this.at, seen);
    const share = [
      (event.clientX - box.left - (pane.clientWidth / 2 - x * width)) / width,
      (event.clientY - box.top - (pane.clientHeight / 2 - y * height)) / height,
    ];
    return share.every((value) => value >= 0 && value <= 1) ? share : null;
  }

  choose(event, pane) {
    const place = this.shareAt(event, pane);
    if (!place) return;
    this.points = [...this.points, place];
    if (this.points.length === 2) {
      this.measuring = false;
      // The time: the same points chosen again are news. A value that stays is not lost while another part of the page
      // runs.
      this.send("points", { image: this.data.image, points: this.points, at: Date.now() });
    }
    this.paint();
    this.paintMeasure();
  }

  // ---- mouse, touch, keys ------------------------------------------------------------------------------------------

  wheel(event, pane) {
    if (event.ctrlKey && !event.deltaY) return;
    const lines = [1, 16, 100][event.deltaMode] ?? 1;
    const box = pane.getBoundingClientRect();
    const factor = Math.exp(clamp(-event.deltaY * lines * 0.002, -0.7, 0.7));
    // At the whole image the wheel scrolls the page again.
    if (this.zoomBy(factor, pane, [event.clientX - box.left, event.clientY - box.top])) event.preventDefault();
  }

  grab(event, pane) {
    if (event.pointerType === "mouse" && event.button !== 0) return;
    this.stage.focus({ preventScroll: true });
    this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
    this.pressedAt = this.pointers.size === 1 ? [event.clientX, event.clientY] : null;
    pane.setPointerCapture(event.pointerId);
    pane.classList.add("grabbed");
  }

  drag(event, pane) {
    const from = this.pointers.get(event.pointerId);
    if (!from) return;
    const to = [event.clientX, event.clientY];
    const others = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
    this.pointers.set(event.pointerId, to);
    if (others.length === 1) {
      const [other] = others;
      const distance = (at) => Math.max(1, Math.hypot(at[0] - other[0], at[1] - other[1]));
      const box = pane.getBoundingClientRect();
      const middle = [(to[0] + other[0]) / 2 - box.left, (to[1] + other[1]) / 2 - box.top];
      this.zoomBy(distance(to) / distance(from), pane, middle);
      this.panBy((from[0] - to[0]) / 2, (from[1] - to[1]) / 2, pane);
    } else if (!others.length) {
      this.panBy(from[0] - to[0], from[1] - to[1], pane);
    }
  }

  letGo(event, pane) {
    this.pointers.delete(event.pointerId);
    const from = this.pressedAt;
    this.pressedAt = null;
    // A drag moves the image, also while points are chosen.
    const isClick = from && Math.hypot(event.clientX - from[0], event.clientY - from[1]) < CLICK;
    if (this.measuring && isClick && event.type === "pointerup") {
      this.chosenAt = Date.now();
      this.choose(event, pane);
    }
    if (!this.pointers.size) pane.classList.remove("grabbed");
  }

  isBlink(event) {
    return event.key.toLowerCase() === this.data.blink.toLowerCase();
  }

  pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== this.stage) return;
    const pane = this.panes[0];
    const steps = {
      ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
    };
    if (event.key in steps) {
      // There is nothing to pan: the page may use the key, as Batch does for the next image.
      if (this.zoom === 1) return;
      const [x, y] = steps[event.key];
      this.panBy(x * PAN_SHARE * pane.clientWidth, y * PAN_SHARE * pane.clientHeight);
    } else if (event.key === "+" || event.key === "=") this.zoomBy(STEP);
    else if (event.key === "-") this.zoomBy(1 / STEP);
    else if (event.key === "0") this.reset();
    else if (event.key.toLowerCase() === "f") this.fullScreen();
    else if (this.isBlink(event) && this.sides.length === 2) this.blink(true);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  released(event) {
    if (!this.isBlink(event)) return;
    event.stopPropagation();
    this.blink(false);
  }

  fullScreen() {
    if (document.fullscreenElement) {
      document.exitFullscreen();
      return;
    }
    this.root.requestFullscreen().then(
      () => this.stage.focus(),
      () => (this.zoomed.value = this.data.words.no_full_screen),
    );
  }

  fullScreenChanged() {
    // Sizes settle a moment after the event.
    requestAnimationFrame(() => this.place());
  }
}
