"use strict";
/* Draws each chart of the page when it comes into sight, and keeps all of them at the batches and the model that a
   reader looks at. Charts and their data are JSON inside their figures; the library is a text until it is needed. */
const charts = (() => {
  const base = JSON.parse(document.getElementById("chart-base").textContent);
  const state = { first: base.first, last: base.last, picked: "" };
  const views = new Map();
  const listeners = [];
  const tip = document.body.appendChild(document.createElement("div"));
  tip.className = "tip";
  tip.setAttribute("role", "status");
  tip.hidden = true;

  function loadLibrary() {
    if (window.vega) return;
    const script = document.createElement("script");
    script.textContent = document.getElementById("chart-library").textContent;
    document.head.append(script);
  }

  const read = (figure) => JSON.parse(figure.querySelector("script").textContent);

  function toRows(columns) {
    const names = Object.keys(columns);
    const length = names.length ? columns[names[0]].length : 0;
    return Array.from({ length }, (_, place) => Object.fromEntries(names.map((name) => [name, columns[name][place]])));
  }

  function complete(chart, label) {
    const params = { ...state, months: base.months };
    return {
      data: { name: "rows" },
      autosize: { type: "fit-x", contains: "padding" },
      ...chart.spec,
      description: label,
      params: [...Object.entries(params).map(([name, value]) => ({ name, value })), ...(chart.spec.params || [])],
      datasets: { rows: toRows(chart.columns), events: base.events, ...chart.spec.datasets },
    };
  }

  /* Widths of words are measured in the font that they are shown in, and names leave room for what they name. */
  function fit(place) {
    const names = { labelLimit: Math.max(90, place.clientWidth * 0.28) };
    const { axisY } = base.config;
    return { ...base.config, font: getComputedStyle(place).fontFamily, axisY: { ...axisY, ...names } };
  }

  function draw(figure) {
    if (views.has(figure)) return;
    loadLibrary();
    const chart = read(figure);
    const place = figure.querySelector(".plot");
    const spec = complete(chart, figure.dataset.label);
    const { spec: full } = vegaLite.compile(spec, { config: fit(place), logger: vega.logger(vega.Error) });
    const view = new vega.View(vega.parse(full, null, { ast: true }), { expr: vegaInterpreter, renderer: "svg" });
    view.logLevel(vega.Error).tooltip(hover).initialize(place);
    views.set(figure, view);
    if (JSON.stringify(chart.spec).includes("first - 0.6")) letBrush(place, view);
    // The place around the drawing says what it shows, and its values are a table: marks have nothing to add.
    return view.runAsync().then(() => place.querySelector("svg").setAttribute("aria-hidden", "true"));
  }

  function hover(_handler, event, _item, told) {
    tip.hidden = told == null;
    if (tip.hidden) return;
    const lines = typeof told === "object" ? Object.entries(told) : [["", told]];
    tip.replaceChildren(
      ...lines.map(([name, said]) => {
        const line = document.createElement("div");
        const strong = document.createElement("b");
        strong.textContent = said;
        line.append(name ? `${name} ` : "", strong);
        return line;
      }),
    );
    const { clientX, clientY } = event;
    tip.style.left = `${Math.min(clientX + 14, innerWidth - tip.offsetWidth - 8)}px`;
    tip.style.top = `${Math.min(clientY + 14, innerHeight - tip.offsetHeight - 8)}px`;
  }

  /* Dragging across a chart over batches looks at those alone; a double click looks at all again. */
  function letBrush(place, view) {
    const batchAt = (event) =>
      view.scale("x").invert(event.clientX - place.querySelector("svg").getBoundingClientRect().left - view.origin()[0]);
    let from = null;
    const mark = document.createElement("div");
    mark.className = "brush";
    place.append(mark);
    const show = (event) => {
      const left = place.getBoundingClientRect().left;
      mark.style.left = `${Math.min(from.x, event.clientX) - left}px`;
      mark.style.width = `${Math.abs(event.clientX - from.x)}px`;
    };
    place.addEventListener("pointerdown", (event) => {
      if (event.pointerType !== "mouse" || event.button) return;
      from = { x: event.clientX, batch: batchAt(event) };
      event.preventDefault();
    });
    addEventListener("pointermove", (event) => from && show(event));
    addEventListener("pointerup", (event) => {
      if (from && Math.abs(event.clientX - from.x) > 6) {
        const ends = [from.batch, batchAt(event)].sort((a, b) => a - b);
        look(Math.ceil(ends[0] - 0.5), Math.floor(ends[1] + 0.5));
      }
      from = null;
      mark.style.width = "0";
    });
    place.addEventListener("dblclick", () => look(base.first, base.last));
  }

  const bound = (batch) => Math.max(base.first, Math.min(base.last, batch));
  const look = (first, last) => set({ first: bound(Math.min(first, last)), last: bound(Math.max(first, last)) });

  function set(changes) {
    Object.assign(state, changes);
    for (const view of views.values()) {
      for (const [name, value] of Object.entries(changes)) view.signal(name, value);
      view.runAsync();
    }
    listeners.forEach((listen) => listen(state));
  }

  function cut(text) {
    const word = document.createElement("span");
    word.className = "cut";
    word.title = word.textContent = text;
    return word;
  }

  /* The values of a chart as a table, for a screen reader and for whoever wants the numbers. */
  function tabulate(figure) {
    const { columns, titles } = read(figure);
    const names = Object.keys(columns).filter((name) => name in titles);
    const table = document.createElement("table");
    const cell = (row, tag, said) => {
      const one = row.appendChild(document.createElement(tag));
      if (tag === "th") one.scope = "col";
      if (typeof said === "number") one.className = "n";
      one.textContent = said ?? "–";
      if (one.textContent.length > 60) one.replaceChildren(cut(one.textContent));
    };
    table.createCaption().textContent = figure.dataset.label;
    const head = table.createTHead().insertRow();
    names.forEach((name) => cell(head, "th", titles[name]));
    const body = table.createTBody();
    for (const row of toRows(columns)) {
      const line = body.insertRow();
      names.forEach((name) => cell(line, "td", row[name]));
    }
    const place = document.createElement("div");
    place.className = "scroll";
    place.tabIndex = 0;
    place.append(table);
    return place;
  }

  function start(figures) {
    const watcher = new IntersectionObserver(
      (seen) => seen.forEach((one) => one.isIntersecting && (watcher.unobserve(one.target), draw(one.target))),
      { rootMargin: "300px" },
    );
    for (const figure of figures) {
      watcher.observe(figure);
      const values = figure.querySelector("details.values");
      values?.addEventListener("toggle", () => {
        if (!values.querySelector("table")) values.append(tabulate(figure));
      });
    }
    addEventListener("beforeprint", () => [...figures].filter((one) => one.checkVisibility()).forEach(draw));
  }

  start(document.querySelectorAll("figure.chart"));
  return { state, set, look, draw, views, onChange: (listen) => listeners.push(listen), first: base.first, last: base.last };
})();
