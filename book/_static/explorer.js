/* Draws the explorations: <div class="rmt-explorer" data-frames="NAME.json"> becomes sliders and a
   figure, from frames that rmtlib.widgets computed when the book was executed. One parameter moves at
   a time around a base point. No dependency; format 1 of the frames. */
(function () {
  "use strict";
  if (window.rmtExplorers) return;
  // From disk a page may not fetch; there NAME.js, which assigns the same numbers here, is loaded instead.
  const store = (window.rmtExplorers = {});
  const own = document.currentScript && document.currentScript.src;
  const root = own ? new URL("../", own) : new URL(document.documentElement.dataset.content_root || "./", document.baseURI);
  const folder = new URL("book/explorers/", root);
  const SVG = "http://www.w3.org/2000/svg";
  const known = new WeakSet();
  let serial = 0;

  function make(namespace, tag, attributes, children) {
    const node = namespace ? document.createElementNS(SVG, tag) : document.createElement(tag);
    for (const [key, value] of Object.entries(attributes || {}))
      if (value !== null && value !== undefined) node.setAttribute(key, value);
    for (const child of children || []) node.append(child);
    return node;
  }
  const html = (tag, attributes, ...children) => make(false, tag, attributes, children);
  const svg = (tag, attributes, ...children) => make(true, tag, attributes, children);
  const minus = (text) => String(text).replace(/^-/, "\u2212").replace(/e-/, "e\u2212");
  const color = (role) => `var(--rmt-${role})`;
  const r1 = (v) => Math.round(v * 10) / 10;

  // ------------------------------------------------------------------ getting the numbers

  function load(file) {
    const stem = file.replace(/\.json$/, "");
    if (location.protocol !== "file:")
      return fetch(new URL(file, folder)).then((answer) => {
        if (!answer.ok) throw new Error(`${file}: ${answer.status}`);
        return answer.json();
      });
    return new Promise((resolve, reject) => {
      const script = html("script", { src: new URL(stem + ".js", folder).href });
      script.onload = () => (store[stem] ? resolve(store[stem]) : reject(new Error(`${stem}.js holds no frames`)));
      script.onerror = () => reject(new Error("its numbers cannot be read from disk; serve the book (make serve)"));
      document.head.append(script);
    });
  }

  // ------------------------------------------------------------------ axes

  function scale(limits, kind, from, to) {
    const f = kind === "log" ? Math.log10 : (v) => v;
    const low = f(limits[0]), span = f(limits[1]) - low;
    // A value that a logarithmic axis cannot show lies just outside of it.
    return (v) => from + ((kind === "log" && v <= 0 ? -0.1 * span : f(v) - low) / span) * (to - from);
  }

  function ticks(limits, kind, room) {
    const [low, high] = limits;
    if (kind === "log") {
      const first = Math.ceil(Math.log10(low) - 1e-9), last = Math.floor(Math.log10(high) + 1e-9);
      const every = Math.max(1, Math.ceil((last - first + 1) / room));
      let found = [];
      for (let e = first; e <= last; e += every) found.push(10 ** e);
      if (found.length < 2) {
        found = [];
        for (let e = first - 1; e <= last + 1; e++)
          for (const m of [1, 2, 5]) if (m * 10 ** e >= low && m * 10 ** e <= high) found.push(m * 10 ** e);
      }
      const raised = (e) => [...String(e)].map((c) => (c === "-" ? "\u207b" : "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"[c])).join("");
      return found.map((v) => {
        if (v < 1e4 && v >= 1e-3) return [v, String(+v.toPrecision(3))];
        const [mantissa, exponent] = v.toExponential(0).split("e");
        return [v, (mantissa === "1" ? "" : mantissa + "\u00b7") + "10" + raised(+exponent)];
      });
    }
    const raw = (high - low) / Math.max(room, 2), power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].find((m) => m * power >= raw * 0.999) * power;
    const decimals = Math.min(10, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
    const found = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) {
      const v = k * step;
      found.push([v, step >= 1e5 || step < 1e-4 ? minus(v.toExponential(1)) : minus((k ? v : 0).toFixed(decimals))]);
    }
    return found;
  }

  // ------------------------------------------------------------------ layers

  // Markers as one path for all points: zero-length strokes with round caps are discs.
  const MARKERS = {
    bulk: { d: (x, y) => `M${x} ${y}h0`, disc: true },
    bar: { d: (x, y) => `M${x} ${r1(y - 6)}v12`, width: 1.3 },
    edge: { d: (x, y) => `M${r1(x - 3)} ${r1(y - 3)}l6 6m0-6l-6 6`, width: 1.6 },
    outlier: { d: (x, y) => `M${x} ${r1(y - 6)}l6 6l-6 6l-6-6z`, width: 2 },
    second: { d: (x, y) => `M${r1(x - 2.5)} ${r1(y - 2.5)}h5v5h-5z`, fill: true },
    third: { d: (x, y) => `M${x} ${r1(y - 3.5)}l3.5 6h-7z`, fill: true },
    muted: { d: (x, y) => `M${x} ${y}h0`, disc: true },
  };
  const DASH = { muted: "1.5 3", outlier: "2 3", second: "7 4", third: "8 3 2 3" };

  function markers(role, at, count) {
    const m = MARKERS[role] || MARKERS.bulk;
    const size = Math.max(2.4, Math.min(6, 90 / Math.sqrt(Math.max(count, 1))));
    return svg("path", {
      d: at.map(([x, y]) => m.d(r1(x), r1(y))).join(""),
      stroke: color(role), fill: m.fill ? color(role) : "none",
      "stroke-width": m.disc ? r1(size) : m.width || 1, "stroke-linecap": m.disc ? "round" : null,
      "data-count": count,
    });
  }

  function whiskers(role, at) {
    return svg("path", {
      d: at.map(([x, low, high]) => `M${r1(x)} ${r1(low)}V${r1(high)}`).join(""),
      stroke: color(role), "stroke-width": 1.2, fill: "none",
    });
  }

  function tint(host, layer) {
    // One colour with the value as its opacity: right on a light and on a dark page.
    const [rows, columns] = layer.shape;
    const canvas = html("canvas", { width: columns, height: rows });
    const context = canvas.getContext("2d"), pixels = context.createImageData(columns, rows);
    const hex = getComputedStyle(host).getPropertyValue("--rmt-density").trim() || "#6baed6";
    const rgb = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
    const bytes = atob(layer.data);
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < columns; j++) {
        const k = 4 * ((rows - 1 - i) * columns + j);
        for (let c = 0; c < 3; c++) pixels.data[k + c] = rgb[c];
        pixels.data[k + 3] = bytes.charCodeAt(i * columns + j);
      }
    context.putImageData(pixels, 0, 0);
    return canvas.toDataURL();
  }

  function drawLayer(host, layer, X, Y, box) {
    const c = color(layer.role), group = svg("g", { "data-layer": layer.type });
    switch (layer.type) {
      case "points": {
        const at = layer.x.map((x, i) => [X(x), Y(layer.y[i])]);
        if (layer.mirror) layer.y.forEach((y, i) => y > 0 && at.push([X(layer.x[i]), Y(-y)]));
        if (layer.error) group.append(whiskers(layer.role, layer.x.map((x, i) => [X(x), Y(layer.y[i] - layer.error[i]), Y(layer.y[i] + layer.error[i])])));
        group.append(markers(layer.role, at, at.length));
        break;
      }
      case "curve": {
        let d = "", pen = "M";
        layer.x.forEach((x, i) => {
          if (x === null) { pen = "M"; return; }
          d += `${pen}${r1(X(x))} ${r1(Y(layer.y[i]))}`;
          pen = "L";
        });
        group.append(svg("path", { d, stroke: c, fill: "none", "stroke-width": 1.8, "stroke-linejoin": "round", "stroke-dasharray": layer.dashed ? "6 4" : null }));
        break;
      }
      case "band": {
        const there = layer.x.map((x, i) => `${r1(X(x))} ${r1(Y(layer.high[i]))}`);
        const back = layer.x.map((x, i) => `${r1(X(x))} ${r1(Y(layer.low[i]))}`).reverse();
        if (there.length) group.append(svg("path", { d: `M${there.concat(back).join("L")}Z`, fill: c, opacity: 0.25 }));
        break;
      }
      case "bars": {
        const zero = Math.min(Y(0), box.bottom + 9);
        let d = "";
        layer.heights.forEach((h, i) => { d += `M${r1(X(layer.edges[i]))} ${r1(zero)}V${r1(Y(h))}H${r1(X(layer.edges[i + 1]))}V${r1(zero)}Z`; });
        group.append(svg("path", { d, fill: c, "fill-opacity": 0.35, stroke: c, "stroke-width": 0.8 }));
        if (layer.error) group.append(whiskers(layer.role, layer.heights.map((h, i) => [X((layer.edges[i] + layer.edges[i + 1]) / 2), Y(h - layer.error[i]), Y(h + layer.error[i])])));
        break;
      }
      case "image": {
        const [x0, x1, y0, y1] = layer.extent;
        group.append(svg("image", { href: tint(host, layer), x: r1(X(x0)), y: r1(Y(y1)), width: r1(X(x1) - X(x0)), height: r1(Y(y0) - Y(y1)), preserveAspectRatio: "none" }));
        break;
      }
      case "hline":
        group.append(svg("path", { d: `M${box.left} ${r1(Y(layer.at))}H${box.right}`, stroke: c, "stroke-width": 1.2, "stroke-dasharray": DASH[layer.role] || null }));
        break;
      case "vline":
        group.append(svg("path", { d: `M${r1(X(layer.at))} ${box.top}V${box.bottom}`, stroke: c, "stroke-width": 1.2, "stroke-dasharray": DASH[layer.role] || null }));
        break;
      case "text": {
        const node = svg("text", { x: r1(X(layer.x)), y: r1(Y(layer.y)), "text-anchor": layer.anchor }, layer.text);
        node.style.fill = c;
        group.append(node);
        break;
      }
    }
    return group;
  }

  function drawPanel(host, axes, layers, width, label) {
    const yTicksFor = (h) => ticks(axes.ylim, axes.yscale, Math.max(2, Math.floor(h / 45)));
    const longest = Math.max(...yTicksFor(250).map(([, text]) => text.length));
    const margin = { left: 14 + 7 * longest + (axes.ylabel ? 18 : 0), right: 14, top: axes.title ? 26 : 10, bottom: axes.xlabel ? 44 : 26 };
    let inner = Math.max(60, width - margin.left - margin.right), height;
    if (axes.equal) {
      const ratio = (axes.ylim[1] - axes.ylim[0]) / (axes.xlim[1] - axes.xlim[0]);
      height = inner * ratio;
      if (height > 440) { height = 440; inner = height / ratio; }
    } else height = Math.min(340, Math.max(180, inner * 0.7));
    const box = { left: margin.left, right: r1(margin.left + inner), top: margin.top, bottom: r1(margin.top + height) };
    const full = [Math.ceil(box.right + margin.right), Math.ceil(box.bottom + margin.bottom)];
    const X = scale(axes.xlim, axes.xscale, box.left, box.right), Y = scale(axes.ylim, axes.yscale, box.bottom, box.top);
    const clip = `rmt-clip-${++serial}`;
    const picture = svg("svg", { width: full[0], height: full[1], viewBox: `0 0 ${full[0]} ${full[1]}`, role: "img", "aria-label": label });
    picture.append(svg("clipPath", { id: clip }, svg("rect", { x: box.left, y: box.top, width: r1(inner), height: r1(height) })));
    const inside = svg("g", { "clip-path": `url(#${clip})` });
    for (const layer of layers) inside.append(drawLayer(host, layer, X, Y, box));
    picture.append(inside, svg("path", { class: "rmt-axis", d: `M${box.left} ${box.top}V${box.bottom}H${box.right}` }));
    for (const [v, text] of ticks(axes.xlim, axes.xscale, Math.max(2, Math.floor(inner / 62)))) {
      const x = r1(X(v));
      picture.append(svg("path", { class: "rmt-axis", d: `M${x} ${box.bottom}v5` }), svg("text", { x, y: box.bottom + 18, "text-anchor": "middle" }, text));
    }
    for (const [v, text] of yTicksFor(height)) {
      const y = r1(Y(v));
      picture.append(svg("path", { class: "rmt-axis", d: `M${box.left} ${y}h-5` }), svg("text", { x: box.left - 8, y: y + 4, "text-anchor": "end" }, text));
    }
    const middle = [r1((box.left + box.right) / 2), r1((box.top + box.bottom) / 2)];
    if (axes.xlabel) picture.append(svg("text", { x: middle[0], y: box.bottom + 37, "text-anchor": "middle" }, axes.xlabel));
    if (axes.ylabel) picture.append(svg("text", { x: 0, y: 0, transform: `translate(12 ${middle[1]}) rotate(-90)`, "text-anchor": "middle" }, axes.ylabel));
    if (axes.title) picture.append(svg("text", { x: middle[0], y: 15, "text-anchor": "middle", "font-weight": 600 }, axes.title));
    return picture;
  }

  function swatch(host, layer) {
    const s = svg("svg", { width: 26, height: 14, "aria-hidden": "true" }), c = color(layer.role);
    if (layer.type === "points") s.append(markers(layer.role, [[13, 7]], 400));
    else if (layer.type === "image") s.append(svg("rect", { x: 1, y: 1, width: 24, height: 12, fill: color("density") }));
    else if (layer.type === "band" || layer.type === "bars") s.append(svg("rect", { x: 1, y: 2, width: 24, height: 10, fill: c, opacity: 0.35 }));
    else s.append(svg("path", { d: "M1 7h24", stroke: c, "stroke-width": 1.8, "stroke-dasharray": layer.dashed ? "6 4" : layer.type === "curve" ? null : DASH[layer.role] }));
    const range = layer.type === "image" ? ` (${minus(layer.vmin)} to ${minus(layer.vmax)})` : "";
    return html("li", {}, s, layer.label + range);
  }

  // ------------------------------------------------------------------ one exploration

  function build(host, data, file) {
    if (data.format !== 1) throw new Error(`frames of format ${data.format}, not 1`);
    const byPlace = new Map(data.frames.map((f) => [f.slider === null ? "base" : `${f.slider}/${f.value}`, f]));
    const panels = html("div", { class: "rmt-panels" });
    const legend = html("ul", { class: "rmt-legend" });
    const readout = html("div", { class: "rmt-readout", "aria-live": "polite" });
    const reset = html("button", { type: "button" }, "Back to the base point");
    const controls = data.parameters.map((p, i) => {
      const id = `rmt-${++serial}`;
      const input = html("input", { type: "range", id, min: 0, max: p.values.length - 1, step: 1, "data-parameter": p.name });
      const output = html("output", { for: id });
      input.addEventListener("input", () => move(i, +input.value));
      const node = html("div", { class: "rmt-slider" }, html("label", { for: id }, p.label), output, input,
        html("div", { class: "rmt-ends", "aria-hidden": "true" }, html("span", {}, minus(p.shown[0])), html("span", {}, minus(p.shown[p.shown.length - 1]))));
      return { p, input, output, node };
    });
    let current = null;

    function move(which, value) {
      controls.forEach(({ p, input, output }, i) => {
        const at = i === which ? value : p.base;
        input.value = at;
        input.setAttribute("aria-valuetext", p.shown[at]);
        output.textContent = minus(p.shown[at]) + (at === p.base ? "" : ` (base ${minus(p.shown[p.base])})`);
      });
      const away = which !== null && value !== data.parameters[which].base;
      current = byPlace.get(away ? `${which}/${value}` : "base");
      reset.disabled = !away;
      host.dataset.frame = away ? `${data.parameters[which].name}=${data.parameters[which].shown[value]}` : "base";
      draw();
    }

    function draw() {
      const room = Math.max(200, Math.floor(panels.clientWidth || host.clientWidth - 26 || 600));
      const each = data.axes.length > 1 && room >= 620 ? Math.floor((room - 8) / 2) : room;
      const shown = current.panels.map((indices) => indices.map((i) => data.layers[i]));
      const numbers = current.readout.map(([k, v]) => `${k} ${typeof v === "number" ? minus(v) : v}`).join(", ");
      panels.replaceChildren(...data.axes.map((axes, k) => {
        const words = [data.title, axes.title, data.alt, axes.xlabel && axes.ylabel && `${axes.ylabel} against ${axes.xlabel}`, numbers];
        return drawPanel(host, axes, shown[k], each, words.filter(Boolean).join(". "));
      }));
      const named = new Map();
      const empty = (layer) => layer.x && layer.x.length === 0; // such as outliers where there are none
      for (const layer of shown.flat()) if (layer.label && !empty(layer) && !named.has(layer.label)) named.set(layer.label, layer);
      legend.replaceChildren(...[...named.values()].map((layer) => swatch(host, layer)));
      readout.replaceChildren(...current.readout.map(([k, v]) => html("span", {}, `${k}: `, html("strong", {}, typeof v === "number" ? minus(v) : v))));
    }

    reset.addEventListener("click", () => move(null, 0));
    const note = data.parameters.length > 1
      ? "Computed beforehand, one parameter at a time around a base point: moving a slider returns the others to their base."
      : "Computed beforehand for each place of the slider.";
    host.replaceChildren(
      ...(data.title ? [html("p", { class: "rmt-title" }, data.title)] : []),
      html("div", { class: "rmt-sliders" }, ...controls.map((c) => c.node)),
      panels, legend, readout,
      html("div", { class: "rmt-foot" }, reset, html("span", {}, note),
        html("a", { href: new URL(file, folder).href, download: "" }, "Numbers of this figure (JSON)")),
    );
    move(null, 0);
    host.dataset.state = "ready";
    let width = panels.clientWidth;
    new ResizeObserver(() => { if (panels.clientWidth && panels.clientWidth !== width) { width = panels.clientWidth; draw(); } }).observe(panels);
    new MutationObserver(draw).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  }

  function start(host) {
    known.add(host);
    const file = host.dataset.frames;
    if (!/^[a-z0-9][a-z0-9_-]*\.json$/.test(file || "")) return;
    load(file).then((data) => build(host, data, file)).catch((error) => {
      host.dataset.state = "failed";
      host.append(html("p", { class: "rmt-problem", role: "alert" }, `This figure is missing: ${error.message}.`));
    });
  }

  // New ones appear when a live page rebuilds the output of a cell.
  const present = document.getElementsByClassName("rmt-explorer");
  const scan = () => { for (const host of [...present]) if (!known.has(host)) start(host); };
  const begin = () => { scan(); new MutationObserver(scan).observe(document.body, { childList: true, subtree: true }); };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
